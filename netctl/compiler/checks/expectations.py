"""Every expectation, proved on paper: for each pair of endpoints, and for each kind of address that is no endpoint's.

Of a prefix, one address stands for all that the policies treat alike: those between the bounds of any two prefixes that
a rule names.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain, product
from typing import NamedTuple

from netctl.compiler.places import Path, Problems
from netctl.compiler.policies import Resolution
from netctl.compiler.policies.ports import NamedPort, parse_port
from netctl.compiler.policies.selection import Names, Selection, region_of
from netctl.compiler.prefixes import Span, format_address, parse_prefix, subtract
from netctl.policy.evaluate import Evaluator, is_itself
from netctl.policy.explanation import because, spelled_port
from netctl.policy.matrix import Service, reachable
from netctl.policy.model import Connection, Endpoint, PortRange
from netctl.policy.ranges import family_of
from netctl.policy.verdicts import Verdict
from netctl.stack.models import Stack
from netctl.stack.policy_models import Expectation, Selector

_EVERYWHERE = ("0.0.0.0/0", "::/0")
_UNUSUAL = {
    family: [Span(prefix.first, prefix.last) for prefix in map(parse_prefix, texts)]
    for family, texts in {
        4: ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"),
        6: ("::/3", "fe80::/10", "ff00::/8"),
    }.items()
}
"""What no host sends from, or only on its own link (RFC 6890): it stands for others only where nothing else is."""


class Ends(NamedTuple):
    """What one side of an expectation means."""

    endpoints: Names
    outside: tuple[str, ...]
    """Addresses that are no endpoint's, one for each kind."""


def check_expectations(stack: Stack, resolution: Resolution, problems: Problems, *, prove: bool = True) -> None:
    """Report the expectations that mean nothing and, to *prove* them, those that do not hold.

    Of the latter, each is reported with the first connection that breaks it.
    """
    if not stack.expect:
        return
    proving = Proving(resolution)
    for index, expected in enumerate(stack.expect):
        path = ("expect", index)
        if _is_meant(path, expected, proving, problems) and prove:
            _prove(path, expected, proving, problems)


class Proving:
    """Finds the connections that an expectation speaks of, and those that break it."""

    def __init__(self, resolution: Resolution) -> None:
        self.evaluator = Evaluator(resolution.policies)
        self._resolution = resolution
        self._bounds = _bounds(resolution)

    def ends(self, selectors: Sequence[Selector]) -> Ends:
        """The endpoints that the selectors mean, and addresses for what else they mean."""
        selection = self._resolution.selection
        outside = sorted({text for selector in selectors for text in self._outside(selector, selection)})
        return Ends(selection.select_any(selectors), tuple(outside))

    def connections(self, expected: Expectation) -> Iterator[Connection]:
        """The connections that an expectation speaks of; of ends that have no addresses of one family, one."""
        sources, destinations = self.ends(expected.from_), self.ends(expected.to)
        for service, some in self.services(expected, destinations.endpoints):
            yield from self._pairs(sources.endpoints, some, service)
            yield from self._apart(sources.endpoints, some, service)
        yield from self._with_outside(sources, destinations, expected)

    def broken(self, expected: Expectation) -> Iterator[Connection]:
        """Those of the connections for which the policies decide otherwise than is expected."""
        sources, destinations = self.ends(expected.from_), self.ends(expected.to)
        for service, some in self.services(expected, destinations.endpoints):
            yield from self._between(sources.endpoints, some, service, expected)
        for asked in self._with_outside(sources, destinations, expected):
            if self.evaluator.decide(asked).verdict != expected.verdict:
                yield asked

    def services(self, expected: Expectation, destinations: Names) -> list[tuple[Service, Names]]:
        """What the expected port is: on all destinations, or, of a named one, on which of them."""
        port = parse_port(expected.port)
        if isinstance(port, PortRange):
            return [(Service(port.protocol, port.first), destinations)] if destinations else []
        found: dict[Service, set[str]] = {}
        for name in destinations:
            if meant := port.on(self._resolution.policies.endpoints[name].ports):
                found.setdefault(Service(meant.protocol, meant.first), set()).add(name)
        return [(service, frozenset(names)) for service, names in sorted(found.items())]

    def _between(
        self, sources: Names, destinations: Names, service: Service, expected: Expectation
    ) -> Iterator[Connection]:
        """The broken connections among endpoints."""
        endpoints = self._resolution.policies.endpoints
        allowed = Verdict(expected.verdict) is Verdict.ALLOW
        for family in (4, 6):
            there = service._replace(family=family)
            having = frozenset(name for name in destinations if _has(endpoints[name], family))
            rows = reachable(self.evaluator, there, sources, having)
            for name, row in rows.items():
                wrong = having - row - {name} if allowed else row
                yield from (
                    there.connection(name, other)
                    for other in sorted(wrong)
                    if not is_itself(endpoints[name], endpoints[other])
                )
        if allowed:
            yield from self._apart(sources, destinations, service)

    def _apart(self, sources: Names, destinations: Names, service: Service) -> Iterator[Connection]:
        """Pairs that have no addresses of one family, so that nothing can allow them."""
        endpoints = self._resolution.policies.endpoints
        by_families: dict[frozenset[int], list[str]] = {}
        for name in sorted(destinations):
            by_families.setdefault(frozenset(map(family_of, endpoints[name].addresses)), []).append(name)
        for source in sorted(sources):
            own = set(map(family_of, endpoints[source].addresses))
            for families, names in by_families.items():
                if not own & families:
                    yield from (service.connection(source, name) for name in names if name != source)

    def _pairs(self, sources: Names, destinations: Names, service: Service) -> Iterator[Connection]:
        """The connections among endpoints, by each family that both have addresses of."""
        endpoints = self._resolution.policies.endpoints
        for source, destination in product(sorted(sources), sorted(destinations)):
            one, other = endpoints[source], endpoints[destination]
            if not is_itself(one, other):
                families = (family for family in (4, 6) if _has(one, family) and _has(other, family))
                yield from (service._replace(family=family).connection(source, destination) for family in families)

    def _with_outside(self, sources: Ends, destinations: Ends, expected: Expectation) -> Iterator[Connection]:
        """The connections from addresses outside and, at a port that is a number, to them."""
        for service, some in self.services(expected, destinations.endpoints):
            for outside, name in product(sources.outside, sorted(some)):
                if self._has_family_of(outside, name):
                    yield service._replace(family=family_of(outside)).connection(outside, name)
        port = parse_port(expected.port)
        for name, outside in product(sorted(sources.endpoints), destinations.outside):
            if isinstance(port, PortRange) and self._has_family_of(outside, name):
                yield Service(port.protocol, port.first, family=family_of(outside)).connection(name, outside)

    def _has_family_of(self, address: str, name: str) -> bool:
        return _has(self._resolution.policies.endpoints[name], family_of(address))

    def _outside(self, selector: Selector, selection: Selection) -> Iterator[str]:
        """An address for each kind of those that the selector means and no endpoint has."""
        if selector.model_fields_set - {"cidr", "except_", "any"}:
            return
        region = region_of(selector)
        if selector.cidr is None:
            whole = [parse_prefix(text) for text in _EVERYWHERE]
            region = {prefix.family: [Span(prefix.first, prefix.last)] for prefix in whole}
        known = {(family, value) for _, family, value in selection.within(region)}
        for family, spans in region.items():
            for span in spans:
                yield from self._representatives(family, span, known)

    def _representatives(self, family: int, span: Span, known: set[tuple[int, int]]) -> Iterator[str]:
        bounds = self._bounds[family]
        cuts = bounds[bisect_right(bounds, span.first) : bisect_right(bounds, span.last)]
        for first, after in zip([span.first, *cuts], [*cuts, span.last + 1], strict=True):
            whole = Span(first, after - 1)
            usual = subtract([whole], _UNUSUAL[family]) or [whole]
            # The second address first: the first is often a network's own, which nobody has.
            candidates = chain.from_iterable(
                chain(range(first + 1, min(last, first + len(known) + 1) + 1), [first]) for first, last in usual
            )
            free = next((value for value in candidates if (family, value) not in known), None)
            if free is not None:
                yield format_address(family, free)


def _is_meant(path: Path, expected: Expectation, proving: Proving, problems: Problems) -> bool:
    """Whether the expectation speaks of any connection; ports that its destinations lack are reported, too."""
    sources, destinations = proving.ends(expected.from_), proving.ends(expected.to)
    if not (sources.endpoints and any(destinations)) and not (destinations.endpoints and any(sources)):
        problems.warn(
            "NC272", path, "this proves nothing: no endpoint is selected on either side", "Correct its selectors."
        )
        return False
    port = parse_port(expected.port)
    if isinstance(port, NamedPort):
        _demand_port(path, port, proving, expected, problems)
    return True


def _prove(path: Path, expected: Expectation, proving: Proving, problems: Problems) -> None:
    broken = proving.broken(expected)
    first = next(broken, None)
    if first is not None:
        _report(path, first, sum(1 for _ in broken), expected, proving, problems)


def _demand_port(
    path: Path, port: NamedPort, proving: Proving, expected: Expectation, problems: Problems
) -> None:  # fmt: skip
    destinations = proving.ends(expected.to).endpoints
    having = {name for _, names in proving.services(expected, destinations) for name in names}
    if lacking := sorted(destinations - having):
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        problems.error(
            "NC267",
            (*path, "port"),
            f"{lacking[0]}{more} has no port of the name '{port}'",
            "Declare it under 'ports:' of the attachment or the service, or name the port by its number.",
        )


def _report(
    path: Path, connection: Connection, others: int, expected: Expectation, proving: Proving, problems: Problems
) -> None:
    decision = proving.evaluator.decide(connection)
    can = "cannot" if Verdict(expected.verdict) is Verdict.ALLOW else "can"
    more = f" (and {others} more)" if others else ""
    problems.error(
        "NC267",
        path,
        f"{connection.source} {can} connect to {connection.destination}{more} at {spelled_port(connection)}: "
        f"{because(decision)}",
        "Correct the policy, or what is expected.",
    )


def _has(endpoint: Endpoint, family: int) -> bool:
    return any(family_of(address) == family for address in endpoint.addresses)


def _bounds(resolution: Resolution) -> dict[int, list[int]]:
    """By family, the values at which a prefix that a rule names begins, or has just ended."""
    texts = {
        text
        for policy in resolution.policies.policies
        for rule in (*(policy.ingress or ()), *(policy.egress or ()))
        if rule.peers
        for text in rule.peers.prefixes
    }
    found: dict[int, set[int]] = {4: set(), 6: set()}
    for prefix in map(parse_prefix, texts):
        found[prefix.family] |= {prefix.first, prefix.last + 1}
    return {family: sorted(values) for family, values in found.items()}
