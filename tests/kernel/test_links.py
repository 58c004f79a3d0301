"""Links are made as others make them, but for what is declared."""

import pytest

from netctl.kinds.link import Bridge, Link, Macvlan, Veth, Vxlan
from netctl.kinds.neighbour import FLOOD_MAC, FdbEntry
from tests.kernel.driving import Declared, apply, converged
from tests.kernel.hosts import Host, bridge
from tests.support.namespaces import ip, ip_json, run_in

LINKS: dict[str, tuple[Link, str]] = {
    "bridge": (Bridge("", "ours", ipv4_forwarding=True), "link add theirs type bridge"),
    "vxlan": (
        Vxlan("", "ours", vni=7, local="192.0.2.1", underlay="eth0", port=4789, ipv6_forwarding=True),
        "link add theirs type vxlan id 8 local 192.0.2.1 dev eth0 dstport 4789",
    ),
    "macvlan": (
        Macvlan("", "ours", parent="eth0", mode="bridge"),
        "link add theirs link eth0 type macvlan mode bridge",
    ),
}


@pytest.mark.parametrize("kind", LINKS)
def test_a_link_has_the_flags_of_one_made_by_ip(host: Host, kind: str) -> None:
    ours, command = LINKS[kind]
    declared = Declared()
    key = declared.link(ours)
    ip(host.ns, command, "link set theirs up")
    apply(host.ns, declared)
    for change in ({}, {"mtu": 1400}, {"group": 5}):
        declared.change(key, **change)
        apply(host.ns, declared)
        converged(host.ns, declared)
        flags = {link["ifname"]: set(link["flags"]) for link in ip_json(host.ns, "link", "show")}
        assert flags["ours"] - {"LOWER_UP"} == flags["theirs"] - {"LOWER_UP"}
        assert {"UP", "MULTICAST", "BROADCAST"} <= flags["ours"]


def test_both_ends_of_a_pair_have_the_flags_of_one_made_by_ip(host: Host) -> None:
    declared = Declared()
    declared.link(Veth("", "ours", master="", peer=f"{host.app}/eth0", ipv4_forwarding=True))
    apply(host.ns, declared)
    assert {"UP", "MULTICAST", "BROADCAST"} <= set(ip_json(host.ns, "link", "show", "ours")[0]["flags"])


def test_what_is_not_declared_is_left_as_someone_else_set_it(host: Host) -> None:
    declared = Declared()
    key = declared.link(Bridge("", "nc-a", up=None))
    apply(host.ns, declared)
    ip(host.ns, "link set nc-a mtu 1300 group 5 down", "link set nc-a multicast off promisc on type bridge stp_state 1")
    before = ip_json(host.ns, "link", "show", "nc-a")
    converged(host.ns, declared)
    declared.change(key, mac="02:00:00:00:00:01")
    apply(host.ns, declared)
    (was,), (now,) = before, ip_json(host.ns, "link", "show", "nc-a")
    assert (now["flags"], now["mtu"], now["group"]) == (was["flags"], 1300, "5")


def test_an_entry_of_others_without_a_destination_is_passed_over(host: Host) -> None:
    """It may lead to a next-hop object, or to a port of a bridge."""
    declared = Declared()
    link = declared.link(Vxlan("", "nc-vx", vni=7, local="192.0.2.1", underlay="eth0", port=4789, learning=False))
    declared.fdb(FdbEntry("nc-vx", FLOOD_MAC, "192.0.2.2"), link)
    apply(host.ns, declared)
    run_in(host.ns, ["ip", "nexthop", "add", "id", "1", "via", "192.0.2.9", "fdb"])
    run_in(host.ns, ["ip", "nexthop", "add", "id", "2", "group", "1", "fdb"])
    bridge(host.ns, "fdb add 02:00:00:00:00:77 dev nc-vx nhid 2 self permanent")
    converged(host.ns, declared)
