"""External services, in the catalog."""

from collections.abc import Iterator

from netctl.compiler.consul.health import Place, compile_checks
from netctl.compiler.consul.registration import Registration, registered, registrations
from netctl.compiler.consul.tagged_addresses import tagged_addresses
from netctl.compiler.site import Site
from netctl.engine.resource import Desired
from netctl.kinds.consul import External, external_key
from netctl.stack.policy_models import Service


def compile_externals(site: Site) -> Iterator[Desired]:
    """A node for each, so that what is registered on it no agent removes again."""
    for name, service in registered(site.topology.stack).items():
        if service.external is None:
            continue
        for registration in registrations(name, service):
            attributes = _external(site, registration, service, service.external)
            yield Desired(external_key(attributes.node), attributes, site.origin(("services", name)))


def _external(site: Site, registration: Registration, service: Service, address: str) -> External:
    """One port of an external service. Checks are of the first one."""
    place = Place(f"{site.stack}:{registration.name}", registration.name, address, registration.port)
    return External(
        f"{site.stack}-{registration.name}",
        registration.name,
        address,
        registration.name,
        registration.port,
        tuple(service.tags),
        tuple(sorted(service.meta.items())),
        probe=False,
        checks=() if registration.suffix else compile_checks(service.checks, place, str),
        weights=(service.weights.passing, service.weights.warning) if service.weights else (1, 1),
        tagged_addresses=tagged_addresses(service, address, registration),
        enable_tag_override=service.enable_tag_override,
    )
