"""The Engine's own events, as keys of what may have changed."""

import json
from collections.abc import Iterator

from netctl.engine.resource import Key
from netctl.kinds.docker import network_key
from reconcilers.docker.answers import record, strings, text
from reconcilers.docker.api import Api

_OF_CONTAINERS = ("create", "destroy", "die", "health_status", "rename", "start")
_OF_NETWORKS = ("create", "destroy", "connect", "disconnect")


def changed_keys(api: Api) -> Iterator[frozenset[Key]]:
    """The network that an event is about; an empty set for an event of containers, which any selector may mean."""
    wanted = {"type": ["network", "container"], "event": [*_OF_CONTAINERS, *_OF_NETWORKS]}
    return map(_keys, api.lines("/events", filters=json.dumps(wanted)))


def _keys(event: object) -> frozenset[Key]:
    found = record(event)
    name = strings(record(found.get("Actor")).get("Attributes")).get("name", "")
    about_a_network = found.get("Type") == "network" and text(found.get("Action")) in {"create", "destroy"}
    return frozenset({network_key(name)}) if name and about_a_network else frozenset()
