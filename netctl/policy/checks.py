"""Rules and policies that can have no effect: what is certain, and no more.

What two policies both allow is no mistake: rules add up. A rule is reported where an earlier one of the same policy
decides all that it would, or one of another policy decides it otherwise.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from netctl.policy.model import Action, Direction, Peers, Policy, PolicySet, PortRange, Protocol, Rule
from netctl.policy.ranges import AddressRanges, covers_ports, family_of


class Place(NamedTuple):
    """One rule of a policy."""

    policy: str
    direction: Direction
    number: int
    """Its index."""


class Shadowed(NamedTuple):
    """A rule whose every connection an earlier rule decides."""

    place: Place
    by: Place
    rule: Rule
    """The earlier one."""


class Futility(StrEnum):
    """Why no connection can match a rule."""

    NO_SUCH_PORT = "no endpoint that it is about has a port of that name"
    FAMILIES = "the two sides have no addresses of one family"


class Unheard(NamedTuple):
    """A policy that an earlier tier leaves nothing to decide."""

    policy: str
    direction: Direction
    tier: str
    """The earlier one."""


def rules_of(policy: Policy, direction: Direction) -> tuple[Rule, ...]:
    """The policy's rules of one direction; none where it does not govern that."""
    return (policy.ingress if direction is Direction.INGRESS else policy.egress) or ()


def governs(policy: Policy, direction: Direction) -> bool:
    """Whether the policy governs its endpoints in the direction."""
    return (policy.ingress if direction is Direction.INGRESS else policy.egress) is not None


def futile_rules(policies: PolicySet) -> Iterator[tuple[Place, Futility]]:
    """The rules that no connection can match, of those whose selectors select something."""
    families = {name: set(map(family_of, end.addresses)) for name, end in policies.endpoints.items()}
    ranges: dict[tuple[str, ...], AddressRanges] = {}
    for policy in policies.policies:
        own = set[int]().union(*(families[name] for name in policy.selected))
        for direction in Direction:
            for index, rule in enumerate(rules_of(policy, direction)):
                if not policy.selected or _is_nobody(rule.peers):
                    continue
                if rule.ports == () and not rule.icmp and not rule.named_ports:
                    yield Place(policy.name, direction, index), Futility.NO_SUCH_PORT
                elif rule.peers is not None and not own & _families(rule.peers, families, ranges):
                    yield Place(policy.name, direction, index), Futility.FAMILIES


def shadowed_rules(policies: PolicySet) -> Iterator[Shadowed]:
    """The rules that an earlier one leaves nothing to decide."""
    covering = _Covering(policies)
    for direction in Direction:
        for policy in policies.policies:
            rules = rules_of(policy, direction)
            for index, rule in enumerate(rules):
                earlier = next((at for at in range(index) if covering.decides(rules[at], rule)), None)
                if earlier is not None:
                    place, by = Place(policy.name, direction, index), Place(policy.name, direction, earlier)
                    yield Shadowed(place, by, rules[earlier])
        yield from _contradicted(policies, direction, covering)


def unheard_policies(policies: PolicySet) -> Iterator[Unheard]:
    """The policies all of whose endpoints an earlier tier decides about, and passes nothing on."""
    for direction in Direction:
        final: dict[str, set[str]] = {}
        for tier in policies.tiers:
            members = [policy for policy in policies.policies if policy.tier == tier and governs(policy, direction)]
            for policy in members:
                blocking = [name for name, decided in final.items() if policy.selected and policy.selected <= decided]
                if blocking:
                    yield Unheard(policy.name, direction, blocking[0])
            decided = set[str]().union(*(policy.selected for policy in members if not policy.staged))
            passing = (policy for policy in members if Action.PASS in _actions(policy, direction))
            final[tier] = decided.difference(*(policy.selected for policy in passing))


def _contradicted(policies: PolicySet, direction: Direction, covering: "_Covering") -> Iterator[Shadowed]:
    """The rules that a rule of an earlier policy decides otherwise, for every endpoint that they are about."""
    members = [policy for policy in policies.policies if rules_of(policy, direction)]
    special = [at for at, policy in enumerate(members) if _actions(policy, direction) != {Action.ALLOW}]
    reached = _reached(policies, direction)
    for at, policy in enumerate(members):
        # Where both only allow, there is nothing to contradict.
        suspects = range(at) if at in special else [index for index in special if index < at]
        earlier = [members[index] for index in suspects if _decides_for(members[index], policy)]
        for number, rule in enumerate(rules_of(policy, direction) if earlier else ()):
            place = Place(policy.name, direction, number)
            if found := _contradiction(place, rule, policy.tier, earlier, reached, covering):
                yield found


def _contradiction(
    place: Place, rule: Rule, tier: str, earlier: list[Policy], reached: dict[str, int], covering: "_Covering"
) -> Shadowed | None:
    for other in earlier:
        known = rules_of(other, place.direction)
        # What an earlier tier passes on before a rule is reached is for the later tier to decide.
        for number, candidate in enumerate(known if other.tier == tier else known[: reached[other.name]]):
            if candidate.action is not rule.action and covering.decides(candidate, rule):
                return Shadowed(place, Place(other.name, place.direction, number), candidate)
    return None


def _decides_for(earlier: Policy, policy: Policy) -> bool:
    return bool(policy.selected) and not earlier.staged and policy.selected <= earlier.selected


def _actions(policy: Policy, direction: Direction) -> set[Action]:
    return {rule.action for rule in rules_of(policy, direction)}


def _reached(policies: PolicySet, direction: Direction) -> dict[str, int]:
    """Of each policy, how many rules come before the first that passes on, its own or an earlier one's of its tier."""
    found: dict[str, int] = {}
    passing: set[str] = set()
    for policy in policies.policies:
        rules = rules_of(policy, direction)
        first = next((at for at, rule in enumerate(rules) if rule.action is Action.PASS), len(rules))
        found[policy.name] = 0 if policy.tier in passing else first
        if first < len(rules) and not policy.staged:
            passing.add(policy.tier)
    return found


class _Covering:
    """Compares rules by what they match."""

    def __init__(self, policies: PolicySet) -> None:
        self._policies = policies
        self._ranges: dict[tuple[str, ...], AddressRanges] = {}

    def decides(self, earlier: Rule, later: Rule) -> bool:
        """Whether the earlier rule decides every connection that the later one matches (and it matches some)."""
        if earlier.action is Action.LOG or _is_nobody(later.peers):
            return False
        if later.ports == () and not later.icmp and not later.named_ports:
            return False
        return self._covers_services(earlier, later) and self._covers_peers(earlier.peers, later.peers)

    def _covers_peers(self, wide: Peers | None, narrow: Peers | None) -> bool:
        if wide is None or narrow is None:
            return wide is None
        if narrow.prefixes and not self._of(wide).covers(self._of(narrow)):
            return False
        return all(self._has(wide, name) for name in narrow.endpoints - wide.endpoints)

    def _has(self, peers: Peers, name: str) -> bool:
        """Whether every address of an endpoint is among the peers' prefixes."""
        addresses = self._policies.endpoints[name].addresses
        within = AddressRanges(f"{text}/{128 if ':' in text else 32}" for text in addresses)
        return bool(addresses) and bool(peers.prefixes) and self._of(peers).covers(within)

    def _of(self, peers: Peers) -> AddressRanges:
        found = self._ranges.get(peers.prefixes)
        if found is None:
            found = self._ranges[peers.prefixes] = AddressRanges(peers.prefixes)
        return found

    def _covers_services(self, wide: Rule, narrow: Rule) -> bool:
        if wide.ports is None or narrow.ports is None:
            return wide.ports is None
        if not all(covers_ports(wide.ports, part) for part in narrow.ports):
            return False
        if not all(_has_message(wide, match) for match in narrow.icmp):
            return False
        known = dict(wide.named_ports)
        return all(_covers_all((*wide.ports, *known.get(name, ())), parts) for name, parts in narrow.named_ports)


def _covers_all(ranges: tuple[PortRange, ...], wanted: tuple[PortRange, ...]) -> bool:
    return all(covers_ports(ranges, part) for part in wanted)


def _has_message(rule: Rule, match: tuple[int, int | None]) -> bool:
    if covers_ports(rule.ports or (), PortRange(Protocol.ICMP)):
        return True
    return any(known.type == match[0] and known.code in {None, match[1]} for known in rule.icmp)


def _is_nobody(peers: Peers | None) -> bool:
    return peers is not None and not peers.endpoints and not peers.prefixes


def _families(peers: Peers, families: dict[str, set[int]], ranges: dict[tuple[str, ...], AddressRanges]) -> set[int]:
    if peers.prefixes not in ranges:
        ranges[peers.prefixes] = AddressRanges(peers.prefixes)
    return ranges[peers.prefixes].families().union(*(families[name] for name in peers.endpoints))
