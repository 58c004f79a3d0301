"""A host for the kernel's tests, and a stack that has one of everything on it."""

from pathlib import Path
from typing import Any, NamedTuple

from netctl.engine.resource import Key
from netctl.kinds.address import Address
from netctl.kinds.link import Bridge, Macvlan, Port, Veth, VethPeer, Vxlan
from netctl.kinds.neighbour import FLOOD_MAC, FdbEntry, Neighbour
from netctl.kinds.route import NextHop, Route
from netctl.kinds.rule import Rule
from netctl.kinds.sysctl import Sysctl
from tests.kernel.driving import STACK, Declared
from tests.support.namespaces import Namespaces, ip, ip_json, run, run_in, wait_for_addresses, wait_until

IPV6_FORWARDING = "force_forwarding" if Path("/proc/sys/net/ipv6/conf/all/force_forwarding").exists() else "forwarding"
"""The setting by which the kernel forwards IPv6 for one interface (force_forwarding: since Linux 6.17)."""
VTEP_MAC = "02:00:00:00:00:0a"


class Host(NamedTuple):
    """A host's namespace and that of an application on it."""

    ns: str
    app: str


def make_host(netns: Namespaces) -> Host:
    """A host with two uplinks (``eth0``, ``wan``) and a spare interface (``phy``) that is down and has no carrier.

    Interfaces make no link-local addresses by themselves: these would be tentative for a second or two.
    """
    host, app = netns("host"), netns("app")
    for ns in (host, app):
        run_in(ns, ["sysctl", "-w", "net.ipv6.conf.default.addr_gen_mode=1"])
    ip(
        host,
        "link set lo up",
        "link add eth0 type veth peer name eth0-far",
        "link add wan type veth peer name wan-far",
        "link add phy type veth peer name phy-far",
        *(f"link set {name} up" for name in ("eth0-far", "wan-far", "eth0", "wan", "phy")),
        # An interface that has never been up has no queueing discipline; once it had been, it would keep one.
        "link set phy down",
        "address add 192.0.2.1/24 dev eth0",
        "address add 2001:db8::1/64 dev eth0 nodad",
        "address add 198.51.100.1/24 dev wan",
    )
    uplinks = {"eth0", "wan", "eth0-far", "wan-far"}
    wait_until(lambda: uplinks <= {link["ifname"] for link in ip_json(host, "link", "show") if _running(link)})
    wait_for_addresses(host)
    return Host(host, app)


def _running(link: dict[str, Any]) -> bool:
    return link["operstate"] == "UP" and "LOWER_UP" in link["flags"]


def bridge(ns: str, *commands: str) -> None:
    """Run each of *commands* (``"fdb show"``) with ``bridge`` in *ns*."""
    for command in commands:
        run(["bridge", "-n", ns, *command.split()])


def everything(app: str, stack: str = STACK) -> Declared:
    """A stack that declares a value for every attribute of every kind."""
    declared = Declared(stack)
    link = declared.link(
        Bridge(
            "", "nc-a", True, 1400, "02:00:00:00:00:01", 7, ("nc-a-long-name-of-mine",), True, True, False, True, True
        )
    )
    _bridge_contents(declared, link)
    _attachment(declared, link, app)
    _macvlan(declared, app)
    _overlay(declared)
    _elsewhere(declared)
    declared.port(Port("", "phy", "nc-a", True), link)
    return declared


def _bridge_contents(declared: Declared, link: Key) -> None:
    declared.address(Address("", "nc-a", "10.10.0.1/24"), link)
    inner = declared.address(Address("", "nc-a", "fd00::1/64", nodad=True), link)
    declared.route(
        Route("", "fd00:2::/64", 254, 1024, "unicast", "fd00::9", "nc-a", False, "fd00::1", 1380), link, inner
    )
    declared.route(Route("", "10.30.0.0/24", 77, 5, "unicast", "", "nc-a", False, "", 0), link)


def _attachment(declared: Declared, master: Key, app: str) -> None:
    """A namespace attached by a veth pair."""
    veth = declared.link(
        Veth(
            "", "nc-a-app", True, 1400, "02:00:00:00:00:04", 8, ("nc-a-app-long-name",), True, True,
            "nc-a", f"{app}/eth0", True,
        ),
        master,
    )  # fmt: skip
    peer = declared.link(
        VethPeer(app, "eth0", True, 1400, "02:00:00:00:00:05", 9, ("eth0-long-name",), True, True), veth, within=veth
    )
    address = declared.address(Address(app, "eth0", "10.10.0.2/24"), peer)
    inner = declared.address(Address(app, "eth0", "fd00::2/64", nodad=True), peer)
    declared.route(Route(app, "0.0.0.0/0", gateway="10.10.0.1", device="eth0"), peer, address)
    declared.route(Route(app, "::/0", metric=1024, gateway="fd00::1", device="eth0"), peer, inner)


def _macvlan(declared: Declared, app: str) -> None:
    link = declared.link(
        Macvlan(
            app, "lan0", True, 1400, "02:00:00:00:00:06", 10, ("lan0-long-name",), True, True, "eth0", "bridge"
        )
    )  # fmt: skip
    declared.address(Address(app, "lan0", "192.0.2.50/24"), link)


def _overlay(declared: Declared) -> None:
    """A routed tunnel with its static entries."""
    tunnel = declared.link(
        Vxlan(
            "", "nc-vx", True, 1350, "02:00:00:00:00:09", 11, ("nc-vx-long-name",), True, True, "",
            7, "192.0.2.1", "eth0", 4789, False, 17, 600,
        )
    )  # fmt: skip
    own = declared.address(Address("", "nc-vx", "10.42.1.0/32"), tunnel)
    neighbour = declared.neighbour(Neighbour("nc-vx", "10.42.2.0", VTEP_MAC), tunnel)
    entry = declared.fdb(FdbEntry("nc-vx", VTEP_MAC, "192.0.2.2"), tunnel)
    for destination in ("192.0.2.2", "192.0.2.3"):
        declared.fdb(FdbEntry("nc-vx", FLOOD_MAC, destination), tunnel)
    declared.route(
        Route("", "10.42.2.0/24", 254, 0, "unicast", "10.42.2.0", "nc-vx", True, "10.42.1.0", 1340),
        tunnel, own, neighbour, entry,
    )  # fmt: skip


def _elsewhere(declared: Declared) -> None:
    """Routes over the host's own interfaces, rules, and a setting of one of those interfaces."""
    declared.claimed(Route("", "172.16.0.0/16", 254, 0, "unicast", "192.0.2.9", "eth0", False, "192.0.2.1", 1300))
    declared.claimed(Route("", "fd99::/64", 254, 1024, "unicast", "", "eth0"))
    hops = (NextHop("192.0.2.7", "eth0", 1), NextHop("198.51.100.8", "wan", 2))
    declared.claimed(Route("", "172.17.0.0/16", 254, 5, "unicast", "", "", False, "", 0, hops))
    hops6 = (NextHop("2001:db8::7", "eth0", 1), NextHop("2001:db8::8", "eth0", 2))
    declared.claimed(Route("", "fd98::/64", 254, 1024, "unicast", "", "", False, "", 0, hops6))
    declared.claimed(Route("", "172.18.0.0/16", 254, 0, "blackhole", "", ""))
    declared.claimed(Route("", "fd97::/64", 254, 1024, "unreachable", "", ""))
    declared.rule(Rule(4, 1000, source="10.0.0.0/8", table=100))
    declared.rule(Rule(6, 1000, source="fd00::/8", table=100))
    declared.rule(Rule(4, 1001, iif="eth0", oif="wan", mark=5, mask=0xFF, action="prohibit"))
    for name in ("net.ipv4.conf.eth0.forwarding", f"net.ipv6.conf.eth0.{IPV6_FORWARDING}"):
        declared.sysctl(Sysctl(name, "eth0", "1"))
