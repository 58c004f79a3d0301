"""A host as the stack declares it: what it is to have, indexed for a packet that passes."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import NamedTuple

from netctl.compiler.prefixes import Prefix, parse_prefix
from netctl.engine.resource import Desired, Key, Origin
from netctl.kinds.address import Address
from netctl.kinds.link import Bridge, Link, Macvlan, Port, Veth, VethPeer, Vxlan
from netctl.kinds.neighbour import FLOOD_MAC, FdbEntry, Neighbour
from netctl.kinds.nftables import FAMILY, Table
from netctl.kinds.route import MAIN_TABLE, NextHop, Route
from netctl.kinds.rule import Rule
from netctl.stack.models import Host

CONNECTED_METRIC = {4: 0, 6: 256}
"""What the kernel gives the route to the prefix of an address."""


class Way(NamedTuple):
    """A route, as look-ups find it."""

    prefix: Prefix
    table: int
    metric: int
    type: str
    gateway: str
    interface: str
    nexthops: tuple[NextHop, ...]
    origin: Origin


class Held(NamedTuple):
    """An address on an interface."""

    interface: str
    text: str
    prefix: Prefix


class Namespace:
    """A network namespace of a host: its addresses and routes."""

    def __init__(self) -> None:
        self.addresses: list[Held] = []
        self.ways: list[Way] = []

    def holder(self, address: str) -> str | None:
        """The interface that has the address; None where none has."""
        return next((held.interface for held in self.addresses if held.text == address), None)

    def own_address(self, interface: str, family: int) -> str:
        """The interface's address of a family, of which the stack gives it one at most; empty where it has none."""
        found = (held.text for held in self.addresses if held.interface == interface and held.prefix.family == family)
        return next(found, "")


class Machine:
    """A host, and the resources that the stack wants there."""

    def __init__(self, name: str, declared: Host | None, resources: Mapping[Key, Desired]) -> None:
        self.name = name
        self.address = declared.address if declared else ""
        """On the underlay; empty where the stack declares no hosts."""
        self.uplink = (declared.interface if declared else None) or ""
        """The underlay interface, where it is declared."""
        self.links: dict[tuple[str, str], Link] = {}
        self.origins: dict[tuple[str, str], Origin] = {}
        """Of the links."""
        self.rules: list[Rule] = []
        self.neighbours: dict[tuple[str, str], str] = {}
        """MAC addresses by interface and address."""
        self.forwarding: dict[tuple[str, str], list[str]] = {}
        """Tunnel end points by VXLAN device and MAC address."""
        self.foreign_ports: dict[str, list[str]] = {}
        """By bridge, the ports that are not the stack's own interfaces."""
        self.table: Table | None = None
        self._namespaces: dict[str, Namespace] = {"": Namespace()}
        if self.address:
            self._hold("", self.uplink, f"{self.address}/{'128' if ':' in self.address else '32'}", None)
        for want in resources.values():
            self._add(want)

    def namespace(self, netns: str) -> Namespace:
        """One of its network namespaces; the empty name is the host's own."""
        return self._namespaces.setdefault(netns, Namespace())

    def ports(self, bridge: str) -> list[Veth | Vxlan]:
        """The stack's own interfaces that are ports of a bridge."""
        return self._ports.get(bridge, [])

    def pair(self, netns: str, interface: str) -> Veth | None:
        """The host's end of the veth pair whose other end is in a namespace."""
        return self._pairs.get(f"{netns}/{interface}")

    def tunnel(self, vni: int | None) -> Vxlan | None:
        """The VXLAN device of a network identifier."""
        return next((link for link in self.links.values() if isinstance(link, Vxlan) and link.vni == vni), None)

    def mac(self, netns: str, interface: str) -> str:
        """The MAC address of an interface; empty where it is not declared."""
        link = self.links.get((netns, interface))
        return (link.mac if link else None) or ""

    @cached_property
    def _ports(self) -> dict[str, list[Veth | Vxlan]]:
        found: dict[str, list[Veth | Vxlan]] = {}
        for link in self.links.values():
            if isinstance(link, Veth | Vxlan) and link.master:
                found.setdefault(link.master, []).append(link)
        return found

    @cached_property
    def _pairs(self) -> dict[str, Veth]:
        return {link.peer: link for link in self.links.values() if isinstance(link, Veth) and link.peer}

    def _add(self, want: Desired) -> None:
        match want.attributes:
            case Bridge() | Veth() | VethPeer() | Vxlan() | Macvlan() as link:
                self.links[link.netns, link.name] = link
                self.origins[link.netns, link.name] = want.origin
            case Address() as held:
                self._hold(held.netns, held.link, held.address, want.origin)
            case Route() as route:
                self.namespace(route.netns).ways.append(_way(route, want.origin))
            case Rule() as rule:
                self.rules.append(rule)
            case Neighbour() as neighbour:
                self.neighbours[neighbour.link, neighbour.address] = neighbour.mac or ""
            case FdbEntry() as entry:
                self.forwarding.setdefault((entry.link, entry.mac), []).append(entry.destination or "")
            case Port() as port:
                self.foreign_ports.setdefault(port.master or "", []).append(port.name)
            case Table() as table if table.family == FAMILY:
                self.table = table

    def _hold(self, netns: str, interface: str, text: str, origin: Origin | None) -> None:
        """An address, and the route to its prefix that the kernel makes along with it."""
        prefix = parse_prefix(text)
        namespace = self.namespace(netns)
        namespace.addresses.append(Held(interface, text.partition("/")[0], prefix))
        if origin is not None:
            metric = CONNECTED_METRIC[prefix.family]
            namespace.ways.append(Way(prefix, MAIN_TABLE, metric, "unicast", "", interface, (), origin))


class Machines:
    """The hosts of a stack, each compiled when a packet first comes to it."""

    def __init__(
        self,
        declared: Mapping[str, Host],
        compile_for: Callable[[str], Mapping[Key, Desired]],
        holders: Mapping[str, frozenset[str]],
        guests: frozenset[tuple[str, str]],
    ) -> None:
        """*holders*: by address, the hosts that have it, or an endpoint with it. *guests*: as `is_guest`."""
        self._declared = declared
        self._compile_for = compile_for
        self._holders = holders
        self._guests = guests
        self._machines: dict[str, Machine] = {}
        self._underlay = {host.address: name for name, host in declared.items()}

    def __getitem__(self, name: str) -> Machine:
        if name not in self._machines:
            self._machines[name] = Machine(name, self._declared.get(name), self._compile_for(name))
        return self._machines[name]

    def on_underlay(self, address: str) -> Machine | None:
        """The host that has the address on the underlay; None where none has."""
        name = self._underlay.get(address)
        return None if name is None else self[name]

    def holding(self, address: str) -> list[Machine]:
        """The hosts that have the address themselves, or an endpoint with it."""
        return [self[name] for name in sorted(self._holders.get(address, ()))]

    def is_guest(self, machine: Machine, address: str) -> bool:
        """Whether a service says that the address is on a network of the host, though the stack does not attach it."""
        return (machine.name, address) in self._guests

    def flooded(self, machine: Machine, device: str, address: str) -> Machine | None:
        """The peer, of those that a VXLAN device floods frames to, where someone has the address."""
        peers = machine.forwarding.get((device, FLOOD_MAC), [])
        return next((other for other in self.holding(address) if other.address in peers), None)


def _way(route: Route, origin: Origin) -> Way:
    return Way(
        parse_prefix(route.destination), route.table, route.metric, route.type or "unicast",
        route.gateway or "", route.device or "", route.nexthops or (), origin,
    )  # fmt: skip
