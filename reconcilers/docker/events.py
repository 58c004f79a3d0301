"""The Engine's own events, as a request to look again.

Whichever container or network an event is about, what the compiler was told of containers may have changed with it, so
that all are read again: three requests, however many there are.
"""

import json
from collections.abc import Iterator

from netctl.engine.resource import Key
from reconcilers.docker.api import Api

_OF_CONTAINERS = ("create", "destroy", "die", "health_status", "rename", "start")
_OF_NETWORKS = ("create", "destroy", "connect", "disconnect")


def changes(api: Api) -> Iterator[frozenset[Key]]:
    """An empty set when it listens, and for each event of networks and containers. Raises BackendError."""
    wanted = {"type": ["network", "container"], "event": [*_OF_CONTAINERS, *_OF_NETWORKS]}
    events = api.lines("/events", filters=json.dumps(wanted))
    yield frozenset()
    for _ in events:
        yield frozenset()
