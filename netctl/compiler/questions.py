"""What an expectation speaks of: the connections between its ends, and with each kind of address that is no endpoint's.

Of a prefix, one address stands for all that the policies treat alike: those between the bounds of any two prefixes that
a rule names. For a virtual address and a published port stand the endpoints behind them.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain, product
from typing import NamedTuple

from netctl.compiler.balancing.fronts import Behind, Fronts
from netctl.compiler.policies.endpoints import HOST
from netctl.compiler.policies.ports import parse_port
from netctl.compiler.policies.resolve import Resolution
from netctl.compiler.policies.selection import Names, Region, Selection, region_of
from netctl.compiler.prefixes import Span, format_address, parse_prefix, subtract
from netctl.policy.evaluate import is_itself
from netctl.policy.matrix import Service
from netctl.policy.model import Connection, PortRange
from netctl.policy.ranges import family_of, first_of_family
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


class Questions:
    """Finds the connections that expectations speak of."""

    def __init__(self, resolution: Resolution) -> None:
        self._endpoints = resolution.policies.endpoints
        self._fronts = Fronts(resolution.topology, self._endpoints)
        self._selection = resolution.selection
        self._bounds = _bounds(resolution)

    def ends(self, selectors: Sequence[Selector]) -> Ends:
        """The endpoints that the selectors mean, and addresses for what else they mean."""
        outside = sorted({text for selector in selectors for text in self._outside(selector, self._selection)})
        return Ends(self._selection.select_any(selectors), tuple(outside))

    def connections(self, expected: Expectation) -> Iterator[Connection]:
        """The connections that an expectation speaks of; of ends that have no addresses of one family, one."""
        sources, destinations = self.ends(expected.from_), self.ends(expected.to)
        for service, some in self.services(expected, destinations.endpoints):
            yield from self._pairs(sources.endpoints, some, service)
            yield from self.apart(sources.endpoints, some, service)
        for service, some in self.behind(expected, destinations.endpoints):
            yield from self._pairs(sources.endpoints, some, service, (service.family,))
        yield from self.with_outside(sources, destinations, expected)

    def services(self, expected: Expectation, destinations: Names) -> list[tuple[Service, Names]]:
        """What the expected port is: on all destinations, or, of a named one, on which of them.

        A host that has published the port is none of them.
        """
        port = parse_port(expected.port)
        if isinstance(port, PortRange):
            own = frozenset(name for name in destinations if not self._behind_host(name, port))
            return [(Service(port.protocol, port.first), own)] if own else []
        found: dict[Service, set[str]] = {}
        for name in destinations:
            if meant := port.on(self._endpoints[name].ports):
                found.setdefault(Service(meant.protocol, meant.first), set()).add(name)
        return [(service, frozenset(names)) for service, names in sorted(found.items())]

    def behind(self, expected: Expectation, destinations: Names) -> list[Behind]:
        """Who gets the connections to virtual addresses and published ports, as far as `services` has not told."""
        port = parse_port(expected.port)
        found = [
            behind for region in map(_region, expected.to) for behind in self._fronts.behind_addresses(region, port)
        ]
        if isinstance(port, PortRange):
            found += [behind for name in sorted(destinations) for behind in self._behind_host(name, port)]
        told = dict(self.services(expected, destinations))
        united: dict[Service, Names] = {}
        for service, names in found:
            united[service] = united.get(service, Names()) | names - told.get(service._replace(family=4), Names())
        return [Behind(service, names) for service, names in sorted(united.items()) if names]

    def _behind_host(self, name: str, port: PortRange) -> list[Behind]:
        return self._fronts.behind_host(name, port) if self._endpoints[name].kind == HOST else []

    def apart(self, sources: Names, destinations: Names, service: Service) -> Iterator[Connection]:
        """Pairs that have no addresses of one family, so that nothing can allow them."""
        endpoints = self._endpoints
        by_families: dict[frozenset[int], list[str]] = {}
        for name in sorted(destinations):
            by_families.setdefault(frozenset(map(family_of, endpoints[name].addresses)), []).append(name)
        for source in sorted(sources):
            own = set(map(family_of, endpoints[source].addresses))
            for families, names in by_families.items():
                if not own & families:
                    yield from (service.connection(source, name) for name in names if name != source)

    def _pairs(
        self, sources: Names, destinations: Names, service: Service, families: Sequence[int] = (4, 6)
    ) -> Iterator[Connection]:
        """The connections among endpoints, by each of the families that both have addresses of."""
        endpoints = self._endpoints
        for source, destination in product(sorted(sources), sorted(destinations)):
            one, other = endpoints[source], endpoints[destination]
            if not is_itself(one, other):
                both = set(map(family_of, one.addresses)) & set(map(family_of, other.addresses))
                chosen = sorted(both.intersection(families))
                yield from (service._replace(family=family).connection(source, destination) for family in chosen)

    def with_outside(self, sources: Ends, destinations: Ends, expected: Expectation) -> Iterator[Connection]:
        """The connections from addresses outside and, at a port that is a number, to them."""
        for service, some in self.services(expected, destinations.endpoints):
            for outside, name in product(sources.outside, sorted(some)):
                if self._has_family_of(outside, name):
                    yield service._replace(family=family_of(outside)).connection(outside, name)
        for service, some in self.behind(expected, destinations.endpoints):
            reaching = (outside for outside in sources.outside if family_of(outside) == service.family)
            yield from (service.connection(*pair) for pair in product(reaching, sorted(some)))
        port = parse_port(expected.port)
        for name, outside in product(sorted(sources.endpoints), destinations.outside):
            if isinstance(port, PortRange) and self._has_family_of(outside, name):
                yield Service(port.protocol, port.first, family=family_of(outside)).connection(name, outside)

    def _has_family_of(self, address: str, name: str) -> bool:
        return bool(first_of_family(self._endpoints[name].addresses, family_of(address)))

    def _outside(self, selector: Selector, selection: Selection) -> Iterator[str]:
        """An address for each kind of those that the selector means and no endpoint has."""
        region = _region(selector)
        known = {(family, value) for _, family, value in selection.within(region)} | {*self._fronts.virtual_in(region)}
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


def _region(selector: Selector) -> Region:
    """The addresses that a selector means, whosever they are; none where it means endpoints."""
    if selector.model_fields_set - {"cidr", "except_", "any"}:
        return {}
    if selector.cidr is not None:
        return region_of(selector)
    whole = [parse_prefix(text) for text in _EVERYWHERE]
    return {prefix.family: [Span(prefix.first, prefix.last)] for prefix in whole}


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
