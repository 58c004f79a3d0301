"""The pace of repairs, without a host."""

from netctl.agent.pace import FIRST_DELAY, FREE, LONGEST_DELAY, PEACE, Pace


def repair(pace: Pace, name: str, times: int, now: float = 0.0) -> float:
    """Repair as soon as may be, so often; when the last one was."""
    for _ in range(times):
        now = max(now, pace.due(name, now))
        pace.repaired(name, now)
    return now


def test_the_first_repairs_are_made_at_once() -> None:
    assert repair(Pace(), "a", FREE) == 0


def test_what_goes_on_drifting_is_repaired_ever_more_slowly_up_to_a_limit() -> None:
    pace = Pace()
    moments = [repair(pace, "a", FREE)]
    moments += [repair(pace, "a", 1, moments[-1]) for _ in range(1)]
    assert moments[-1] == FIRST_DELAY
    now = repair(pace, "a", 30, moments[-1])
    assert pace.due("a", now) == now + LONGEST_DELAY


def test_it_becomes_contended_once_and_others_do_not() -> None:
    pace = Pace()
    told = [pace.repaired("a", 0.0) for _ in range(FREE + 5)]
    assert told.count(True) == 1
    assert told[FREE - 1]
    assert pace.due("b", 0.0) == 0
    assert list(pace.contended) == ["a"]


def test_what_is_left_in_peace_starts_afresh() -> None:
    pace = Pace()
    repair(pace, "a", FREE)
    assert list(pace.expire(PEACE)) == []
    assert list(pace.expire(PEACE + 1)) == ["a"]
    assert not pace.contended
    assert repair(pace, "a", FREE - 1, PEACE + 2) == PEACE + 2


def test_names_that_come_and_go_do_not_pile_up() -> None:
    pace = Pace()
    repair(pace, "fought over", FREE)
    for number in range(20_000):
        pace.repaired(f"n{number}", number / 100)
    assert len(pace._records) < 20_000 / 5
    assert list(pace.contended) == ["fought over"]
