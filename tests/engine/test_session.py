"""Several systems, spoken to as one."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import pytest

from netctl.engine.apply import ApplyError, apply_plan
from netctl.engine.change import Change, Outcome
from netctl.engine.protocol import Context, Reader, Scope, Unread
from netctl.engine.resource import Desired, Key, Origin, Owner
from netctl.engine.session import Session, read_session, write_session
from netctl.errors import BackendError
from tests.engine.memory_system import Bridge, Fault, Memory, MemorySystem, MemoryWriter, key_of

NAMES = ("alpha", "beta")


def desired(*names: str, systems: Sequence[str] = NAMES) -> dict[Key, Desired]:
    bridges = [(key_of(Bridge(name), system), Bridge(name)) for system in systems for name in names]
    return {key: Desired(key, bridge, Origin("it")) for key, bridge in bridges}


def systems() -> list[MemorySystem]:
    return [MemorySystem(Memory(), name) for name in NAMES]


def test_a_plan_is_one_for_all_systems() -> None:
    alpha, beta = systems()
    beta.memory.put(Bridge("old"), Owner("shop", "it"), system="beta")
    with read_session([alpha, beta], Context()) as session:
        plan = session.plan(desired("a"), stack="shop", host="node1")
    assert [(change.action.value, str(change.key)) for change in plan.changes] == [
        ("delete", "beta/link/old"),
        ("create", "alpha/link/a"),
        ("create", "beta/link/a"),
    ]


def test_each_system_gets_its_share_of_a_batch_in_one_call() -> None:
    alpha, beta = systems()
    wanted = desired("a", "b")
    with write_session([alpha, beta], Context()) as session:
        apply_plan(session.plan(wanted, stack="shop", host="node1"), wanted, session)
    assert [[change.key.id for change in call] for call in alpha.memory.calls] == [["a", "b"]]
    assert [[change.key.id for change in call] for call in beta.memory.calls] == [["a", "b"]]


def test_where_one_system_fails_the_other_s_share_of_the_batch_is_still_made_and_then_undone() -> None:
    alpha, beta = systems()
    alpha.memory.faults = {0: Fault.RAISE}
    wanted = desired("a")
    with write_session([alpha, beta], Context()) as session, pytest.raises(ApplyError) as caught:
        apply_plan(session.plan(wanted, stack="shop", host="node1"), wanted, session)
    assert [str(change.key) for change in caught.value.report.done] == ["beta/link/a"]
    assert [str(outcome.change.key) for outcome in caught.value.report.failed] == ["alpha/link/a"]
    assert beta.memory.store == {}


def test_a_bug_in_one_system_does_not_keep_another_from_being_undone() -> None:
    alpha, beta = systems()
    alpha.memory.faults = {1: Fault.REFUSE, 2: Fault.CRASH, 3: Fault.CRASH}
    wanted = {**desired("a"), **desired("b", systems=["alpha"])}
    with write_session([alpha, beta], Context()) as session, pytest.raises(ApplyError) as caught:
        apply_plan(session.plan(wanted, stack="shop", host="node1"), wanted, session)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert [str(outcome.change.key) for outcome in caught.value.report.not_undone] == ["alpha/link/a"]
    assert beta.memory.store == {}


def test_a_system_that_cannot_be_read_holds_back_its_own_resources_only() -> None:
    alpha, beta = systems()
    alpha.memory.blind = True
    with read_session([alpha, beta], Context()) as session:
        plan = session.plan(desired("a"), stack="shop", host="node1")
    key = key_of(Bridge("a"), "alpha")
    assert plan.unread == (Unread("alpha", "everything", "the memory cannot be read", frozenset({key})),)
    assert plan.blocked == (key,)
    assert [str(change.key) for change in plan.changes] == ["beta/link/a"]


def test_what_needs_a_resource_of_a_system_that_cannot_be_read_waits_too() -> None:
    alpha, beta = systems()
    alpha.memory.blind = True
    wanted = desired("a")
    first, second = wanted
    wanted[second] = wanted[second]._replace(needs=(first,))
    with read_session([alpha, beta], Context()) as session:
        plan = session.plan(wanted, stack="shop", host="node1")
    assert plan.blocked == (first, second)
    assert not plan.batches


def test_a_system_that_was_left_out_is_unread_and_said_to_be() -> None:
    with read_session(systems()[:1], Context()) as session:
        plan = session.plan(desired("a"), stack="shop", host="node1")
    key = key_of(Bridge("a"), "beta")
    assert plan.unread == (Unread("beta", "everything", "it was left out", frozenset({key})),)
    assert [str(change.key) for change in plan.changes] == ["alpha/link/a"]


def test_a_system_that_was_left_out_and_is_not_needed_is_no_matter() -> None:
    with read_session(systems()[:1], Context()) as session:
        assert session.observe(Scope("shop", desired("a", systems=["alpha"]))).unread == ()


def test_the_facts_are_those_of_all_systems() -> None:
    with read_session(systems(), Context()) as session:
        assert session.facts().namespaces == frozenset(NAMES)


def test_a_session_enters_all_its_members_and_leaves_them() -> None:
    session = write_session(systems(), Context())
    members = [member for member in session.members.values() if isinstance(member, MemoryWriter)]
    with session:
        assert [member.entered for member in members] == [True, True]
    assert [member.entered for member in members] == [False, False]


class Closed(MemoryWriter):
    """Cannot be entered."""

    def __enter__(self) -> Self:
        raise BackendError("it is closed")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        raise AssertionError("it was never entered")


def test_where_one_member_cannot_be_entered_the_others_are_left_again() -> None:
    first = MemoryWriter(Memory(), "alpha")
    session: Session[Reader] = Session({}, {"alpha": first, "beta": Closed(Memory(), "beta")})
    with pytest.raises(BackendError, match="it is closed"), session:
        pass
    assert not first.entered


def test_a_plan_says_how_much_the_stack_owns_and_counts_its_changes() -> None:
    alpha = systems()[0]
    for name, owner in (("a", Owner("shop")), ("b", Owner("shop")), ("c", Owner("other")), ("d", None)):
        alpha.memory.put(Bridge(name), owner, system="alpha")
    with read_session([alpha], Context()) as session:
        plan = session.plan(desired("new", systems=["alpha"]), stack="shop", host="node1")
    assert plan.owned == 2
    assert {action.value: count for action, count in plan.count().items()} == {"create": 1, "delete": 2}
    assert plan


def test_a_plan_with_nothing_to_do_and_nothing_in_the_way_is_false() -> None:
    with read_session(systems(), Context()) as session:
        assert not session.plan({}, stack="shop", host="node1")


def test_outcomes_arrive_system_by_system() -> None:
    alpha, beta = systems()
    wanted = desired("a", "b")
    with write_session([alpha, beta], Context()) as session:
        changes: list[Change] = list(session.plan(wanted, stack="shop", host="node1").changes)
        outcomes: list[Outcome] = list(session.execute(changes[::-1]))
    assert [str(outcome.change.key) for outcome in outcomes] == [
        "beta/link/b",
        "beta/link/a",
        "alpha/link/b",
        "alpha/link/a",
    ]
