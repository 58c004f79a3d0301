"""What keeps two ends apart whatever the policies say: networks that are internal or isolated, and the want of a route.

Policies alone decide what *may* be reached. Where packets are sent, this decides too, and so it is expected of them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from netctl.compiler.policies.endpoints import ATTACHMENT
from netctl.compiler.prefixes import Prefix, format_address, parse_address, parse_prefix
from netctl.compiler.topology import Net, Role, Topology
from netctl.policy.evaluate import Evaluator, is_itself
from netctl.policy.model import Endpoint
from netctl.policy.ranges import family_of
from netctl.policy.verdicts import Verdict
from netctl.stack.models import MacvlanNetwork
from netctl.twin.trials import Trial

_EVERYWHERE = {4: Prefix(4, 0, 0), 6: Prefix(6, 0, 0)}
_APART = frozenset({"private", "vepa"})


Links = Mapping[tuple[str, str], Sequence[str]]
"""Addresses, with prefix length, by host and interface."""


class Leg(NamedTuple):
    """An attachment as its namespace sees it."""

    net: Net
    reached: tuple[Prefix, ...]
    """What its routes lead to."""


class Barriers:
    """Finds what keeps ends apart."""

    def __init__(self, topology: Topology, evaluator: Evaluator, links: Links) -> None:
        """*links* are what the hosts' own interfaces have, as far as that is known."""
        self._topology = topology
        self._evaluator = evaluator
        self._endpoints = evaluator.policies.endpoints
        self._legs = dict(_legs(topology, self._endpoints))
        self._together: dict[tuple[str, str], list[str]] = {}
        for name in self._legs:
            end = self._endpoints[name]
            self._together.setdefault((end.host, end.netns), []).append(name)
        self._links = {place: [parse_prefix(text) for text in texts] for place, texts in links.items()}

    def noted(self, trials: Iterable[Trial]) -> Iterator[Trial]:
        """The trials, each with what keeps its ends apart."""
        return (trial._replace(barrier=barrier) if (barrier := self.between(trial)) else trial for trial in trials)

    def expected(self, trials: Iterable[Trial]) -> Iterator[Trial]:
        """The trials of a matrix, of which those are expected to fail that something keeps from arriving."""
        for trial in trials:
            barrier = self.between(trial) if trial.expected is Verdict.ALLOW else ""
            yield trial._replace(expected=Verdict.DENY, barrier=barrier) if barrier else trial

    def between(self, trial: Trial) -> str:
        """What keeps a trial's ends apart, in words; empty where nothing does."""
        asked = trial.connection
        source, destination = self._endpoints.get(asked.source), self._endpoints.get(asked.destination)
        if is_itself(source, destination):
            return ""
        address = next((text for text in source.addresses if family_of(text) == asked.family), "") if source else ""
        return (
            self._fence(asked.source, asked.destination, trial.address)
            or self._fence(asked.destination, asked.source, address)
            or self._macvlan(source, destination, trial.address)
            or self._macvlan(destination, source, address)
            or self._no_way(asked.source, trial.address)
            or self._no_way_back(trial)
        )

    def _fence(self, one: str, other: str, address: str) -> str:
        """What the firewall of the network of *one* drops of what goes between it and the *other*."""
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
        if getattr(spec, "isolated", False) and self._is_inside(end.host, address, far):
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
        own = next((text for text in one.addresses if address and family_of(text) == family_of(address)), None)
        link = self._links.get((one.host, leg.net.spec.parent), ())
        if own is not None and any(prefix.holds(*parse_address(own)) for prefix in link):
            return f"{leg.net.label} is out of its host's reach"
        return ""

    def _no_way(self, name: str, address: str) -> str:
        """Whether an attachment's namespace has no route to an address."""
        end = self._endpoints.get(name)
        if end is None or name not in self._legs or not address:
            return ""
        return "" if self._leaving(end, address) else f"{name} has no route there"

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

    def _no_way_back(self, trial: Trial) -> str:
        """Whether the destination cannot send to the address that it sees what it is to answer from its own."""
        source, destination, seen = self._evaluator.ends(trial.connection)
        end, there = source.endpoint, destination.endpoint
        if end is None or there is None or there.name not in self._legs or seen.address is None:
            return ""
        # A host has an address on its bridges; it has none on the segment of a macvlan, which is without an interface.
        if end.kind == "host" and end.host == there.host and there.interface:
            return ""
        address = format_address(trial.connection.family, seen.address)
        return self._no_way(there.name, address) or self._not_its_own(there, address)

    def _not_its_own(self, end: Endpoint, address: str) -> str:
        """Whether what it answers leaves by another attachment of its namespace, which may send from its own alone."""
        other = self._leaving(end, address)
        if other == end.name or not self._endpoints[other].anti_spoofing or self._legs[other].net.role is Role.MACVLAN:
            return ""
        return f"{end.name} would answer by {other}, which may not send from its address"


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
