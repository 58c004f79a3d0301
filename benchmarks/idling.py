"""What a watch costs while nothing happens, and what a day's worth of events leaves behind."""

import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import workload
from benchmarks.cases import Row
from benchmarks.stage import ENDPOINTS, HOST, host
from benchmarks.watching import resident, stack, watched
from netctl.kinds.route import Route

_SIZE = 10_000
_SECONDS = 30.0
_EVENTS = 200_000
_EACH = 10
"""One in so many events is a drift."""
_PATIENCE = 300.0


def idling() -> Iterator[Row]:
    """One watch of ten thousand resources."""
    text = stack(_SIZE)
    with host(ENDPOINTS):
        desired = workload.compiled(text)
        count = len(desired)
        with watched(text) as process:
            busy, woken = _idle(process.pid)
            memory, held = resident(process), _held(process.pid)
            routes = [want.attributes for want in desired.values() if isinstance(want.attributes, Route)]
            _simulate([route.destination for route in routes if route.destination.startswith("198.")])
            _await_rest(process.pid)
            grown, still = resident(process) - memory, _held(process.pid)
    yield Row("idle, seconds of a core in a second", count, busy, "0.1 % of a core", 0.001, "<= 1")
    yield Row("idle, wake-ups in a second (1 s for 1)", count, woken, "one", 1.0, "<= 1")
    yield Row("resident memory (1 s for 1 MiB)", count, memory, "120 MiB", 120.0, "<= 1")
    yield Row(f"grown by {_EVENTS} events (1 s for 1 MiB)", count, max(grown, 0.0), "10 MiB", 10.0, "<= 1")
    assert still == held, f"descriptors and threads were {held}, and are {still}"


def _spent(pid: int) -> tuple[float, int]:
    """Seconds of a core that the process has had, and how often its threads went to sleep of their own accord."""
    seconds, sleeps = 0.0, 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        seconds += int((task / "schedstat").read_text().split()[0]) / 1e9
        lines = (task / "status").read_text().splitlines()
        sleeps += int(next(line for line in lines if line.startswith("voluntary")).split()[1])
    return seconds, sleeps


def _idle(pid: int) -> tuple[float, float]:
    """Both, for each second in which nothing happens."""
    _await_rest(pid)
    seconds, sleeps = _spent(pid)
    time.sleep(_SECONDS)
    now, slept = _spent(pid)
    return (now - seconds) / _SECONDS, (slept - sleeps) / _SECONDS


def _await_rest(pid: int) -> None:
    """Wait until the process has done nothing for two seconds."""
    end = time.monotonic() + _PATIENCE
    spent = -1.0
    while (now := _spent(pid)[0]) - spent > 0.001:
        assert time.monotonic() < end, "it does not come to rest"
        spent = now
        time.sleep(2)


def _held(pid: int) -> tuple[int, int]:
    return len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task"))


def _simulate(destinations: list[str]) -> None:
    """Routes that come and go, and among them the stack's own that go."""
    chance = random.Random(1)
    chance.shuffle(destinations)
    lines = []
    for number in range(_EVENTS):
        if number % _EACH == 0:
            lines.append(f"route delete {destinations[number // _EACH % len(destinations)]}")
        else:
            lines.append(
                f"route replace 203.0.{number >> 8 & 127}.{number & 255}/32 dev eth0 mtu {1000 + number % 400}"
            )
    subprocess.run(
        ["ip", "-n", HOST, "-force", "-batch", "-"], input="\n".join(lines), text=True, check=False, capture_output=True
    )
