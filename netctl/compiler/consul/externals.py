"""External services, in the catalog."""

from collections.abc import Iterator

from netctl.compiler.consul.health import Place, compile_checks
from netctl.compiler.consul.registration import first_port, registered
from netctl.compiler.site import Site
from netctl.engine.resource import Desired
from netctl.kinds.consul import External, external_key


def compile_externals(site: Site) -> Iterator[Desired]:
    """A node for each, so that what is registered on it no agent removes again."""
    for name, service in registered(site.topology.stack).items():
        if service.external is None:
            continue
        node = f"{site.stack}-{name}"
        place = Place(f"{site.stack}:{name}", name, service.external, first_port(service))
        attributes = External(
            node,
            service.external,
            name,
            place.port,
            tuple(service.tags),
            tuple(sorted(service.meta.items())),
            probe=False,
            checks=compile_checks(service.checks, place, str),
        )
        yield Desired(external_key(node), attributes, site.origin(("services", name)))
