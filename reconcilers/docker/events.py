"""The Engine's own events, as a request to look again.

Whichever container or network an event is about, what the compiler was told of containers may have changed with it, so
that all are read again: three requests, however many there are.
"""

import json
import time
from collections.abc import Iterator

from netctl.engine.resource import Key
from reconcilers.answers import entries, record, text
from reconcilers.docker.api import Api

_OF_CONTAINERS = ("create", "destroy", "die", "health_status", "rename", "start")
_OF_NETWORKS = ("create", "destroy", "connect", "disconnect")
_PATIENCE, _PAUSE = 1.0, 0.02
"""Seconds for which a container that has died is waited for to be listed as such, and between two looks."""


def changes(api: Api, lists: Api) -> Iterator[frozenset[Key]]:
    """An empty set when it listens, and for each event of networks and containers. Raises BackendError.

    *lists* is another connection: an Engine tells that a container has died before its list says so, and then no more.
    """
    wanted = {"type": ["network", "container"], "event": [*_OF_CONTAINERS, *_OF_NETWORKS]}
    events = api.lines("/events", filters=json.dumps(wanted))
    try:
        yield frozenset()
        for event in events:
            found = record(event)
            if text(found.get("Action")) == "die":
                _await_end(lists, text(record(found.get("Actor")).get("ID")))
            yield frozenset()
    finally:
        lists.close()


def _await_end(lists: Api, ident: str) -> None:
    """Wait until the container is not listed as running, unless it has begun anew."""
    deadline = time.monotonic() + _PATIENCE
    running = json.dumps({"id": [ident], "status": ["running"]})
    while entries(lists.get("/containers/json", filters=running)) and time.monotonic() < deadline:
        time.sleep(_PAUSE)
