"""Connections that were translated, and that a system can cut: those to endpoints that have left."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable


class Target(NamedTuple):
    """Whom connections were translated to."""

    address: str
    port: int


class Left(NamedTuple):
    """The connections of one protocol to one address and port that are to be cut: those to certain endpoints."""

    family: int
    protocol: str
    """``tcp``, ``udp``, ``sctp``."""
    address: str
    """Where clients connect to; empty for every address of the host."""
    port: int
    gone: frozenset[Target] = frozenset()
    """The endpoints that they were translated to."""
    kept: frozenset[Target] | None = None
    """Where it is given: any endpoint but these, in place of `gone`."""


@runtime_checkable
class Cutting(Protocol):
    """A writer that can cut connections."""

    def cut(self, left: Sequence[Left]) -> int:
        """Cut these; how many there were. Raises BackendError."""
        ...
