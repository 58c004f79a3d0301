"""What is cluster-wide in Consul beside services and keys: config entries, prepared queries, intentions."""

from typing import NamedTuple

from netctl.engine.resource import Key, Kind
from netctl.kinds.consul import SYSTEM, Pairs


class ConfigEntry(NamedTuple):
    """A config entry, by Consul's own names."""

    kind: str
    """``service-defaults``, ``service-splitter``, …"""
    name: str
    settings: Pairs | None = None
    """Its fields, each value in JSON, without what is empty (`netctl.kinds.consul_entries.canonical`)."""


CONFIG = Kind(SYSTEM, "config", identity=frozenset({"kind", "name"}), deleted_last=True, cluster_wide=True)


class Query(NamedTuple):
    """A prepared query: what ``<name>.query.consul`` answers."""

    name: str
    service: str | None = None
    tags: tuple[str, ...] | None = None
    """``!`` before a tag: instances that do not have it."""
    near: str | None = None
    nearest: int | None = None
    """How many of the datacenters that are nearest are asked where there is no healthy instance."""
    failover: tuple[str, ...] | None = None
    """Datacenters that are asked then, in this order, after the nearest ones."""
    only_passing: bool | None = None
    connect: bool | None = None
    ignored_checks: tuple[str, ...] | None = None
    """Without netctl's mark, which is among them in Consul."""
    node_meta: Pairs | None = None
    service_meta: Pairs | None = None
    ttl: str | None = None
    template: str | None = None
    """What makes it one for all names of a form, in JSON; empty for one of its own name, as the declared ones are."""


QUERY = Kind(SYSTEM, "query", identity=frozenset({"name"}), cluster_wide=True)


class Intention(NamedTuple):
    """Which service may connect to which, before Consul 1.9; later ones have it in a config entry."""

    source: str
    destination: str
    action: str | None = None
    """``allow`` or ``deny``."""
    description: str | None = None


INTENTION = Kind(SYSTEM, "intention", identity=frozenset({"source", "destination"}), cluster_wide=True)


def config_key(kind: str, name: str) -> Key:
    """The key of a config entry: ``service-splitter/web``."""
    return Key(SYSTEM, "config", f"{kind}/{name}")


def query_key(name: str) -> Key:
    """The key of a prepared query."""
    return Key(SYSTEM, "query", name)


def intention_key(source: str, destination: str) -> Key:
    """The key of an intention: ``web:db``."""
    return Key(SYSTEM, "intention", f"{source}:{destination}")
