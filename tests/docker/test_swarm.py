"""An overlay over two Engines in a swarm, and macvlans on a shared segment."""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import pytest
from docker.errors import APIError

from netctl.engine.apply import ApplyError
from netctl.engine.protocol import Context
from netctl.errors import RefusedError
from netctl.report.plan_text import plan_text
from reconcilers.docker import SYSTEM
from tests.docker.engine import IMAGE, Engine
from tests.e2e.lab import Lab
from tests.support.namespaces import Namespaces, wait_until


@pytest.fixture(scope="module")
def _other(_worker: str, _nothing_left_behind: list[Namespaces]) -> Iterator[Engine]:
    namespaces = Namespaces(_worker)
    _nothing_left_behind.append(namespaces)
    other = Engine(namespaces("other", loopback=True))
    try:
        other.start()
        yield other
    finally:
        other.remove()
        namespaces.remove_all()


def _is_without(engine: Engine, network: str) -> bool:
    """Whether a network is removed; what is on it leaves in its own time."""
    with suppress(APIError):
        engine.api.remove_network(network)
        return True
    return False


@pytest.fixture
def pair(engine: Engine, lab: Lab, _other: Engine) -> Iterator[tuple[Engine, Engine]]:
    """Two Engines that reach each other; the first manages a swarm that the second has joined."""
    lab.names["w"] = _other.namespace
    lab.join("h", "ul0", "w", "ul0")
    lab.ip("h", "address add 192.0.2.1/24 dev ul0")
    lab.ip("w", "address add 192.0.2.2/24 dev ul0")
    try:
        engine.api.init_swarm(advertise_addr="192.0.2.1", listen_addr="192.0.2.1:2377")
        token = engine.api.inspect_swarm()["JoinTokens"]["Worker"]
        _other.api.join_swarm(["192.0.2.1:2377"], token, advertise_addr="192.0.2.2", listen_addr="192.0.2.2:2377")
        yield engine, _other
    finally:
        for one in (_other, engine):
            one.clean()
            one.api.leave_swarm(force=True)
            wait_until(partial(_is_without, one, "docker_gwbridge"), 60, "the swarm's bridge is free")
        lab.ip("h", "link delete ul0")


STACK = """
stack: dk
networks:
  mesh:
    provider: docker
    driver: overlay
    attachable: true
    subnet: {cidr: 10.80.0.0/24}
    attach: [{container: near, aliases: near-by}]
"""


def test_an_overlay_connects_containers_of_two_engines(lab: Lab, pair: tuple[Engine, Engine]) -> None:
    manager, worker = pair
    manager.run("near")
    lab.apply(STACK, "h")
    worker.run("far", network="dk_mesh")
    wait_until(lambda: worker.pings("far", manager.address("near", "dk_mesh")), timeout=60, what="far reaches near")
    wait_until(lambda: worker.pings("far", "near-by"), timeout=60, what="far finds near by its alias")
    lab.demand_done(STACK, "h")
    worker.api.remove_container("far", force=True)
    lab.destroy("dk", "h")
    assert manager.network("dk_mesh") is None


def test_an_overlay_is_replaced_with_what_is_on_it(lab: Lab, pair: tuple[Engine, Engine]) -> None:
    manager, worker = pair
    manager.run("near")
    manager.run("hand")
    lab.apply(STACK, "h")
    manager.api.connect_container_to_network("hand", "dk_mesh", aliases=["by-hand"])
    address = manager.address("hand", "dk_mesh")
    lab.apply(STACK.replace("attachable: true", "attachable: true\n    labels: {team: web}"), "h")
    assert manager.address("hand", "dk_mesh") == address
    worker.run("far", network="dk_mesh")
    wait_until(lambda: worker.pings("far", "by-hand"), timeout=60, what="far finds what was attached by hand")
    worker.api.remove_container("far", force=True)
    lab.destroy("dk", "h")


def test_an_overlay_with_containers_of_other_engines_is_refused_to_be_replaced_before_anything_changes(
    lab: Lab, pair: tuple[Engine, Engine]
) -> None:
    manager, worker = pair
    manager.run("near")
    lab.apply(STACK, "h")
    far = worker.run("far", network="dk_mesh")
    endpoint = manager.endpoint("near", "dk_mesh")
    changed = STACK.replace("attachable: true", "attachable: true\n    labels: {team: web}")
    told = wait_until(lambda: held(lab, changed), timeout=60, what="the manager knows of far")
    assert f"impossible while others of the swarm are on it: container {far[:12]} on " in told
    with pytest.raises(RefusedError, match=f"cannot be made anew .* container {far[:12]} on ") as caught:
        lab.apply(changed, "h")
    assert caught.value.code == "NC408"
    with pytest.raises(RefusedError, match="cannot be removed"):
        lab.destroy("dk", "h")
    with SYSTEM.writer(Context()) as writer:  # as a watch does, which refuses no drift
        networks = [change for change in lab.plan(changed, "h").changes if change.key.kind == "network"]
        (outcome,) = writer.execute(networks)
    assert "others of the swarm are on it: container" in str(outcome.failure)
    assert manager.endpoint("near", "dk_mesh") == endpoint
    wait_until(lambda: worker.pings("far", "near-by"), timeout=60, what="far finds near by its alias")
    worker.api.disconnect_container_from_network("far", "dk_mesh")
    wait_until(lambda: not held(lab, changed), timeout=60, what="the manager knows that far has left")
    lab.apply(changed, "h")
    lab.destroy("dk", "h")


def held(lab: Lab, text: str) -> str:
    """The plan, where it says that something else holds the network."""
    told = plan_text(lab.plan(text, "h"))
    return told if "impossible" in told else ""


def test_an_overlay_that_a_service_of_the_swarm_uses_is_refused_to_be_removed(
    lab: Lab, pair: tuple[Engine, Engine]
) -> None:
    manager, _ = pair
    manager.run("near")
    lab.apply(STACK, "h")
    task = {"ContainerSpec": {"Image": IMAGE, "Command": ["sleep", "3600"]}, "Networks": [{"Target": "dk_mesh"}]}
    service = manager.api.create_service(task, name="job")["ID"]
    try:
        stack = STACK.replace("attachable: true", "attachable: true\n    labels: {team: web}")
        told = wait_until(lambda: held(lab, stack), timeout=60, what="the manager has begun the service")
        assert "service job" in told
    finally:
        manager.api.remove_service(service)
    wait_until(lambda: not held(lab, stack), timeout=60, what="the service is gone")


def test_an_overlay_without_a_swarm_says_what_it_needs(lab: Lab, engine: Engine) -> None:
    engine.run("near")
    with pytest.raises(ApplyError) as caught:
        lab.apply(STACK, "h")
    assert "an overlay needs a swarm" in str(caught.value.report.failed[0].failure)


def test_macvlans_reach_each_other_and_what_is_on_their_segment(lab: Lab, engine: Engine) -> None:
    lab.add("out")
    lab.join("out", "eth0", "h", "lan0")
    lab.ip("out", "address add 10.80.0.1/24 dev eth0")
    engine.run("web-1")
    engine.run("web-2")
    text = (
        "stack: dk\nnetworks:\n  lan: {provider: docker, driver: macvlan, parent: lan0, subnet: {cidr: 10.80.0.0/24}, "
        "attach: [{container: web-1, address: 10.80.0.21}, {container: web-2, address: 10.80.0.22}]}\n"
    )
    lab.apply(text, "h")
    assert engine.pings("web-1", "10.80.0.22")
    assert engine.pings("web-1", "10.80.0.1")
