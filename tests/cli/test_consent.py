"""What stands between a plan and its execution."""

import pytest

from netctl.cli.consent import obtain, refuse_conflicts, refuse_mass_deletion
from netctl.cli.destroy import _demand_nothing_left
from netctl.cli.terminal import Terminal
from netctl.engine.session import Session
from netctl.errors import ConflictError, NetctlError, RefusedError
from netctl.kinds.link import Bridge, OtherLink, link_key
from tests.report.plans import UNREAD, everything, have, plan_of, want

A, B = link_key("a"), link_key("b")
KEPT, GONE = have(A, Bridge("", "a"), "networks.a"), have(B, Bridge("", "b"), "networks.b")
WANTED = want(A, Bridge("", "a"), "networks.a", 1)


def test_a_plan_that_keeps_something_may_delete_the_rest() -> None:
    refuse_mass_deletion(plan_of([WANTED], [KEPT, GONE]), None)


def test_a_plan_that_keeps_nothing_is_refused_unless_its_number_is_named() -> None:
    plan = plan_of([], [KEPT, GONE])
    with pytest.raises(RefusedError, match="everything that stack shop owns on node1: 2 resources") as caught:
        refuse_mass_deletion(plan, None)
    assert "--max-deletes 2" in caught.value.advice
    refuse_mass_deletion(plan, 2)
    with pytest.raises(RefusedError, match="--max-deletes allows 1"):
        refuse_mass_deletion(plan, 1)
    with pytest.raises(RefusedError, match="--max-deletes allows 0"):
        refuse_mass_deletion(plan, 0)


def test_an_empty_host_and_an_empty_plan_are_no_mass_deletion() -> None:
    refuse_mass_deletion(plan_of([], []), None)
    refuse_mass_deletion(plan_of([WANTED], []), None)


def test_creating_and_updating_needs_no_word() -> None:
    assert not obtain(plan_of([WANTED], []), Terminal(), yes=False)


def test_deleting_does() -> None:
    plan = plan_of([], [GONE])
    with pytest.raises(RefusedError, match="this deletes 1 resource, and nobody can be asked here"):
        obtain(plan, Terminal(), yes=False)
    assert not obtain(plan, Terminal(), yes=True)


def test_a_conflict_says_which_and_whether_it_can_be_adopted() -> None:
    declared = [WANTED, want(B, Bridge("", "b"), "networks.b", 2)]
    with pytest.raises(ConflictError, match="kernel/link/a and 1 more are there already") as caught:
        refuse_conflicts(plan_of(declared, [KEPT._replace(owner=None), GONE._replace(owner=None)]))
    assert "--adopt" in caught.value.advice
    with pytest.raises(ConflictError) as caught:
        refuse_conflicts(plan_of(declared, [have(A, OtherLink("", "a", "dummy"))._replace(owner=None)]))
    assert "--adopt" not in caught.value.advice


def test_after_destroying_whatever_is_left_is_an_error() -> None:
    session: Session[object] = Session({}, {"kernel": object()})  # type: ignore[type-var]  # only its names matter
    with pytest.raises(NetctlError, match="still there: ") as caught:
        _demand_nothing_left(everything(), session)  # type: ignore[arg-type]  # as above
    assert caught.value.code == "NC407"
    with pytest.raises(NetctlError, match="not all could be read: kernel") as caught:
        _demand_nothing_left(plan_of([], [], UNREAD), session)  # type: ignore[arg-type]  # as above
    assert caught.value.code == "NC406"
