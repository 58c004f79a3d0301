"""Reads the agent's part and the cluster's at once, each over a connection of its own: most of it is waiting."""

from collections.abc import Callable, Sequence
from threading import Thread
from typing import NamedTuple

from netctl.engine.protocol import Unread
from netctl.engine.resource import Key, Live
from netctl.errors import BackendError

Seen = tuple[dict[Key, Live], list[Unread]]


class Part(NamedTuple):
    """A part of what the stack has in Consul."""

    kind: str
    name: str
    """For people."""
    read: Callable[[], Seen]
    is_local: bool = False
    """Whether it is the agent's own, and not the cluster's."""


def read_together(parts: Sequence[Part]) -> list[Seen | BackendError]:
    """What is read of each part, or why it cannot be."""
    found: dict[str, Seen | Exception] = {}
    cluster = Thread(target=_read, args=([part for part in parts if not part.is_local], found), name="consul cluster")
    cluster.start()
    try:
        _read([part for part in parts if part.is_local], found)
    finally:
        cluster.join()
    return [_expected(found[part.kind]) for part in parts]


def _read(parts: Sequence[Part], found: dict[str, Seen | Exception]) -> None:
    for part in parts:
        try:
            found[part.kind] = part.read()
        except Exception as error:  # noqa: BLE001 - what is none of Consul's is raised again, in the caller's thread
            found[part.kind] = error


def _expected(found: Seen | Exception) -> Seen | BackendError:
    if isinstance(found, Exception) and not isinstance(found, BackendError):
        raise found
    return found
