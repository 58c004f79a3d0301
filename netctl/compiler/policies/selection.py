"""What the language's selectors mean in one stack: endpoints, and prefixes."""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce

from netctl.compiler.policies.endpoints import HOST
from netctl.compiler.prefixes import (
    Prefix,
    Span,
    merge,
    parse_address,
    parse_prefix,
    spanning,
    subtract,
)
from netctl.compiler.topology import Topology
from netctl.policy.model import Endpoint, Peers
from netctl.policy.selectors import LabelIndex
from netctl.stack.docker_models import DockerNetwork
from netctl.stack.models import HostNetwork
from netctl.stack.policy_models import Selector

Names = frozenset[str]
Region = dict[int, list[Span]]
"""Addresses by family, in ascending spans that do not overlap."""

_NOBODY: Names = frozenset()


def region_of(selector: Selector) -> Region:
    """The addresses of a selector's ``cidr`` without its exceptions."""
    wanted = [parse_prefix(text) for text in selector.cidr or ()]
    holes = [parse_prefix(text) for text in selector.except_ or ()]
    return {
        family: subtract(_spans(wanted, family), _spans(holes, family))
        for family in sorted({prefix.family for prefix in wanted})
    }


def prefixes_in(region: Region) -> tuple[str, ...]:
    """The fewest prefixes that are the region."""
    return tuple(
        str(prefix) for family in sorted(region) for span in region[family] for prefix in spanning(family, span)
    )


class Selection:
    """Finds endpoints by selectors. Answers are kept: a thousand policies share a few selectors."""

    def __init__(self, topology: Topology, endpoints: Mapping[str, Endpoint]) -> None:
        self.endpoints = endpoints
        self._labels = LabelIndex({name: end.labels for name, end in endpoints.items()})
        self._hosts, self._networks, self._services = _grouped(endpoints)
        self._overlays = topology.stack.overlays.keys()
        for name, spec in topology.stack.networks.items():
            if isinstance(spec, HostNetwork):
                self._networks[name] = {
                    f"{HOST}/{host}" for host in topology.hosts.matching(spec.hosts)
                } & endpoints.keys()
            elif isinstance(spec, DockerNetwork) and spec.overlay is not None:
                legs = self._networks.get(spec.overlay, set()) | self._networks.get(name, set())
                self._networks[spec.overlay] = legs
        self._addresses = _by_address(endpoints)
        self._selected: dict[object, Names] = {}
        self._peers: dict[object, Peers | None] = {}

    @property
    def everything(self) -> Names:
        """All endpoints."""
        return self._labels.everything

    def select(self, selector: Selector) -> Names:
        """The endpoints that a selector means."""
        key = _key(selector)
        found = self._selected.get(key)
        if found is None:
            found = self._selected[key] = reduce(Names.__and__, self._parts(selector))
        return found

    def select_any(self, selectors: Sequence[Selector]) -> Names:
        """The endpoints that one of several selectors means."""
        if len(selectors) == 1:
            return self.select(selectors[0])
        return _NOBODY.union(*map(self.select, selectors))

    def peers(self, selectors: Sequence[Selector] | None) -> Peers | None:
        """The other side of a rule; None for anyone."""
        if selectors is None:
            return None
        key = tuple(map(_key, selectors))
        if key not in self._peers:
            self._peers[key] = self._united(selectors)
        return self._peers[key]

    def within(self, region: Region) -> Iterator[tuple[str, int, int]]:
        """The endpoints' addresses in a region: name, family and value."""
        for family, spans in region.items():
            values, names = self._addresses[family]
            for first, last in spans:
                for at in range(bisect_left(values, first), bisect_right(values, last)):
                    yield names[at], family, values[at]

    def _parts(self, selector: Selector) -> list[Names]:
        parts = self._endpoint_parts(selector)
        if selector.host is not None:
            own = {f"{HOST}/{selector.host}"} & self.endpoints.keys()
            parts.append(frozenset(self._hosts.get(selector.host, ()) if parts else own))
        if selector.cidr is not None:
            parts.append(frozenset(name for name, _, _ in self.within(region_of(selector))))
        return parts

    def _endpoint_parts(self, selector: Selector) -> list[Names]:
        """What each key that is about endpoints selects."""
        parts: list[Names] = []
        if selector.service is not None:
            parts.append(frozenset(self._services.get(selector.service, ())))
        if selector.network is not None:
            parts.append(frozenset(self._networks.get(selector.network, ())))
        if selector.overlay is not None:
            is_overlay = selector.overlay in self._overlays
            parts.append(frozenset(self._networks.get(selector.overlay, ()) if is_overlay else ()))
        if selector.labels is not None:
            parts.append(self._labels.labelled(selector.labels))
        if selector.expr is not None:
            parts.append(self._labels.select(selector.expr))
        if selector.any:
            parts.append(self.everything)
        return parts

    def _united(self, selectors: Sequence[Selector]) -> Peers | None:
        names = _NOBODY
        spans: Region = {4: [], 6: []}
        for selector in selectors:
            if selector.any and not _is_narrowed(selector):
                return None
            if selector.cidr is None:
                names |= self.select(selector)
                continue
            for family, found in self._addressed(selector).items():
                spans[family] += found
        merged = {family: merge(found) for family, found in spans.items()}
        return Peers(names, prefixes_in(merged), _definition(selectors))

    def _addressed(self, selector: Selector) -> Region:
        """The addresses that a selector with ``cidr`` means: all of it, or those of the endpoints that it selects."""
        region = region_of(selector)
        if not _is_narrowed(selector, beyond_cidr=True):
            return region
        wanted = self.select(selector)
        found: Region = {}
        for name, family, value in self.within(region):
            if name in wanted:
                found.setdefault(family, []).append(Span(value, value))
        return found


def _key(selector: Selector) -> object:
    """Two selectors of one key mean the same."""
    named = (selector.service, selector.network, selector.overlay, selector.host)
    labels = None if selector.labels is None else tuple(sorted(selector.labels.items()))
    cidrs = tuple(selector.cidr or ()), tuple(selector.except_ or ())
    return *named, *cidrs, labels, selector.expr, selector.any


def _definition(selectors: Sequence[Selector]) -> str:
    """One text for all lists of selectors that mean the same by the same words, in whatever order."""
    said = set()
    for selector in selectors:
        keys = selector.model_dump(by_alias=True, exclude_none=True)
        said.add(json.dumps({key: sorted(v) if isinstance(v, list) else v for key, v in keys.items()}, sort_keys=True))
    return " ".join(sorted(said))


def _is_narrowed(selector: Selector, *, beyond_cidr: bool = False) -> bool:
    """Whether a selector has keys other than ``any`` (and ``cidr``)."""
    keys = (selector.service, selector.network, selector.overlay, selector.host, selector.labels, selector.expr)
    return any(value is not None for value in keys) or (selector.cidr is not None and not beyond_cidr)


def _grouped(endpoints: Mapping[str, Endpoint]) -> tuple[dict[str, set[str]], dict[str, set[str]], dict[str, set[str]]]:
    hosts: dict[str, set[str]] = {}
    networks: dict[str, set[str]] = {}
    services: dict[str, set[str]] = {}
    for name, end in endpoints.items():
        hosts.setdefault(end.host, set()).add(name)
        networks.setdefault(end.network, set()).add(name)
        for service in end.services:
            services.setdefault(service, set()).add(name)
    return hosts, networks, services


def _by_address(endpoints: Mapping[str, Endpoint]) -> dict[int, tuple[list[int], list[str]]]:
    """By family, the addresses in order, and whose they are."""
    found: dict[int, list[tuple[int, str]]] = {4: [], 6: []}
    for name, end in endpoints.items():
        for text in end.addresses:
            family, value = parse_address(text)
            found[family].append((value, name))
    return {
        family: ([value for value, _ in pairs], [name for _, name in pairs])
        for family, pairs in ((family, sorted(pairs)) for family, pairs in found.items())
    }


def _spans(prefixes: Sequence[Prefix], family: int) -> list[Span]:
    return [Span(prefix.first, prefix.last) for prefix in prefixes if prefix.family == family]
