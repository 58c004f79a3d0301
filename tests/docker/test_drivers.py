"""Every driver: macvlans in their modes, ipvlans, and drivers that a plugin brings."""

from collections.abc import Iterator

import pytest

from netctl.engine.apply import ApplyError
from netctl.engine.change import Action
from tests.docker.engine import Engine
from tests.docker.plugin import Plugin
from tests.e2e.lab import Lab
from tests.support.namespaces import run_in

SUBNET = "subnet: {cidr: 10.80.0.0/24}"


@pytest.fixture
def _parent(lab: Lab, engine: Engine) -> Iterator[None]:
    """An interface for macvlans and ipvlans to be on, and a machine at its other end."""
    lab.add("out")
    lab.join("out", "eth0", "h", "lan0")
    lab.ip("out", "address add 10.80.0.1/24 dev eth0")
    yield
    lab.destroy("dk", "h")
    engine.clean()
    lab.ip("h", "link delete lan0")


def stack(settings: str, attach: str = "") -> str:
    return f"stack: dk\nnetworks:\n  n: {{provider: docker, {SUBNET}, {settings}, attach: [{attach}]}}\n"


PAIR = "{container: one, address: 10.80.0.21}, {container: two, address: 10.80.0.22}"
MODES = {"bridge": True, "private": False, "vepa": False}
"""The modes of a macvlan, and whether two on one parent reach each other; beyond it there is no reflecting switch."""


@pytest.mark.usefixtures("_parent")
@pytest.mark.parametrize("mode", MODES)
def test_macvlans_do_as_their_mode_says(mode: str, lab: Lab, engine: Engine) -> None:
    engine.run("one")
    engine.run("two")
    for name in ("one", "two"):
        engine.api.disconnect_container_from_network(name, "bridge")
    lab.apply(stack(f"driver: macvlan, parent: lan0, options: {{macvlan_mode: {mode}}}", PAIR), "h")
    assert engine.pings("one", "10.80.0.1")
    assert engine.pings("one", "10.80.0.22") is MODES[mode]


@pytest.mark.usefixtures("_parent")
def test_a_mode_that_takes_the_whole_parent_has_one_container(lab: Lab, engine: Engine) -> None:
    engine.run("one")
    engine.api.disconnect_container_from_network("one", "bridge")
    text = stack("driver: macvlan, parent: lan0, options: {macvlan_mode: passthru}", "{container: one}")
    lab.apply(text, "h")
    assert engine.pings("one", "10.80.0.1")


@pytest.mark.usefixtures("_parent")
@pytest.mark.parametrize("mode", ["l2", "l3"])
def test_ipvlans_of_every_mode_are_made_left_alone_replaced_and_removed(mode: str, lab: Lab, engine: Engine) -> None:
    engine.create("one")
    before = engine.snapshot()
    text = stack(f"driver: ipvlan, parent: lan0, options: {{ipvlan_mode: {mode}}}", "{container: one, aliases: first}")
    lab.apply(text, "h")
    network = engine.network("dk_n")
    assert network is not None
    assert (network["Driver"], network["Options"]) == ("ipvlan", {"ipvlan_mode": mode, "parent": "lan0"})
    plan = lab.apply(text.replace("10.80.0.0/24", "10.81.0.0/24"), "h")
    assert Action.REPLACE in {change.action for change in plan.changes}
    assert engine.endpoint("one", "dk_n") is not None
    lab.destroy("dk", "h")
    assert engine.snapshot() == before


@pytest.mark.usefixtures("_parent")
def test_an_option_that_a_driver_does_not_know_is_told_with_the_drivers_own_words(lab: Lab) -> None:
    with pytest.raises(ApplyError) as caught:
        lab.apply(stack("driver: ipvlan, parent: lan0, options: {ipvlan_mode: l4}"), "h")
    assert "l4" in str(caught.value.report.failed[0].failure)


@pytest.fixture
def plugin(engine: Engine, lab: Lab) -> Iterator[Plugin]:
    """A plugin that the Engine finds; what is on its networks has gone before it goes.

    Docker drops what is forwarded and not its own, which the plugin's bridge would hand to it.
    """
    setting = "net.bridge.bridge-nf-call-iptables"
    before = run_in(lab["h"], ["sysctl", "-n", setting]).stdout.strip()
    run_in(lab["h"], ["sysctl", "-qw", f"{setting}=0"])
    with Plugin(lab["h"]) as plugin:
        yield plugin
        engine.clean()
        assert not plugin.networks
    run_in(lab["h"], ["sysctl", "-qw", f"{setting}={before}"])


def test_the_driver_of_a_plugin_gets_what_is_declared_and_connects_containers(
    lab: Lab, engine: Engine, plugin: Plugin
) -> None:
    engine.run("one")
    engine.run("two")
    text = stack(
        f"driver: {plugin.name}, internal: true, options: {{colour: blue}}", PAIR.replace("}", ", aliases: x}", 1)
    )
    lab.apply(text, "h")
    [network] = plugin.networks.values()
    assert network["Options"]["com.docker.network.generic"] == {"colour": "blue"}
    assert [pool["Pool"] for pool in network["IPv4Data"]] == ["10.80.0.0/24"]
    assert engine.pings("two", "10.80.0.21")
    assert engine.pings("two", "x")
    lab.apply(text.replace("blue", "red"), "h")
    [network] = plugin.networks.values()
    assert network["Options"]["com.docker.network.generic"] == {"colour": "red"}
    assert engine.pings("two", "10.80.0.21")
    lab.destroy("dk", "h")
    assert not plugin.networks


def test_the_options_of_an_endpoint_reach_the_driver(lab: Lab, engine: Engine, plugin: Plugin) -> None:
    engine.run("one")
    lab.apply(stack(f"driver: {plugin.name}", "{container: one, options: {speed: fast}}"), "h")
    [endpoint] = plugin.named("CreateEndpoint")
    assert endpoint["Options"]["speed"] == "fast"


def test_a_plugin_assigns_addresses_with_its_own_options(lab: Lab, engine: Engine, plugin: Plugin) -> None:
    engine.run("one")
    settings = f"ipam_driver: {plugin.name}, ipam_options: {{site: north}}"
    lab.apply(stack(settings, "{container: one}"), "h")
    [pool] = plugin.named("RequestPool")
    assert (pool["Pool"], pool["Options"]) == ("10.80.0.0/24", {"site": "north"})
    given = engine.address("one", "dk_n")
    assert given == "10.80.0.2"
    lab.apply(stack(settings.replace("north", "south"), "{container: one}"), "h")
    assert plugin.named("RequestPool")[-1]["Options"] == {"site": "south"}


def test_policies_do_not_take_the_bridge_of_a_plugin_for_one_of_dockers(
    lab: Lab, engine: Engine, plugin: Plugin
) -> None:
    engine.run("one", app="a")
    text = stack(f"driver: {plugin.name}", "{container: one}")
    lab.apply(f"{text}policies: {{p: {{applies_to: {{labels: {{app: a}}}}, ingress: []}}}}\n", "h")
    links = run_in(lab["h"], ["ip", "-d", "link", "show", "type", "bridge"]).stdout
    assert "netctl:dk" not in links
