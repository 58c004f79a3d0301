"""The order of changes: a directed acyclic graph by need, cut into batches.

Deletions come first, dependants before what they need; then everything else, what is needed before its dependants.
Changes in one batch need nothing of one another.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from netctl.engine.change import Action, Change
from netctl.engine.resource import Key


def batches(changes: Mapping[Key, Change]) -> tuple[tuple[Change, ...], ...]:
    """The changes in order of execution. Within a batch they keep the order in which they were given."""
    ends = {key: change for key, change in changes.items() if change.action is Action.DELETE}
    makes = {key: change for key, change in changes.items() if change.action is not Action.DELETE}
    return (*reversed(_levels(ends)), *_levels(makes))


def _levels(changes: Mapping[Key, Change]) -> list[tuple[Change, ...]]:
    depths = _depths(changes)
    levels: defaultdict[int, list[Change]] = defaultdict(list)
    for key, change in changes.items():
        levels[depths[key]].append(change)
    return [tuple(levels[depth]) for depth in sorted(levels)]


def _depths(changes: Mapping[Key, Change]) -> dict[Key, int]:
    """How long the longest chain of needs below each change is. Raises ValueError for a cycle."""
    depths: dict[Key, int] = {}
    for start in changes:
        if start not in depths:
            _measure(start, changes, depths)
    return depths


def _measure(start: Key, changes: Mapping[Key, Change], depths: dict[Key, int]) -> None:
    path: list[Key] = [start]
    on_path = {start}
    while path:
        key = path[-1]
        below = [need for need in _edges(changes[key]) if need in changes]
        open_need = next((need for need in below if need not in depths), None)
        if open_need is None:
            depths[key] = 1 + max((depths[need] for need in below), default=-1)
            on_path.discard(path.pop())
        elif open_need in on_path:
            raise ValueError(f"{open_need} needs itself, by way of {key}")
        else:
            path.append(open_need)
            on_path.add(open_need)


def _edges(change: Change) -> Iterable[Key]:
    return change.needs if change.within is None else (*change.needs, change.within)
