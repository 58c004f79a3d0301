"""What a watch does of what it was told, where more has happened than it was told of."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from netctl.agent.declared import Declared
from netctl.agent.keeper import Keeper
from netctl.agent.log import Log
from netctl.agent.metrics import Metrics
from netctl.compiler import compile_stack
from netctl.engine.following import Followable, Tidings
from netctl.engine.protocol import Context
from netctl.engine.registry import find_systems
from netctl.engine.session import write_session
from netctl.stack.loader import load
from tests.agent.watcher import STACK
from tests.e2e.lab import Lab
from tests.support.namespaces import ip_json


@pytest.fixture
def keeper(lab: Lab) -> Iterator[Keeper]:
    """Keeps a stack that has been applied."""
    lab.apply(STACK, "node1")
    loaded = load([lab.write(STACK)])
    with write_session(find_systems(["kernel", "nftables"]), Context(netns=lab["node1"])) as session:
        desired = compile_stack(loaded.stack, loaded, "node1", session.facts()).resources
        declared = Declared("shop", "node1", desired, "")
        yield Keeper(session, declared, Log(write=lambda _: None), Metrics(), detect_only=False)


def test_a_link_made_anew_under_the_same_index_is_foreign_though_its_end_has_not_been_told(
    lab: Lab, keeper: Keeper
) -> None:
    kernel = keeper.session.members["kernel"]
    assert isinstance(kernel, Followable)
    with closing(kernel.follow()) as follower:
        assert not keeper.plan()
        follower.attend(keeper.scope)
        lab.ip("node1", "link set nc-front alias someone's")
        assert not keeper.resync("a test").conflicts
        index = lab.link("node1", "nc-front")["ifindex"]
        lab.ip("node1", "link delete nc-front", f"link add nc-front index {index} type bridge")
        assert [conflict.desired.key.id for conflict in keeper.resync("a test").conflicts] == ["nc-front"]
    assert lab.link("node1", "nc-front")["mtu"] == 1500


def test_nothing_is_tied_to_what_someone_makes_in_the_place_of_a_link_before_that_is_told(
    lab: Lab, keeper: Keeper
) -> None:
    lab.ip("node1", "link delete nc-front")
    keeper.session.facts()  # looks anew
    gone = {change.key: change for change in keeper.plan().changes}
    live = keeper.session.observe(keeper.scope).live
    lab.ip("node1", "link add nc-front type bridge")
    keeper.session.facts()
    assert keeper.plan().conflicts
    keeper.heed("kernel", Tidings({key: live.get(key) for key in gone}), 0)
    assert not ip_json(lab["node1"], "link", "show", "master", "nc-front")
    lab.ip("node1", "link delete nc-front")
    keeper.session.facts()
    keeper.resync("a test")
    assert not keeper.plan()
