"""The order of changes."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netctl.engine.change import Action, Change, Reason
from netctl.engine.graph import batches
from netctl.engine.resource import Key

ORDERED = settings(deadline=None, max_examples=200)


def key(number: int) -> Key:
    return Key("memory", "link", str(number))


def change(number: int, *needs: int, action: Action = Action.CREATE, within: int | None = None) -> Change:
    return Change(
        action, key(number), None, (), Reason.DECLARED,
        needs=tuple(map(key, needs)), within=None if within is None else key(within),
    )  # fmt: skip


def by_key(*changes: Change) -> dict[Key, Change]:
    return {one.key: one for one in changes}


def numbers(changes: Mapping[Key, Change]) -> list[list[int]]:
    return [[int(one.key.id) for one in batch] for batch in batches(changes)]


@st.composite
def graphs(draw: st.DrawFn) -> dict[Key, Change]:
    """Changes that need only such as have a smaller number, in any order; some of what they need does not change."""
    count = draw(st.integers(0, 15))
    changes = []
    for number in range(count):
        below = st.integers(0, number - 1) if number else st.nothing()
        needs = draw(st.lists(below, max_size=3)) if number else []
        within = draw(st.none() | below) if number else None
        changes.append(change(number, *needs, action=draw(st.sampled_from(Action)), within=within))
    kept = [one for one in changes if draw(st.integers(0, 4))]
    return by_key(*draw(st.permutations(kept)))


def anchors(one: Change) -> set[Key]:
    return {*one.needs, *([one.within] if one.within else [])}


@ORDERED
@given(graphs())
def test_every_change_is_in_exactly_one_batch_and_no_batch_is_empty(changes: dict[Key, Change]) -> None:
    made = batches(changes)
    assert sorted(one.key for batch in made for one in batch) == sorted(changes)
    assert all(made)


@ORDERED
@given(graphs())
def test_what_is_needed_comes_before_and_is_deleted_after(changes: dict[Key, Change]) -> None:
    place = {one.key: number for number, batch in enumerate(batches(changes)) for one in batch}
    for one in changes.values():
        for need in anchors(one) & changes.keys():
            deletions = [changes[other].action is Action.DELETE for other in (one.key, need)]
            if deletions == [True, True]:
                assert place[one.key] < place[need]
            elif deletions == [False, False]:
                assert place[one.key] > place[need]


@ORDERED
@given(graphs())
def test_deletions_come_before_everything_else(changes: dict[Key, Change]) -> None:
    kinds = [{one.action is Action.DELETE for one in batch} for batch in batches(changes)]
    assert kinds == sorted(kinds, key=lambda deletions: True not in deletions)
    assert all(len(deletions) == 1 for deletions in kinds)


@ORDERED
@given(graphs())
def test_there_are_no_more_batches_than_the_longest_chains_of_needs(changes: dict[Key, Change]) -> None:
    def chain(one: Change, among: Mapping[Key, Change]) -> int:
        return 1 + max((chain(among[need], among) for need in anchors(one) & among.keys()), default=0)

    ends = {key: one for key, one in changes.items() if one.action is Action.DELETE}
    makes = {key: one for key, one in changes.items() if one.action is not Action.DELETE}
    longest = [max((chain(one, among) for one in among.values()), default=0) for among in (ends, makes)]
    assert len(batches(changes)) == sum(longest)


def test_within_a_batch_changes_keep_the_order_in_which_they_were_given() -> None:
    changes = by_key(change(3), change(1, 3), change(2), change(0, 2), change(4, 3))
    assert numbers(changes) == [[3, 2], [1, 0, 4]]


def test_what_is_needed_and_does_not_change_orders_nothing() -> None:
    assert numbers(by_key(change(1, 7), change(2, 7, within=8))) == [[1, 2]]


@pytest.mark.parametrize("action", [Action.CREATE, Action.DELETE])
def test_a_cycle_raises_and_names_what_is_in_it(action: Action) -> None:
    circle = by_key(change(1, 2, action=action), change(2, action=action, within=3), change(3, 1, action=action))
    with pytest.raises(ValueError, match=r"memory/link/1 needs itself, by way of memory/link/3"):
        batches(circle)


def test_what_needs_itself_is_a_cycle() -> None:
    with pytest.raises(ValueError, match="memory/link/1 needs itself"):
        batches(by_key(change(1, 1)))


def test_a_chain_of_any_length_is_ordered() -> None:
    count = 20_000
    changes = by_key(*(change(number, number + 1) for number in range(count)))
    assert numbers(changes) == [[number] for number in reversed(range(count))]


def test_a_change_with_very_many_needs_is_ordered_in_time_linear_in_them() -> None:
    count = 50_000
    changes = by_key(change(count, *range(count)), *(change(number) for number in range(count)))
    assert numbers(changes) == [list(range(count)), [count]]


def test_a_deletion_that_has_to_wait_comes_last_dependants_first() -> None:
    late = [
        change(number, *needs, action=Action.DELETE)._replace(deferred=True) for number, needs in ((1, ()), (2, (1,)))
    ]
    changes = by_key(*late, change(3, action=Action.UPDATE), change(4, action=Action.DELETE))
    assert numbers(changes) == [[4], [3], [2], [1]]
