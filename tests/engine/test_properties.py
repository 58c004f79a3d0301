"""What must hold for every desired and every live state."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from netctl.engine.apply import ApplyError, Report, Result, apply_plan
from netctl.engine.change import Action, Change
from netctl.engine.plan import Plan
from netctl.engine.protocol import Context, Writer
from netctl.engine.resource import Desired, Key, Owner
from netctl.engine.session import Session, write_session
from tests.engine.memory_system import Fault, Memory, MemorySystem, Stored, container_of
from tests.engine.notation import STACK
from tests.engine.worlds import OURS, World, faults, worlds

_MANY = settings(deadline=None, max_examples=120)


def session_with(memory: Memory) -> Session[Writer]:
    return write_session([MemorySystem(memory)], Context())


def plan_for(world: World, session: Session[Writer], *, adopt: bool = False) -> Plan:
    return session.plan(world.desired, stack=STACK, host="node1", adopt=adopt)


def applied(world: World, session: Session[Writer]) -> Report:
    return apply_plan(plan_for(world, session), world.desired, session)


def outcome_of(
    world: World, session: Session[Writer], *, keep_partial: bool = False
) -> Report | ApplyError | KeyboardInterrupt | RuntimeError:
    """The report of an apply, or what it raised."""
    try:
        return apply_plan(plan_for(world, session), world.desired, session, keep_partial=keep_partial)
    except (ApplyError, KeyboardInterrupt, RuntimeError) as error:
        return error


def state(memory: Memory) -> dict[Key, Stored]:
    """What is there; what lives in something of the stack's counts as marked, since a mark that was put on may stay."""
    return {key: stored._replace(owner=_owner(memory, key, stored)) for key, stored in memory.store.items()}


def _owner(memory: Memory, key: Key, stored: Stored) -> Owner | None:
    container = container_of(stored.attributes, key.system)
    owner = memory.store[container].owner if container else None
    return OURS if owner and owner.stack == STACK else stored.owner


def differing(before: dict[Key, Stored], after: dict[Key, Stored]) -> set[Key]:
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


@_MANY
@given(worlds())
def test_after_an_apply_the_plan_is_empty_and_another_apply_executes_nothing(world: World) -> None:
    with session_with(world.memory) as session:
        report = applied(world, session)
        assert report.result in {Result.APPLIED, Result.UNCHANGED}
        assert plan_for(world, session) == Plan(STACK, "node1")
        calls = len(world.memory.calls)
        assert applied(world, session).result is Result.UNCHANGED
        assert len(world.memory.calls) == calls


@_MANY
@given(worlds(conflicts=True))
def test_a_plan_never_names_a_foreign_object_but_a_shared_one(world: World) -> None:
    with session_with(world.memory) as session:
        for change in plan_for(world, session).changes:
            stored = world.memory.store.get(change.key)
            owner = stored and _owner(world.memory, change.key, stored)
            assert stored is None or change.key.kind == "setting" or (owner and owner.stack == STACK)


@_MANY
@given(worlds(conflicts=True))
def test_adoption_converges_but_for_what_it_would_destroy(world: World) -> None:
    with session_with(world.memory) as session:
        plan = plan_for(world, session, adopt=True)
        assert not any(conflict.adoptable for conflict in plan.conflicts)
        if not plan.conflicts:
            apply_plan(plan, world.desired, session)
            assert plan_for(world, session) == Plan(STACK, "node1")


@_MANY
@given(worlds(conflicts=True), st.randoms(use_true_random=False))
def test_the_order_of_declarations_does_not_change_the_plan(world: World, rng: random.Random) -> None:
    with session_with(world.memory) as session:
        plan = plan_for(world, session)
        again = plan_for(World(shuffled(world.desired, rng), world.memory), session)
    assert again.fingerprint == plan.fingerprint
    assert [by_key(batch) for batch in again.batches] == [by_key(batch) for batch in plan.batches]
    assert sorted(conflict.desired.key for conflict in again.conflicts) == sorted(
        conflict.desired.key for conflict in plan.conflicts
    )


def shuffled(desired: dict[Key, Desired], rng: random.Random) -> dict[Key, Desired]:
    keys = list(desired)
    rng.shuffle(keys)
    return {key: desired[key] for key in keys}


def by_key(batch: tuple[Change, ...]) -> dict[Key, Change]:
    return {change.key: change for change in batch}


@_MANY
@given(worlds(), st.frozensets(st.sampled_from("abcde"), min_size=1, max_size=2))
def test_what_is_unread_is_neither_touched_nor_is_what_it_needs_replaced(world: World, hidden: frozenset[str]) -> None:
    world.memory.hidden = hidden
    with session_with(world.memory) as session:
        plan = plan_for(world, session)
        changed = {change.key: change for change in plan.changes}
        assert not any(key.id.split("/")[0] in hidden for key in changed if key.kind != "setting")
        assert changed.keys().isdisjoint(plan.blocked)
        for key in plan.blocked:
            needed = {changed[need].action for need in world.desired[key].needs if need in changed}
            assert needed <= {Action.CREATE, Action.UPDATE}
        apply_plan(plan, world.desired, session)
        assert not plan_for(world, session).batches


@_MANY
@given(worlds(), faults(at_most=1))
def test_after_any_fault_all_is_as_it_was_before(world: World, struck: dict[int, Fault]) -> None:
    before = state(world.memory)
    world.memory.faults = struck
    with session_with(world.memory) as session:
        outcome = outcome_of(world, session)
        if isinstance(outcome, Report):
            assert plan_for(world, session) == Plan(STACK, "node1")
        else:
            assert differing(before, state(world.memory)) == set()
            assert tells_that_all_is_as_before(outcome)


def tells_that_all_is_as_before(error: ApplyError | KeyboardInterrupt | RuntimeError) -> bool:
    if isinstance(error, ApplyError):
        return error.report.result is Result.UNDONE
    return error.__notes__ == ["the host is as it was before"]


@_MANY
@given(worlds(), faults(at_most=6))
def test_what_faults_keep_from_being_undone_is_what_the_report_names(world: World, struck: dict[int, Fault]) -> None:
    before = state(world.memory)
    world.memory.faults = struck
    with session_with(world.memory) as session:
        outcome = outcome_of(world, session)
    if isinstance(outcome, Report):
        return
    left = differing(before, state(world.memory))
    assert tells_that_all_is_as_before(outcome) == (not left)
    if isinstance(outcome, ApplyError):
        assert {refused.change.key for refused in outcome.report.not_undone} == left


@_MANY
@given(worlds(), faults(at_most=6), st.booleans())
def test_after_any_faults_the_next_apply_converges(world: World, struck: dict[int, Fault], keep: bool) -> None:
    world.memory.faults = struck
    with session_with(world.memory) as session:
        if not isinstance(outcome_of(world, session, keep_partial=keep), Report):
            world.memory.faults = {}
            applied(world, session)
        assert plan_for(world, session) == Plan(STACK, "node1")


@_MANY
@given(worlds(), faults(at_most=1))
def test_kept_partial_nothing_is_executed_after_the_failure(world: World, struck: dict[int, Fault]) -> None:
    world.memory.faults = struck
    with session_with(world.memory) as session:
        plan = plan_for(world, session)
        outcome = outcome_of(world, session, keep_partial=True)
    assert world.memory.calls == list(plan.batches[: len(world.memory.calls)])
    if isinstance(outcome, ApplyError):
        assert (outcome.report.result, outcome.report.not_undone) == (Result.PARTIAL, ())
    elif not isinstance(outcome, Report):
        assert outcome.__notes__ == ["what was done was left as it is"]
