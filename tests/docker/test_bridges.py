"""Policies between containers of one bridge: the host need not filter what its bridges carry, this one bridge does."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker.engine import Engine
from tests.e2e.lab import Lab
from tests.support.namespaces import run_in, wait_until

SERVE = ("sh", "-c", "while true; do echo hello | nc -l -p 5432; done")
GLOBAL = ("net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables")


def stack(subnet: str = "{cidr: 10.80.0.0/24}", *, policies: bool = True, more: str = "") -> str:
    text = (
        "stack: dk\nnetworks:\n"
        f"  front: {{provider: docker, subnet: {subnet}, attach: [{{containers: {{labels: {{team: a}}}}}}]{more}}}\n"
    )
    ingress = "[{from: {labels: {app: web}}, ports: 5432}]"
    return text + (
        f"policies: {{p: {{applies_to: {{labels: {{app: db}}}}, ingress: {ingress}}}}}\n" if policies else ""
    )


REFERRED = (
    "stack: dk\nnetworks: {theirs: {provider: docker, external: true}}\n"
    "policies: {p: {applies_to: {labels: {app: db}}, ingress: [{from: {labels: {app: web}}, ports: 5432}]}}\n"
)


@pytest.fixture(autouse=True)
def unfiltered(lab: Lab, engine: Engine) -> Iterator[None]:
    """A host that leaves what its bridges carry alone; a database, one that may reach it, and one that may not."""
    before = [run_in(lab["h"], ["sysctl", "-n", name]).stdout.strip() for name in GLOBAL]
    run_in(lab["h"], ["sysctl", "-qw", *(f"{name}=0" for name in GLOBAL)])
    engine.run("db", command=SERVE, app="db", team="a")
    engine.run("web", app="web", team="a")
    engine.run("other", team="a")
    for name in ("db", "web", "other"):
        engine.api.disconnect_container_from_network(name, "bridge")
    yield
    run_in(lab["h"], ["sysctl", "-qw", *(f"{name}={was}" for name, was in zip(GLOBAL, before, strict=True))])


def bridge_of(engine: Engine, network: str = "dk_front") -> str:
    found = engine.network(network)
    assert found is not None
    return f"br-{found['Id'][:12]}"


def details(lab: Lab, bridge: str) -> tuple[int, int]:
    """Whether the bridge hands frames to the filtering of IPv4, and of IPv6."""
    found = lab.link("h", bridge)["linkinfo"]["info_data"]
    return found["nf_call_iptables"], found["nf_call_ip6tables"]


def names(lab: Lab, bridge: str) -> list[str]:
    found: list[str] = lab.link("h", bridge).get("altnames", [])
    return found


def reaches(engine: Engine, container: str, network: str = "dk_front") -> bool:
    return engine.execute(container, "nc", "-w", "2", engine.address("db", network), "5432")[0] == 0


def demand_judged(engine: Engine) -> None:
    wait_until(lambda: reaches(engine, "web"), what="the database serves")
    assert not reaches(engine, "other")


def test_one_apply_makes_the_network_attaches_and_judges(lab: Lab, engine: Engine) -> None:
    lab.apply(stack(), "h")
    demand_judged(engine)


def test_nothing_else_of_dockers_is_touched_and_destroy_gives_back_what_was_changed(lab: Lab, engine: Engine) -> None:
    lab.apply(stack(policies=False), "h")
    rules, bridge = engine.rules(), bridge_of(engine)
    assert details(lab, bridge) == (0, 0)
    lab.apply(stack(), "h")
    assert details(lab, bridge) == (1, 0)
    assert details(lab, "docker0") == (0, 0)
    assert [line for line in engine.rules().splitlines() if line[0] == "-"] == [
        line for line in rules.splitlines() if line[0] == "-"
    ]
    lab.apply(stack(policies=False), "h")
    assert details(lab, bridge) == (0, 0)
    assert not names(lab, bridge)


def test_the_bridge_of_a_network_that_is_made_anew_judges_too(lab: Lab, engine: Engine) -> None:
    lab.apply(stack(), "h")
    before = bridge_of(engine)
    lab.apply(stack(more=", mtu: 1400"), "h")
    assert bridge_of(engine) != before
    demand_judged(engine)


def test_a_bridge_that_docker_makes_anew_judges_again_with_the_next_apply(lab: Lab, engine: Engine) -> None:
    lab.apply(stack(), "h")
    bridge = bridge_of(engine)
    engine.stop()
    run_in(lab["h"], ["ip", "link", "delete", bridge])
    engine.start()
    for name in ("db", "web", "other"):
        engine.api.start(name)
    assert details(lab, bridge) == (0, 0)
    lab.apply(stack(), "h")
    assert details(lab, bridge) == (1, 0)
    demand_judged(engine)


def test_networks_of_others_are_lent_to_two_stacks_and_given_back_by_the_last(lab: Lab, engine: Engine) -> None:
    engine.api.create_network("theirs")
    bridge = bridge_of(engine, "theirs")
    for name in ("db", "web", "other"):
        engine.api.connect_container_to_network(name, "theirs")
    text = REFERRED
    second = text.replace("stack: dk", "stack: dk2")
    try:
        lab.apply(text, "h")
        lab.apply(second, "h")
        wait_until(lambda: reaches(engine, "web", "theirs"), what="the database serves")
        assert not reaches(engine, "other", "theirs")
        lab.destroy("dk", "h")
        assert details(lab, bridge) == (1, 0)
    finally:
        lab.destroy("dk2", "h")
    assert details(lab, bridge) == (0, 0)
    assert not names(lab, bridge)
    engine.api.remove_container("db", force=True)


def test_ipv6_is_judged_where_the_network_has_it(lab: Lab, engine: Engine) -> None:
    lab.apply(stack('{cidr: [10.80.0.0/24, "fd00:80::/64"]}'), "h")
    assert details(lab, bridge_of(engine)) == (1, 1)
    target = engine.endpoint("db", "dk_front")
    assert target is not None
    address = target["GlobalIPv6Address"]
    demand_judged(engine)
    assert engine.execute("other", "ping", "-c", "1", "-W", "2", address)[0] != 0


def test_with_docker_out_of_reach_what_hinges_on_it_stays_though_only_others_networks_are_named(
    lab: Lab, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    engine.api.create_network("theirs")
    for name in ("db", "web", "other"):
        engine.api.connect_container_to_network(name, "theirs")
    text = REFERRED
    lab.apply(text, "h")
    with monkeypatch.context() as patch:
        patch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing")
        for planned in (text, text.replace("web", "other")):
            plan = lab.plan(planned, "h")
            assert not plan.batches
            assert [part.system for part in plan.unread] == ["docker"]
            assert [key.kind for key in plan.blocked] == ["reference"]
    wait_until(lambda: reaches(engine, "web", "theirs"), what="the database serves")
    assert not reaches(engine, "other", "theirs")
