"""Containers on Docker's ipvlan networks, which need the kernel's ipvlan devices."""

from collections.abc import Iterator

import pytest

from tests.docker.engine import Engine
from tests.e2e.lab import Lab

MODES = ("l2", "l3")


@pytest.fixture
def _parent(lab: Lab, engine: Engine) -> Iterator[None]:
    lab.ip("h", "link add lan0 type dummy", "link set lan0 up")
    yield
    engine.clean()
    lab.ip("h", "link delete lan0")


def _stack(mode: str, subnet: str) -> str:
    ends = ", ".join(f"{{container: {name}, address: {subnet}.{last}}}" for name, last in (("one", 21), ("two", 22)))
    return (
        "stack: dk\nnetworks:\n"
        f"  n: {{provider: docker, driver: ipvlan, parent: lan0, subnet: {{cidr: {subnet}.0/24}},"
        f" options: {{ipvlan_mode: {mode}}}, attach: [{ends}]}}\n"
    )


@pytest.mark.usefixtures("_parent")
@pytest.mark.parametrize("mode", MODES)
def test_containers_on_an_ipvlan_reach_each_other_also_after_its_replacement(
    mode: str, lab: Lab, engine: Engine
) -> None:
    for name in ("one", "two"):
        engine.run(name)
        engine.api.disconnect_container_from_network(name, "bridge")
    before = engine.snapshot()
    lab.apply(_stack(mode, "10.80.0"), "h")
    assert engine.pings("one", "10.80.0.22")
    lab.apply(_stack(mode, "10.81.0"), "h")
    assert engine.pings("two", "10.81.0.21")
    lab.destroy("dk", "h")
    assert engine.snapshot() == before
