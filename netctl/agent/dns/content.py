"""A stack's names, taken from its declaration."""

import re
from collections.abc import Iterable, Iterator, Mapping

from netctl.agent.dns.names import Instance, NamedService, Naming
from netctl.compiler.balancing.addresses import virtual_addresses
from netctl.compiler.balancing.frontends import backends_by_service, families_by_service
from netctl.compiler.consul.registration import registrations
from netctl.compiler.policies.ports import parse_port
from netctl.compiler.resting import Resting, Subject
from netctl.compiler.topology import Topology
from netctl.compiler.zones import consul_domain
from netctl.policy.model import Endpoint, PortRange
from netctl.stack.balancing_models import Dns
from netctl.stack.policy_models import AttachmentSelector, Service, ServiceEndpoint

_LABEL = 63
_HOSTNAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")


def naming(topology: Topology, endpoints: Mapping[str, Endpoint], resting: Resting) -> Naming:
    """The names of a stack that has been checked; of endpoints that are unwell there are none."""
    stack = topology.stack
    dns = stack.dns or Dns()
    families = families_by_service(backends_by_service(topology, endpoints, None))
    addresses = virtual_addresses(topology, families)
    by_service: dict[str, list[Endpoint]] = {name: [] for name in stack.services}
    for end in endpoints.values():
        for name in end.services:
            by_service[name].append(end)
    services = tuple(
        _service(name, service, by_service[name], addresses.get(name, ()), resting)
        for name, service in sorted(stack.services.items())
    )
    hosts = {name: host.address for name, host in stack.hosts.items()}
    return Naming(stack.stack, services, dns.zone, dns.ttl, hosts, consul_domain(stack))


def _service(
    name: str, service: Service, ends: Iterable[Endpoint], addresses: tuple[str, ...], resting: Resting
) -> NamedService:
    instances = {one for one in _instances(service, ends) if Subject(name, one.address) not in resting}
    return NamedService(
        name,
        addresses,
        tuple(_named_ports(service)),
        tuple(sorted(instances)),
        registrations(name, service),
        _passing(service),
        tuple(service.tags or ()),
        service.external or "",
        service.vip is not None,
    )


def _named_ports(service: Service) -> Iterator[tuple[str, str, int]]:
    """Single ports whose name can be a label with an underscore before it."""
    for name, text in sorted(service.ports.items()):
        port = parse_port(text)
        if isinstance(port, PortRange) and port.first == port.last and len(name) < _LABEL:
            yield name, str(port.protocol), port.first


def _instances(service: Service, ends: Iterable[Endpoint]) -> Iterator[Instance]:
    """Of what is listed, the addresses that are; of what is selected, all that it has."""
    if isinstance(service.endpoints, AttachmentSelector):
        passing = _passing(service)
        yield from (Instance(address, _hostname(end), 1, passing) for end in ends for address in end.addresses)
        return
    holders = {address: end for end in ends for address in end.addresses}
    for entry in service.endpoints:
        listed = entry if isinstance(entry, ServiceEndpoint) else ServiceEndpoint(address=entry, host=None, weight=1)
        if listed.address in holders:
            has_own = entry is listed and "weight" in listed.model_fields_set
            passing = listed.weight if has_own else _passing(service)
            yield Instance(listed.address, _hostname(holders[listed.address]), listed.weight, passing)


def _passing(service: Service) -> int:
    """What Consul gives an instance that has no weight of its own."""
    return service.weights.passing if service.weights else 1


def _hostname(end: Endpoint) -> str:
    """What an attached namespace or a container is called, where that can be a label."""
    if end.kind in {"host", "address"}:
        return ""
    name = end.name.partition("@")[0].split("/")
    own = end.netns or name[-1]
    return own if len(own) <= _LABEL and _HOSTNAME.match(own) else ""
