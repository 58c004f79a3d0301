"""Work in child processes."""

import os
import signal
import time
from functools import partial
from multiprocessing import get_context

import pytest

from netctl.twin.children import in_children

PATIENCE = 60.0


def test_results_come_in_the_order_of_the_tasks_each_from_a_process_of_its_own() -> None:
    found = in_children([partial(lambda number: (number, os.getpid()), number) for number in range(20)])
    assert [number for number, _ in found] == list(range(20))
    assert len({process for _, process in found} - {os.getpid()}) == 20


def test_as_many_are_at_work_as_were_asked_for() -> None:
    """Each waits until all four are there."""
    meeting = get_context("fork").Barrier(4)
    assert sorted(in_children([partial(meeting.wait, PATIENCE)] * 4, at_once=4)) == [0, 1, 2, 3]


def test_much_can_be_told() -> None:
    assert in_children([lambda: "x" * 10_000_000]) == ["x" * 10_000_000]


def test_an_exception_is_raised_here_with_its_traceback_and_the_others_are_ended() -> None:
    started = time.monotonic()
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        in_children([partial(wait_or_fail, 60), partial(wait_or_fail, 0)], at_once=2)
    assert time.monotonic() - started < 30


def wait_or_fail(seconds: int) -> None:
    time.sleep(seconds / seconds)
    time.sleep(seconds)


def test_a_child_that_is_killed_is_told_of() -> None:
    with pytest.raises(RuntimeError, match="killed"):
        in_children([lambda: os.kill(os.getpid(), signal.SIGKILL)])
