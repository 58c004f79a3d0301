"""What is to be kept: a desired state, compiled for this host."""

import gc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from netctl.compiler.balancing.balanced import Balanced
from netctl.engine.facts import Facts
from netctl.engine.resource import Desired, Key


class Declared(NamedTuple):
    """One desired state."""

    stack: str
    host: str
    """The host's declared name; empty for a stack without hosts."""
    desired: Mapping[Key, Desired]
    revision: str
    """A digest of the declaration, or a commit: for people, to tell one state from another."""
    files: tuple[Path, ...] = ()
    """What it was read from."""
    balanced: Balanced | None = None
    """Its services, whose endpoints' health is followed."""
    leads: bool = True
    """Whether what is cluster-wide is this host's to see to."""


class Loaded(NamedTuple):
    """A stack that has been read and validated, but not yet compiled."""

    stack: str
    compile: Callable[[Facts], Declared]
    """Raises DeclarationError."""


Load = Callable[[], Loaded]
"""Reads the declaration anew. Raises NetctlError."""


def set_apart() -> None:
    """Keep the garbage collector from looking through the desired state each time: it stays as it is."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
