"""The command itself, killed at any moment of its work: the next one converges, and destroy leaves nothing."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.lab import Lab
from tests.e2e.whole import STACK, build

ROOT = Path(__file__).parents[2]


@contextmanager
def at_work(lab: Lab, *command: str) -> Iterator[subprocess.Popen[str]]:
    """A netctl that has said what it is going to do, and is about to do it."""
    argv = [sys.executable, "-P", "-m", "netctl", *command, "--netns", lab["node1"], "--yes"]
    environment = {**os.environ, "NETCTL_STATE_DIR": str(Path(lab.write(STACK)).parent / "state")}
    environment["PYTHONPATH"] = str(ROOT)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout
        lines = iter(process.stdout.readline, "")
        assert any(line.startswith("Plan:") for line in lines), "it has nothing to do"
        yield process


class Sufferer:
    """Runs one command undisturbed, to know how long it works, and then as often as one likes to kill it."""

    def __init__(self, lab: Lab, *command: str) -> None:
        self.lab = lab
        self.command = command
        with at_work(lab, *command) as process:
            began = time.monotonic()
            assert process.wait() == 0
            self.seconds = time.monotonic() - began

    def kill(self, share: float) -> bool:
        """Kill the command when that share of its time has passed; False where it was done already: faster, now."""
        with at_work(self.lab, *self.command) as process:
            began = time.monotonic()
            try:
                process.wait(self.seconds * share)
            except subprocess.TimeoutExpired:
                process.kill()
                return process.wait() != 0
            self.seconds = time.monotonic() - began
            return False


@pytest.mark.parametrize("seed", range(5))
def test_a_killed_apply_is_completed_by_the_next_one_and_a_killed_destroy_too(lab: Lab, seed: int) -> None:
    """Ten of fifty kills each, eight of them of ``apply``, spread evenly over its work."""
    build(lab)
    moments = random.Random(seed)
    apply = Sufferer(lab, "apply", "-f", lab.write(STACK), "--host", "node1")
    lab.demand_done(STACK, "node1")
    destroy = Sufferer(lab, "destroy", "--stack", "shop")
    lab.demand_as_before()
    for part in range(8):
        while not apply.kill((part + moments.random()) / 8):
            lab.destroy("shop", "node1")
        lab.apply(STACK, "node1")
        if part in {3, 7}:
            while not destroy.kill(moments.random()):
                lab.apply(STACK, "node1")
        lab.destroy("shop", "node1")
        if part in {3, 7}:
            lab.demand_as_before()
