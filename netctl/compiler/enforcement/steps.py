"""What a policy's rules come to, one after another: steps that compare a packet and decide.

Steps name sets by what *defines* them, never by their members, so that all that is made of steps (chains, rules, names)
stays the same when an endpoint comes or goes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from typing import NamedTuple

from netctl.policy.model import Action, Direction, IcmpMatch, Peers, Policy, PortRange, Protocol, Rule

LAST_PORT = 65535
_DECIDING = frozenset({Action.ALLOW, Action.DENY, Action.PASS})


class PortSpan(NamedTuple):
    """Consecutive ports of a protocol, both ends included."""

    protocol: Protocol
    first: int
    last: int


# Conditions are dataclasses, not tuples: two of different types must never be equal.


@dataclass(frozen=True, slots=True)
class Ports:
    """The destination port is in one of the spans, which are sorted and do not overlap."""

    spans: tuple[PortSpan, ...]


@dataclass(frozen=True, slots=True)
class Icmp:
    """It is one of these ICMP messages; any where there are none."""

    matches: tuple[IcmpMatch, ...] = ()


@dataclass(frozen=True, slots=True)
class Named:
    """The destination endpoint has the port under a name."""

    key: str


Condition = Ports | Icmp | Named | None


class Side(NamedTuple):
    """Peers, by their definition."""

    key: str
    endpoints: bool
    """Whether endpoints can be among them."""
    families: tuple[int, ...]
    """Those of their prefixes."""


class Step(NamedTuple):
    """One comparison, and what comes of it."""

    condition: Condition
    """None: any packet."""
    peers: tuple[Side, ...] | None
    """In union. None: anyone."""
    action: Action
    label: str = ""
    """The policy that logs."""

    @property
    def ends(self) -> bool:
        """Whether no packet gets beyond it."""
        return self.condition is None and self.peers is None and self.action in _DECIDING


class Tier(NamedTuple):
    """The steps of the policies that select an endpoint in one tier. What none of them decides is denied."""

    steps: tuple[Step, ...]


def digest(*parts: object) -> str:
    """A short name for what is defined by *parts*: the same in every run, on every host."""
    return sha256(repr(parts).encode()).hexdigest()[:12]


def rules_of(policy: Policy, direction: Direction) -> tuple[Rule, ...] | None:
    """The policy's rules for a direction; None where it does not govern it."""
    return policy.ingress if direction is Direction.INGRESS else policy.egress


class Place(NamedTuple):
    """Which rule it is."""

    policy: Policy
    direction: Direction
    number: int

    def __str__(self) -> str:
        return f"{self.policy.name} {self.direction} {self.number}"


def places_of(policies: Iterable[Policy]) -> Iterator[tuple[Place, Rule]]:
    """Every rule of the policies."""
    for policy in policies:
        for direction in Direction:
            for number, rule in enumerate(rules_of(policy, direction) or ()):
                yield Place(policy, direction, number), rule


def peers_key(place: Place, peers: Peers) -> str:
    """What identifies the peers of a rule: their definition, or the rule itself."""
    return f"={peers.definition}" if peers.definition else str(place)


def named_key(place: Place, rule: Rule) -> str:
    """What identifies the named ports of a rule: their names, or the rule itself."""
    return f"{place.direction}={','.join(rule.port_names)}" if rule.port_names else str(place)


def tiers_of(policies: Sequence[Policy], direction: Direction, *, logs: bool = True) -> tuple[Tier, ...]:
    """The tiers of policies that are in order."""
    tiers = (
        Tier(tuple(_up_to_the_end(step for policy in group for step in steps_of(policy, direction, logs=logs))))
        for _, group in groupby(policies, lambda policy: policy.tier)
    )
    return tuple(tiers)


def steps_of(policy: Policy, direction: Direction, *, logs: bool = True) -> Iterator[Step]:
    """The steps of one policy."""
    for number, rule in enumerate(rules_of(policy, direction) or ()):
        if rule.action is Action.LOG and not logs:
            continue
        place = Place(policy, direction, number)
        sides = None if rule.peers is None else (side_of(place, rule.peers),)
        label = policy.name if rule.action is Action.LOG else ""
        for condition in _conditions(rule, named_key(place, rule)):
            yield Step(condition, sides, rule.action, label)


def side_of(place: Place, peers: Peers) -> Side:
    """The peers of a rule, by their definition."""
    families = tuple(sorted({6 if ":" in prefix else 4 for prefix in peers.prefixes}))
    return Side(peers_key(place, peers), bool(peers.endpoints) or not families, families)


def _conditions(rule: Rule, key: str) -> Iterator[Condition]:
    if rule.ports is None:
        yield None
        return
    spans = tuple(port_spans(part for part in rule.ports if part.protocol is not Protocol.ICMP))
    if spans:
        yield Ports(spans)
    if any(part.protocol is Protocol.ICMP for part in rule.ports):
        yield Icmp()
    elif rule.icmp:
        yield Icmp(tuple(sorted(set(rule.icmp), key=str)))
    if rule.named_ports or rule.port_names:
        yield Named(key)


def port_spans(ranges: Iterable[PortRange]) -> Iterator[PortSpan]:
    """The same ports, sorted, each once."""
    current: PortSpan | None = None
    for protocol, first, last in sorted({_span(part) for part in ranges}):
        if current and current.protocol is protocol and first <= current.last + 1:
            current = current._replace(last=max(current.last, last))
            continue
        if current:
            yield current
        current = PortSpan(protocol, first, last)
    if current:
        yield current


def _span(ports: PortRange) -> PortSpan:
    return PortSpan(ports.protocol, ports.first, ports.last if ports.first else LAST_PORT)


def _up_to_the_end(steps: Iterable[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        if step.ends:
            return
