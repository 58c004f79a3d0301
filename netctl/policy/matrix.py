"""The verdicts for all pairs of endpoints at once.

Endpoints that are governed by the same rules in the same way admit the same peers, which are found once for all of them
by set operations, rather than pair by pair.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from netctl.policy.evaluate import Evaluator, Tier, is_itself
from netctl.policy.matching import Matching, has_service
from netctl.policy.model import Action, Connection, Direction, Endpoint, IcmpMatch, Peers, PolicySet, Protocol, Rule
from netctl.policy.ranges import address_value, family_of, has_port

Names = frozenset[str]


class Service(NamedTuple):
    """What a connection is for."""

    protocol: Protocol
    port: int = 0
    icmp: IcmpMatch | None = None
    family: int = 4

    def connection(self, source: str, destination: str) -> Connection:
        """A connection for it."""
        return Connection(source, destination, self.protocol, self.port, self.icmp, self.family)


def reachable(policies: PolicySet, service: Service, *, staged: bool = False) -> dict[str, Names]:
    """For each endpoint that has an address of the family, the other endpoints to which it is allowed to connect.

    The same as `Evaluator.decide` of each pair. With *staged*, as if staged policies were in force.
    """
    return _Matrix(Evaluator(policies, staged=staged), service).rows()


class _Matrix:
    """All verdicts for one service."""

    def __init__(self, evaluator: Evaluator, service: Service) -> None:
        self._evaluator = evaluator
        self._service = service
        self._matching = Matching()
        self._addresses = dict(_addresses(evaluator.policies.endpoints.values(), service.family))
        self._everyone = frozenset(self._addresses)
        self._members: dict[Peers, Names] = {}
        self._admitted: dict[object, Names] = {}
        self._hidden: dict[str, Names] = {}

    def rows(self) -> dict[str, Names]:
        endpoints = self._evaluator.policies.endpoints
        admitted = {name: self._peers(endpoints[name], Direction.INGRESS) for name in self._addresses}
        siblings = _siblings(endpoints, self._addresses)
        return {
            name: self._row(endpoints[name], admitted) - {name} | siblings.get(name, frozenset())
            for name in self._addresses
        }

    def _row(self, source: Endpoint, admitted: Mapping[str, Names]) -> Names:
        """The destinations that the source's policies and their own allow."""
        allowed = self._peers(source, Direction.EGRESS)
        hidden = self._hidden_from(source) & allowed
        found = {name for name in allowed - hidden if source.name in admitted[name]}
        host = f"host/{source.host}"
        return frozenset(found | {name for name in hidden if host in admitted[name]})

    def _hidden_from(self, source: Endpoint) -> Names:
        """The endpoints that see the source's host in its place."""
        if not source.masqueraded or f"host/{source.host}" not in self._addresses:
            return frozenset()
        if source.host not in self._hidden:
            endpoints = self._evaluator.policies.endpoints
            translated = self._evaluator.translates
            self._hidden[source.host] = frozenset(
                name for name in self._addresses if translated(source, endpoints[name], self._service.family)
            )
        return self._hidden[source.host]

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
        peers = self._everyone if rule.peers is None else self._of(rule.peers)
        if has_service(rule, self._service.connection("", "")):
            return peers
        if direction is Direction.INGRESS:
            return peers if self._names_it(rule, local.name) else frozenset()
        return frozenset(name for name, _ in rule.named_ports if name in peers and self._names_it(rule, name))

    def _names_it(self, rule: Rule, destination: str) -> bool:
        """Whether a named port of the rule is the service's on the destination."""
        return has_port(self._matching.named(rule, destination), self._service.protocol, self._service.port)

    def _of(self, peers: Peers) -> Names:
        found = self._members.get(peers)
        if found is None:
            family = self._service.family
            within = self._matching.ranges(peers)
            by_address = (name for name, value in self._addresses.items() if within.has(family, value))
            named = peers.endpoints & self._everyone
            found = self._members[peers] = named.union(by_address) if peers.prefixes else named
        return found


def _addresses(endpoints: Iterable[Endpoint], family: int) -> Iterator[tuple[str, int]]:
    """Of each endpoint that has one, its first address of the family."""
    for end in endpoints:
        own = next((address for address in end.addresses if family_of(address) == family), None)
        if own is not None:
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
