"""The frontends of one host: what clients can connect to there, and the endpoints that may take the connection."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Self

from netctl.compiler.balancing.addresses import virtual_addresses
from netctl.compiler.policies.ports import port_ranges
from netctl.compiler.resting import Resting, Subject
from netctl.compiler.topology import Role, Topology
from netctl.policy.model import Endpoint
from netctl.stack.balancing_models import seconds
from netctl.stack.policy_models import AttachmentSelector, Service, ServiceEndpoint


class Backend(NamedTuple):
    """An endpoint that may take connections, and its share of them."""

    address: str
    weight: int = 1


class Frontend(NamedTuple):
    """What clients connect to, and who takes the connections."""

    family: int
    address: str
    """Empty: every address of the host."""
    protocol: str
    port: int
    target: int
    """The endpoints' port."""
    backends: tuple[Backend, ...]
    """Sorted; none of weight 0."""
    affinity: int = 0
    """Seconds for which a client is remembered; 0: not at all."""
    service: str = ""
    drain: int = 0
    """Seconds for which connections to an endpoint that is no backend any more go on; 0: as long as they last."""
    resting: tuple[Backend, ...] = ()
    """Endpoints that are unwell, and so no backends; sorted."""

    def without(self, resting: Resting) -> Self:
        """The same, where these endpoints are unwell and all others well."""
        ends = sorted((*self.backends, *self.resting))
        unwell = tuple(end for end in ends if Subject(self.service, end.address) in resting)
        return self._replace(backends=tuple(end for end in ends if end not in unwell), resting=unwell)


def frontends(
    topology: Topology, endpoints: Mapping[str, Endpoint], host: str | None, resting: Resting | None = None
) -> Iterator[Frontend]:
    """The frontends of a host; of a stack that has been checked. Without endpoints that are well one has no backends.

    A service keeps its addresses, whoever is well.
    """
    found = _frontends(topology, endpoints, host)
    return (front.without(resting) for front in found) if resting else found


def balanced_services(topology: Topology) -> list[str]:
    """The services whose connections are balanced."""
    return [name for name, service in topology.stack.services.items() if service.vip is not None or service.publish]


def _frontends(topology: Topology, endpoints: Mapping[str, Endpoint], host: str | None) -> Iterator[Frontend]:
    members = backends_by_service(topology, endpoints, host)
    families = families_by_service(backends_by_service(topology, endpoints, None))
    addresses = virtual_addresses(topology, families)
    for name, service in sorted(topology.stack.services.items()):
        affinity = seconds(service.affinity.client_ip) if service.affinity else 0
        drain = seconds(service.drain) if service.drain else 0
        for address in addresses.get(name, ()):
            family = 6 if ":" in address else 4
            able = _of_family(members[name], family)
            for protocol, port in service_ports(service):
                yield Frontend(family, address, protocol, port, port, able, affinity, name, drain)
        for text in service.publish or ():
            outer, _, inner = text.partition(":")
            number, _, protocol = inner.partition("/")
            for family in sorted(families[name]):
                able = _of_family(members[name], family)
                yield Frontend(family, "", protocol, int(outer), int(number), able, affinity, name, drain)


def backends_by_service(
    topology: Topology, endpoints: Mapping[str, Endpoint], host: str | None
) -> dict[str, tuple[Backend, ...]]:
    """By service its endpoints' addresses; where a host is named, those that it can reach."""
    unreachable = _local_networks(topology)
    by_service: dict[str, list[Endpoint]] = {name: [] for name in topology.stack.services}
    for end in endpoints.values():
        if host is None or end.host in {host, ""} or end.network not in unreachable:
            for name in end.services:
                by_service[name].append(end)
    return {
        name: tuple(sorted(set(_backends(service, by_service[name]))))
        for name, service in topology.stack.services.items()
    }


def services_by_address(topology: Topology, endpoints: Mapping[str, Endpoint]) -> dict[str, str]:
    """Services by their virtual addresses, of a stack that has been checked."""
    families = families_by_service(backends_by_service(topology, endpoints, None))
    found = virtual_addresses(topology, families)
    return {address: name for name, addresses in found.items() for address in addresses}


def families_by_service(members: Mapping[str, Iterable[Backend]]) -> dict[str, frozenset[int]]:
    """By service the families of its endpoints' addresses."""
    return {name: frozenset(6 if ":" in end.address else 4 for end in ends) for name, ends in members.items()}


def service_ports(service: Service) -> list[tuple[str, int]]:
    """The protocols and ports that a service listens on, those with a name among them; sorted."""
    ranges = port_ranges([*(service.port or ()), *service.ports.values()])
    return sorted({(str(span.protocol), port) for span in ranges for port in range(span.first, span.last + 1)})


def _local_networks(topology: Topology) -> set[str]:
    """Networks that are a segment of each host's own: only who is on the host reaches their endpoints."""
    bridges = {net.name for net in topology.nets if net.role is Role.BRIDGE}
    return bridges | {net.name for net in topology.dockers if not net.spans_hosts}


def _backends(service: Service, ends: Iterable[Endpoint]) -> Iterator[Backend]:
    """Of what is listed, the addresses that are; of what is selected, all that it has."""
    if isinstance(service.endpoints, AttachmentSelector):
        yield from (Backend(address) for end in ends for address in end.addresses)
        return
    here = {address for end in ends for address in end.addresses}
    for entry in service.endpoints:
        listed = entry if isinstance(entry, ServiceEndpoint) else ServiceEndpoint(address=entry, host=None, weight=1)
        if listed.address in here:
            yield Backend(listed.address, listed.weight)


def _of_family(backends: Iterable[Backend], family: int) -> tuple[Backend, ...]:
    return tuple(end for end in backends if end.weight and (":" in end.address) == (family == 6))
