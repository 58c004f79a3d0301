"""Applying a plan: what is reported where all goes well, and where it does not."""

import pytest

from netctl.engine.apply import ApplyError, Report, Result, apply_plan
from netctl.engine.change import Change, Outcome
from netctl.engine.resource import Owner
from tests.engine.applying import Host
from tests.engine.memory_system import Bridge, Fault, Stored, key_of
from tests.engine.notation import text_of


def texts(changes: tuple[Change, ...]) -> list[str]:
    return [text_of(change) for change in changes]


def told(outcomes: tuple[Outcome, ...]) -> list[str]:
    return [str(outcome.failure) for outcome in outcomes]


def test_an_empty_plan_executes_nothing() -> None:
    host = Host(["bridge br0"], ["bridge br0"])
    assert host.apply() == Report(Result.UNCHANGED)
    assert host.memory.calls == []


def test_a_report_lists_what_was_done_in_order() -> None:
    host = Host(["address br0/10.0.0.1", "bridge br0"], ["bridge old"])
    report = host.apply()
    assert report.result is Result.APPLIED
    assert texts(report.done) == ["delete bridge old", "create bridge br0", "create address br0/10.0.0.1"]


def test_progress_counts_the_changes_made_after_every_batch() -> None:
    host = Host(["bridge a", "bridge b", "address a/10.0.0.1"])
    seen: list[tuple[int, int]] = []
    apply_plan(host.plan(), host.desired, host.session, progress=lambda *counts: seen.append(counts))
    assert seen == [(2, 3), (3, 3)]


def test_a_refusal_skips_the_later_batches_and_undoes_the_earlier() -> None:
    host = Host(["bridge a", "bridge b", "address a/1", "route a/2 source=a/1"], ["bridge old"])
    error = host.fail({2: Fault.REFUSE})
    assert error.report.result is Result.UNDONE
    assert texts(error.report.done) == ["delete bridge old", "create bridge a"]
    assert told(error.report.failed) == ["create memory/link/b: it is refused"]
    assert texts(error.report.skipped) == ["create address a/1", "create route a/2"]
    assert error.report.not_undone == ()
    assert host.is_as_before


def test_one_refusal_in_a_batch_does_not_keep_the_others_from_being_tried() -> None:
    host = Host(["bridge a", "bridge b"])
    assert texts(host.fail({0: Fault.REFUSE}).report.done) == ["create bridge b"]


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        ({0: Fault.REFUSE}, "create memory/link/a failed; the host is as it was before"),
        (
            {0: Fault.REFUSE, 1: Fault.REFUSE},
            "create memory/link/a and 1 more of 3 changes failed; the host is as it was before",
        ),
        ({2: Fault.DROP}, "memory/address/a/1 did not stick; the host is as it was before"),
        (
            {1: Fault.REFUSE, 2: Fault.REFUSE},
            "create memory/link/b failed; 1 change could not be undone, first: delete memory/link/a: it is refused",
        ),
    ],
)
def test_the_message_says_what_failed_and_what_has_become_of_the_host(faults: dict[int, Fault], message: str) -> None:
    error = Host(["bridge a", "bridge b", "address a/1"]).fail(faults)
    assert error.message == message
    assert error.code == "NC501"


def test_the_advice_depends_on_what_has_become_of_the_host() -> None:
    faults = {1: Fault.REFUSE, 2: Fault.REFUSE}
    undone = Host(["bridge a", "bridge b"]).fail({0: Fault.REFUSE})
    stuck = Host(["bridge a", "bridge b"]).fail(faults)
    assert undone.advice == "Apply again once the cause is mended."
    assert stuck.advice == "Look at what could not be undone; once the cause is mended, the next apply converges."


def test_a_system_that_fails_fails_all_of_its_share_with_its_answer() -> None:
    host = Host(["bridge a", "bridge b"])
    error = host.fail({1: Fault.RAISE})
    assert told(error.report.failed) == [
        "create memory/link/a: the memory has failed",
        "create memory/link/b: the memory has failed",
    ]
    assert host.is_as_before


def test_what_does_not_stick_is_reported_with_both_values() -> None:
    host = Host(["bridge a mtu=1450"], ["bridge a mtu=1500"])
    (change,) = host.fail({0: Fault.ALTER}).report.unverified
    assert (change.fields, change.before, change.after) == (("mtu",), ("a", 666, ""), ("a", 1450, None))
    assert host.is_as_before


def test_a_deletion_that_does_not_stick_is_reported() -> None:
    host = Host([], ["bridge a"])
    assert texts(host.fail({0: Fault.DROP}).report.unverified) == ["delete bridge a"]
    assert host.is_as_before


def test_an_adoption_whose_mark_does_not_stick_is_reported() -> None:
    host = Host(["bridge a"], ["bridge a foreign"], adopt=True)
    assert texts(host.fail({0: Fault.DROP}).report.unverified) == ["adopt bridge a owner"]


def test_what_others_change_meanwhile_is_not_taken_for_a_failure() -> None:
    host = Host(["bridge a", "bridge b mtu=1500"], ["bridge b mtu=1500"])
    plan = host.plan()
    host.memory.put(Bridge("b", 9000), Owner("shop", "it"))
    assert host.apply(plan).result is Result.APPLIED


def test_what_cannot_be_read_again_has_failed_and_is_undone_as_far_as_it_was_acknowledged() -> None:
    host = Host(["bridge a mtu=1450", "bridge b"], ["bridge a mtu=1500", "bridge old"])
    error = host.fail({0: Fault.BLIND})
    assert told(error.report.failed) == [
        "verify memory/link/old: the memory cannot be read",
        "verify memory/link/a: the memory cannot be read",
        "verify memory/link/b: the memory cannot be read",
    ]
    assert told(error.report.not_undone) == [
        "restore memory/link/old: it cannot be read: the memory cannot be read",
        "restore memory/link/a: it cannot be read: the memory cannot be read",
        "restore memory/link/b: it cannot be read: the memory cannot be read",
    ]
    assert host.is_as_before


def test_what_needs_something_that_cannot_be_read_again_cannot_be_verified_either() -> None:
    host = Host(["bridge a", "bridge b master=a"])
    plan = host.plan()

    def hide(_done: int, _total: int) -> None:
        host.memory.hidden = frozenset("a")

    with pytest.raises(ApplyError) as caught:
        apply_plan(plan, host.desired, host.session, progress=hide)
    assert told(caught.value.report.failed) == [
        "verify memory/link/a: they are hidden",
        "verify memory/link/b: what it needs cannot be read",
    ]
    assert told(caught.value.report.not_undone) == ["restore memory/link/a: it cannot be read: they are hidden"]
    assert host.is_as_before


def test_what_was_not_acknowledged_and_cannot_be_read_is_left_alone() -> None:
    host = Host(["bridge a"])
    plan = host.plan()
    host.memory.put(Bridge("a", 9000))
    host.memory.blind = True
    host.fail({0: Fault.REFUSE}, plan)
    assert host.executed() == ["create bridge a"]


def test_what_could_not_be_read_from_the_beginning_is_no_failure() -> None:
    host = Host(["bridge a", "bridge b"], ["bridge old"])
    host.memory.hidden = frozenset({"b"})
    assert host.apply().result is Result.APPLIED


def test_kept_partial_all_stays_as_it_is() -> None:
    host = Host(["bridge a", "bridge b"])
    error = host.fail({1: Fault.REFUSE}, keep_partial=True)
    assert error.report.result is Result.PARTIAL
    assert error.report.not_undone == ()
    assert error.message == "create memory/link/b failed; what was done was left as it is"
    assert list(host.memory.store) == [key_of(Bridge("a"))]


@pytest.mark.parametrize("fault", [Fault.INTERRUPT, Fault.INTERRUPT_AFTER, Fault.CRASH])
def test_an_interrupt_undoes_and_is_raised_again_with_a_note(fault: Fault) -> None:
    host = Host(["bridge a", "bridge b"], ["bridge old"])
    host.memory.faults = {2: fault}
    with pytest.raises(RuntimeError if fault is Fault.CRASH else KeyboardInterrupt) as caught:
        host.apply()
    assert caught.value.__notes__ == ["the host is as it was before"]
    assert host.is_as_before


def test_an_interrupt_while_verifying_undoes_too() -> None:
    host = Host(["bridge a"])

    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply_plan(host.plan(), host.desired, host.session, progress=interrupt)
    assert host.is_as_before


def test_a_second_interrupt_ends_the_undoing_and_says_so() -> None:
    host = Host(["bridge a", "bridge b", "bridge c"])
    host.memory.faults = {2: Fault.INTERRUPT, 4: Fault.INTERRUPT}
    with pytest.raises(KeyboardInterrupt) as caught:
        host.apply()
    assert caught.value.__notes__ == ["1 change could not be undone, first: restore memory/link/b: interrupted"]


def test_an_interrupt_while_a_failure_is_undone_does_not_hide_the_failure() -> None:
    host = Host(["bridge a", "bridge b"])
    error = host.fail({1: Fault.REFUSE, 2: Fault.INTERRUPT})
    assert told(error.report.failed) == ["create memory/link/b: it is refused"]
    assert told(error.report.not_undone) == ["restore memory/link/a: interrupted"]


def test_a_bug_that_undoing_meets_is_the_cause_of_the_error_and_does_not_hide_the_failure() -> None:
    host = Host(["bridge a", "bridge b"])
    error = host.fail({1: Fault.REFUSE, 2: Fault.CRASH})
    assert isinstance(error.__cause__, RuntimeError)
    assert told(error.report.not_undone) == ["delete memory/link/a: netctl has a bug: RuntimeError('a bug')"]


def test_what_was_stored_is_as_desired_and_marked() -> None:
    host = Host(["bridge a mtu=1450 by networks.a"])
    host.apply()
    assert host.memory.store == {key_of(Bridge("a")): Stored(Bridge("a", 1450, ""), Owner("shop", "networks.a"))}
