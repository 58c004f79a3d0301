"""Reads the agent's part and the cluster's at once, each over a connection of its own: most of it is waiting."""

from collections.abc import Callable, Sequence
from threading import Thread
from types import TracebackType
from typing import Generic, NamedTuple, Self, TypeVar

from netctl.engine.protocol import Unread
from netctl.engine.resource import Key, Live
from netctl.errors import BackendError

Seen = tuple[dict[Key, Live], list[Unread]]
Found = TypeVar("Found")


class Part(NamedTuple):
    """A part of what the stack has in Consul."""

    kind: str
    name: str
    """For people."""
    read: Callable[[], Seen]
    is_local: bool = False
    """Whether it is the agent's own, and not the cluster's."""


class Meanwhile(Generic[Found]):
    """Something that is read while something else is done; it has come to its end when the context is left."""

    def __init__(self, read: Callable[[], Found]) -> None:
        self._read = read
        self._found: list[Found] = []
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, name="consul")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.join()

    def result(self) -> Found:
        """What was read, once it is. Raises what reading it has raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._found[0]

    def _run(self) -> None:
        try:
            self._found.append(self._read())
        except BaseException as error:  # noqa: BLE001 - it is raised again, in the thread that asks for the result
            self._error = error


def read_together(parts: Sequence[Part]) -> list[Seen | BackendError]:
    """What is read of each part, or why it cannot be."""
    with Meanwhile(lambda: _read([part for part in parts if not part.is_local])) as cluster:
        found = _read([part for part in parts if part.is_local])
    found |= cluster.result()
    return [found[part.kind] for part in parts]


def _read(parts: Sequence[Part]) -> dict[str, Seen | BackendError]:
    found: dict[str, Seen | BackendError] = {}
    for part in parts:
        try:
            found[part.kind] = part.read()
        except BackendError as error:
            found[part.kind] = error
    return found
