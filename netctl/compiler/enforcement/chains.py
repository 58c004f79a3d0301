"""Steps as chains and sets: what an endpoint's policies do to a packet that its address has led there.

A chain *returns* what is allowed, to where it was jumped to from, and drops what is denied. Chains and sets are named
by a digest of their definition, so that what is defined alike is made once, and stays when members change.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from netctl.compiler.enforcement.cells import SEPARATE, IcmpSpan, Steps, merged, split
from netctl.compiler.enforcement.lanes import VERSION, Lane
from netctl.compiler.enforcement.steps import (
    LAST_PORT,
    Icmp,
    Named,
    Ports,
    PortSpan,
    Side,
    Step,
    Tier,
    digest,
    tiers_of,
)
from netctl.kinds.nftables import Chain, Counter, Log, Lookup, Match, Rule, Set, Statement, Verdict, VerdictMap, rule
from netctl.policy.model import Action, IcmpMatch, Policy

MAX_PREFIX = 127
"""Bytes of a log prefix (NF_LOG_PREFIXLEN, less the NUL)."""
UNANSWERED = Match("ct state", "invalid,new,untracked")
"""The packets of a connection that are logged: those before its first answer."""
_RETURN = (Verdict("return"),)
_DROP = (Counter(), Verdict("drop"))

Statements = tuple[Statement, ...]


class Ends(NamedTuple):
    """Where a chain leads, besides back."""

    onward: str = ""
    """The chain of the next tier; empty where what is passed on is allowed."""
    sink: str = ""
    """The chain that takes what is denied; empty where it is dropped."""


class Chains:
    """Collects the chains and the sets that they look into, each once."""

    def __init__(self, policies: Sequence[Policy], stack: str) -> None:
        self._policies = policies
        self._stack = stack
        self._classes: dict[tuple[tuple[int, ...], Lane], str] = {}
        self.chains: dict[str, Chain] = {}
        self.sets: dict[str, Set] = {}
        """Those whose elements are part of the definition."""
        self.peers: dict[str, tuple[int, tuple[str, ...]]] = {}
        """Sets of endpoints' addresses, by name: the family, and the keys of the peers that are in it."""
        self.prefixes: dict[str, tuple[int, tuple[str, ...]]] = {}
        """The same of prefixes."""
        self.named: dict[str, tuple[int, str]] = {}
        """Sets of endpoints' named ports, by name: the family, and the key."""

    def of_class(self, places: tuple[int, ...], lane: Lane) -> str:
        """The chain for endpoints that the policies at these *places*, and no others, select and govern."""
        found = self._classes.get((places, lane))
        if found is None:
            found = self._classes[places, lane] = self._class([self._policies[place] for place in places], lane)
        return found

    def _class(self, policies: list[Policy], lane: Lane) -> str:
        """What is in force comes first; what that allows, staged policies then judge as if they were, too."""
        in_force = [policy for policy in policies if not policy.staged]
        if len(in_force) == len(policies):
            return self._tiers(tiers_of(policies, lane.direction), lane)
        sink = self._staged([policy.name for policy in policies if policy.staged])
        trial = self._tiers(tiers_of(policies, lane.direction, logs=False), lane, sink)
        if not in_force:
            return trial
        first = self._tiers(tiers_of(in_force, lane.direction), lane)
        name = f"{lane}-{digest(first, trial)}"
        self.chains[name] = Chain(name, (rule(Verdict("jump", first)), rule(Verdict("goto", trial))))
        return name

    def _staged(self, names: list[str]) -> str:
        """The chain that counts and logs what staged policies would drop."""
        prefix = f"netctl:{self._stack} staged {','.join(names)}: "
        name = f"staged-{digest(prefix)}"
        self.chains[name] = Chain(name, (rule(Counter()), rule(UNANSWERED, _log(prefix))))
        return name

    def _tiers(self, tiers: Sequence[Tier], lane: Lane, sink: str = "") -> str:
        first, rest = tiers[0], tiers[1:]
        passes = any(step.action is Action.PASS for step in first.steps)
        onward = self._tiers(rest, lane, sink) if rest and passes else ""
        return self._chain(first.steps, lane, Ends(onward, sink))

    def _chain(self, steps: Steps, lane: Lane, ends: Ends) -> str:
        """A tier's chain. Of a few steps each is a rule; more are split, so that a packet meets only a few."""
        name = f"{lane}-{digest(steps, ends)}"
        if name not in self.chains:
            rules = self._listed(steps, lane, ends) if len(steps) <= SEPARATE else self._split(steps, lane, ends)
            self.chains[name] = Chain(name, tuple(rules))
        return name

    def _split(self, steps: Steps, lane: Lane, ends: Ends) -> Iterator[Rule]:
        cells = split(steps)
        ports = [(_service(span), self._cell(chosen, lane, ends)) for span, chosen in cells.ports]
        messages = [(_message(span), self._cell(chosen, lane, ends)) for span, chosen in cells.messages]
        icmp = Match("meta l4proto", lane.icmp)
        if ports:
            yield rule(VerdictMap(("meta l4proto", "th dport"), self._map(lane, ("inet_proto", "inet_service"), ports)))
        if messages:
            fields = (f"{lane.messages} type", f"{lane.messages} code")
            types = (f"{lane.messages}_type", f"{lane.messages}_code")
            yield rule(VERSION[lane.family], icmp, VerdictMap(fields, self._map(lane, types, messages)))
        if cells.icmp != cells.rest:
            yield rule(icmp, Verdict("goto", self._cell(cells.icmp, lane, ends)))
        yield from self._listed(tuple(merged(cells.rest)), lane, ends)

    def _cell(self, steps: Steps, lane: Lane, ends: Ends) -> str:
        fewer = tuple(merged(steps))
        name = f"{lane}-{digest(fewer, ends)}"
        if name not in self.chains:
            self.chains[name] = Chain(name, tuple(self._listed(fewer, lane, ends)))
        return name

    def _map(self, lane: Lane, key: tuple[str, ...], cells: list[tuple[str, str]]) -> str:
        elements = frozenset(f"{place} : goto {chain}" for place, chain in cells)
        name = f"{lane}-cells-{digest(key, sorted(elements))}"
        flags = ("interval",) if any("-" in place for place, _ in cells) else ()
        self.sets[name] = Set(name, key, ("verdict",), flags, elements)
        return name

    def _listed(self, steps: Steps, lane: Lane, ends: Ends) -> Iterator[Rule]:
        """The rules of steps, one after another; then what none of them decides is denied."""
        for step in steps:
            condition = self._condition(step, lane)
            for peers in self._peers(step.peers, lane):
                yield rule(*dict.fromkeys((*peers, *condition)), *self._verdict(step, ends))
        if not steps or not steps[-1].ends:
            yield rule(*_denied(ends))

    def _verdict(self, step: Step, ends: Ends) -> Statements:
        if step.action is Action.LOG:
            return (UNANSWERED, _log(f"netctl:{self._stack}/{step.label}: "))
        if step.action is Action.DENY:
            return _denied(ends)
        return (Verdict("goto", ends.onward),) if step.action is Action.PASS and ends.onward else _RETURN

    def _condition(self, step: Step, lane: Lane) -> Statements:
        match step.condition:
            case None:
                return ()
            case Ports(spans):
                return self._ports(spans)
            case Icmp(matches):
                return self._icmp(matches, lane)
            case Named(key):
                name = f"named{lane.family}-{digest(key)}"
                self.named[name] = (lane.family, key)
                return (VERSION[lane.family], Lookup((lane.destination, "meta l4proto", "th dport"), name))

    def _ports(self, spans: tuple[PortSpan, ...]) -> Statements:
        protocol, first, last = spans[0]
        if len(spans) == 1 and first == last:
            return (Match("meta l4proto", protocol), Match("th dport", str(first)))
        if len(spans) == 1 and (first, last) == (0, LAST_PORT):
            return (Match("meta l4proto", protocol),)
        return (
            Lookup(
                ("meta l4proto", "th dport"),
                self._static("ports", ("inet_proto", "inet_service"), map(_service, spans)),
            ),
        )

    def _icmp(self, matches: tuple[IcmpMatch, ...], lane: Lane) -> Statements:
        kind, protocol = lane.messages, Match("meta l4proto", lane.icmp)
        if not matches:
            return (protocol,)
        if len(matches) == 1 and matches[0].code is None:
            return (VERSION[lane.family], protocol, Match(f"{kind} type", str(matches[0].type)))
        whole = {match.type for match in matches if match.code is None}
        spans = {IcmpSpan(type_, 0, 255) for type_ in whole}
        spans |= {IcmpSpan(type_, code, code) for type_, code in matches if code is not None and type_ not in whole}
        name = self._static(kind, (f"{kind}_type", f"{kind}_code"), map(_message, spans))
        return (VERSION[lane.family], protocol, Lookup((f"{kind} type", f"{kind} code"), name))

    def _peers(self, sides: tuple[Side, ...] | None, lane: Lane) -> Iterator[Statements]:
        if sides is None:
            yield ()
            return
        endpoints = {side.key for side in sides if side.endpoints}
        prefixes = {side.key for side in sides if lane.family in side.families}
        for noun, keys, sets in (("peers", endpoints, self.peers), ("prefixes", prefixes, self.prefixes)):
            if keys:
                name = f"{noun}{lane.family}-{digest(*sorted(keys))}"
                sets[name] = (lane.family, tuple(sorted(keys)))
                yield (VERSION[lane.family], Lookup((lane.peer,), name))

    def _static(self, noun: str, key: tuple[str, ...], elements: Iterable[str]) -> str:
        whole = frozenset(elements)
        name = f"{noun}-{digest(key, sorted(whole))}"
        flags = ("interval",) if any("-" in element for element in whole) else ()
        self.sets[name] = Set(name, key, (), flags, whole)
        return name


def service_element(protocol: str, first: int, last: int) -> str:
    """Ports of a protocol as an element: ``tcp . 80``, ``udp . 0-65535``."""
    return f"{protocol} . {first}" if first == last else f"{protocol} . {first}-{last}"


def _service(span: PortSpan) -> str:
    return service_element(*span)


def _message(span: IcmpSpan) -> str:
    return service_element(str(span.type), span.first, span.last)


def _denied(ends: Ends) -> Statements:
    return (Verdict("goto", ends.sink),) if ends.sink else _DROP


def _log(prefix: str) -> Log:
    return Log(prefix.encode()[:MAX_PREFIX].decode(errors="ignore"))
