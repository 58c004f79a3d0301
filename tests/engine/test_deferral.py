"""A resource that may not be deleted while something leads to it goes once that leads elsewhere."""

from typing import NamedTuple

import pytest

from netctl.engine.change import Action
from netctl.engine.plan import Plan, make_plan
from netctl.engine.protocol import Observation
from netctl.engine.resource import Desired, Key, Kind, Live, Origin, Owner


class Entry(NamedTuple):
    name: str
    leads_to: str | None = None


def key(name: str) -> Key:
    return Key("memory", "entry", name)


def plan(desired: list[Entry], live: list[Entry], *, deleted_last: bool) -> Plan:
    kinds = {("memory", "entry"): Kind("memory", "entry", deleted_last=deleted_last)}
    wanted = {key(entry.name): Desired(key(entry.name), entry, Origin("it")) for entry in desired}
    found = {
        key(entry.name): Live(
            key(entry.name), entry, Owner("shop", "it"), needs=(key(entry.leads_to),) if entry.leads_to else ()
        )
        for entry in live
    }
    return make_plan(wanted, Observation(found), kinds, stack="shop", host="h")


def steps(made: Plan) -> list[tuple[Action, str]]:
    return [(change.action, change.key.id) for change in made.changes]


LIVE = [Entry("splitter", "canary"), Entry("canary")]


@pytest.mark.parametrize(("deleted_last", "first"), [(True, "splitter"), (False, "canary")])
def test_what_leads_elsewhere_is_changed_first(deleted_last: bool, first: str) -> None:
    made = steps(plan([Entry("splitter", "")], LIVE, deleted_last=deleted_last))
    assert made[0][1] == first
    assert sorted(made) == [(Action.DELETE, "canary"), (Action.UPDATE, "splitter")]


def test_nothing_waits_for_what_is_deleted_too() -> None:
    made = plan([], LIVE, deleted_last=True)
    assert steps(made) == [(Action.DELETE, "splitter"), (Action.DELETE, "canary")]
    assert not any(change.deferred for change in made.changes)


def test_the_undoing_of_a_deletion_waits_for_nothing() -> None:
    [deletion] = [one for one in plan([Entry("splitter", "")], LIVE, deleted_last=True).changes if one.deferred]
    assert not deletion.inverse().deferred
