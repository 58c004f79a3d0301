"""Finds the systems that can be reconciled, through the entry-point group ``netctl.reconcilers``."""

from collections.abc import Iterable, Sequence
from typing import cast

from netctl.engine.diff import Kinds
from netctl.engine.protocol import System
from netctl.errors import UsageError

GROUP = "netctl.reconcilers"


def find_systems(wanted: Iterable[str] = ()) -> tuple[System, ...]:
    """The installed systems, by name; only the *wanted* ones where any are named. Raises UsageError."""
    from importlib.metadata import entry_points  # where it is needed: it reads mail's headers, and loads all for that

    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    chosen = sorted(set(wanted)) or sorted(found)
    if missing := [name for name in chosen if name not in found]:
        raise UsageError(
            f"no reconciler is installed for: {', '.join(missing)}", f"there are: {', '.join(sorted(found))}"
        )
    return tuple(cast(System, found[name].load()) for name in chosen)


def kinds_of(systems: Sequence[System]) -> Kinds:
    """Every kind of the *systems*."""
    return {(kind.system, kind.name): kind for system in systems for kind in system.kinds}
