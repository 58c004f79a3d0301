"""What the first changes of an apply tell leads to more, in the same apply: made, verified and undone with it."""

from collections.abc import Sequence

import pytest

from netctl.engine.apply import ApplyError, Report, Result, apply_plan
from netctl.engine.change import Change
from netctl.engine.sequel import MOST, Sequel
from tests.engine.applying import Host
from tests.engine.memory_system import Fault
from tests.engine.notation import STACK, desired_from, text_of


class Learning:
    """What is desired, as more and more of it becomes known."""

    def __init__(self, host: Host, *later: list[str]) -> None:
        self.host = host
        self.later = list(later)
        self.told: list[list[str]] = []

    def __call__(self, made: Sequence[Change]) -> Sequel | None:
        self.told.append([text_of(change) for change in made])
        if not self.later:
            return None
        desired = desired_from(self.later.pop(0))
        return Sequel(desired, self.host.session.plan(desired, stack=STACK, host="node1"))


def apply(host: Host, learning: Learning) -> Report:
    return apply_plan(host.plan(), host.desired, host.session, renew=learning)


def texts(report: Report) -> list[str]:
    return [text_of(change) for change in report.done]


def test_what_is_known_only_then_is_made_too() -> None:
    host = Host(["bridge a"])
    learning = Learning(host, ["bridge a", "address a/10.0.0.1"])
    report = apply(host, learning)
    assert report.result is Result.APPLIED
    assert texts(report) == ["create bridge a", "create address a/10.0.0.1"]
    assert learning.told == [["create bridge a"], ["create address a/10.0.0.1"]]


def test_what_is_changed_twice_is_one_change() -> None:
    host = Host(["bridge a mtu=1400"])
    report = apply(host, Learning(host, ["bridge a mtu=1300"]))
    assert texts(report) == ["create bridge a"]
    assert report.done[0].after is not None
    assert report.done[0].after.mtu == 1300  # type: ignore[attr-defined]  # attributes are of the kind's own type


def test_nothing_is_deleted_or_replaced_that_the_plan_did_not_show() -> None:
    host = Host(["bridge a", "bridge b"], ["bridge b"])
    apply(host, Learning(host, ["bridge a", "bridge c"]))
    assert host.executed() == ["create bridge a", "create bridge c"]


def test_a_failure_then_undoes_all_of_it() -> None:
    host = Host(["bridge a mtu=1400", "bridge b"], ["bridge a mtu=1500"])
    host.memory.faults = {2: Fault.REFUSE}
    learning = Learning(host, ["bridge a mtu=1300", "bridge b", "bridge c"])
    with pytest.raises(ApplyError) as caught:
        apply(host, learning)
    assert caught.value.report.result is Result.UNDONE
    assert not caught.value.report.not_undone
    assert host.is_as_before


def test_an_error_in_working_it_out_undoes_what_was_done() -> None:
    host = Host(["bridge a"])

    def fail(_: Sequence[Change]) -> Sequel | None:
        raise RuntimeError("it cannot be worked out")

    with pytest.raises(RuntimeError):
        apply_plan(host.plan(), host.desired, host.session, renew=fail)
    assert host.is_as_before


def test_it_is_worked_out_anew_so_many_times_and_no_more() -> None:
    host = Host(["bridge a"])
    known = [["bridge a", *(f"bridge b{number}" for number in range(most))] for most in range(1, MOST + 3)]
    learning = Learning(host, *known)
    apply(host, learning)
    assert len(learning.told) == MOST
