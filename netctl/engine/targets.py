"""A plan restricted to some of its resources: the targeted ones and what they need. Pure.

A target is a declaration (``networks.frontend``: it and everything below it) or a pattern of resource addresses
(``kernel/link/nc-*``). A deletion is kept only where it is targeted itself, or goes with one that is.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from fnmatch import translate

from netctl.engine.change import Action, Change, Reason
from netctl.engine.plan import Plan
from netctl.engine.resource import Desired, Key, Owner
from netctl.errors import UsageError

Selects = Callable[[Key, str], bool]
"""Whether a resource, by its key and its declaration, is targeted."""


def restrict(plan: Plan, desired: Mapping[Key, Desired], targets: Collection[str]) -> Plan:
    """The part of *plan* that the *targets* select; all without any. Raises UsageError for one that names nothing."""
    if not targets:
        return plan
    for target in targets:
        _demand_match(target, plan, desired)
    selects = _any_of([selector(target) for target in targets])
    wanted = _closure({key for key, want in desired.items() if selects(key, want.origin.declaration)}, desired)
    kept = _kept(plan, selects, wanted)
    return replace(
        plan,
        batches=tuple(batch for batch in (_only(batch, kept) for batch in plan.batches) if batch),
        conflicts=tuple(conflict for conflict in plan.conflicts if conflict.desired.key in wanted),
        unread=tuple(part for part in plan.unread if not part.keys or not part.keys.isdisjoint(wanted)),
        blocked=tuple(key for key in plan.blocked if key in wanted),
        held_back=frozenset(change.key for change in plan.changes if change.key not in kept),
    )


def selector(target: str) -> Selects:
    """What *target* selects: by address where it has a slash or a wildcard, by declaration where it has neither.

    A bracket is part of a declaration (``routes[0]``), and a set of characters in an address (``nc-[ab]``).
    """
    if "/" in target or any(character in target for character in "*?"):
        matches = re.compile(translate(target if "/" in target else target.replace("[", "[[]"))).match
        return lambda key, declaration: matches(str(key)) is not None or matches(declaration) is not None
    return lambda _, declaration: declaration == target or declaration.startswith((f"{target}.", f"{target}["))


def _any_of(selectors: list[Selects]) -> Selects:
    return lambda key, declaration: any(selects(key, declaration) for selects in selectors)


def _demand_match(target: str, plan: Plan, desired: Mapping[Key, Desired]) -> None:
    selects = selector(target)
    names = {key: want.origin.declaration for key, want in desired.items()}
    names |= {change.key: _declaration(change) for change in plan.changes if change.action is Action.DELETE}
    if any(selects(key, name) for key, name in names.items()):
        return
    near = get_close_matches(target, {*names.values(), *map(str, names)}, n=1)
    advice = (
        f"did you mean '{near[0]}'?"
        if near
        else "name a declaration (networks.frontend) or an address (kernel/link/nc-*)"
    )
    raise UsageError(f"--target '{target}' is neither a declaration of the stack nor a resource of its plan", advice)


def _declaration(change: Change) -> str:
    if change.origin is not None:
        return change.origin.declaration
    return (change.owner_before or Owner("")).declaration


def _closure(keys: set[Key], desired: Mapping[Key, Desired]) -> set[Key]:
    """The *keys* and all that they need."""
    return _spread(keys, lambda key: _needs_of(desired.get(key)))


def _needs_of(want: Desired | Change | None) -> tuple[Key, ...]:
    if want is None:
        return ()
    return want.needs if want.within is None else (*want.needs, want.within)


def _spread(keys: Iterable[Key], following: Callable[[Key], Iterable[Key]]) -> set[Key]:
    found = set(keys)
    queue = list(found)
    while queue:
        new = set(following(queue.pop())) - found
        found |= new
        queue.extend(new)
    return found


def _kept(plan: Plan, selects: Selects, wanted: set[Key]) -> set[Key]:
    """The keys of the changes to keep; what goes with a kept deletion or replacement goes along."""
    roots = {
        change.key
        for change in plan.changes
        if (selects(change.key, _declaration(change)) if change.action is Action.DELETE else change.key in wanted)
    }
    below = _brought_about(plan.changes)
    return _spread(roots, lambda key: below.get(key, ()))


def _brought_about(changes: Iterable[Change]) -> dict[Key, list[Key]]:
    """The changes that another one entails, by that one: implied deletions, what is made again after a replacement."""
    below: defaultdict[Key, list[Key]] = defaultdict(list)
    for change in changes:
        for need in _causes(change):
            below[need].append(change.key)
    return below


def _causes(change: Change) -> Iterator[Key]:
    if change.reason is Reason.CONTAINER:
        yield from _needs_of(change)
    elif change.implied and change.within is not None:
        yield change.within


def _only(batch: tuple[Change, ...], keys: set[Key]) -> tuple[Change, ...]:
    return tuple(change for change in batch if change.key in keys)
