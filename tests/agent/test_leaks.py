"""Events without end leave a watch as it was: its memory, its descriptors, its threads."""

import os
import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.agent.watcher import STACK, Watcher, watching
from tests.e2e.lab import Lab
from tests.support.namespaces import run_in, wait_until

ROUTES = 300
EVENTS, DRIFTS = 10_000, 1_000
ROUNDS = 3
GROWTH = 2.0
"""MiB in a round that are no leak: pages that the allocator keeps in one round and not in another."""
MANY = "".join(f"  - {{to: 198.18.{n >> 8}.{n & 255}/32, via: 10.10.0.254, hosts: [node1]}}\n" for n in range(ROUTES))
TEXT = STACK.replace("rules:\n", f"{MANY}rules:\n")


@pytest.fixture
def watcher(lab: Lab) -> Iterator[Watcher]:
    with watching(lab, TEXT) as running:
        yield running


def _resident(watcher: Watcher) -> float:
    """MiB."""
    status = Path(f"/proc/{watcher.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) / 1024


def _held(watcher: Watcher) -> tuple[int, int]:
    """The numbers of its open files and threads."""
    process = f"/proc/{watcher.process.pid}"
    return len(os.listdir(f"{process}/fd")), len(os.listdir(f"{process}/task"))


def _simulate(watcher: Watcher, chance: random.Random) -> None:
    """Events that are nobody's concern, each tenth a drift; all of it is repaired."""
    before = watcher.status()["repairs"]
    foreign = [
        f"route {verb} 203.0.{n >> 8}.{n & 255}/32 dev eth0" for n in range(EVENTS // 2) for verb in ("add", "delete")
    ]
    numbers = [n % ROUTES for n in range(DRIFTS)]
    chance.shuffle(numbers)
    every = len(foreign) // DRIFTS
    lines = list(foreign)
    for place, n in enumerate(numbers):
        lines[place * every] += f"\nroute delete 198.18.{n >> 8}.{n & 255}/32"
    run_in(watcher.lab["node1"], ["ip", "-force", "-batch", "-"], stdin="\n".join(lines) + "\n", check=False)
    watcher.await_done(TEXT)
    # Each at least once; how often more is a matter of how busy the machine is.
    wait_until(lambda: watcher.status()["repairs"] - before >= ROUTES, what="every route has been repaired")


def test_events_without_end_leave_nothing_behind(watcher: Watcher) -> None:
    chance = random.Random(4)
    _simulate(watcher, chance)
    wait_until(lambda: watcher.status()["drifted_count"] == 0)
    memory, held = [_resident(watcher)], [_held(watcher)]
    for _ in range(ROUNDS):
        _simulate(watcher, chance)
        memory.append(_resident(watcher))
        held.append(_held(watcher))
    assert min(after - before for before, after in pairwise(memory)) < GROWTH / ROUNDS, memory
    assert memory[-1] - memory[0] < GROWTH * ROUNDS, memory
    # What leaks grows in every round; a thread more that waits for work, or a file that is open just now, does not.
    for numbers in zip(*held, strict=True):
        assert min(after - before for before, after in pairwise(numbers)) <= 0, held
