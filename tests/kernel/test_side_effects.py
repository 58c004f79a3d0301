"""A change of the stack's own that takes other things along: one apply makes all of it as declared."""

from typing import Any

import pytest

from netctl.engine.apply import ApplyError, apply_plan
from netctl.engine.change import Action
from netctl.engine.targets import restrict
from netctl.kinds.address import Address, address_key
from netctl.kinds.link import Bridge, Macvlan, Port, Veth, VethPeer, Vxlan, link_key
from netctl.kinds.neighbour import FdbEntry, Neighbour
from netctl.kinds.route import NextHop, Route
from tests.kernel.driving import Declared, apply, converged, destroy, named, plan, writing
from tests.kernel.hosts import VTEP_MAC, Host, everything
from tests.support.namespaces import ip, run


def tunnel(own: str = "10.42.1.0/32") -> Declared:
    """A routed tunnel with one peer; its entries need the device and not the device's address."""
    declared = Declared()
    link = declared.link(
        Vxlan("", "nc-vx", mac="02:00:00:00:00:09", vni=7, local="192.0.2.1", underlay="eth0", port=4789)
    )
    declared.address(Address("", "nc-vx", own), link)
    neighbour = declared.neighbour(Neighbour("nc-vx", "10.42.2.0", VTEP_MAC), link)
    entry = declared.fdb(FdbEntry("nc-vx", VTEP_MAC, "192.0.2.2"), link)
    declared.route(Route("", "10.42.2.0/24", gateway="10.42.2.0", device="nc-vx", onlink=True), link, neighbour, entry)
    return declared


def test_another_address_of_a_device_whose_only_one_it_is(host: Host) -> None:
    """With its last IPv4 address a device loses its IPv4 routes and neighbours."""
    apply(host.ns, tunnel())
    moved = tunnel("10.42.9.0/32")
    apply(host.ns, moved)
    converged(host.ns, moved)


@pytest.mark.parametrize(
    "change",
    [
        {"mac": "02:00:00:00:00:08"},
        {"mtu": 1300},
        {"vni": 8},
        {"port": 4790},
        {"local": "198.51.100.1", "underlay": "wan"},
        {"up": False},
        {"ttl": 9, "learning": True, "ageing": 60},
        {"master": "nc-b"},
    ],
    ids=str,
)
def test_another_attribute_of_a_tunnel(host: Host, change: dict[str, Any]) -> None:
    declared = tunnel()
    bridge = declared.link(Bridge("", "nc-b"))
    apply(host.ns, declared)
    declared.change(link_key("nc-vx"), **change)
    declared[link_key("nc-vx")] = declared[link_key("nc-vx")]._replace(needs=(bridge,))
    if change == {"up": False}:
        declared = declared.without(*(key for key in declared if key.kind in {"route", "neighbour"}))
    apply(host.ns, declared)
    converged(host.ns, declared)


@pytest.mark.parametrize(
    "change",
    [
        {"mac": "02:00:00:00:00:08"},
        {"mtu": 1300},
        {"mtu": 9000},
        {"stp": True, "nf_call_iptables": False},
        {"ipv4_forwarding": False, "ipv6_forwarding": False},
        {"group": 0},
    ],
    ids=str,
)
def test_another_attribute_of_a_bridge_with_everything_on_it(host: Host, change: dict[str, Any]) -> None:
    declared = everything(host.app)
    apply(host.ns, declared)
    declared.change(link_key("nc-a"), **change)
    if change == {"mtu": 1300}:
        declared.change(next(key for key in declared if key.id == "fd00:2::/64"), mtu=1200)
    apply(host.ns, declared)
    converged(host.ns, declared)


def test_everything_at_once(host: Host) -> None:
    first = everything(host.app)
    apply(host.ns, first)
    second = everything(host.app)
    second.change(link_key("nc-a"), mac="02:00:00:00:00:51", mtu=1390, stp=True)
    second.change(link_key("nc-a-app"), mtu=1390, mac="02:00:00:00:00:54")
    second.change(link_key("eth0", host.app), mtu=1390, mac="02:00:00:00:00:55")
    second.change(link_key("nc-vx"), vni=9, mac="02:00:00:00:00:59", mtu=1340)
    second.change(link_key("lan0", host.app), parent="wan", mac="02:00:00:00:00:56")
    apply(host.ns, second)
    converged(host.ns, second)
    apply(host.ns, first)
    converged(host.ns, first)


@pytest.mark.parametrize("mtu", [1280, 1400, 1499, 1500, 1501, 9000])
@pytest.mark.parametrize("port_mtu", [1400, 1500, 9000])
def test_a_bridge_keeps_its_mtu_whatever_its_ports_have(host: Host, mtu: int, port_mtu: int) -> None:
    ip(host.ns, f"link set phy mtu {port_mtu}")
    declared = Declared()
    link = declared.link(Bridge("", "nc-a", mtu=mtu))
    declared.port(Port("", "phy", "nc-a", True), link)
    apply(host.ns, declared)
    converged(host.ns, declared)


def test_a_bridge_without_ports_takes_a_route_with_a_source_address(host: Host) -> None:
    """It has no carrier, and an IPv6 address of a link that has never had one is not usable at once."""
    declared = Declared()
    link = declared.link(Bridge("", "nc-a", ipv6_forwarding=True))
    address = declared.address(Address("", "nc-a", "fd00::1/64", nodad=True), link)
    declared.route(Route("", "fd01::/64", 254, 1024, "unicast", "fd00::9", "nc-a", source="fd00::1"), link, address)
    declared.route(Route("", "fd02::/64", 254, 1024, "unicast", "", "nc-a"), link)
    apply(host.ns, declared)
    converged(host.ns, declared)


def routes(host: Host, *to: str) -> str:
    return run(["ip", "-n", host.ns, "route", "show", *to]).stdout


@pytest.fixture
def addressed(host: Host) -> Declared:
    """A bridge with two addresses of one prefix, one of another family, and one that is its own prefix."""
    declared = Declared()
    link = declared.link(Bridge("", "nc-a"))
    for text in ("10.10.0.1/24", "10.10.0.9/24", "10.99.0.1/32"):
        declared.address(Address("", "nc-a", text), link)
    for text in ("fd00::1/64", "fd00:9::1/128"):
        declared.address(Address("", "nc-a", text, nodad=True), link)
    apply(host.ns, declared)
    converged(host.ns, declared)
    return declared


def test_a_route_to_a_prefix_that_somebody_else_has_made_will_do(host: Host, addressed: Declared) -> None:
    ip(host.ns, "route delete 10.10.0.0/24 dev nc-a")
    assert named(plan(host.ns, addressed)).keys() == {f"address/nc-a 10.10.0.{last}/24" for last in (1, 9)}
    ip(host.ns, "route add 10.10.0.0/24 dev nc-a metric 5")
    converged(host.ns, addressed)


@pytest.mark.parametrize("prefix", ["10.10.0.0/24", "fd00::/64"])
def test_the_route_to_a_prefix_is_made_once_for_all_of_its_addresses(
    host: Host, addressed: Declared, prefix: str
) -> None:
    addressed.address(Address("", "nc-a", "fd00::9/64", nodad=True), link_key("nc-a"))
    apply(host.ns, addressed)
    ip(host.ns, f"route delete {prefix} dev nc-a")
    assert len(named(plan(host.ns, addressed))) == 2
    apply(host.ns, addressed)
    converged(host.ns, addressed)


def test_a_route_to_a_prefix_over_something_else_is_left_there_and_told_of(host: Host, addressed: Declared) -> None:
    ip(host.ns, "link set phy up", "route replace 10.10.0.0/24 dev phy")
    with pytest.raises(ApplyError) as caught:
        apply(host.ns, addressed)
    failures = [outcome.failure for outcome in caught.value.report.failed if outcome.failure is not None]
    assert "see `ip route show 10.10.0.0/24`" in failures[0].advice
    assert "10.10.0.0/24 dev phy" in routes(host)
    ip(host.ns, "route delete 10.10.0.0/24 dev phy")
    apply(host.ns, addressed)
    converged(host.ns, addressed)


def test_an_interface_that_is_down_lacks_no_routes(host: Host, addressed: Declared) -> None:
    ip(host.ns, "link set nc-a down")
    assert not [key for key, (_, fields) in named(plan(host.ns, addressed)).items() if "prefix_route" in fields]
    apply(host.ns, addressed)
    converged(host.ns, addressed)
    assert "10.10.0.0/24" in routes(host)


def test_an_ipv6_route_moves_between_a_tunnel_and_the_underlay(host: Host) -> None:
    """The kernel looks for the new gateway, and finds the very route that is to be replaced."""
    declared = Declared()
    link = declared.link(Vxlan("", "nc-vx", mac=VTEP_MAC, vni=7, local="2001:db8::1", underlay="eth0", port=4789))
    declared.address(Address("", "nc-vx", "fd42:1::/128", nodad=True), link)
    straight = declared.claimed(Route("", "fd42:2::/64", 254, 1024, "unicast", "2001:db8::2", "eth0"))
    apply(host.ns, declared)
    for gateway, device, onlink in (("fd42:2::", "nc-vx", True), ("2001:db8::2", "eth0", False)):
        declared.change(straight, gateway=gateway, device=device, onlink=onlink)
        apply(host.ns, declared)
        converged(host.ns, declared)


@pytest.mark.parametrize("gateway", ["192.0.2.2", "192.0.2.77"])
def test_a_route_that_someone_has_put_in_the_place_of_ours_does_not_stay(host: Host, gateway: str) -> None:
    declared = Declared()
    declared.claimed(Route("", "10.9.0.0/16", gateway="192.0.2.2", device="eth0"))
    apply(host.ns, declared)
    ip(host.ns, f"route replace 10.9.0.0/16 via {gateway} proto static")
    apply(host.ns, declared)
    converged(host.ns, declared)
    assert len(routes(host, "10.9.0.0/16").splitlines()) == 1


@pytest.mark.parametrize("how", ["prepend", "append"])
def test_a_foreign_route_beside_ours_stays_whatever_becomes_of_ours(host: Host, how: str) -> None:
    declared = Declared()
    own = declared.claimed(Route("", "10.9.0.0/16", gateway="192.0.2.2", device="eth0"))
    other = declared.claimed(Route("", "10.8.0.0/16", gateway="192.0.2.2", device="eth0"))
    apply(host.ns, declared)
    ip(host.ns, f"route {how} 10.9.0.0/16 via 192.0.2.66 proto static", "route delete 10.8.0.0/16")
    assert named(plan(host.ns, declared)) == {f"route/{other.id}": (Action.CREATE, ())}
    declared.change(own, gateway="192.0.2.3")
    apply(host.ns, declared)
    converged(host.ns, declared)
    assert "192.0.2.66" in routes(host, "10.9.0.0/16")
    destroy(host.ns)
    assert routes(host, "10.9.0.0/16").split() == ["10.9.0.0/16", "via", "192.0.2.66", "dev", "eth0", "proto", "static"]


def test_a_tunnel_over_ipv6_carries_both_families(host: Host) -> None:
    declared = Declared()
    link = declared.link(Vxlan("", "nc-vx", vni=7, local="2001:db8::1", underlay="eth0", port=4789, learning=False))
    declared.address(Address("", "nc-vx", "fd42:1::/128", nodad=True), link)
    neighbour = declared.neighbour(Neighbour("nc-vx", "fd42:2::", VTEP_MAC), link)
    entry = declared.fdb(FdbEntry("nc-vx", VTEP_MAC, "2001:db8::2"), link)
    declared.route(
        Route("", "fd42:2::/64", 254, 1024, "unicast", "fd42:2::", "nc-vx", True), link, neighbour, entry
    )  # fmt: skip
    apply(host.ns, declared)
    converged(host.ns, declared)
    declared.change(link_key("nc-vx"), local="2001:db8::1", ttl=3)
    apply(host.ns, declared)
    converged(host.ns, declared)


def test_a_tunnel_moves_from_ipv4_to_ipv6(host: Host) -> None:
    declared = tunnel()
    apply(host.ns, declared)
    declared.change(link_key("nc-vx"), local="2001:db8::1")
    declared.change(next(key for key in declared if key.kind == "fdb"), destination="2001:db8::2")
    apply(host.ns, declared)
    converged(host.ns, declared)


def test_a_route_moves_from_one_next_hop_to_several_and_back(host: Host) -> None:
    def declared(**attributes: Any) -> Declared:
        made = Declared()
        made.claimed(Route("", "172.17.0.0/16")._replace(**attributes))
        made.claimed(Route("", "fd98::/64", 254, 1024, "unicast", "2001:db8::9", "eth0"))
        return made

    one = declared(gateway="192.0.2.9", device="eth0")
    hops = (NextHop("192.0.2.7", "eth0"), NextHop("198.51.100.8", "wan", 2))
    several = declared(gateway="", device="", nexthops=hops)
    nowhere = declared(type="blackhole", device="")
    for stack in (one, several, nowhere, several, one, nowhere, one):
        apply(host.ns, stack)
        converged(host.ns, stack)


def test_a_bridge_is_replaced_by_a_tunnel_of_its_name_while_it_has_ports(host: Host) -> None:
    def declared(first: Bridge | Vxlan) -> Declared:
        made = Declared()
        link = made.link(first)
        made.address(Address("", "nc-a", "10.10.0.1/24"), link)
        other = made.link(Bridge("", "nc-b"))
        master = "nc-a" if isinstance(first, Bridge) else "nc-b"
        veth = made.link(Veth("", "nc-app", master=master, peer=f"{host.app}/eth0"), link, other)
        peer = made.link(VethPeer(host.app, "eth0"), veth, within=veth)
        made.address(Address(host.app, "eth0", "10.10.0.2/24"), peer)
        made.port(Port("", "phy", master, True), link, other)
        return made

    bridge = declared(Bridge("", "nc-a"))
    vxlan = declared(Vxlan("", "nc-a", vni=7, local="192.0.2.1", underlay="eth0", port=4789))
    for stack in (bridge, vxlan, bridge):
        apply(host.ns, stack)
        converged(host.ns, stack)


def test_an_address_moves_from_one_link_to_another(host: Host) -> None:
    def declared(name: str) -> Declared:
        made = Declared()
        links = {other: made.link(Bridge("", other)) for other in ("nc-a", "nc-b")}
        made.address(Address("", name, "10.10.0.1/24"), links[name])
        made.address(Address("", name, "fd00::1/64", nodad=True), links[name])
        made.route(Route("", "10.30.0.0/24", gateway="10.10.0.9", device=name), links[name])
        return made

    for name in ("nc-a", "nc-b", "nc-a"):
        apply(host.ns, declared(name))
        converged(host.ns, declared(name))


def test_a_prefix_length_changes(host: Host) -> None:
    declared = Declared()
    link = declared.link(Bridge("", "nc-a"))
    declared.address(Address("", "nc-a", "10.10.0.1/24"), link)
    declared.address(Address("", "nc-a", "fd00::1/64", nodad=True), link)
    apply(host.ns, declared)
    wider = declared.without(address_key("nc-a", "10.10.0.1/24"), address_key("nc-a", "fd00::1/64"))
    wider.address(Address("", "nc-a", "10.10.0.1/16"), link)
    wider.address(Address("", "nc-a", "fd00::1/48", nodad=True), link)
    apply(host.ns, wider)
    converged(host.ns, wider)


def test_what_was_left_out_by_a_target_is_not_made_along_with_what_a_change_took_along(host: Host) -> None:
    apply(host.ns, tunnel())
    moved = tunnel("10.42.9.0/32")
    moved.neighbour(Neighbour("nc-vx", "10.42.3.0", VTEP_MAC), link_key("nc-vx"))
    with writing(host.ns) as session:
        whole = session.plan(moved, stack=moved.stack, host="h")
        targets = ["kernel/address/nc-vx 10.42.9.0/32", "kernel/address/nc-vx 10.42.1.0/32"]
        apply_plan(restrict(whole, moved, targets), moved, session)
    assert named(plan(host.ns, moved)) == {"neighbour/nc-vx 10.42.3.0": (Action.CREATE, ())}


def test_a_macvlan_passes_everything_through_and_stops_it(host: Host) -> None:
    for mode in ("bridge", "passthru", "private"):
        declared = Declared()
        link = declared.link(Macvlan(host.app, "lan0", parent="phy", mode=mode))
        declared.address(Address(host.app, "lan0", "192.0.2.50/24"), link)
        apply(host.ns, declared)
        converged(host.ns, declared)
