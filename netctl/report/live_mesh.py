"""Consul's config entries, prepared queries and intentions as the language declares them."""

import json
from collections.abc import Iterable
from typing import Any

from netctl.kinds.consul_mesh import ConfigEntry, Intention, Query
from netctl.report.dollars import has_variable_as_key

_INTENTIONS = "service-intentions"
_SIMPLE = frozenset({"Name", "Action", "Description"})


def consul_section(found: Iterable[Any], remarks: list[str]) -> dict[str, Any]:
    """What is declared of Consul beyond services: the config entries among the attributes *found*."""
    entries: dict[str, dict[str, Any]] = {}
    for entry in found:
        if not isinstance(entry, ConfigEntry) or entry.kind == _INTENTIONS:
            continue
        declared = {entry.name: _fields(entry)}
        if has_variable_as_key(declared):
            remarks.append(f"config entry {entry.kind}/{entry.name}: '${{' cannot stand in a key here")
        else:
            entries.setdefault(entry.kind, {}).update(declared)
    return {"config_entries": entries} if entries else {}


def add_queries_and_intentions(found: Iterable[Any], services: dict[str, Any], remarks: list[str]) -> None:
    """Put them where they are declared: with the *services* that they are of, of which others are only told."""
    for one in found:
        if isinstance(one, Query):
            _add_query(one, services, remarks)
        elif isinstance(one, Intention):
            entry = {"from": one.source, "action": one.action, "description": one.description}
            _add_intention(one.destination, entry, services, remarks)
        elif isinstance(one, ConfigEntry) and one.kind == _INTENTIONS:
            _add_sources(one, services, remarks)


def _add_query(query: Query, services: dict[str, Any], remarks: list[str]) -> None:
    if query.template:
        remarks.append(f"query {query.name}: it is a template")
        return
    if "${" in query.name:
        remarks.append(f"query {query.name}: '${{' cannot stand in a key here")
        return
    service = services.get(query.service or "")
    if service is None:
        remarks.append(f"query {query.name}: it is of '{query.service}', which is none of the services here")
        return
    declared = {
        "tags": list(query.tags or ()),
        "near": query.near,
        "nearest": query.nearest,
        "failover": list(query.failover or ()),
        "only_passing": query.only_passing,
        "connect": query.connect,
        "ignore_checks": list(query.ignored_checks or ()),
        "node_meta": dict(query.node_meta or ()),
        "service_meta": dict(query.service_meta or ()),
        "ttl": query.ttl,
    }
    service.setdefault("queries", {})[query.name] = {key: value for key, value in declared.items() if value}


def _add_sources(entry: ConfigEntry, services: dict[str, Any], remarks: list[str]) -> None:
    sources = _fields(entry).get("Sources", [])
    if any(not source.keys() <= _SIMPLE for source in sources):
        remarks.append(f"intentions of {entry.name}: permissions cannot be declared here")
        return
    for source in sources:
        declared = {"from": source["Name"], "action": source["Action"], "description": source.get("Description")}
        _add_intention(entry.name, declared, services, remarks)


def _add_intention(name: str, entry: dict[str, Any], services: dict[str, Any], remarks: list[str]) -> None:
    if name not in services:
        remarks.append(f"intention {entry['from']} to {name}: '{name}' is none of the services here")
        return
    services[name].setdefault("intentions", []).append({key: value for key, value in entry.items() if value})


def _fields(entry: ConfigEntry) -> dict[str, Any]:
    return {name: json.loads(value) for name, value in entry.settings or ()}
