"""The compiled firewall, by real packets: what is masqueraded, what passes, what is dropped.

One router with the local legs `nc-pods` and `nc-db`, an endpoint on each, and an underlay. On the underlay is an
outside host, which is also where the remote part of the overlay `pods` lives.
"""

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import pytest

from netctl.compiler.firewall import Segment, compile_firewall
from netctl.engine.resource import Origin
from reconcilers.nftables import SYSTEM
from tests.nftables.conftest import STACK, Host
from tests.support.namespaces import Namespaces, call_in, ip, run_in, veth_between

PODS = Segment("nc-pods", ("10.42.1.0/24", "fd42:0:0:1::/64"), origin=Origin("overlays.pods"))
DB = Segment("nc-db", ("10.20.0.0/24", "fd20::/64"), origin=Origin("networks.db"))
CLUSTER = ("10.42.0.0/16", "fd42::/32")

POD = {4: "10.42.1.2", 6: "fd42:0:0:1::2"}
DATABASE = {4: "10.20.0.2", 6: "fd20::2"}
OUTSIDE = {4: "192.0.2.2", 6: "fd99::2"}
REMOTE = {4: "10.42.2.2", 6: "fd42:0:0:2::2"}
ROUTER = {4: "192.0.2.1", 6: "fd99::1"}

FAMILIES = (4, 6)


class Lab(NamedTuple):
    """The router, and the namespaces around it."""

    router: Host
    pods: str
    db: str
    outside: str

    def apply(self, *segments: Segment) -> None:
        with SYSTEM.reader(self.router.context) as reader:
            facts = reader.facts()
        self.router.apply(*compile_firewall(STACK, segments, facts))

    def source_seen(self, sender: str, receiver: str, address: str, *, expected: bool = True) -> str | None:
        """The address that a packet from one namespace to another arrives from; None where it does not arrive."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET

        def bound() -> socket.socket:
            opened = socket.socket(family, socket.SOCK_DGRAM)
            opened.bind((address, 0))
            return opened

        with (
            call_in(receiver, bound) as server,
            call_in(sender, lambda: socket.socket(family, socket.SOCK_DGRAM)) as client,
        ):
            server.settimeout(0.3)
            # A new link drops what is sent before the kernel has noticed its carrier.
            for _ in range(100 if expected else 1):
                client.sendto(b"x", (address, server.getsockname()[1]))
                with suppress(TimeoutError):
                    return str(server.recvfrom(16)[1][0])
            return None

    def dropped(self) -> int:
        """How many packets the stack's own rule has dropped."""
        counters = [
            part["counter"]["packets"]
            for entry in self.router.objects()
            for part in entry.get("rule", {}).get("expr", [])
            if "counter" in part
        ]
        return int(sum(counters))


@pytest.fixture
def lab(netns: Namespaces) -> Lab:
    router, pods, db, outside = (netns(name, loopback=True) for name in ("router", "pods", "db", "outside"))
    run_in(router, ["sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"])
    veth_between(router, outside, "wan", "eth0")
    ip(router, *_addresses("wan", "192.0.2.1/24", "fd99::1/64"))
    ip(
        outside,
        *_addresses("eth0", "192.0.2.2/24", "fd99::2/64"),
        *_addresses("lo", "10.42.2.2/32", "fd42:0:0:2::2/128"),
    )
    ip(outside, "route add 10.42.1.0/24 via 192.0.2.1", "route add fd42:0:0:1::/64 via fd99::1")
    ip(router, "route add 10.42.2.0/24 via 192.0.2.2", "route add fd42:0:0:2::/64 via fd99::2")
    _leg(router, pods, "nc-pods", ("10.42.1.1/24", "fd42:0:0:1::1/64"), ("10.42.1.2/24", "fd42:0:0:1::2/64"))
    _leg(router, db, "nc-db", ("10.20.0.1/24", "fd20::1/64"), ("10.20.0.2/24", "fd20::2/64"))
    return Lab(Host(router), pods, db, outside)


def _leg(router: str, ns: str, bridge: str, gateways: tuple[str, str], addresses: tuple[str, str]) -> None:
    port = f"p{bridge}"
    ip(router, f"link add {bridge} type bridge", f"link set {bridge} up", *_addresses(bridge, *gateways))
    veth_between(router, ns, port, "eth0")
    ip(router, f"link set {port} master {bridge}")
    ip(ns, *_addresses("eth0", *addresses), *(f"route add default via {gateway.split('/')[0]}" for gateway in gateways))


def _addresses(link: str, *addresses: str) -> list[str]:
    return [f"address add {address} dev {link}" + (" nodad" if ":" in address else "") for address in addresses]


def test_what_leaves_the_stack_takes_the_host_s_address(lab: Lab) -> None:
    for family in FAMILIES:
        lab.apply(PODS._replace(masquerade=True), DB)
        assert lab.source_seen(lab.pods, lab.outside, OUTSIDE[family]) == ROUTER[family]


def test_between_segments_of_the_stack_the_true_source_is_seen(lab: Lab) -> None:
    for family in FAMILIES:
        lab.apply(PODS._replace(masquerade=True), DB._replace(masquerade=True))
        assert lab.source_seen(lab.pods, lab.db, DATABASE[family]) == POD[family]
        assert lab.source_seen(lab.db, lab.pods, POD[family]) == DATABASE[family]


def test_on_the_way_to_the_overlay_s_remote_part_the_true_source_is_seen(lab: Lab) -> None:
    for family in FAMILIES:
        lab.apply(PODS._replace(masquerade=True, cluster=CLUSTER))
        assert lab.source_seen(lab.pods, lab.outside, REMOTE[family]) == POD[family]
        assert lab.source_seen(lab.pods, lab.outside, OUTSIDE[family]) == ROUTER[family]


def test_a_segment_without_masquerading_keeps_its_source(lab: Lab) -> None:
    for family in FAMILIES:
        lab.apply(PODS, DB._replace(masquerade=True))
        assert lab.source_seen(lab.pods, lab.outside, OUTSIDE[family]) == POD[family]


def test_what_goes_back_out_of_the_segment_s_own_interface_keeps_its_source(lab: Lab, netns: Namespaces) -> None:
    """To an address that a router on the segment has behind it, which is in none of the segment's prefixes."""
    beyond = {4: "172.31.0.7", 6: "fd31::7"}
    neighbour = netns("neighbour", loopback=True)
    veth_between(lab.router.ns, neighbour, "port2", "eth0")
    ip(
        lab.router.ns,
        "link set port2 master nc-pods",
        *(f"route add {beyond[family]} dev nc-pods" for family in FAMILIES),
    )
    ip(neighbour, *_addresses("eth0", "10.42.1.3/24", "fd42:0:0:1::3/64", "172.31.0.7/32", "fd31::7/128"))
    lab.apply(PODS._replace(masquerade=True))
    for family in FAMILIES:
        assert lab.source_seen(lab.pods, neighbour, beyond[family]) == POD[family]


def test_nothing_enters_or_leaves_an_internal_segment(lab: Lab) -> None:
    for family in FAMILIES:
        lab.apply(PODS._replace(internal=True), DB)
        assert lab.source_seen(lab.pods, lab.outside, OUTSIDE[family], expected=False) is None
        assert lab.source_seen(lab.pods, lab.db, DATABASE[family], expected=False) is None
        assert lab.source_seen(lab.db, lab.pods, POD[family], expected=False) is None
        assert lab.dropped() >= 3
        assert lab.source_seen(lab.db, lab.outside, OUTSIDE[family]) == DATABASE[family]


def test_the_host_itself_reaches_an_internal_segment(lab: Lab) -> None:
    for family in FAMILIES:
        lab.apply(PODS._replace(internal=True))
        assert lab.source_seen(lab.router.ns, lab.pods, POD[family])


def test_an_internal_overlay_reaches_its_remote_part_and_nothing_else(lab: Lab) -> None:
    for family in FAMILIES:
        lab.apply(PODS._replace(internal=True, cluster=CLUSTER), DB)
        assert lab.source_seen(lab.pods, lab.outside, REMOTE[family]) == POD[family]
        assert lab.source_seen(lab.pods, lab.outside, OUTSIDE[family], expected=False) is None
        assert lab.source_seen(lab.pods, lab.db, DATABASE[family], expected=False) is None


def test_an_internal_overlay_uses_its_tunnel(lab: Lab) -> None:
    for family in FAMILIES:
        lab.apply(PODS._replace(internal=True, extra_interfaces=("wan",)))
        assert lab.source_seen(lab.pods, lab.outside, OUTSIDE[family]) == POD[family]


def test_an_isolated_segment_reaches_the_outside_but_no_other_segment(lab: Lab) -> None:
    for family in FAMILIES:
        lab.apply(PODS._replace(isolated=True), DB)
        assert lab.source_seen(lab.pods, lab.db, DATABASE[family], expected=False) is None
        assert lab.source_seen(lab.db, lab.pods, POD[family], expected=False) is None
        assert lab.dropped() >= 2
        assert lab.source_seen(lab.pods, lab.outside, OUTSIDE[family]) == POD[family]


def test_an_isolated_segment_does_not_reach_an_overlay_s_remote_part_by_the_underlay(lab: Lab) -> None:
    for family in FAMILIES:
        lab.apply(PODS._replace(cluster=CLUSTER), DB._replace(isolated=True))
        assert lab.source_seen(lab.db, lab.outside, REMOTE[family], expected=False) is None
        assert lab.source_seen(lab.db, lab.outside, OUTSIDE[family]) == DATABASE[family]
        assert lab.source_seen(lab.pods, lab.outside, REMOTE[family]) == POD[family]


def test_an_isolated_overlay_reaches_its_own_remote_part(lab: Lab) -> None:
    for family in FAMILIES:
        lab.apply(PODS._replace(cluster=CLUSTER, isolated=True), DB)
        assert lab.source_seen(lab.pods, lab.outside, REMOTE[family]) == POD[family]
        assert lab.source_seen(lab.pods, lab.db, DATABASE[family], expected=False) is None


@pytest.mark.parametrize("restriction", ["internal", "isolated"])
def test_ports_of_one_bridge_reach_each_other_also_where_bridged_packets_are_filtered(
    lab: Lab, netns: Namespaces, restriction: str
) -> None:
    neighbour = netns("neighbour", loopback=True)
    veth_between(lab.router.ns, neighbour, "port2", "eth0")
    ip(lab.router.ns, "link set port2 master nc-pods", "link set nc-pods type bridge nf_call_iptables 1")
    ip(neighbour, *_addresses("eth0", "10.42.1.3/24"))
    lab.apply(
        PODS._replace(masquerade=True, internal=restriction == "internal", isolated=restriction == "isolated"), DB
    )
    assert lab.source_seen(lab.pods, neighbour, "10.42.1.3") == POD[4]


def drop_by_iptables(lab: Lab) -> None:
    for program in ("iptables-nft", "ip6tables-nft"):
        run_in(lab.router.ns, [program, "-P", "FORWARD", "DROP"])


def drop_by_nft(lab: Lab) -> None:
    lab.router.nft("table inet firewall { chain f { type filter hook forward priority 10; policy drop; }; }")


@pytest.mark.parametrize("drop", [drop_by_iptables, drop_by_nft])
def test_where_another_tool_drops_forwarded_packets_ours_pass(lab: Lab, drop: Callable[[Lab], None]) -> None:
    for family in FAMILIES:
        lab.router.nft("flush ruleset")  # the first round accepts both families
        drop(lab)
        assert lab.source_seen(lab.pods, lab.outside, OUTSIDE[family], expected=False) is None
        lab.apply(PODS)
        assert lab.source_seen(lab.pods, lab.outside, OUTSIDE[family]) == POD[family]
        assert lab.source_seen(lab.outside, lab.pods, POD[family]) == OUTSIDE[family]
        assert lab.source_seen(lab.db, lab.outside, OUTSIDE[family], expected=False) is None


def test_acceptance_does_not_overrule_the_stack_s_own_drop(lab: Lab) -> None:
    for family in FAMILIES:
        drop_by_iptables(lab)
        lab.apply(PODS._replace(internal=True), DB)
        assert lab.source_seen(lab.pods, lab.db, DATABASE[family], expected=False) is None
