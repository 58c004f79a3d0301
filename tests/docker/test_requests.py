"""A plan asks the Engine four things, however many networks and containers it has."""

import pytest

from netctl.engine.protocol import Context, Scope
from netctl.engine.resource import Desired, Origin, Owner
from netctl.kinds.docker import Attachment, attachment_key
from reconcilers.docker import SYSTEM
from tests.docker.engine import Engine
from tests.docker.proxy import Proxy
from tests.e2e.lab import Lab

NETWORKS, CONTAINERS = 6, 20


@pytest.fixture
def crowd(lab: Lab, engine: Engine) -> str:
    """A stack of several networks, applied, with several containers on each."""
    networks = "".join(
        f"  n{i}: {{provider: docker, attach: [{{containers: {{labels: {{team: t{i}}}}}}}]}}\n" for i in range(NETWORKS)
    )
    text = f"stack: dk\nnetworks:\n{networks}"
    lab.apply_once(text, "h")
    for i in range(CONTAINERS):
        engine.create(f"container-{i}", network=f"dk_n{i % NETWORKS}", team=f"t{i % NETWORKS}")
    return text


def test_a_plan_with_nothing_to_do_asks_four_things(
    crowd: str, lab: Lab, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy(engine.directory / "proxy", engine.socket) as proxy:
        monkeypatch.setenv("DOCKER_HOST", proxy.url)
        assert not lab.plan(crowd, "h")
        asked = [line.split()[1].partition(b"?")[0].rpartition(b"/")[2] for line in proxy.lines]
    assert asked == [b"_ping", b"networks", b"json", b"volumes"]


def test_a_stack_without_docker_asks_no_more(lab: Lab, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy(engine.directory / "proxy", engine.socket) as proxy:
        monkeypatch.setenv("DOCKER_HOST", proxy.url)
        assert lab.plan("stack: dk\nnetworks: {k: {subnet: {cidr: 10.90.0.0/24}}}", "h").batches
        assert len(proxy.lines) == 4


def test_a_reader_that_looks_again_asks_of_no_endpoint_what_it_knows(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("other", "dk_n"):
        engine.api.create_network(name)
    for container in ("web-1", "web-2"):
        engine.run(container, network="other")
        engine.api.connect_container_to_network(container, "dk_n")
    wanted = Attachment("dk_n", "web-1", aliases=("www",))
    key = attachment_key("dk_n", "web-1")
    scope = Scope("dk", {key: Desired(key, wanted, Origin("networks.n"))})
    with Proxy(engine.directory / "proxy", engine.socket) as proxy, SYSTEM.reader(Context()) as reader:
        monkeypatch.setenv("DOCKER_HOST", proxy.url)
        first, asked = reader.observe(scope), len(proxy.lines)
        assert reader.observe(scope) == first
        assert len(proxy.lines) == asked + 3
        engine.api.disconnect_container_from_network("web-1", "dk_n")
        engine.api.connect_container_to_network("web-1", "dk_n", aliases=["www"])
        seen = reader.observe(scope).live[key]
    assert isinstance(seen.attributes, Attachment)
    assert (seen.attributes.aliases, seen.owner) == (("www",), Owner("dk", "networks.n"))
