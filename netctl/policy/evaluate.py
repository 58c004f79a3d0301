"""The verdict for a connection, by the semantics that `netctl.policy.model` states."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from netctl.errors import UsageError
from netctl.policy.matching import Matching
from netctl.policy.model import Action, Connection, Direction, Endpoint, Policy, PolicySet, Rule
from netctl.policy.ranges import AddressRanges, address_value, family_of, first_of_family, has_port
from netctl.policy.verdicts import Decision, Reason, Side, Step, Verdict

Tier = tuple[tuple[Policy, tuple[Rule, ...]], ...]
"""The policies of one tier that govern an endpoint in a direction, in order, with their rules for it."""

_FEW = 64
_EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}
_VERDICTS = {Action.ALLOW: Verdict.ALLOW, Action.DENY: Verdict.DENY}


def evaluate(policies: PolicySet, connection: Connection) -> Decision:
    """The decision on one connection. Raises UsageError where an end is neither an endpoint nor an address."""
    return Evaluator(policies).decide(connection)


class End(NamedTuple):
    """One end of a connection."""

    text: str
    """The endpoint's name; an address that is no endpoint's."""
    endpoint: Endpoint | None
    address: int | None
    """In the connection's family; None where it has none, or where it is not known."""

    @property
    def name(self) -> str:
        """The endpoint's; empty for an address that is no endpoint's."""
        return self.endpoint.name if self.endpoint else ""

    @property
    def recognised(self) -> str:
        """Its name where its packets tell it; empty where they have an address that is not known as the endpoint's."""
        return "" if self.address is None else self.name


class Ends(NamedTuple):
    """Both ends of a connection."""

    source: End
    destination: End
    seen: End
    """The source as the destination sees it: behind its host where that masquerades, with the address sent from."""


class Evaluator:
    """Decides on connections. What governs an endpoint is worked out once, when it is first asked for."""

    def __init__(self, policies: PolicySet, *, staged: bool = False) -> None:
        """With *staged*, as if staged policies were in force."""
        self.policies = policies
        self._staged = staged
        self._matching = Matching()
        self._governing: dict[tuple[str, Direction], tuple[Tier, ...]] = {}
        self._index: dict[str, list[Policy]] | None = None
        self._owners: Mapping[str, list[str]] | None = None
        self._inside: dict[str, AddressRanges] = {}
        self._sources: dict[str, list[tuple[AddressRanges, int]]] = {}
        self._overlays: dict[str, AddressRanges] = {}

    def decide(self, connection: Connection) -> Decision:
        """The decision. Raises UsageError where an end is neither an endpoint nor an address."""
        source, destination, seen = self.ends(connection)
        if is_itself(source.endpoint, destination.endpoint) or source.text == destination.text:
            return Decision(connection, Verdict.ALLOW, Reason.ITSELF, None, None)
        if source.address is None or destination.address is None:
            return Decision(connection, Verdict.DENY, Reason.NO_ADDRESS, None, None)
        egress = self._side(Direction.EGRESS, source, destination, destination, connection)
        ingress = self._side(Direction.INGRESS, destination, seen, destination, connection)
        decided = Decision(connection, _both(egress.verdict, ingress.verdict), Reason.OPEN, egress, ingress)
        return decided._replace(reason=decided.deciding.reason) if decided.deciding else decided

    def ends(self, connection: Connection) -> Ends:
        """Both ends, and whom the destination sees. Raises UsageError where one is neither endpoint nor address."""
        source = self.end(connection.source, connection.family)
        destination = self.end(connection.destination, connection.family)
        if source.address is None or destination.address is None:
            return Ends(source, destination, source)
        seen = self.seen(source, destination, connection.family)
        if connection.source == seen.text or seen is not source:
            seen = self._sending(seen, destination.address, connection.family)
        return Ends(source, destination, seen)

    def governing(self, endpoint: str, direction: Direction) -> tuple[Tier, ...]:
        """What governs an endpoint in a direction, tier by tier, staged policies among it."""
        key = (endpoint, direction)
        found = self._governing.get(key)
        if found is None:
            found = self._governing[key] = self._find_governing(endpoint, direction)
        return found

    def in_force(self, policy: Policy) -> bool:
        """Whether the policy's rules decide."""
        return self._staged or not policy.staged

    def end(self, text: str, family: int) -> End:
        """The end that a name or an address means. Raises UsageError."""
        endpoint = self.policies.endpoints.get(text) or self._owner(text)
        if endpoint is not None and text != endpoint.name:
            return End(endpoint.name, endpoint, address_value(text) if family_of(text) == family else None)
        if endpoint is None:
            return End(text, None, address_value(text) if family_of(text) == family else None)
        own = first_of_family(endpoint.addresses, family)
        return End(text, endpoint, address_value(own) if own else None)

    def seen(self, source: End, destination: End, family: int) -> End:
        """Whom the destination sees: the source's host where that masquerades what leaves it, else the source."""
        end = source.endpoint
        if end is None or destination.endpoint is None or not self.translates(end, destination.endpoint, family):
            return source
        host = self.policies.endpoints.get(f"host/{end.host}")
        return self.end(host.name, family) if host else source

    def translates(self, source: Endpoint, destination: Endpoint, family: int) -> bool:
        """Whether the source's host masquerades what it sends to the destination."""
        if not source.masqueraded or destination.host in {"", source.host}:
            return False
        own = self.end(destination.name, family).address
        if own is None:
            return False
        beyond = not source.spans_hosts and _ranges(self._overlays, self.policies.overlays, source.host).has(
            family, own
        )
        return beyond or not _ranges(self._inside, self.policies.inside, source.host).has(family, own)

    def _sending(self, source: End, destination: int, family: int) -> End:
        """The source with the address that it sends from: of a host, that of the link that the packet leaves by."""
        end = source.endpoint
        if end is None or end.kind != "host":
            return source
        known = self._links(end.host)
        leading = (address for ranges, address in known if ranges.has(family, destination))
        address = next(leading, None) if known else source.address
        if address is None:
            return End(f"an address of {source.text} that is not declared", end, None)
        return source._replace(address=address)

    def always_known(self, host: str, family: int) -> bool:
        """Whether it is known for every destination which address of a family a host sends from."""
        known = self._links(host)
        return not known or any(ranges.covers(AddressRanges([_EVERYWHERE[family]])) for ranges, _ in known)

    def _links(self, host: str) -> list[tuple[AddressRanges, int]]:
        """Where a host sends from which address, the narrowest first; of one of which that is not known, nothing."""
        found = self._sources.get(host)
        if found is None:
            known = self.policies.sources.get(host, ())
            found = [(AddressRanges([prefix]), address_value(address)) for prefix, address in known]
            self._sources[host] = found
        return found

    def is_failsafe(self, direction: Direction, endpoint: Endpoint, connection: Connection) -> bool:
        """Whether the connection is to a port that no policy closes."""
        failsafe = self.policies.failsafe
        ranges = failsafe.ingress if direction is Direction.INGRESS else failsafe.egress
        return endpoint.kind == "host" and has_port(ranges, connection.protocol, connection.port)

    def _find_governing(self, endpoint: str, direction: Direction) -> tuple[Tier, ...]:
        tiers: dict[str, list[tuple[Policy, tuple[Rule, ...]]]] = {}
        for policy in self._selecting(endpoint):
            rules = policy.ingress if direction is Direction.INGRESS else policy.egress
            if rules is not None:
                tiers.setdefault(policy.tier, []).append((policy, rules))
        return tuple(map(tuple, tiers.values()))

    def _selecting(self, endpoint: str) -> Sequence[Policy]:
        """The policies that apply to an endpoint, in order: by asking each, or, for many endpoints, by an index."""
        if self._index is None and len(self._governing) < _FEW:
            return [policy for policy in self.policies.policies if endpoint in policy.selected]
        if self._index is None:
            self._index = {}
            for policy in self.policies.policies:
                for name in policy.selected:
                    self._index.setdefault(name, []).append(policy)
        return self._index.get(endpoint, ())

    def _owner(self, text: str) -> Endpoint | None:
        """The endpoint that has the address; None where none has."""
        if self._owners is None:
            self._owners = _owners(self.policies.endpoints)
        found = self._owners.get(text, [])
        if len(found) > 1:
            raise UsageError(f"address {text} is that of {' and '.join(found)}", "Name one of them in its place.")
        if not found and not _is_address(text):
            near = get_close_matches(text, self.policies.endpoints, 1)
            raise UsageError(
                f"'{text}' is neither an endpoint of the stack nor an address",
                f"Did you mean '{near[0]}'?" if near else "An endpoint is named like frontend/web or host/node1.",
            )
        return self.policies.endpoints[found[0]] if found else None

    def _side(self, direction: Direction, local: End, remote: End, destination: End, connection: Connection) -> Side:
        """The verdict of the *local* end's policies, which see the *remote* end."""
        end = local.endpoint
        side = Side(direction, local.name, remote.text, Verdict.ALLOW, Reason.OUTSIDE if end is None else Reason.OPEN)
        tiers = self.governing(end.name, direction) if end else ()
        if end is None or not tiers:
            return side
        if self.is_failsafe(direction, end, connection) and any(
            self.in_force(policy) for tier in tiers for policy, _ in tier
        ):
            return side._replace(reason=Reason.FAILSAFE)
        return self._judged(side, tiers, remote, destination, connection)

    def _judged(
        self, side: Side, tiers: tuple[Tier, ...], remote: End, destination: End, connection: Connection
    ) -> Side:
        steps: list[Step] = []
        for tier in tiers:
            first: Policy | None = None
            for policy, rules in tier:
                step = self._consulted(policy, rules, remote, destination, connection)
                steps.append(step)
                if not self.in_force(policy):
                    continue
                first = first or policy
                if step.rule is None:
                    continue
                if step.rule.action is Action.PASS:
                    side = side._replace(reason=Reason.PASSED, policy=policy, rule=step.rule)
                    break
                verdict = _VERDICTS[step.rule.action]
                return side._replace(
                    verdict=verdict, reason=Reason.RULE, steps=tuple(steps), policy=policy, rule=step.rule
                )  # fmt: skip
            else:
                if first is not None:
                    return side._replace(
                        verdict=Verdict.DENY, reason=Reason.NO_RULE, steps=tuple(steps), policy=first, rule=None
                    )  # fmt: skip
        return side._replace(steps=tuple(steps))

    def _consulted(
        self, policy: Policy, rules: tuple[Rule, ...], remote: End, destination: End, connection: Connection
    ) -> Step:
        """The first rule that matches and decides, and those before it that log."""
        logged: list[Rule] = []
        for rule in rules:
            if not self._matching.matches(rule, connection, destination.name, remote.recognised, remote.address):
                continue
            if rule.action is not Action.LOG:
                return Step(policy, rule, tuple(logged))
            logged.append(rule)
        return Step(policy, None, tuple(logged))


def is_itself(source: Endpoint | None, destination: Endpoint | None) -> bool:
    """Whether packets from one to the other stay within a network namespace, where no policy sees them."""
    if source is None or destination is None:
        return False
    if source.name == destination.name:
        return True
    return bool(source.netns) and (source.host, source.netns) == (destination.host, destination.netns)


def _both(one: Verdict, other: Verdict) -> Verdict:
    return Verdict.ALLOW if one is other is Verdict.ALLOW else Verdict.DENY


def _owners(endpoints: Mapping[str, Endpoint]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, end in endpoints.items():
        for address in end.addresses:
            found.setdefault(address, []).append(name)
    return found


def _is_address(text: str) -> bool:
    try:
        address_value(text)
    except OSError:
        return False
    return True


def _ranges(known: dict[str, AddressRanges], prefixes: Mapping[str, tuple[str, ...]], host: str) -> AddressRanges:
    """The ranges of a host's prefixes, worked out once."""
    found = known.get(host)
    if found is None:
        found = known[host] = AddressRanges(_outermost(prefixes.get(host, ())))
    return found


def _outermost(prefixes: tuple[str, ...]) -> list[str]:
    """The prefixes less those within another."""
    found: list[str] = []
    for prefix in sorted(prefixes, key=lambda text: int(text.partition("/")[2])):
        if not AddressRanges(found).covers(AddressRanges([prefix])):
            found.append(prefix)
    return found
