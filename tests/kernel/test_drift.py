"""Every attribute that netctl manages is repaired: changed behind its back, it is in the plan, alone, and put back.

Where the kernel itself takes more along with the change, the case says what (`also`) and why.
"""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import NamedTuple

import pytest

from netctl.engine.change import Action
from netctl.kinds.address import ADDRESS, Address
from netctl.kinds.link import LINK, PORT, Bridge, Macvlan, Port, Veth, VethPeer, Vxlan
from netctl.kinds.neighbour import FDB, FLOOD_MAC, NEIGHBOUR, FdbEntry, Neighbour
from netctl.kinds.route import ROUTE, Route, stack_number
from netctl.kinds.rule import RULE, Rule
from netctl.kinds.sysctl import SYSCTL, Sysctl
from tests.kernel.driving import STACK, Declared, apply, conflicting, converged, named, plan
from tests.kernel.hosts import IPV6_FORWARDING, VTEP_MAC, Host, everything, make_host
from tests.support.namespaces import Namespaces, run_in, wait_for_addresses


class Settled:
    """A host on which everything is as declared, for one case after another; made anew where one did not repair it."""

    def __init__(self, netns: Namespaces) -> None:
        self._netns = netns
        self._clean: tuple[Host, Declared] | None = None

    @contextmanager
    def kept(self) -> Iterator[tuple[Host, Declared]]:
        """The host and its stack, which the caller leaves as declared."""
        current, self._clean = self._clean or self._made(), None
        yield current
        self._clean = current

    def _made(self) -> tuple[Host, Declared]:
        host = make_host(self._netns)
        declared = everything(host.app)
        apply(host.ns, declared)
        converged(host.ns, declared)
        return host, declared


@pytest.fixture(scope="module")
def settled(shared_netns: Namespaces) -> Settled:
    return Settled(shared_netns)


CREATE, UPDATE, REPLACE = Action.CREATE, Action.UPDATE, Action.REPLACE

Also = Mapping[str, tuple[Action, tuple[str, ...]]]
"""Further changes by key: the action, and the fields."""


class Drift(NamedTuple):
    """One change made behind netctl's back, and what the plan must say."""

    kind: type[tuple[object, ...]]
    field: str
    key: str
    commands: tuple[str, ...]
    action: Action = UPDATE
    also: Also = MappingProxyType({})
    why: str = ""
    """Why the kernel changes more than was asked for; empty where it does not."""
    fields: tuple[str, ...] | None = None
    """What the plan names, where it is not just the field."""
    within_app: bool = False
    """The commands are run in the attached namespace."""


def common(kind: type[tuple[object, ...]], key: str, name: str, within_app: bool) -> list[Drift]:
    """The attributes that every link has, as far as changing them takes nothing else along."""

    def drift(field: str, command: str) -> Drift:
        return Drift(kind, field, key, (command,), within_app=within_app)

    return [
        drift("mtu", f"ip link set {name} mtu 1300"),
        drift("group", f"ip link set {name} group 99"),
        drift("altnames", f"ip link property del dev {name} altname {key.rpartition('/')[2]}-long-name"),
        drift("ipv4_forwarding", f"sysctl -w net.ipv4.conf.{name}.forwarding=0"),
        drift("ipv6_forwarding", f"sysctl -w net.ipv6.conf.{name}.{IPV6_FORWARDING}=0"),
    ]


ROUTE_VX = {"route/10.42.2.0/24": (CREATE, ())}
NEIGHBOUR_VX = {"neighbour/nc-vx 10.42.2.0": (CREATE, ())}
ENTRIES_VX = {
    f"fdb/nc-vx {VTEP_MAC}": (CREATE, ()),
    f"fdb/nc-vx {FLOOD_MAC} 192.0.2.2": (CREATE, ()),
    f"fdb/nc-vx {FLOOD_MAC} 192.0.2.3": (CREATE, ()),
}
ON_VX = {**ROUTE_VX, **NEIGHBOUR_VX, **ENTRIES_VX, "address/nc-vx 10.42.1.0/32": (CREATE, ())}
ON_BRIDGE = {
    "address/nc-a 10.10.0.1/24": (CREATE, ()),
    "address/nc-a fd00::1/64": (CREATE, ()),
    "route/fd00:2::/64": (CREATE, ()),
    "route/10.30.0.0/24 table 77 metric 5": (CREATE, ()),
}
DEFAULT4, DEFAULT6 = "route/{app}/0.0.0.0/0", "route/{app}/::/0"
ON_PEER = {
    "address/{app}/eth0 10.10.0.2/24": (CREATE, ()),
    "address/{app}/eth0 fd00::2/64": (CREATE, ()),
    DEFAULT4: (CREATE, ()),
    DEFAULT6: (CREATE, ()),
}
VX_AGAIN = (
    (
        "ip link add nc-vx address 02:00:00:00:00:09 mtu 1350 group 11 type vxlan "
        "id {id} local 192.0.2.1 dev eth0 dstport {port} nolearning ttl 17 ageing 600"
    ),
    f"ip link set nc-vx up alias netctl:{STACK}/networks.a@nc-vx",
    "ip link property add dev nc-vx altname nc-vx-long-name",
    "sysctl -w net.ipv4.conf.nc-vx.forwarding=1",
    f"sysctl -w net.ipv6.conf.nc-vx.{IPV6_FORWARDING}=1",
)


def vxlan_again(number: int, port: int) -> tuple[str, ...]:
    return ("ip link delete nc-vx", *(command.format(id=number, port=port) for command in VX_AGAIN))


BRIDGES = [
    Drift(
        Bridge, "mtu", "link/nc-a", ("ip link set nc-a mtu 1300",), also={"route/fd00:2::/64": (UPDATE, ("mtu",))},
        why="an IPv6 route's MTU is lowered to its device's",
    ),
    *(case for case in common(Bridge, "link/nc-a", "nc-a", within_app=False) if case.field not in {"mtu", "altnames"}),
    Drift(Bridge, "altnames", "link/nc-a", ("ip link property del dev nc-a altname nc-a-long-name-of-mine",)),
    Drift(
        Bridge, "up", "link/nc-a", ("ip link set nc-a down",),
        also={k: v for k, v in ON_BRIDGE.items() if ":" in k or "route" in k},
        why="a device that goes down loses its routes, and its IPv6 addresses",
    ),
    Drift(Bridge, "mac", "link/nc-a", ("ip link set nc-a address 02:00:00:00:00:99",)),
    Drift(Bridge, "stp", "link/nc-a", ("ip link set nc-a type bridge stp_state 1",)),
    Drift(Bridge, "nf_call_iptables", "link/nc-a", ("ip link set nc-a type bridge nf_call_iptables 0",)),
    Drift(Bridge, "nf_call_ip6tables", "link/nc-a", ("ip link set nc-a type bridge nf_call_ip6tables 0",)),
]  # fmt: skip

VETHS = [
    *common(Veth, "link/nc-a-app", "nc-a-app", within_app=False),
    Drift(Veth, "up", "link/nc-a-app", ("ip link set nc-a-app down",)),
    Drift(Veth, "mac", "link/nc-a-app", ("ip link set nc-a-app address 02:00:00:00:00:99",)),
    Drift(Veth, "master", "link/nc-a-app", ("ip link set nc-a-app nomaster",), fields=("master", "hairpin")),
    Drift(Veth, "hairpin", "link/nc-a-app", ("bridge link set dev nc-a-app hairpin off",)),
    Drift(
        Veth, "peer", "link/nc-a-app",
        (
            "ip link delete nc-a-app",
            "ip link add nc-a-app mtu 1400 address 02:00:00:00:00:04 group 8 type veth peer name other",
            f"ip link set nc-a-app up master nc-a alias netctl:{STACK}/networks.a@nc-a-app",
            "ip link property add dev nc-a-app altname nc-a-app-long-name",
            "sysctl -w net.ipv4.conf.nc-a-app.forwarding=1",
            f"sysctl -w net.ipv6.conf.nc-a-app.{IPV6_FORWARDING}=1",
            "bridge link set dev nc-a-app hairpin on",
        ),
        REPLACE, {"link/{app}/eth0": (CREATE, ()), **ON_PEER},
        why="the far end, and all that is on it, went with the pair",
    ),
]  # fmt: skip

PEERS = [
    *common(VethPeer, "link/{app}/eth0", "eth0", within_app=True),
    Drift(
        VethPeer, "up", "link/{app}/eth0", ("ip link set eth0 down",),
        also={DEFAULT4: (CREATE, ()), DEFAULT6: (CREATE, ()), "address/{app}/eth0 fd00::2/64": (CREATE, ())},
        why="a device that goes down loses its routes, and its IPv6 addresses", within_app=True,
    ),
    Drift(VethPeer, "mac", "link/{app}/eth0", ("ip link set eth0 address 02:00:00:00:00:99",), within_app=True),
]  # fmt: skip

VXLANS = [
    *common(Vxlan, "link/nc-vx", "nc-vx", within_app=False),
    Drift(
        Vxlan, "up", "link/nc-vx", ("ip link set nc-vx down",), also={**ROUTE_VX, **NEIGHBOUR_VX},
        why="a device that goes down loses its routes and neighbours",
    ),
    Drift(
        Vxlan, "mac", "link/nc-vx", ("ip link set nc-vx address 02:00:00:00:00:99",), also=NEIGHBOUR_VX,
        why="a device whose MAC address changes loses its neighbours",
    ),
    Drift(Vxlan, "master", "link/nc-vx", ("ip link set nc-vx master nc-a",)),
    Drift(Vxlan, "local", "link/nc-vx", ("ip link set nc-vx type vxlan id 7 local 198.51.100.1",)),
    Drift(Vxlan, "underlay", "link/nc-vx", ("ip link set nc-vx type vxlan id 7 dev wan",)),
    Drift(Vxlan, "learning", "link/nc-vx", ("ip link set nc-vx type vxlan id 7 learning",)),
    Drift(Vxlan, "ttl", "link/nc-vx", ("ip link set nc-vx type vxlan id 7 ttl 9",)),
    Drift(Vxlan, "ageing", "link/nc-vx", ("ip link set nc-vx type vxlan id 7 ageing 60",)),
    Drift(
        Vxlan, "vni", "link/nc-vx", vxlan_again(8, 4789), REPLACE, ON_VX,
        why="the VNI can only be changed by making the device anew",
    ),
    Drift(
        Vxlan, "port", "link/nc-vx", vxlan_again(7, 4790), REPLACE, ON_VX,
        why="the port can only be changed by making the device anew",
    ),
]  # fmt: skip

MACVLANS = [
    *common(Macvlan, "link/{app}/lan0", "lan0", within_app=True),
    Drift(Macvlan, "up", "link/{app}/lan0", ("ip link set lan0 down",), within_app=True),
    Drift(Macvlan, "mac", "link/{app}/lan0", ("ip link set lan0 address 02:00:00:00:00:99",), within_app=True),
    Drift(Macvlan, "mode", "link/{app}/lan0", ("ip link set lan0 type macvlan mode private",), within_app=True),
    Drift(
        Macvlan, "parent", "link/{app}/lan0",
        (
            "ip -n {app} link delete lan0",
            "ip link add lan0 link wan address 02:00:00:00:00:06 mtu 1400 group 10 netns {app} type macvlan",
            "ip -n {app} link set lan0 type macvlan mode bridge",
            f"ip -n {{app}} link set lan0 up alias netctl:{STACK}/networks.a@lan0",
            "ip -n {app} link property add dev lan0 altname lan0-long-name",
            "ip netns exec {app} sysctl -w net.ipv4.conf.lan0.forwarding=1",
            f"ip netns exec {{app}} sysctl -w net.ipv6.conf.lan0.{IPV6_FORWARDING}=1",
        ),
        REPLACE, {"address/{app}/lan0 192.0.2.50/24": (CREATE, ())},
        why="the parent can only be changed by making the device anew",
    ),
]  # fmt: skip

PORTS = [
    Drift(Port, "master", "port/phy", ("ip link set phy nomaster",)),
    Drift(Port, "up", "port/phy", ("ip link set phy down",)),
]

ADDRESSES = [
    Drift(Address, "permanent", "address/nc-a 10.10.0.1/24",
          ("ip address change 10.10.0.1/24 dev nc-a valid_lft 500 preferred_lft 500",), fields=("permanent", "owner")),
    Drift(Address, "permanent", "address/nc-a fd00::1/64",
          ("ip address change fd00::1/64 dev nc-a valid_lft 500 preferred_lft 500 nodad",),
          fields=("permanent", "owner")),
    Drift(Address, "nodad", "address/nc-a fd00::1/64", ("ip address change fd00::1/64 dev nc-a",),
          fields=("nodad", "owner")),
    Drift(Address, "owner", "address/nc-a 10.10.0.1/24", ("ip address change 10.10.0.1/24 dev nc-a",)),
    Drift(Address, "deleted", "address/nc-a 10.10.0.1/24", ("ip address delete 10.10.0.1/24 dev nc-a",), CREATE,
          {"route/10.30.0.0/24 table 77 metric 5": (CREATE, ())},
          why="with its last IPv4 address a device loses its IPv4 routes"),
    Drift(Address, "deleted", "address/{app}/eth0 10.10.0.2/24", ("ip address delete 10.10.0.2/24 dev eth0",), CREATE,
          {DEFAULT4: (CREATE, ())}, why="the default route's gateway was on the address's prefix", within_app=True),
    Drift(Address, "permanent", "address/{app}/eth0 10.10.0.2/24",
          ("ip address change 10.10.0.2/24 dev eth0 valid_lft 500 preferred_lft 500",),
          fields=("permanent", "owner"), within_app=True),
    Drift(Address, "prefix_route", "address/nc-a 10.10.0.1/24", ("ip route delete 10.10.0.0/24 dev nc-a",)),
    Drift(Address, "prefix_route", "address/nc-a fd00::1/64", ("ip route delete fd00::/64 dev nc-a",)),
    Drift(Address, "prefix_route", "address/{app}/eth0 10.10.0.2/24", ("ip route flush dev eth0",),
          also={DEFAULT4: (CREATE, ())}, why="the default route is one of those that are flushed", within_app=True),
    Drift(Address, "prefix_route", "address/{app}/eth0 fd00::2/64", ("ip route delete fd00::/64 dev eth0",),
          within_app=True),
]  # fmt: skip

V4, V6, FAR = "route/10.42.2.0/24", "route/fd00:2::/64", "route/172.16.0.0/16"
SEVERAL4, SEVERAL6 = "route/172.17.0.0/16 metric 5", "route/fd98::/64"


def route(key: str, field: str, command: str, *fields: str, within_app: bool = False) -> Drift:
    """A route that bears netctl's protocol number still, so that nothing but the field has changed."""
    marked, hops, rest = command.partition(" nexthop")
    return Drift(
        Route, field, key, (f"ip route {marked} proto 110{hops}{rest}",), fields=fields or None, within_app=within_app
    )  # fmt: skip


ROUTES = [
    # IPv4, over a device of the stack's.
    route(V4, "gateway", "replace 10.42.2.0/24 via 10.42.3.0 dev nc-vx onlink src 10.42.1.0 mtu 1340"),
    route(V4, "source", "replace 10.42.2.0/24 via 10.42.2.0 dev nc-vx onlink mtu 1340"),
    route(V4, "mtu", "replace 10.42.2.0/24 via 10.42.2.0 dev nc-vx onlink src 10.42.1.0"),
    Drift(Route, "onlink", V4, (
        "ip route add 10.42.2.0/32 dev nc-vx",
        "ip route replace 10.42.2.0/24 via 10.42.2.0 dev nc-vx src 10.42.1.0 mtu 1340 proto 110",
    )),
    Drift(Route, "owner", V4, ("ip route replace 10.42.2.0/24 via 10.42.2.0 dev nc-vx onlink src 10.42.1.0 mtu 1340",)),
    Drift(Route, "mtu", V4, ("ip route replace 10.42.2.0/24 via 10.42.2.0 dev nc-vx onlink src 10.42.1.0 mtu 1200",),
          fields=("mtu", "owner")),
    Drift(Route, "deleted", V4, ("ip route delete 10.42.2.0/24",), CREATE),
    Drift(Route, "deleted", "route/10.30.0.0/24 table 77 metric 5", ("ip route delete 10.30.0.0/24 table 77",), CREATE),
    # IPv6.
    route(V6, "gateway", "replace fd00:2::/64 via fd00::8 dev nc-a src fd00::1 mtu 1380"),
    route(V6, "source", "replace fd00:2::/64 via fd00::9 dev nc-a mtu 1380"),
    route(V6, "mtu", "replace fd00:2::/64 via fd00::9 dev nc-a src fd00::1"),
    Drift(Route, "owner", V6, ("ip route replace fd00:2::/64 via fd00::9 dev nc-a src fd00::1 mtu 1380",)),
    Drift(Route, "deleted", V6, ("ip route delete fd00:2::/64",), CREATE),
    # Claimed: over an interface that is not the stack's.
    route(FAR, "gateway", "replace 172.16.0.0/16 via 192.0.2.8 dev eth0 src 192.0.2.1 mtu 1300"),
    route(FAR, "device", "replace 172.16.0.0/16 via 192.0.2.9 dev wan onlink src 192.0.2.1 mtu 1300", "device",
          "onlink"),
    route(FAR, "type", "replace blackhole 172.16.0.0/16", "type", "gateway", "device", "source", "mtu"),
    Drift(Route, "owner", FAR, ("ip route replace 172.16.0.0/16 via 192.0.2.9 dev eth0 src 192.0.2.1 mtu 1300",)),
    Drift(Route, "deleted", FAR, ("ip route delete 172.16.0.0/16",), CREATE),
    route("route/172.18.0.0/16", "type", "replace prohibit 172.18.0.0/16"),
    route("route/fd97::/64", "type", "replace blackhole fd97::/64"),
    route("route/fd99::/64", "device", "replace fd99::/64 dev wan"),
    # Several next hops.
    route(SEVERAL4, "nexthops", "replace 172.17.0.0/16 metric 5 nexthop via 192.0.2.7 dev eth0 weight 3 "
          "nexthop via 198.51.100.8 dev wan weight 2"),
    route(SEVERAL4, "gateway", "replace 172.17.0.0/16 metric 5 via 192.0.2.7 dev eth0", "gateway", "device",
          "nexthops"),
    route(SEVERAL6, "nexthops", "replace fd98::/64 nexthop via 2001:db8::7 dev eth0 "
          "nexthop via 2001:db8::9 dev eth0 weight 2"),
    route(SEVERAL6, "nexthops", "append fd98::/64 via 2001:db8::9 dev eth0"),
    Drift(Route, "nexthops", SEVERAL6, ("ip route delete fd98::/64 via 2001:db8::7 dev eth0",),
          fields=("gateway", "device", "nexthops")),
    Drift(Route, "deleted", SEVERAL6, ("ip route delete fd98::/64",), CREATE),
    # In an attached namespace.
    route(DEFAULT4, "gateway", "replace default via 10.10.0.9 dev eth0", within_app=True),
    route(DEFAULT4, "device", "replace default via 10.10.0.1 dev lan0 onlink", "device", "onlink", within_app=True),
    route(DEFAULT4, "mtu", "replace default via 10.10.0.1 dev eth0 mtu 1200", within_app=True),
    route(DEFAULT6, "gateway", "replace default via fd00::7 dev eth0", within_app=True),
    Drift(Route, "deleted", DEFAULT4, ("ip route delete default",), CREATE, within_app=True),
]  # fmt: skip

MARKED = "protocol 110 suppress_ifgroup {group}"
RULE4, RULE4_KEY = "from 10.0.0.0/8 priority 1000", "rule/ipv4 1000: from 10.0.0.0/8"
RULES = [
    Drift(Rule, "table", RULE4_KEY, (f"ip rule delete {RULE4}", f"ip rule add {RULE4} table 101 {MARKED}"), REPLACE),
    Drift(Rule, "action", RULE4_KEY, (f"ip rule delete {RULE4}", f"ip rule add {RULE4} prohibit {MARKED}"), REPLACE,
          fields=("action", "table")),
    Drift(Rule, "deleted", RULE4_KEY, (f"ip rule delete {RULE4}",), CREATE),
    Drift(Rule, "deleted", "rule/ipv6 1000: from fd00::/8", ("ip -6 rule delete priority 1000",), CREATE),
    Drift(Rule, "deleted", "rule/ipv4 1001: iif eth0 oif wan fwmark 0x5/0xff", ("ip rule delete priority 1001",),
          CREATE),
]  # fmt: skip

NEIGHBOURS = [
    Drift(Neighbour, "mac", "neighbour/nc-vx 10.42.2.0",
          ("ip neighbour replace 10.42.2.0 lladdr 02:00:00:00:00:99 dev nc-vx nud permanent",)),
    Drift(Neighbour, "permanent", "neighbour/nc-vx 10.42.2.0",
          (f"ip neighbour replace 10.42.2.0 lladdr {VTEP_MAC} dev nc-vx nud reachable",)),
    Drift(Neighbour, "owner", "neighbour/nc-vx 10.42.2.0", (
        "ip neighbour delete 10.42.2.0 dev nc-vx",
        f"ip neighbour add 10.42.2.0 lladdr {VTEP_MAC} dev nc-vx nud permanent",
    )),
    Drift(Neighbour, "deleted", "neighbour/nc-vx 10.42.2.0", ("ip neighbour delete 10.42.2.0 dev nc-vx",), CREATE),
]  # fmt: skip

FLOOD = f"fdb/nc-vx {FLOOD_MAC} 192.0.2.2"
UNICAST = f"fdb/nc-vx {VTEP_MAC}"
FDBS = [
    Drift(FdbEntry, "destination", UNICAST,
          (f"bridge fdb replace {VTEP_MAC} dev nc-vx dst 192.0.2.99 self permanent extern_learn",)),
    Drift(FdbEntry, "destination", UNICAST, (f"bridge fdb replace {VTEP_MAC} dev nc-vx dst 192.0.2.99 self permanent",),
          fields=("destination", "owner")),
    Drift(FdbEntry, "permanent", UNICAST, (f"bridge fdb replace {VTEP_MAC} dev nc-vx dst 192.0.2.2 self dynamic",),
          fields=("permanent", "owner")),
    Drift(FdbEntry, "owner", UNICAST, (f"bridge fdb replace {VTEP_MAC} dev nc-vx dst 192.0.2.2 self permanent",)),
    Drift(FdbEntry, "deleted", UNICAST, (f"bridge fdb delete {VTEP_MAC} dev nc-vx dst 192.0.2.2 self",), CREATE),
    Drift(FdbEntry, "owner", FLOOD, (
        f"bridge fdb delete {FLOOD_MAC} dev nc-vx dst 192.0.2.2 self",
        f"bridge fdb append {FLOOD_MAC} dev nc-vx dst 192.0.2.2 self permanent",
    ), also={f"fdb/nc-vx {FLOOD_MAC} 192.0.2.3": (UPDATE, ("owner",))},
          why="all destinations of one MAC have one mark in common"),
    Drift(FdbEntry, "deleted", FLOOD, (f"bridge fdb delete {FLOOD_MAC} dev nc-vx dst 192.0.2.2 self",), CREATE),
]  # fmt: skip

SYSCTLS = [
    Drift(Sysctl, "value", "sysctl/net.ipv4.conf.eth0.forwarding", ("sysctl -w net.ipv4.conf.eth0.forwarding=0",)),
    Drift(Sysctl, "value", f"sysctl/net.ipv6.conf.eth0.{IPV6_FORWARDING}",
          (f"sysctl -w net.ipv6.conf.eth0.{IPV6_FORWARDING}=0",)),
]  # fmt: skip

GONE = [
    Drift(Bridge, "deleted", "link/nc-a", ("ip link delete nc-a",), CREATE,
          {**ON_BRIDGE, "link/nc-a-app": (UPDATE, ("master", "hairpin")), "port/phy": (UPDATE, ("master",))},
          why="what was on the bridge is gone, and its ports are ports of nothing"),
    Drift(Veth, "deleted", "link/nc-a-app", ("ip link delete nc-a-app",), CREATE,
          {"link/{app}/eth0": (CREATE, ()), **ON_PEER}, why="both ends go together"),
    Drift(VethPeer, "deleted", "link/{app}/eth0", ("ip link delete eth0",), CREATE,
          {"link/nc-a-app": (CREATE, ()), **ON_PEER}, why="both ends go together", within_app=True),
    Drift(VethPeer, "renamed", "link/{app}/eth0", ("ip link set eth0 down", "ip link set eth0 name renamed up"), CREATE,
          {"link/nc-a-app": (REPLACE, ("peer",)), **ON_PEER},
          why="the pair is made anew; the end that bears another name goes with it", within_app=True),
    Drift(Vxlan, "deleted", "link/nc-vx", ("ip link delete nc-vx",), CREATE, ON_VX, why="it was on the device"),
    Drift(Macvlan, "deleted", "link/{app}/lan0", ("ip link delete lan0",), CREATE,
          {"address/{app}/lan0 192.0.2.50/24": (CREATE, ())}, why="it was on the device", within_app=True),
]  # fmt: skip

CASES = [
    *BRIDGES, *VETHS, *PEERS, *VXLANS, *MACVLANS, *PORTS, *ADDRESSES, *ROUTES, *RULES, *NEIGHBOURS, *FDBS, *SYSCTLS,
    *GONE,
]  # fmt: skip


def _label(case: Drift) -> str:
    return f"{case.kind.__name__}-{case.field}-{case.key.replace('/', '_').replace(' ', '_')}"


@pytest.mark.parametrize("case", CASES, ids=_label)
def test_a_change_behind_its_back_is_planned_alone_and_repaired(settled: "Settled", case: Drift) -> None:
    with settled.kept() as (host, declared):
        _drift(host, case)
        expected = {_key(case.key, host): (case.action, _fields(case))}
        expected |= {_key(key, host): change for key, change in case.also.items()}
        assert named(plan(host.ns, declared)) == expected
        apply(host.ns, declared)
        converged(host.ns, declared)


def _drift(host: Host, case: Drift) -> None:
    group = stack_number(STACK)
    for command in case.commands:
        words = shlex.split(command.replace("{app}", host.app).replace("{group}", str(group)))
        run_in(host.app if case.within_app else host.ns, words)
    wait_for_addresses(host.ns)


def _key(key: str, host: Host) -> str:
    return key.replace("{app}", host.app)


def _fields(case: Drift) -> tuple[str, ...]:
    if case.fields is not None:
        return case.fields
    return () if case.action is CREATE else (case.field,)


@pytest.mark.parametrize(
    ("key", "command"),
    [
        (V4, "ip route replace 10.42.2.0/24 via 192.0.2.9 dev eth0"),
        (V4, "ip route replace blackhole 10.42.2.0/24"),
        (V6, "ip route replace fd00:2::/64 via 2001:db8::9 dev eth0"),
        (V6, "ip route replace unreachable fd00:2::/64"),
        ("link/nc-vx", "ip link set nc-vx alias mine"),
        ("link/nc-vx", "ip link set nc-vx alias netctl:shop/networks.a@nc-a"),
        ("link/{app}/lan0", "ip -n {app} link set lan0 alias mine"),
        (RULE4_KEY, f"sh -c 'ip rule delete {RULE4}; ip rule add {RULE4} table 100'"),
    ],
)
def test_what_bears_no_mark_any_more_is_a_conflict_and_taken_over_on_request(
    settled: Settled, key: str, command: str
) -> None:
    with settled.kept() as (host, declared):
        _drift(host, Drift(Route, "owner", key, (command,)))
        found = plan(host.ns, declared)
        assert _key(key, host) in conflicting(found)
        assert named(found) == {}
        apply(host.ns, declared, adopt=True)
        converged(host.ns, declared)


def test_a_pair_s_far_end_that_bears_no_mark_any_more_is_marked_again(settled: Settled) -> None:
    with settled.kept() as (host, declared):
        run_in(host.app, ["ip", "link", "set", "eth0", "alias", "mine"])
        assert named(plan(host.ns, declared)) == {f"link/{host.app}/eth0": (UPDATE, ("owner",))}
        apply(host.ns, declared)
        converged(host.ns, declared)


def test_a_route_whose_claim_is_gone_is_a_conflict(settled: Settled) -> None:
    with settled.kept() as (host, declared):
        table = stack_number(STACK)
        run_in(host.ns, ["ip", "route", "delete", "172.16.0.0/16", "table", str(table)])
        found = plan(host.ns, declared)
        assert conflicting(found) == {FAR}
        assert named(found) == {f"{FAR} table {table}": (CREATE, ())}
        apply(host.ns, declared, adopt=True)
        converged(host.ns, declared)


def test_the_cases_cover_every_attribute_of_every_kind() -> None:
    identities = {
        Bridge: LINK, Veth: LINK, VethPeer: LINK, Vxlan: LINK, Macvlan: LINK, Port: PORT, Address: ADDRESS,
        Route: ROUTE, Rule: RULE, Neighbour: NEIGHBOUR, FdbEntry: FDB, Sysctl: SYSCTL,
    }  # fmt: skip
    attributes = {
        (kind.__name__, field)
        for kind, properties in identities.items()
        for field in kind._fields  # type: ignore[attr-defined]  # they are NamedTuples
        if field not in properties.identity
    }
    assert attributes <= {(case.kind.__name__, case.field) for case in CASES}


def test_what_the_kernel_takes_along_is_explained() -> None:
    assert [_label(case) for case in CASES if bool(case.also) != bool(case.why)] == []
