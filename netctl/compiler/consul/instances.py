"""Instances of services, each on its own host's agent."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from netctl.compiler.consul.abilities import check_abilities
from netctl.compiler.consul.health import Place, alias_check, compile_checks
from netctl.compiler.consul.registration import Registration, instance_id, registered, registrations
from netctl.compiler.consul.tagged_addresses import tagged_addresses
from netctl.compiler.policies.services import members
from netctl.compiler.site import Site
from netctl.engine.resource import Desired
from netctl.kinds import consul as kinds
from netctl.kinds.consul import service_key
from netctl.policy.model import Endpoint
from netctl.stack.policy_models import AttachmentSelector, Service, ServiceEndpoint

_IPV6_TAG = "lan_ipv6"


class Instance(NamedTuple):
    """A service at one place."""

    id: str
    address: str
    other: str
    """The endpoint's address of the other family; empty where it has none."""
    passing: int | None
    """The endpoint's own weight, if it has one."""


def compile_instances(site: Site, endpoints: Mapping[str, Endpoint]) -> Iterator[Desired]:
    """The services that the host's agent is to have."""
    services = registered(site.topology.stack)
    here = {
        name: list(_instances(site, name, service, endpoints))
        for name, service in services.items()
        if service.external is None
    }
    check_abilities(site, {name: services[name] for name, found in here.items() if found})

    def aliased(name: str) -> str:
        """The id of the first instance that the host has of a service; what is none is an id itself."""
        return here[name][0].id if here.get(name) else name

    for name, instances in here.items():
        first, *further = registrations(name, services[name])
        for instance in instances:
            place = Place(instance.id, name, instance.address, first.port)
            checks = compile_checks(services[name].checks, place, aliased)
            attributes = _attributes(first, services[name], instance, checks)
            yield Desired(service_key(instance.id), attributes, site.origin(("services", name)))
            for registration in further:
                yield _further(site, name, registration, instance)


def _further(site: Site, name: str, registration: Registration, instance: Instance) -> Desired:
    """A further port of an instance: a service of its own, as healthy as the first."""
    service = site.topology.stack.services[name]
    ident = _further_id(site, name, registration, instance)
    checks = (alias_check(ident, registration.name, instance.id),) if service.checks else ()
    attributes = _attributes(registration, service, instance._replace(id=ident), checks)
    return Desired(service_key(ident), attributes, site.origin(("services", name)))


def _further_id(site: Site, name: str, registration: Registration, instance: Instance) -> str:
    """``shop:web-metrics:10.10.0.20``; after an id of the declaration's own, ``web-1-metrics``."""
    if instance.id == instance_id(site.stack, name, instance.address):
        return instance_id(site.stack, registration.name, instance.address)
    return f"{instance.id}{registration.suffix}"


def _attributes(
    registration: Registration, service: Service, instance: Instance, checks: tuple[kinds.Check, ...]
) -> kinds.Service:
    passing, warning = (service.weights.passing, service.weights.warning) if service.weights else (1, 1)
    further = {_IPV6_TAG: instance.other} if instance.other else {}
    return kinds.Service(
        instance.id,
        registration.name,
        instance.address,
        registration.port,
        tuple(service.tags),
        tuple(sorted(service.meta.items())),
        (passing if instance.passing is None else instance.passing, warning),
        tagged_addresses(service, instance.address, registration, further),
        service.enable_tag_override,
        checks,
    )


def _instances(site: Site, name: str, service: Service, endpoints: Mapping[str, Endpoint]) -> Iterator[Instance]:
    ends = [end for end in endpoints.values() if name in end.services and _is_here(site, end)]
    if isinstance(service.endpoints, AttachmentSelector):
        for end in ends:
            if end.addresses:
                yield _instance(site, name, end.addresses, None)
        return
    taken: set[str] = set()
    weights = _own_weights(service.endpoints)
    for entry in members(service):
        is_elsewhere = entry.host not in {None, site.host} or entry.weight == 0
        if is_elsewhere or entry.address in taken or not _has(ends, entry.address):
            continue
        taken.add(entry.address)
        found = _instance(site, name, (entry.address,), weights.get(entry.address))
        yield found if entry.id is None else found._replace(id=entry.id)


def _own_weights(entries: Iterable[str | ServiceEndpoint]) -> dict[str, int]:
    """The weights that are declared of addresses."""
    listed = (entry for entry in entries if isinstance(entry, ServiceEndpoint))
    return {entry.address: entry.weight for entry in listed if "weight" in entry.model_fields_set}


def _has(ends: Iterable[Endpoint], address: str) -> bool:
    return any(address in end.addresses for end in ends)


def _instance(site: Site, name: str, addresses: tuple[str, ...], passing: int | None) -> Instance:
    address = addresses[0]
    other = next((text for text in addresses if ":" in text), "") if ":" not in address else ""
    return Instance(instance_id(site.stack, name, address), address, other, passing)


def _is_here(site: Site, end: Endpoint) -> bool:
    """Whether the endpoint is the host's; all are those of the only one."""
    return end.host == site.host or not site.topology.stack.hosts
