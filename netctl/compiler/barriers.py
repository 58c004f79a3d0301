"""What keeps two ends apart whatever the policies say: networks that are internal or isolated, and the want of a route.

Policies alone decide what *may* be reached; whether it is, this decides too.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from netctl.compiler.policies.endpoints import ATTACHMENT, CONTAINER
from netctl.compiler.policies.sending import is_tunnelled
from netctl.compiler.prefixes import Prefix, format_address, parse_address, parse_prefix
from netctl.compiler.topology import Net, Role, Topology
from netctl.policy.evaluate import Evaluator, is_itself
from netctl.policy.model import Connection, Endpoint, PolicySet, Protocol
from netctl.policy.ranges import family_of, first_of_family
from netctl.stack.models import MacvlanNetwork

_EVERYWHERE = {4: Prefix(4, 0, 0), 6: Prefix(6, 0, 0)}
_APART = frozenset({"private", "vepa"})
_ANY_PORT = 80
"""None of what is decided here depends on it."""


Links = Mapping[tuple[str, str], Sequence[str]]
"""Addresses, with prefix length, by host and interface."""


class Leg(NamedTuple):
    """An attachment as its namespace sees it."""

    net: Net
    reached: tuple[Prefix, ...]
    """What its routes lead to."""


class Barriers:
    """Finds what keeps ends apart."""

    def __init__(self, topology: Topology, evaluator: Evaluator, links: Links | None = None) -> None:
        """*links* are what the hosts' own interfaces have, as far as that is known."""
        self._topology = topology
        self._evaluator = evaluator
        self._endpoints = evaluator.policies.endpoints
        self._legs = dict(_legs(topology, self._endpoints))
        self._together: dict[tuple[str, str], list[str]] = {}
        for name in self._legs:
            end = self._endpoints[name]
            self._together.setdefault((end.host, end.netns), []).append(name)
        self._links = {place: [parse_prefix(text) for text in texts] for place, texts in (links or {}).items()}
        self._kept: dict[tuple[Hashable, int], frozenset[str]] = {}

    def between(self, asked: Connection) -> str:
        """What keeps a connection's ends apart, in words; empty where nothing does."""
        source, destination = self._endpoints.get(asked.source), self._endpoints.get(asked.destination)
        if is_itself(source, destination):
            return ""
        there = address_of(self._evaluator.policies, asked)
        here = first_of_family(source.addresses, asked.family) if source else ""
        return (
            self._fence(asked.source, asked.destination, there)
            or self._fence(asked.destination, self._fenced_off(asked), here, self._entrance(asked))
            or self._macvlan(source, destination, there)
            or self._macvlan(destination, source, here)
            or self._no_way(asked.source, there)
            or self._elsewhere(source, destination, there)
            or self._no_way_back(asked)
        )

    def kept_from(self, source: str, family: int) -> frozenset[str]:
        """The endpoints that *source* does not reach by a family whatever the policies say.

        That is found out once for all the endpoints of one sort, so that it costs as the networks, not as all pairs.
        """
        sort = self._sorts[source]
        found = self._kept.get((sort, family))
        if found is None:
            found = self._kept[sort, family] = frozenset().union(*self._kept_sorts(source, family))
        return found

    def _kept_sorts(self, source: str, family: int) -> Iterator[list[str]]:
        open_ = source not in self._legs or self._is_open(self._legs[source], family)
        for names in self._by_sort.values():
            other = self._another(names, source, family)
            # What is on no network of the stack's is only ever out of reach for what is itself fenced in.
            if not other or (open_ and other not in self._legs):
                continue
            if self.between(Connection(source, other, Protocol.TCP, _ANY_PORT, None, family)):
                yield names

    def _another(self, names: Sequence[str], source: str, family: int) -> str:
        """The first of the names that is not *source*, and has an address of the family; empty where there is none."""
        return next(
            (name for name in names if name != source and first_of_family(self._endpoints[name].addresses, family)), ""
        )

    def _is_open(self, leg: Leg, family: int) -> bool:
        """Whether an attachment of one network and no other reaches everything that is on none of the stack's."""
        internal = getattr(leg.net.spec, "internal", False)
        return not internal and leg.net.role is not Role.MACVLAN and _EVERYWHERE[family] in leg.reached

    @cached_property
    def _sorts(self) -> dict[str, Hashable]:
        """For each endpoint what tells those from others that nothing here tells apart."""
        return {name: self._sort(end) for name, end in self._endpoints.items()}

    def _sort(self, end: Endpoint) -> Hashable:
        leg = self._legs.get(end.name)
        if leg is not None and len(self._together[end.host, end.netns]) == 1:
            return leg.net.path, end.host, leg.reached
        return (end.network, end.host) if end.kind == CONTAINER else end.name

    @cached_property
    def _by_sort(self) -> dict[Hashable, list[str]]:
        found: dict[Hashable, list[str]] = {}
        for name, sort in self._sorts.items():
            found.setdefault(sort, []).append(name)
        return found

    def _fenced_off(self, asked: Connection) -> str:
        """Whom the firewall of the destination's network takes for the source: its host, where that masquerades it
        before.
        """
        return asked.source if self._entrance(asked) else self._evaluator.ends(asked).seen.name or asked.source

    def _entrance(self, asked: Connection) -> str:
        """The source's host where packets enter the destination's overlay there, so that its firewall is asked, too.

        What goes to a peer as it is, by the underlay, enters on the destination's host.
        """
        leg, source = self._legs.get(asked.destination), self._endpoints.get(asked.source)
        if leg is None or source is None or not leg.net.overlay or source.host not in leg.net.hosts:
            return ""
        if leg.net.role is Role.BRIDGED or source.host == self._endpoints[asked.destination].host:
            return source.host
        underlay = family_of(self._topology.stack.hosts[source.host].address)
        return source.host if is_tunnelled(leg.net, asked.family, underlay) else ""

    def _fence(self, one: str, other: str, address: str, entrance: str = "") -> str:
        """What the firewall of the network of *one* drops of what goes between it and the *other*.

        That is the firewall of its host, and of the host by which packets enter an overlay.
        """
        leg, far = self._legs.get(one), self._legs.get(other)
        if leg is None or leg.net.role is Role.MACVLAN:
            return ""
        spec, end = leg.net.spec, self._endpoints[one]
        if far is not None and self._one_segment(leg.net, end, far.net, self._endpoints[other]):
            return ""
        # Hosts are themselves on the network; of an overlay, all of its hosts are.
        within = leg.net.hosts if leg.net.overlay else {end.host}
        if getattr(spec, "internal", False) and other not in {f"host/{host}" for host in within}:
            return f"{leg.net.label} is internal"
        places = {end.host, entrance or end.host}
        if getattr(spec, "isolated", False) and any(self._is_inside(host, address, far) for host in places):
            return f"{leg.net.label} is isolated"
        return ""

    def _one_segment(self, net: Net, end: Endpoint, other: Net, far: Endpoint) -> bool:
        """Whether two endpoints are of one segment, or of one overlay."""
        return net.path == other.path and (net.overlay or end.host == far.host)

    def _is_inside(self, host: str, address: str, far: Leg | None) -> bool:
        """Whether an address is on another network that the host has."""
        if far is None or not address:
            return False
        family, value = parse_address(address)
        here = (net for net in self._topology.nets if host in net.hosts and net.role is not Role.MACVLAN)
        number = self._topology.hosts.number(host)
        return any(
            (pool.prefix if net.overlay else pool.on(number)).holds(family, value) for net in here for pool in net.pools
        )

    def _macvlan(self, one: Endpoint | None, other: Endpoint | None, address: str) -> str:
        """A macvlan and its host do not see one another on the parent's link; nor do those of some modes."""
        leg = self._legs.get(one.name) if one else None
        if one is None or other is None or leg is None or not isinstance(leg.net.spec, MacvlanNetwork):
            return ""
        if other.host != one.host:
            return ""
        far = self._legs.get(other.name)
        if far is not None and isinstance(far.net.spec, MacvlanNetwork):
            apart = far.net.spec.parent == leg.net.spec.parent and leg.net.spec.mode in _APART
            return f"{leg.net.label} keeps its endpoints apart" if apart else ""
        own = first_of_family(one.addresses, family_of(address)) if address else ""
        link = self._links.get((one.host, leg.net.spec.parent), ())
        if own and any(prefix.holds(*parse_address(own)) for prefix in link):
            return f"{leg.net.label} is out of its host's reach"
        return ""

    def _no_way(self, name: str, address: str) -> str:
        """Whether an attachment's namespace has no route to an address."""
        end = self._endpoints.get(name)
        if end is None or name not in self._legs or not address:
            return ""
        return "" if self._leaving(end, address) else f"{name} has no route there"

    def _elsewhere(self, sender: Endpoint | None, end: Endpoint | None, address: str) -> str:
        """Whether an address is on a network of which the sender's host has a segment of its own, another one."""
        leg = self._legs.get(end.name) if end else None
        if sender is None or end is None or leg is None or leg.net.role is not Role.BRIDGE or not address:
            return ""
        net = leg.net
        apart = sender.host in net.hosts - {end.host} and not _are_joined(net, sender.host, end.host)
        number = self._topology.hosts.number(sender.host) if apart else 0
        if not apart or not any(pool.on(number).holds(*parse_address(address)) for pool in net.pools):
            return ""
        return f"{net.label} is a segment of its own on {sender.host}, where {end.name} is not"

    def _leaving(self, end: Endpoint, address: str) -> str:
        """By which attachment of an endpoint's namespace packets to an address leave; empty where none leads there."""
        place = parse_address(address)
        routes = (
            (prefix.length, name == end.name, name)
            for name in self._together[end.host, end.netns]
            for prefix in self._legs[name].reached
            if prefix.holds(*place)
        )
        return max(routes, default=(0, False, ""))[2]

    def _no_way_back(self, asked: Connection) -> str:
        """Whether the destination cannot send to the address that it sees what it is to answer from its own."""
        source, destination, seen = self._evaluator.ends(asked)
        end, there = source.endpoint, destination.endpoint
        if end is None or there is None or there.name not in self._legs or source.address is None:
            return ""
        # A host has an address on its bridges; it has none on the segment of a macvlan, which is without an interface.
        if end.kind == "host" and end.host == there.host and there.interface:
            return ""
        # An address that is not known is somewhere outside, where a default route alone leads.
        address = format_address(asked.family, seen.address or 0)
        return (
            self._no_way(there.name, address)
            or self._not_its_own(there, address)
            or self._elsewhere(there, seen.endpoint, address)
        )

    def _not_its_own(self, end: Endpoint, address: str) -> str:
        """Whether what it answers leaves by another attachment of its namespace, which may send from its own alone."""
        other = self._leaving(end, address)
        if other == end.name or not self._endpoints[other].anti_spoofing or self._legs[other].net.role is Role.MACVLAN:
            return ""
        return f"{end.name} would answer by {other}, which may not send from its address"


def _are_joined(net: Net, one: str, other: str) -> bool:
    """Whether a network's segments on two hosts may be one: both have a port that leads out of the host."""
    return all(any(host in port.hosts for port in net.ports) for host in (one, other))


def _legs(topology: Topology, endpoints: Mapping[str, Endpoint]) -> Iterable[tuple[str, Leg]]:
    """The attachments by name."""
    specs = {
        (net.name, host, end.spec.netns, end.host_end.name if net.role is not Role.MACVLAN else ""): (net, end)
        for net in topology.nets
        for end in net.endpoints
        for host in end.hosts
    }
    for name, end in endpoints.items():
        if end.kind != ATTACHMENT:
            continue
        net, spec = specs[end.network, end.host, end.netns, end.interface]
        families = net.default_route_families if spec.spec.default_route else []
        reached = [_EVERYWHERE[family] for family in families]
        number = topology.hosts.number(end.host)
        reached += [pool.prefix if net.role is Role.ROUTED else pool.on(number) for pool in net.pools]
        yield name, Leg(net, tuple(reached))


def address_of(policies: PolicySet, connection: Connection) -> str:
    """The destination's address of the connection's family; empty where it has none."""
    end = policies.endpoints.get(connection.destination)
    return first_of_family(end.addresses, connection.family) if end else connection.destination
