"""Who has left, and when connections to it are to be cut: on a clock of the test's own."""

from netctl.agent.draining import Draining
from netctl.compiler.balancing.frontends import Backend, Frontend
from netctl.engine.flows import Left, Target

ONE, TWO = Backend("10.0.0.1"), Backend("10.0.0.2")
FRONT = Frontend(4, "10.96.0.1", "tcp", 80, 8080, (ONE, TWO), drain=30)


def left(*ends: Backend) -> Left:
    return Left(4, "tcp", "10.96.0.1", 80, frozenset(Target(end.address, 8080) for end in ends))


def begun(*fronts: Frontend) -> Draining:
    """A draining in which what a former process left is done with."""
    draining = Draining()
    draining.attend(fronts, 0)
    draining.ripe(30)
    return draining


def test_who_leaves_has_the_grace_and_is_told_of_once() -> None:
    draining = begun(FRONT)
    draining.attend([FRONT._replace(backends=(TWO,), resting=(ONE,))], 100)
    assert draining.next_due == 130
    assert not draining.ripe(129)
    assert draining.ripe(130) == [left(ONE)]
    assert not draining.ripe(1000)
    assert draining.next_due is None


def test_the_grace_begins_when_somebody_leaves_whatever_happens_to_others() -> None:
    draining = begun(FRONT)
    draining.attend([FRONT._replace(backends=(TWO,))], 100)
    draining.attend([FRONT._replace(backends=())], 120)
    assert draining.ripe(130) == [left(ONE)]
    assert draining.ripe(150) == [left(TWO)]


def test_who_comes_back_in_time_keeps_its_connections() -> None:
    draining = begun(FRONT)
    draining.attend([FRONT._replace(backends=(TWO,))], 100)
    draining.attend([FRONT], 129)
    assert not draining.ripe(1000)


def test_a_service_that_goes_leaves_all_its_endpoints() -> None:
    draining = begun(FRONT)
    draining.attend([], 100)
    assert draining.ripe(130) == [left(ONE, TWO)]


def test_without_a_grace_connections_last_as_long_as_they_do_and_datagrams_are_no_connections() -> None:
    for front in (FRONT._replace(drain=0), FRONT._replace(protocol="udp")):
        draining = begun(front)
        draining.attend([front._replace(backends=())], 100)
        assert draining.next_due is None


def test_what_a_former_process_left_has_the_grace_from_the_first_look_on() -> None:
    draining = Draining()
    draining.attend([FRONT, FRONT._replace(address="", port=8000)], 100)
    draining.attend([FRONT._replace(backends=()), FRONT._replace(address="", port=8000)], 120)
    kept = frozenset(Target(end.address, 8080) for end in (ONE, TWO))
    assert draining.ripe(130) == [Left(4, "tcp", "10.96.0.1", 80, kept=kept)], "who left meanwhile has its own grace"
    assert draining.ripe(150) == [left(ONE, TWO)]
