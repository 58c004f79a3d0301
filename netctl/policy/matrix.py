"""The verdicts for all pairs of endpoints at once.

Endpoints that are governed by the same rules in the same way admit the same peers, which are found once for all of them
by set operations, rather than pair by pair.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from netctl.policy.evaluate import Evaluator, Tier, is_itself
from netctl.policy.matching import Matching, has_service
from netctl.policy.model import Action, Connection, Direction, Endpoint, IcmpMatch, Peers, Protocol, Rule
from netctl.policy.ranges import address_value, family_of, first_of_family, has_port
from netctl.policy.verdicts import Verdict

Names = frozenset[str]


_NOBODY: Names = frozenset()


class Service(NamedTuple):
    """What a connection is for."""

    protocol: Protocol
    port: int = 0
    icmp: IcmpMatch | None = None
    family: int = 4

    def connection(self, source: str, destination: str) -> Connection:
        """A connection for it."""
        return Connection(source, destination, self.protocol, self.port, self.icmp, self.family)


def reachable(
    evaluator: Evaluator, service: Service, sources: Names | None = None, destinations: Names | None = None
) -> dict[str, Names]:
    """For each source that has an address of the family, the other destinations to which it is allowed to connect.

    The same as `Evaluator.decide` of each pair. Sources and destinations are all endpoints unless given by name.
    """
    return _Matrix(evaluator, service, sources, destinations).rows()


class _Matrix:
    """All verdicts for one service."""

    def __init__(
        self, evaluator: Evaluator, service: Service, sources: Names | None, destinations: Names | None
    ) -> None:
        self._evaluator = evaluator
        self._service = service
        self._matching = Matching()
        endpoints = evaluator.policies.endpoints
        chosen = [endpoints[name] for name in sorted(_concerned(endpoints, sources, destinations))]
        self._addresses = dict(_addresses(chosen, service.family))
        self._everyone = frozenset(self._addresses)
        self._sources = self._everyone if sources is None else self._everyone & sources
        self._destinations = self._everyone if destinations is None else self._everyone & destinations
        self._members: dict[tuple[Peers, Direction], Names] = {}
        self._admitted: dict[object, Names] = {}
        self._hidden: dict[tuple[str, bool], Names] = {}
        self._admitting: dict[tuple[str, bool], Names] = {}
        self._ambiguous = {
            end.name
            for end in chosen
            if end.kind == "host"
            and not (end.name in self._addresses and evaluator.always_known(end.host, service.family))
        }
        """Hosts whose verdict may differ by which of their addresses they send from."""

    def rows(self) -> dict[str, Names]:
        endpoints = self._evaluator.policies.endpoints
        admitted = {name: self._peers(endpoints[name], Direction.INGRESS) for name in self._destinations}
        siblings = _siblings(endpoints, self._addresses)
        rows = {
            name: self._one_by_one(name, self._destinations)
            if name in self._ambiguous
            else self._row(endpoints[name], admitted)
            for name in sorted(self._sources)
        }
        return {
            name: row - {name} | (siblings[name] & self._destinations if name in siblings else _NOBODY)
            for name, row in rows.items()
        }

    def _row(self, source: Endpoint, admitted: Mapping[str, Names]) -> Names:
        """The destinations that the source's policies and their own allow."""
        allowed = self._peers(source, Direction.EGRESS) & self._destinations
        hidden = self._hidden_from(source)
        found = frozenset(name for name in allowed - hidden if source.name in admitted[name])
        host = f"host/{source.host}"
        if hidden and host in self._ambiguous:
            return found | (allowed & self._admitting_host(source, hidden))
        return found.union(name for name in allowed & hidden if host in admitted[name])

    def _admitting_host(self, source: Endpoint, hidden: Names) -> Names:
        """The destinations that admit what the source's host sends in place of it and of others like it."""
        key = (source.host, source.spans_hosts)
        if key not in self._admitting:
            asked = ((name, self._service.connection(source.name, name)) for name in hidden & self._destinations)
            sides = ((name, self._evaluator.decide(ask).ingress) for name, ask in asked)
            self._admitting[key] = frozenset(name for name, side in sides if side and side.verdict is Verdict.ALLOW)
        return self._admitting[key]

    def _one_by_one(self, source: str, destinations: Names) -> Names:
        """Those of the destinations to which a source is allowed, where it sends to each from another address."""
        asked = ((name, self._service.connection(source, name)) for name in destinations)
        return frozenset(name for name, ask in asked if self._evaluator.decide(ask).verdict is Verdict.ALLOW)

    def _hidden_from(self, source: Endpoint) -> Names:
        """The endpoints that see the source's host in its place."""
        endpoints = self._evaluator.policies.endpoints
        if not source.masqueraded or f"host/{source.host}" not in endpoints:
            return _NOBODY
        key = (source.host, source.spans_hosts)
        if key not in self._hidden:
            translated = self._evaluator.translates
            self._hidden[key] = frozenset(
                name for name in self._addresses if translated(source, endpoints[name], self._service.family)
            )
        return self._hidden[key]

    def _peers(self, local: Endpoint, direction: Direction) -> Names:
        """The endpoints that the policies of the *local* one admit in a direction."""
        evaluator = self._evaluator
        tiers = tuple(
            enforced
            for tier in evaluator.governing(local.name, direction)
            if (enforced := tuple(entry for entry in tier if evaluator.in_force(entry[0])))
        )
        if not tiers or evaluator.is_failsafe(direction, local, self._service.connection("", "")):
            return self._everyone
        names = tuple(policy.name for tier in tiers for policy, _ in tier)
        key = (direction, names, self._own_ports(local, tiers, direction))
        found = self._admitted.get(key)
        if found is None:
            found = self._admitted[key] = self._admit(local, tiers, direction)
        return found

    def _own_ports(self, local: Endpoint, tiers: tuple[Tier, ...], direction: Direction) -> object:
        """What rules mean by named ports where they mean it of the local endpoint."""
        if direction is Direction.EGRESS:
            return None
        rules = (rule for tier in tiers for _, rules in tier for rule in rules if rule.named_ports)
        return tuple(self._matching.named(rule, local.name) for rule in rules)

    def _admit(self, local: Endpoint, tiers: tuple[Tier, ...], direction: Direction) -> Names:
        allowed: set[str] = set()
        undecided = set(self._everyone)
        for tier in tiers:
            passed: set[str] = set()
            for _, rules in tier:
                for rule in rules:
                    if rule.action is Action.LOG:
                        continue
                    matched = undecided & self._matched(rule, local, direction)
                    undecided -= matched
                    if rule.action is Action.ALLOW:
                        allowed |= matched
                    elif rule.action is Action.PASS:
                        passed |= matched
            # What no rule of the tier matches is denied.
            undecided = passed
        return frozenset(allowed | undecided)

    def _matched(self, rule: Rule, local: Endpoint, direction: Direction) -> Names:
        """The peers with which a connection for the service matches the rule."""
        peers = self._everyone if rule.peers is None else self._of(rule.peers, direction)
        if has_service(rule, self._service.connection("", "")):
            return peers
        if direction is Direction.INGRESS:
            return peers if self._names_it(rule, local.name) else _NOBODY
        return frozenset(name for name, _ in rule.named_ports if name in peers and self._names_it(rule, name))

    def _names_it(self, rule: Rule, destination: str) -> bool:
        """Whether a named port of the rule is the service's on the destination."""
        return has_port(self._matching.named(rule, destination), self._service.protocol, self._service.port)

    def _of(self, peers: Peers, direction: Direction) -> Names:
        key = (peers, direction)
        found = self._members.get(key)
        if found is None:
            named = peers.endpoints & self._everyone
            found = self._members[key] = named.union(self._addressed(peers, direction)) if peers.prefixes else named
        return found

    def _addressed(self, peers: Peers, direction: Direction) -> Iterator[str]:
        """The endpoints that are peers by their address."""
        within, family = self._matching.ranges(peers), self._service.family
        for name, value in self._addresses.items():
            end = self._evaluator.policies.endpoints[name]
            if direction is Direction.INGRESS and end.kind == "host":
                values = (address_value(address) for address in end.addresses if family_of(address) == family)
                inside = {within.has(family, own) for own in values}
                if len(inside) == 2 and name not in peers.endpoints:
                    self._ambiguous.add(name)
            if within.has(family, value):
                yield name


def _concerned(endpoints: Mapping[str, Endpoint], sources: Names | None, destinations: Names | None) -> Names:
    """Whoever has to be looked at: of masqueraded sources, their hosts too."""
    if sources is None or destinations is None:
        return frozenset(endpoints)
    hosts = {f"host/{endpoints[name].host}" for name in sources} & endpoints.keys()
    return sources | destinations | hosts


def _addresses(endpoints: Iterable[Endpoint], family: int) -> Iterator[tuple[str, int]]:
    """Of each endpoint that has one, its first address of the family."""
    for end in endpoints:
        if own := first_of_family(end.addresses, family):
            yield end.name, address_value(own)


def _siblings(endpoints: Mapping[str, Endpoint], names: Iterable[str]) -> dict[str, Names]:
    """The endpoints in the same network namespace: what they send one another does not leave it."""
    together: dict[tuple[str, str], set[str]] = {}
    for name in names:
        end = endpoints[name]
        if end.netns:
            together.setdefault((end.host, end.netns), set()).add(name)
    groups = (group for group in together.values() if len(group) > 1)
    return {
        name: frozenset(other for other in group if other != name and is_itself(endpoints[name], endpoints[other]))
        for group in groups
        for name in group
    }
