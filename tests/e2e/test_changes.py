"""A stack that is edited: one apply brings the host to the new declaration, and packets flow as it says."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from netctl.engine.change import Action
from tests.e2e import host, underlay
from tests.e2e.lab import Lab, keys
from tests.e2e.traffic import demand_all_pairs, demand_mtu, reaches, transfer
from tests.e2e.underlay import HOSTS, stack
from tests.support.namespaces import run

pytestmark = pytest.mark.xdist_group("changes")

NEAR = HOSTS[:3]


@pytest.fixture(scope="module")
def prepared_overlay(shared_lab: Callable[[], Lab]) -> Lab:
    lab = shared_lab()
    underlay.build(lab)
    lab.remember(*HOSTS, *underlay.ENDPOINTS)
    return lab


@pytest.fixture
def overlay(prepared_overlay: Lab) -> Iterator[Lab]:
    """Three hosts on one link."""
    yield prepared_overlay
    prepared_overlay.destroy("shop", *NEAR)
    prepared_overlay.demand_as_before()


@pytest.fixture(scope="module")
def prepared_host(shared_lab: Callable[[], Lab]) -> Lab:
    lab = shared_lab()
    host.build(lab)
    return lab


@pytest.fixture
def single(prepared_host: Lab) -> Iterator[Lab]:
    """One host, the outside, three endpoints."""
    yield prepared_host
    prepared_host.destroy("shop", "h")
    prepared_host.demand_as_before()


class Edit(NamedTuple):
    before: str
    after: str
    families: tuple[int, ...] = (4, 6)
    mtu: int = 1450


BOTH = 'subnet: {cidr: [10.42.0.0/16, "fd42::/48"], per_host: [24, 64]}'
OTHER = 'subnet: {cidr: [10.43.0.0/16, "fd43::/48"], per_host: [24, 64]}'
SMALL = 'subnet: {cidr: [10.42.0.0/16, "fd42::/48"], per_host: [26, 80]}'
ONE = "subnet: {cidr: 10.42.0.0/16, per_host: 24}"
ROUTED = f"vni: 42\n{BOTH}"
SPACE = 'subnet: {cidr: [10.44.0.0/16, "fd44::/64"]}'
OTHER_SPACE = 'subnet: {cidr: [10.45.0.0/16, "fd45::/64"]}'
BRIDGED = f"vni: 42\nmode: bridged\n{SPACE}"

EDITS = {
    "mtu": Edit(ROUTED, f"mtu: 1300\n{ROUTED}", mtu=1300),
    "mtu of a bridged overlay": Edit(f"mtu: 1300\n{BRIDGED}", BRIDGED),
    "vni": Edit(ROUTED, ROUTED.replace("42\n", "43\n")),
    "port": Edit(ROUTED, f"port: 8472\n{ROUTED}"),
    "vni and port of a bridged overlay": Edit(BRIDGED, f"port: 8472\n{BRIDGED}".replace("vni: 42", "vni: 43")),
    "subnet": Edit(ROUTED, f"vni: 42\n{OTHER}"),
    "size of the blocks": Edit(ROUTED, f"vni: 42\n{SMALL}"),
    "subnet of a bridged overlay": Edit(BRIDGED, f"vni: 42\nmode: bridged\n{OTHER_SPACE}"),
    "bridge's name": Edit(ROUTED, f"interface_name: br-pods\n{ROUTED}"),
    "IPv6 added": Edit(f"vni: 42\n{ONE}", ROUTED),
    "IPv6 removed": Edit(ROUTED, f"vni: 42\n{ONE}", (4,)),
    "direct routing": Edit(ROUTED, f"direct_routing: true\n{ROUTED}"),
    "vxlan to host-gw": Edit(f"vni: 42\n{ONE}", f"backend: host-gw\n{ONE}", (4,), 1500),
    "host-gw to vxlan": Edit(f"backend: host-gw\n{ONE}", f"vni: 42\n{ONE}", (4,)),
    "routed to bridged": Edit(ROUTED, BRIDGED),
    "bridged to routed": Edit(BRIDGED, ROUTED),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_an_edited_overlay_converges_at_once(overlay: Lab, edit: Edit) -> None:
    overlay.apply_all(stack(edit.before, hosts=NEAR), NEAR)
    assert reaches(overlay["a"], overlay.address("b"))
    overlay.apply_all(stack(edit.after, hosts=NEAR), NEAR)
    demand_all_pairs(overlay, "abc", edit.families)
    for family in edit.families:
        demand_mtu(overlay, "a", "b", edit.mtu, family)


def test_what_need_not_be_replaced_is_not(overlay: Lab) -> None:
    overlay.apply_all(stack(f"vni: 42\n{BOTH}", hosts=NEAR), NEAR)
    for edit, replaced in (("mtu: 1300", False), ("nat: none", False), ("internal: true", False), ("port: 8472", True)):
        plan = overlay.plan(stack(f"vni: 42\n{edit}\n{BOTH}", hosts=NEAR), "n1")
        assert bool(keys(plan, Action.REPLACE)) is replaced, edit
        if replaced:
            roots = {change.key.id for change in plan.changes if change.action is Action.REPLACE and not change.implied}
            assert roots == {"nc-pods-vxlan"}


DUAL = 'cidr: [10.10.0.0/24, "fd10::/64"]'
BACK = "  back: {{subnet: {{cidr: 10.20.0.0/24}}, attach: [{}]}}\n"


def _network(front: str = "", *, subnet: str = DUAL, attach: str = "ab", more: str = "") -> str:
    attached = ", ".join(f'{{netns: "${{{label}}}"}}' for label in attach)
    return f"""
stack: shop
networks:
  front:
    {front or "isolated: false"}
    subnet: {{{subnet}}}
    attach: [{attached}]
{more}"""


ONLY_IPV4 = _network("mtu: 1000", subnet="cidr: 10.10.0.0/24")
NETWORK_EDITS = {
    "subnet": Edit(_network(), _network(subnet='cidr: [10.11.0.0/24, "fd11::/64"]')),
    "prefix length": Edit(_network(), _network(subnet='cidr: [10.10.0.0/23, "fd10::/60"]')),
    "gateway": Edit(_network(), _network(subnet=f'{DUAL}, gateway: [10.10.0.254, "fd10::fe"]')),
    "assigned range": Edit(_network(), _network(subnet=f'{DUAL}, range: [10.10.0.240/28, "fd10::f0-fd10::ff"]')),
    "bridge's name": Edit(_network(), _network("interface_name: br-front")),
    "bridge's MAC": Edit(_network(), _network('mac: "02:00:00:00:00:01"')),
    "mtu": Edit(_network(), _network("mtu: 1400")),
    "mtu below what IPv6 needs, and IPv6 removed": Edit(_network(), ONLY_IPV4, (4,)),
    "mtu raised again, and IPv6 added": Edit(ONLY_IPV4, _network("mtu: 1500")),
    "IPv4 added": Edit(_network(subnet='cidr: "fd10::/64"'), _network()),
    "IPv4 removed": Edit(_network(), _network(subnet='cidr: "fd10::/64"'), (6,)),
    "network's name": Edit(_network(), _network().replace("  front:", "  shop-front:")),
}


@pytest.mark.parametrize("edit", NETWORK_EDITS.values(), ids=NETWORK_EDITS.keys())
def test_an_edited_network_converges_at_once(single: Lab, edit: Edit) -> None:
    single.apply(edit.before, "h")
    single.apply(edit.after, "h")
    demand_all_pairs(single, "ab", edit.families)
    for family in edit.families:
        assert transfer(single["a"], single["out"], host.OUTSIDE[family]) == host.HOST[family]


def test_an_attachment_moves_from_one_network_to_another(single: Lab) -> None:
    there = '{netns: "${b}"}, {netns: "${c}"}'
    single.apply(_network(more=BACK.format('{netns: "${c}"}')), "h")
    single.apply(_network(attach="a", more=BACK.format(there)), "h")
    assert single.address("b").startswith("10.20.0.")
    demand_all_pairs(single, "abc")
    single.apply(_network(attach="abc", more=BACK.format("")), "h")
    demand_all_pairs(single, "abc", (4, 6))


def test_two_endpoints_exchange_their_networks_in_one_go(single: Lab) -> None:
    single.apply(_network(attach="a", more=BACK.format('{netns: "${b}"}')), "h")
    single.apply(_network(attach="b", more=BACK.format('{netns: "${a}"}')), "h")
    assert single.address("a").startswith("10.20.0.")
    assert single.address("b").startswith("10.10.0.")
    demand_all_pairs(single, "ab")


def test_two_endpoints_exchange_their_addresses_in_one_go(single: Lab) -> None:
    text = _network().replace('"${a}"', '"${a}", address: [10.10.0.7, "fd10::7"]')
    text = text.replace('"${b}"', '"${b}", address: [10.10.0.8, "fd10::8"]')
    single.apply(text, "h")
    demand_all_pairs(single, "ab", (4, 6))
    single.apply(_exchanged(_exchanged(text, "10.10.0.7", "10.10.0.8"), "fd10::7", "fd10::8"), "h")
    assert (single.address("a"), single.address("b", 6)) == ("10.10.0.8", "fd10::7")
    demand_all_pairs(single, "ab", (4, 6))


def _exchanged(text: str, one: str, other: str) -> str:
    return text.replace(one, "\0").replace(other, one).replace("\0", other)


def test_of_several_addresses_of_an_endpoint_the_others_stay(single: Lab) -> None:
    several = _network().replace('"${a}"', '"${a}", address: [10.10.0.7, 10.10.0.8, "fd10::7", "fd10::8"]')
    single.apply(several, "h")
    for remaining in (["10.10.0.8", "fd10::8"], ["10.10.0.7", "fd10::7"]):
        text = _network().replace('"${a}"', f'"${{a}}", address: ["{remaining[0]}", "{remaining[1]}"]')
        single.apply(text, "h")
        assert [single.address("a"), single.address("a", 6)] == remaining
        demand_all_pairs(single, "ab", (4, 6))
        single.apply(several, "h")
        for address in ("10.10.0.7", "10.10.0.8", "fd10::7", "fd10::8"):
            assert reaches(single["b"], address)


def test_an_interface_in_an_endpoint_gets_another_name(single: Lab) -> None:
    single.apply(_network(), "h")
    single.apply(_network().replace('"${a}"', '"${a}", interface: net0'), "h")
    assert reaches(single["a"], single.address("b"))
    assert "eth0" not in single.run("a", "ip", "link", "show")


def test_an_endpoint_that_was_made_anew_is_attached_again(single: Lab) -> None:
    """A container restarts: its namespace is another of the same name, and the veth pair is gone with the first."""
    single.apply(_network(), "h")
    text = _network(attach="ac")
    single.apply(text, "h")
    run(["ip", "netns", "delete", single["c"]])
    run(["ip", "netns", "add", single["c"]])
    single.run("c", "ip", "link", "set", "lo", "up")
    single.run("c", "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0")
    single.apply(text, "h")
    demand_all_pairs(single, "ac", (4, 6))
    single.destroy("shop", "h")
    single.remember("c")


def test_what_is_declared_no_more_goes_and_the_rest_stays_untouched(single: Lab) -> None:
    single.apply(_network(more=BACK.format('{netns: "${c}"}')), "h")
    plan = single.apply(_network(), "h")
    kernel = [change for change in plan.changes if change.key.system == "kernel"]
    assert {change.action for change in kernel} == {Action.DELETE}
    assert all("back" in change.key.id or single["c"] in change.key.id for change in kernel)
    demand_all_pairs(single, "ab", (4, 6))
