"""What can be worked out only once the first changes of an apply have been made.

Docker assigns addresses as it attaches containers, and names the bridge of a network that it makes. Policies and
services need both. So after such changes the desired state is worked out anew, and what that adds is made in the same
apply, verified with it and undone with it. Nothing is deleted or replaced that the first plan did not show.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from netctl.engine.change import Action, Change
from netctl.engine.plan import Plan
from netctl.engine.resource import Desired, Key

Batches = tuple[tuple[Change, ...], ...]

MOST = 2
"""So often is the desired state worked out anew: of what comes later, the next apply takes care."""


class Sequel(NamedTuple):
    """The desired state as it is known by now, and the plan for it."""

    desired: Mapping[Key, Desired]
    plan: Plan


Renew = Callable[[Sequence[Change]], Sequel | None]
"""Works out the desired state anew after the changes that were made last; None where it cannot differ."""


def additions(plan: Plan) -> Batches:
    """The changes of *plan* that make something, or set it right, in batches."""
    made = (
        tuple(change for change in batch if change.action in {Action.CREATE, Action.UPDATE}) for batch in plan.batches
    )
    return tuple(batch for batch in made if batch)


def joined(plan: Plan, more: Batches, held_back: frozenset[Key]) -> Plan:
    """One plan of two, the second made after the first: what both change is in it once, from first to last.

    *held_back* is what of the second plan is to be left as it is.
    """
    first = {change.key: change for change in plan.changes}
    again = {change.key for batch in more for change in batch}
    earlier = (tuple(change for change in batch if change.key not in again) for batch in plan.batches)
    later = (tuple(joined_change(first.get(change.key), change) for change in batch) for batch in more)
    batches = tuple(batch for batch in (*earlier, *later) if batch)
    return replace(plan, batches=batches, held_back=plan.held_back | held_back)


def joined_change(first: Change | None, change: Change) -> Change:
    """One change of two to the same resource, or the one where there was none before."""
    if first is None:
        return change
    if first.action is Action.DELETE:
        return change._replace(action=Action.UPDATE, before=first.before, owner_before=first.owner_before)
    return first._replace(after=change.after, owner=change.owner, origin=change.origin)
