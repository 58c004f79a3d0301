"""What Consul gives an id when it is made: prepared queries, and intentions of an API of their own."""

from typing import Any

from reconcilers.answers import Record, text
from reconcilers.consul.api import Api
from reconcilers.requests import segment


def set_identified(api: Api, path: str, known: Record, definition: dict[str, Any] | None) -> None:
    """Make one of those at *path*, or change or delete the one *known* (empty: there is none). Raises BackendError."""
    own = f"{path}/{segment(text(known.get('ID')))}"
    if definition is None:
        if known:
            api.delete(own)
    elif known:
        api.put(own, definition)
    else:
        api.post(path, definition)
