"""Undoing an apply that went wrong: everything as it was, nothing of others touched."""

import pytest

from netctl.engine.apply import Result
from netctl.engine.resource import Owner
from tests.engine.applying import Host
from tests.engine.memory_system import Bridge, Fault, key_of


@pytest.mark.parametrize(
    ("desired", "live"),
    [
        (["bridge a"], []),
        (["bridge a mtu=1450"], ["bridge a mtu=1500"]),
        (["bridge a by networks.new"], ["bridge a by networks.old"]),
        (["tunnel a"], ["bridge a mtu=9000"]),
        ([], ["bridge a mtu=9000", "address a/1 label=x"]),
        (["tunnel a vni=2", "address a/1"], ["tunnel a vni=1", "address a/1 label=x", "route a/2 source=a/1"]),
        (["tunnel a vni=2", "bridge b master=a"], ["tunnel a vni=1", "bridge b master=a", "address b/1"]),
        (["bridge new", "bridge b master=new"], ["bridge old", "bridge b master=old"]),
        (["setting s value=1"], ["setting s value=0 foreign"]),
        ([], ["setting s value=1"]),
    ],
    ids=lambda lines: ", ".join(lines) or "nothing",
)
def test_all_is_as_it_was_whatever_failed_last(desired: list[str], live: list[str]) -> None:
    host = Host([*desired, "bridge last", "address last/9"], live)
    error = host.fail(
        {sum(not change.implied or change.after is not None for change in host.plan().changes) - 1: Fault.REFUSE}
    )
    assert error.report.result is Result.UNDONE
    assert host.is_as_before


def test_what_was_adopted_is_given_back_with_its_values_and_without_a_mark() -> None:
    host = Host(["bridge a mtu=1450", "address a/1"], ["bridge a mtu=9000 foreign"], adopt=True)
    host.fail({1: Fault.REFUSE})
    assert host.memory.store == {key_of(Bridge("a")): host.before[key_of(Bridge("a"))]}
    assert host.memory.store[key_of(Bridge("a"))].owner is None


def test_what_was_adopted_from_another_stack_is_given_back_to_it() -> None:
    host = Host(["bridge a", "address a/1"], ["bridge a of other"], adopt=True)
    host.fail({1: Fault.REFUSE})
    assert host.memory.store[key_of(Bridge("a"))].owner == Owner("other", "it")


def test_a_setting_that_was_given_back_is_taken_again_and_still_knows_its_original_value() -> None:
    host = Host(["bridge a"], ["setting s value=1"])
    key = next(iter(host.memory.store))
    host.memory.store[key] = host.before[key] = host.memory.store[key]._replace(original="7")
    host.fail({1: Fault.REFUSE})
    assert host.is_as_before


def test_what_someone_else_made_meanwhile_under_a_desired_key_is_left_alone_and_named() -> None:
    host = Host(["bridge a"])
    plan = host.plan()
    host.memory.put(Bridge("a", 9000))
    error = host.fail({}, plan)
    assert str(error.report.failed[0].failure) == "create memory/link/a: there is one already"
    assert str(error.report.not_undone[0].failure) == (
        "restore memory/link/a: there was nothing, and now there is Bridge(name='a', mtu=9000, master=''), "
        "without the stack's mark; it was left alone"
    )
    assert host.memory.store[key_of(Bridge("a"))].owner is None


def test_what_someone_else_put_in_the_place_of_something_deleted_is_left_alone_and_named() -> None:
    host = Host(["bridge b"], ["bridge a"])
    plan = host.plan()
    host.memory.put(Bridge("a", 9000), Owner("other"))
    error = host.fail({0: Fault.DROP, 1: Fault.REFUSE}, plan)
    assert str(error.report.not_undone[0].failure) == "restore memory/link/a: mtu was 1500 and is 9000"
    assert host.memory.store[key_of(Bridge("a"))].owner == Owner("other")


def test_what_could_not_be_restored_is_named_with_both_states() -> None:
    host = Host(["bridge a mtu=1450", "tunnel c", "address a/1"], ["bridge a mtu=1500", "bridge b", "bridge c"])
    error = host.fail(
        {3: Fault.REFUSE, 4: Fault.DROP, 5: Fault.DROP, 6: Fault.DROP, 7: Fault.DROP, 8: Fault.DROP, 9: Fault.DROP}
    )
    assert {outcome.change.key.id: str(outcome.failure) for outcome in error.report.not_undone} == {
        "a": "restore memory/link/a: mtu was 1500 and is 1450",
        "b": "restore memory/link/b: it was Bridge(name='b', mtu=1500, master='') and is gone",
        "c": "restore memory/link/c: it was Bridge(name='c', mtu=1500, master='') "
        "and is Tunnel(name='c', mtu=1500, master='', vni=1)",
    }


def test_an_owner_that_could_not_be_restored_is_named() -> None:
    host = Host(["bridge a", "address a/1"], ["bridge a of other"], adopt=True)
    error = host.fail({1: Fault.REFUSE, 2: Fault.DROP, 3: Fault.DROP})
    assert [str(outcome.failure) for outcome in error.report.not_undone] == [
        "restore memory/link/a: it was stack other's and is stack shop's"
    ]


def test_undoing_goes_on_for_as_long_as_it_gets_nearer() -> None:
    host = Host(["tunnel a vni=2", "address a/1 label=y", "bridge b"], ["tunnel a vni=1", "address a/1 label=x"])
    host.fail({2: Fault.REFUSE, 3: Fault.REFUSE})
    assert host.is_as_before


def test_undoing_ends_where_nothing_moves_any_more() -> None:
    host = Host(["bridge a", "address a/1"])
    host.fail({1: Fault.REFUSE, **dict.fromkeys(range(2, 99), Fault.REFUSE)})
    assert host.memory.steps < 9


def test_what_is_needed_by_something_that_could_not_be_removed_is_kept_and_named() -> None:
    host = Host(["bridge a", "bridge b master=a", "address b/1"])
    error = host.fail(dict.fromkeys(range(2, 9), Fault.REFUSE))
    assert host.executed()[3:] == ["delete bridge b"]
    assert {outcome.change.key.id: str(outcome.failure) for outcome in error.report.not_undone} == {
        "a": "restore memory/link/a: memory/link/b is still there and needs it",
        "b": "delete memory/link/b: it is refused",
    }


def test_nothing_is_executed_to_undo_what_never_took_effect() -> None:
    host = Host(["tunnel a vni=2", "bridge b mtu=1450"], ["tunnel a vni=7", "bridge b mtu=1500"])
    host.fail({0: Fault.REFUSE})
    assert host.executed() == ["replace tunnel a vni", "update bridge b mtu", "update bridge b mtu"]
    assert host.is_as_before
