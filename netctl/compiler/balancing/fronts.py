"""Who is behind virtual addresses and published ports: a connection to one is a connection to an endpoint there.

Packets are translated before they are judged, so that policies speak of these endpoints, never of what stands for them.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from typing import NamedTuple

from netctl.compiler.balancing.addresses import services_in
from netctl.compiler.balancing.frontends import Frontend, balanced_services, frontends
from netctl.compiler.policies.endpoints import HOST
from netctl.compiler.policies.ports import NamedPort
from netctl.compiler.policies.selection import Names, Region
from netctl.compiler.prefixes import Span, merge, parse_address, subtract
from netctl.compiler.topology import Topology
from netctl.policy.matrix import Service
from netctl.policy.model import Endpoint, PortRange, Protocol


class Behind(NamedTuple):
    """What connections come to that are translated."""

    service: Service
    """The endpoints' port, and the family."""
    names: Names


class Fronts:
    """Finds who is behind what. Nothing is worked out before it is asked for."""

    def __init__(self, topology: Topology, endpoints: Mapping[str, Endpoint]) -> None:
        self._topology = topology
        self._endpoints = endpoints
        self._published = cache(self._find_published)

    def virtual_in(self, region: Region) -> Iterator[tuple[int, int]]:
        """The virtual addresses in a region: family and value."""
        for family, spans in region.items():
            values = [value for kind, value in self._virtual if kind == family]
            for first, last in spans:
                yield from (
                    (family, value) for value in values[bisect_left(values, first) : bisect_right(values, last)]
                )

    def is_virtual(self, region: Region) -> bool:
        """Whether a region is of virtual addresses alone, or of the subnets that they are assigned from."""
        return bool(region) and all(
            not subtract(spans, merge([*self._spaces[family], *(Span(value, value) for _, value in found)]))
            for family, spans in region.items()
            for found in [list(self.virtual_in({family: spans}))]
        )

    def behind_addresses(self, region: Region, port: PortRange | NamedPort) -> Iterator[Behind]:
        """Who gets the connections to a port of the virtual addresses in a region."""
        for place in self.virtual_in(region):
            yield from (self._behind(front, port) for front in self._virtual[place])

    def behind_host(self, host: str, port: PortRange) -> list[Behind]:
        """Who gets the connections to a port of a host, an endpoint's name; none where it is the host's own."""
        found = self._published(host).get((port.protocol, port.first), [])
        return [self._behind(front, PortRange(port.protocol, front.target, front.target)) for front in found]

    @cached_property
    def are_any(self) -> bool:
        """Whether there are virtual addresses or published ports."""
        return bool(balanced_services(self._topology))

    @cached_property
    def _spaces(self) -> dict[int, list[Span]]:
        """The subnets of virtual addresses."""
        found: dict[int, list[Span]] = {4: [], 6: []}
        for space in self._topology.spaces:
            name = space.path[-1]
            if space.path[0] == "subnets" and isinstance(name, str) and services_in(self._topology.stack, name):
                for pool in space.pools:
                    found[pool.prefix.family].append(Span(pool.prefix.first, pool.prefix.last))
        return found

    @cached_property
    def _virtual(self) -> dict[tuple[int, int], list[Frontend]]:
        """By address, in order, what it leads to."""
        found: dict[tuple[int, int], list[Frontend]] = {}
        for front in frontends(self._topology, self._endpoints, None) if self.are_any else ():
            if front.address:
                found.setdefault(parse_address(front.address), []).append(front)
        return dict(sorted(found.items()))

    def _find_published(self, name: str) -> dict[tuple[str, int], list[Frontend]]:
        host = name.removeprefix(f"{HOST}/")
        found: dict[tuple[str, int], list[Frontend]] = {}
        for front in frontends(self._topology, self._endpoints, host) if self.are_any else ():
            if not front.address:
                found.setdefault((front.protocol, front.port), []).append(front)
        return found

    def _behind(self, front: Frontend, port: PortRange | NamedPort) -> Behind:
        """Those of its endpoints of which the port is meant."""
        service = Service(Protocol(front.protocol), front.target, family=front.family)
        addresses = {end.address for end in front.backends}
        ends = (end for end in self._members.get(front.service, ()) if addresses.intersection(end.addresses))
        return Behind(service, frozenset(end.name for end in ends if _is_meant(service, port, end)))

    @cached_property
    def _members(self) -> dict[str, list[Endpoint]]:
        found: dict[str, list[Endpoint]] = {}
        for end in self._endpoints.values():
            for service in end.services:
                found.setdefault(service, []).append(end)
        return found


def _is_meant(service: Service, port: PortRange | NamedPort, end: Endpoint) -> bool:
    meant = port.on(end.ports) if isinstance(port, NamedPort) else port
    return meant is not None and (meant.protocol, meant.first) == (service.protocol, service.port)
