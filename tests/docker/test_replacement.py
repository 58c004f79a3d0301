"""A network is replaced with everything on it, whoever attached it; and is there again where that fails."""

import pytest

from netctl.engine.apply import ApplyError
from netctl.engine.change import Action, Change, Reason
from netctl.engine.protocol import Context
from netctl.kinds.docker import network_key
from netctl.report.plan_text import plan_text
from reconcilers.docker import SYSTEM, journal
from reconcilers.docker.attaching import network_named
from reconcilers.docker.former import Former
from reconcilers.docker.replacing import Replacing
from tests.docker.engine import Engine
from tests.e2e.lab import Lab

ATTACHED = "{container: ours, address: 10.80.0.20, aliases: web}"


def stack(subnet: str = "10.80.0.0/24", attach: str = ATTACHED, rest: str = "") -> str:
    return f"stack: dk\nnetworks:\n  n: {{provider: docker, subnet: {{cidr: {subnet}}}, attach: [{attach}]{rest}}}\n"


@pytest.fixture
def crowd(lab: Lab, engine: Engine) -> None:
    """A network with a container of each kind: netctl's, one that was born there, attached by hand, stopped."""
    engine.run("ours")
    engine.run("hand")
    engine.create("stopped")
    lab.apply(stack(), "h")
    engine.run("born", network="dk_n")
    connect = engine.api.connect_container_to_network
    connect("hand", "dk_n", ipv4_address="10.80.0.77", aliases=["by-hand"], driver_opt={"x": "y"})
    connect("stopped", "dk_n", ipv4_address="10.80.0.78", aliases=["asleep"])


def places(engine: Engine) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """Where everything is on the network: address, the address asked for, aliases."""
    found = {}
    for name in ("ours", "hand", "born", "stopped"):
        endpoint = engine.endpoint(name, "dk_n")
        if endpoint is not None:
            asked = (endpoint["IPAMConfig"] or {}).get("IPv4Address", "")
            aliases = tuple(sorted(a for a in endpoint["Aliases"] if len(a) < 12))
            found[name] = (endpoint["IPAddress"], asked, aliases)
    return found


@pytest.mark.usefixtures("crowd")
def test_everything_keeps_its_address_and_aliases(lab: Lab, engine: Engine) -> None:
    before = places(engine)
    plan = lab.apply(stack(rest=", mtu: 1400"), "h")
    assert [change.action for change in plan.changes if change.key.kind == "network"] == [Action.REPLACE]
    after = places(engine)
    assert {name: (place[0], place[2]) for name, place in after.items()} == {
        name: (place[0], place[2]) for name, place in before.items()
    }
    endpoint = engine.endpoint("hand", "dk_n")
    assert endpoint is not None
    assert endpoint["DriverOpts"] == {"x": "y"}
    engine.api.start("stopped")
    assert engine.address("stopped", "dk_n") == "10.80.0.78"
    assert engine.pings("born", "by-hand")


def test_of_two_families_the_one_that_is_not_declared_keeps_its_address_too(lab: Lab, engine: Engine) -> None:
    engine.run("ours")
    both = '[10.80.0.0/24, "fd00:80::/64"]'
    lab.apply(stack(both), "h")
    before = engine.endpoint("ours", "dk_n")
    lab.apply(stack(both, rest=", mtu: 1400"), "h")
    after = engine.endpoint("ours", "dk_n")
    assert before is not None
    assert after is not None
    assert after["GlobalIPv6Address"] == before["GlobalIPv6Address"]


@pytest.mark.usefixtures("crowd")
def test_in_another_subnet_addresses_that_do_not_fit_are_assigned_anew(lab: Lab, engine: Engine) -> None:
    lab.apply(stack("10.81.0.0/24", "{container: ours, address: 10.81.0.20, aliases: web}"), "h")
    assert engine.on("dk_n") == {"ours", "hand", "born"}
    assert engine.address("ours", "dk_n") == "10.81.0.20"
    assert engine.address("hand", "dk_n").startswith("10.81.0.")
    assert engine.pings("born", "by-hand")


@pytest.mark.usefixtures("crowd")
def test_the_plan_says_what_forces_it_and_who_is_disconnected(lab: Lab) -> None:
    text = plan_text(lab.plan(stack(rest=", mtu: 1400"), "h"))
    assert "replaced because options cannot be changed in place" in text
    assert "disconnects the containers born, hand, ours, stopped meanwhile" in text


@pytest.mark.usefixtures("crowd")
def test_a_new_network_that_docker_refuses_leaves_the_former_one_with_everything_on_it(
    lab: Lab, engine: Engine
) -> None:
    engine.api.create_network("other", ipam={"Config": [{"Subnet": "10.99.0.0/24"}]})
    before = places(engine)
    with pytest.raises(ApplyError) as caught:
        lab.apply(stack("10.99.0.0/25", "{container: ours}"), "h")
    [failed] = caught.value.report.failed
    assert failed.failure is not None
    assert "Pool overlaps" in str(failed.failure)
    assert "choose another subnet" in failed.failure.advice
    assert not caught.value.report.not_undone
    assert {name: place[0] for name, place in places(engine).items()} == {name: p[0] for name, p in before.items()}
    lab.demand_done(stack(), "h")


@pytest.mark.usefixtures("crowd")
def test_a_failure_after_the_replacement_brings_the_former_network_back(lab: Lab, engine: Engine) -> None:
    before = places(engine)
    text = stack("10.81.0.0/24", "{container: ours}", "") + (
        "  bad: {provider: docker, driver: macvlan, parent: nosuch0.5, subnet: {cidr: 10.82.0.0/24}, "
        "options: {macvlan_mode: wrong}}\n"
    )
    with pytest.raises(ApplyError) as caught:
        lab.apply(text, "h")
    assert not caught.value.report.not_undone
    assert {name: place[0] for name, place in places(engine).items()} == {name: p[0] for name, p in before.items()}
    assert {name: place[2] for name, place in places(engine).items()} == {name: p[2] for name, p in before.items()}
    assert not engine.api.volumes()["Volumes"]
    lab.demand_done(stack(), "h")


@pytest.mark.usefixtures("crowd")
def test_what_a_killed_replacement_has_disconnected_is_connected_by_the_next_apply(lab: Lab, engine: Engine) -> None:
    before = places(engine)
    killed_after_disconnecting()
    plan = lab.apply(stack(), "h")
    assert [change.fields for change in plan.changes if change.key.kind == "network"] in ([("cut_off",)], [])
    assert {name: place[0] for name, place in places(engine).items()} == {name: p[0] for name, p in before.items()}
    assert not engine.api.volumes()["Volumes"]


def killed_after_disconnecting() -> None:
    """Leave the Engine as a replacement does that is killed with everything disconnected."""
    with SYSTEM.writer(Context()) as writer:
        row = network_named(writer.api, "dk_n")
        assert row is not None
        change = Change(Action.REPLACE, network_key("dk_n"), row.network, row.network, Reason.IMMUTABLE)
        replacing = Replacing(writer.api, Former(), change)
        endpoints = replacing._endpoints(row)
        journal.write(writer.api, "dk", "dk_n", tuple(endpoints))
        replacing._disconnect(row, endpoints)


def test_the_journal_of_a_network_that_is_gone_goes_with_the_stack(lab: Lab, engine: Engine) -> None:
    engine.run("hand")
    lab.apply(stack(attach=""), "h")
    engine.api.connect_container_to_network("hand", "dk_n")
    killed_after_disconnecting()
    engine.api.remove_network("dk_n")
    lab.destroy("dk", "h")
    assert not engine.api.volumes()["Volumes"]


def test_destroy_disconnects_what_is_on_the_network_and_says_so(lab: Lab, engine: Engine) -> None:
    lab.apply(stack(attach=""), "h")
    engine.run("born", network="dk_n")
    text = plan_text(lab.plan("stack: dk\nrules: []\n", "h"))
    assert "disconnects the container born" in text
    lab.destroy("dk", "h")
    assert engine.network("dk_n") is None
    assert engine.api.inspect_container("born")["State"]["Running"]
