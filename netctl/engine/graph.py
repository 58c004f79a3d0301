"""The order of changes: a directed acyclic graph by need, cut into batches.

Deletions come first, dependants before what they need; then everything else, what is needed before its dependants;
last the deletions that have to wait for changes.
Changes in one batch need nothing of one another.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from netctl.engine.change import Action, Change
from netctl.engine.resource import Key


def batches(changes: Mapping[Key, Change]) -> tuple[tuple[Change, ...], ...]:
    """The changes in order of execution. Within a batch they keep the order in which they were given."""
    ends = {key: change for key, change in changes.items() if change.action is Action.DELETE and not change.deferred}
    makes = {key: change for key, change in changes.items() if change.action is not Action.DELETE}
    last = {key: change for key, change in changes.items() if change.deferred}
    return (*reversed(_levels(ends)), *_levels(makes), *reversed(_levels(last)))


def _levels(changes: Mapping[Key, Change]) -> list[tuple[Change, ...]]:
    depths = _depths(changes)
    levels: defaultdict[int, list[Change]] = defaultdict(list)
    for key, change in changes.items():
        levels[depths[key]].append(change)
    return [tuple(levels[depth]) for depth in sorted(levels)]


def _depths(changes: Mapping[Key, Change]) -> dict[Key, int]:
    """How long the longest chain of needs below each change is. Raises ValueError for a cycle."""
    depths: dict[Key, int] = {}
    for start, change in changes.items():
        if start not in depths:
            _measure({start: iter(_edges(change))}, changes, depths)
    return depths


def _measure(path: dict[Key, Iterator[Key]], changes: Mapping[Key, Change], depths: dict[Key, int]) -> None:
    """Find the depths of all on the *path*, a chain of needs, each with those of its needs still to be looked at."""
    while path:
        key, rest = next(reversed(path.items()))
        for need in rest:
            if need in path:
                raise ValueError(f"{need} needs itself, by way of {key}")
            if need in changes and need not in depths:
                path[need] = iter(_edges(changes[need]))
                break
        else:
            depths[key] = 1 + max([depths.get(need, -1) for need in _edges(changes[key])], default=-1)
            path.popitem()


def _edges(change: Change) -> tuple[Key, ...]:
    return change.needs if change.within is None else (*change.needs, change.within)
