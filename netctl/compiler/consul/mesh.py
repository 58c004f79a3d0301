"""Config entries and prepared queries, which are the whole cluster's."""

from collections.abc import Iterator, Mapping
from typing import Any

from netctl.compiler.places import Path
from netctl.compiler.site import Site
from netctl.engine.resource import Desired
from netctl.kinds.consul_entries import canonical, written
from netctl.kinds.consul_mesh import ConfigEntry, Query, config_key, query_key
from netctl.stack.mesh_models import QueryEntry
from netctl.stack.models import Stack

Entry = tuple[str, str, Mapping[str, Any], Path]
"""Kind, name, fields, and where they are declared."""


def declared_entries(stack: Stack) -> Iterator[Entry]:
    """Every config entry that the stack declares: with its services, and those of nobody's."""
    for name, service in sorted(stack.services.items()):
        for kind, body in _set(service.config_entries):
            yield kind, name, body, ("services", name, "config_entries", kind)
    for kind, bodies in _set(stack.consul and stack.consul.config_entries):
        for name, body in sorted(bodies.items()):
            yield kind, name, body, ("consul", "config_entries", kind, name)


def _set(declaration: Any) -> Iterator[tuple[str, Any]]:
    """The kinds of which something is declared, by the names that Consul has for them."""
    if declaration is not None:
        found = declaration.model_dump(by_alias=True, exclude_none=True)
        yield from sorted(found.items())


def compile_entries(site: Site) -> Iterator[Desired]:
    """The config entries."""
    for kind, name, body, path in declared_entries(site.topology.stack):
        entry = ConfigEntry(kind, name, written(canonical(kind, body)))
        yield Desired(config_key(kind, name), entry, site.origin(path))


def compile_queries(site: Site) -> Iterator[Desired]:
    """The prepared queries."""
    for service, declared in sorted(site.topology.stack.services.items()):
        for name, query in sorted(declared.queries.items()):
            yield Desired(
                query_key(name), _query(name, service, query), site.origin(("services", service, "queries", name))
            )


def _query(name: str, service: str, query: QueryEntry) -> Query:
    return Query(
        name,
        service,
        tuple(query.tags),
        query.near or "",
        query.nearest or 0,
        tuple(query.failover),
        query.only_passing,
        query.connect,
        tuple(query.ignore_checks),
        tuple(sorted(query.node_meta.items())),
        tuple(sorted(query.service_meta.items())),
        query.ttl or "",
        template="",
    )
