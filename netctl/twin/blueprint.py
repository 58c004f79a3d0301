"""What a twin is made of: the hosts with their interfaces and namespaces, and what is between and outside of them.

A declaration says little of the network that its hosts are on. What it says is taken at its word, and the rest made up:
two hosts are on one link where their addresses share a /24 or a /64; between links, and to all that is outside, leads
one router, the *wire*. It has the next hops that routes name, and knows the way to every endpoint.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from netctl.compiler.policies.endpoints import ADDRESS, ATTACHMENT
from netctl.compiler.prefixes import Prefix, format_address, parse_address, parse_prefix
from netctl.compiler.topology import Role, Topology
from netctl.errors import NetctlError
from netctl.policy.model import Endpoint
from netctl.twin.plugs import LENGTH, Plug, Plugs

_DRAWN = {
    4: ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", *(f"100.{64 + number}.0.0/16" for number in range(64))),
    6: tuple(f"2001:db8:{number:x}::/64" for number in range(1, 256)),
}
"""Where addresses that no declaration names come from: what is set aside for documentation, and for carriers' NAT."""


class Interface(NamedTuple):
    """An interface that a host has before the stack is applied."""

    name: str
    link: int
    """Which link of the wire it is on."""
    addresses: tuple[str, ...]
    """With prefix length."""


class HostPlan(NamedTuple):
    """A host before the stack is applied."""

    name: str
    """As declared; empty for the host of a stack that declares none."""
    interfaces: tuple[Interface, ...]
    gateways: tuple[str, ...]
    """Of its default routes."""
    attached: tuple[str, ...]
    """The names of its network namespaces."""


class Blueprint(NamedTuple):
    """A twin before anything is made."""

    stack: str
    hosts: tuple[HostPlan, ...]
    links: tuple[tuple[str, ...], ...]
    """Of each link, the router's addresses on it, with prefix length."""
    outside: tuple[str, ...]
    """Addresses of nobody in the stack, which the router has."""
    ways: tuple[tuple[str, str], ...]
    """Addresses of endpoints, and of their hosts the addresses by which they are reached."""


def draw(topology: Topology, endpoints: Mapping[str, Endpoint], outside: Iterable[str]) -> Blueprint:
    """The blueprint of a stack's twin; *outside* are addresses that are to be there beside the stack's own.

    Raises NetctlError where no room for addresses is left.
    """
    return _Drawing(topology, endpoints, frozenset(outside)).blueprint()


class _Drawing:
    """The blueprint as far as it is drawn."""

    def __init__(self, topology: Topology, endpoints: Mapping[str, Endpoint], outside: frozenset[str]) -> None:
        self._topology = topology
        self._endpoints = endpoints
        self._outside = self._usable(outside)
        self._taken = {parse_address(text) for end in endpoints.values() for text in end.addresses}
        self._taken |= {parse_address(text) for text in outside}
        self._plugs = Plugs(topology)
        self._gateways: dict[int, list[str]] = {}
        """The router's, by link."""

    def blueprint(self) -> Blueprint:
        self._taken |= {parse_address(text) for _, text in (*self._plugs.gateways, *self._plugs.routers)}
        self._place_gateways()
        for family in self._families():
            self._address_underlay(family)
        self._route_underlay()
        hosts = tuple(map(self._host, self._topology.hosts.names))
        links = tuple(tuple(self._gateways.get(number, ())) for number in range(self._plugs.count))
        return Blueprint(self._topology.stack.stack, hosts, links, self._outside, tuple(self._ways()))

    def _usable(self, outside: frozenset[str]) -> tuple[str, ...]:
        """Those that can be anyone's, and are not on a network that the stack makes."""
        # The prefix of a macvlan's parent is there without the stack.
        made = [pool.prefix for net in self._topology.nets if net.role is not Role.MACVLAN for pool in net.pools]
        listed = (end.addresses for end in self._endpoints.values() if end.kind == ADDRESS and not end.host)
        return tuple(
            text
            for text in sorted(outside.union(*listed))
            if _is_unicast(text) and not any(prefix.holds(*parse_address(text)) for prefix in made)
        )

    def _families(self) -> list[int]:
        """Those that something of the stack speaks."""
        found = {pool.prefix.family for net in self._topology.nets for pool in net.pools}
        found |= {parse_address(text)[0] for text in self._outside}
        found |= {parse_address(host.address)[0] for host in self._topology.stack.hosts.values()}
        return sorted(found or {4})

    def _place_gateways(self) -> None:
        """Have the router be the gateways that are declared, and the hosts on the prefixes of their own."""
        own = {parse_address(text) for end in self._endpoints.values() for text in end.addresses}
        for gateways, of_host in ((self._plugs.gateways, True), (self._plugs.routers, False)):
            for plug, text in gateways:
                family, value = parse_address(text)
                if (family, value) in own:
                    continue
                prefix = self._prefix_of(plug, family, value)
                if of_host and prefix not in plug.prefixes and not _is_link_local(family, value):
                    plug.addresses.append(self._free(prefix, from_top=True))
                self._add_gateway(plug.link, f"{text}/{prefix.length}")

    def _prefix_of(self, plug: Plug, family: int, value: int) -> Prefix:
        """The prefix of an address on an interface's link: a known one, or one that is made up."""
        known = [*plug.prefixes, *filter(None, [self._plugs.segment_prefix(plug.link, family)])]
        made_up = parse_prefix(f"{format_address(family, value)}/{LENGTH[family]}")
        return next((prefix for prefix in known if prefix.holds(family, value)), made_up)

    def _address_underlay(self, family: int) -> None:
        """Give the hosts that have no underlay address of the family one of a prefix that nothing else uses."""
        lacking: dict[int, list[Plug]] = {}
        for host in self._topology.hosts.names:
            plug = self._plugs.underlay(host)
            if not any(prefix.family == family for prefix in plug.prefixes):
                lacking.setdefault(plug.link, []).append(plug)
        for link, plugs in lacking.items():
            prefix = self._plugs.segment_prefix(link, family) or self._unused(family, len(plugs))
            for plug in plugs:
                plug.addresses.append(self._free(prefix, beyond=10))

    def _route_underlay(self) -> None:
        """Give the router an address on each prefix of the links that are underlay."""
        for host in self._topology.hosts.names:
            plug = self._plugs.underlay(host)
            for prefix in plug.prefixes:
                if self._gateway(plug.link, prefix) is None:
                    self._add_gateway(plug.link, self._free(prefix))

    def _host(self, name: str) -> HostPlan:
        plugs = self._plugs.of(name)
        interfaces = tuple(Interface(plug.name, plug.link, tuple(plug.addresses)) for plug in plugs)
        underlay = self._plugs.underlay(name)
        gateways: dict[int, str] = {}
        for prefix in underlay.prefixes:
            found = self._gateway(underlay.link, prefix)
            if found is not None and prefix.family not in self._plugs.default_routes(name):
                gateways.setdefault(prefix.family, found)
        ends = self._endpoints.values()
        attached = sorted({end.netns for end in ends if end.netns and end.host == name})
        return HostPlan(name, interfaces, tuple(gateways.values()), tuple(attached))

    def _ways(self) -> Iterable[tuple[str, str]]:
        """To what is on one host alone; what is on a link of the wire, as macvlans are, needs none."""
        found: dict[str, set[str]] = {}
        for end in self._endpoints.values():
            if end.interface if end.kind == ATTACHMENT else end.kind != ADDRESS or end.host:
                for text in end.addresses:
                    found.setdefault(text, set()).add(end.host)
        near = set(self._plugs.prefixes)
        for text, hosts in sorted(found.items()):
            family, value = parse_address(text)
            if len(hosts) > 1 or any(prefix.holds(family, value) for prefix in near):
                continue
            via = self._plugs.underlay(next(iter(hosts))).address(family)
            if via is not None:
                yield text, via

    def _gateway(self, link: int, prefix: Prefix) -> str | None:
        addresses = (text.partition("/")[0] for text in self._gateways.get(link, ()))
        return next((text for text in addresses if prefix.holds(*parse_address(text))), None)

    def _add_gateway(self, link: int, text: str) -> None:
        known = self._gateways.setdefault(link, [])
        if text not in known:
            known.append(text)

    def _free(self, prefix: Prefix, *, from_top: bool = False, beyond: int = 0) -> str:
        """An address of the prefix that nobody has, with prefix length; now it is taken."""
        first, last = prefix.usable
        count = min(last - first + 1, len(self._taken) + beyond + 1)
        values = range(last, last - count, -1) if from_top else range(first + beyond, first + count)
        for value in values:
            if (prefix.family, value) not in self._taken:
                self._taken.add((prefix.family, value))
                return f"{format_address(prefix.family, value)}/{prefix.length}"
        raise NetctlError(f"no address of {prefix} is left for the twin's hosts and router")

    def _unused(self, family: int, count: int) -> Prefix:
        """A prefix with room for so many hosts, apart from all that the stack names."""
        known = {parse_prefix(f"{format_address(*address)}/{LENGTH[address[0]]}") for address in self._taken}
        known.update(pool.prefix for net in self._topology.nets for pool in net.pools)
        known.update(self._plugs.prefixes)
        for prefix in map(parse_prefix, _DRAWN[family]):
            if prefix.usable.size > count + 20 and not any(_overlap(prefix, other) for other in known):
                return prefix
        raise NetctlError("no prefix is left for the twin's underlay")


def _overlap(one: Prefix, other: Prefix) -> bool:
    return one.family == other.family and one.first <= other.last and other.first <= one.last


def _is_unicast(text: str) -> bool:
    """Whether an address is one that a single machine far away can have."""
    family, value = parse_address(text)
    if family == 6:
        return value >> 125 in {1, 2, 3, 4, 5, 6} or value >> 121 == 0x7E
    return value >> 24 not in {0, 127} and value >> 16 != 0xA9FE and value >> 28 < 0xE


def _is_link_local(family: int, value: int) -> bool:
    return family == 6 and value >> 118 == 0x3FA
