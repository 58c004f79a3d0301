"""The one protocol between netctl and the system that coordinates hosts.

A *store* has keys, compared and set by index; sessions, which end when their node dies; and keys that a session holds.
It is found through the entry-point group ``netctl.stores``. Calls are synchronous and bounded by a timeout; each raises
BackendError where the store cannot be asked, or does not say who decides. Unknown is never empty: a store that may not
show all that there is raises, too.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import NamedTuple, Protocol, cast

from netctl.engine.protocol import Context
from netctl.errors import NetctlError

GROUP = "netctl.stores"
LARGEST_VALUE = 384 * 1024
"""Bytes of one value, with room for what wraps it: Consul takes 512 KiB."""


class Entry(NamedTuple):
    """A key's value."""

    value: bytes
    modified: int
    """The index of its last change; what a comparison is made with."""
    session: str = ""
    """Who holds it; empty where nobody does."""


class Reading(NamedTuple):
    """All keys below a prefix, as they were at one moment."""

    entries: Mapping[str, Entry]
    """By the whole key."""
    at: int
    """The index of that moment; what to wait for a change from."""


class Place(NamedTuple):
    """Where the store's agent is."""

    node: str
    address: str
    """By which other nodes reach it."""


class Write(NamedTuple):
    """One operation of a transaction."""

    key: str
    value: bytes | None
    """None: the key is deleted; where *modified* is None, with all that begins with it."""
    modified: int | None = None
    """Only where this is the index of the key's last change; 0: only where there is no such key. None: in any case."""


class Store(Protocol):
    """One connection; not to be shared by threads."""

    def place(self) -> Place:
        """Where this host's agent is."""
        ...

    def read(self, prefix: str, after: int = 0, seconds: float = 0) -> Reading:
        """The keys that begin with *prefix*; once there is a change *after* that index, or after so many *seconds*."""
        ...

    def keys(self, prefix: str) -> Sequence[str]:
        """The names of the keys that begin with *prefix*."""
        ...

    def get(self, key: str) -> Entry | None:
        """One key; None where there is none."""
        ...

    def write(self, writes: Sequence[Write]) -> bool:
        """Make all of them or none; False where a comparison failed."""
        ...

    def open_session(self, name: str) -> str:
        """The id of a new session, which ends when this agent's node dies, and then holds nothing any more."""
        ...

    def sessions(self, node: str, name: str) -> Sequence[str]:
        """The ids of a node's sessions of that name."""
        ...

    def session_node(self, session: str) -> str:
        """The node of a session; empty where there is no such session."""
        ...

    def end_session(self, session: str) -> None:
        """End a session. That it has ended already is no error."""
        ...

    def acquire(self, key: str, value: bytes, session: str, holder: str = "") -> bool:
        """Hold the key for the session, and write it; False where another one than *holder* holds it."""
        ...

    def close(self) -> None:
        """Release the connection; the next call opens another."""
        ...


class Coordinator(Protocol):
    """What an entry point of the group ``netctl.stores`` names."""

    def open(self, context: Context) -> Store:
        """A store. Nothing is asked of it before it has to."""
        ...


def find_coordinator(name: str) -> Coordinator:
    """The installed store of that name. Raises NetctlError."""
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            return cast(Coordinator, entry.load())
    raise NetctlError(
        f"nothing that speaks to {name} is installed: the entry-point group {GROUP} does not have it",
        "Install netctl as a package; its source alone, on the module search path, has no entry points.",
    )
