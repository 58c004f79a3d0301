"""Health checks in a running watch: each begins when it is due, all in one loop; in between nothing happens."""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping

from netctl.agent.probing import ask
from netctl.compiler.balancing.probes import Probe

_AT_ONCE = 128
"""Connections that are open at a time; further checks wait for their turn."""


class Checking:
    """Makes the checks of one desired state after the other. To be used in the loop alone."""

    def __init__(self, netns: str, changed: Callable[[], None]) -> None:
        """*changed* is told when an endpoint becomes well or unwell."""
        self._netns = netns
        self._changed = changed
        self._checks: dict[Probe, _Check] = {}
        self._room = asyncio.Semaphore(_AT_ONCE)

    def attend(self, probes: Iterable[Probe]) -> None:
        """Make these checks from now on; those that were made before go on."""
        wanted = dict.fromkeys(probes)
        for probe in [probe for probe in self._checks if probe not in wanted]:
            self._checks.pop(probe).stop()
        for probe in wanted:
            if probe not in self._checks:
                self._checks[probe] = _Check(probe, self._netns, self._room, self._changed)

    @property
    def failed(self) -> Mapping[str, str]:
        """Why instances are not well, by their ids."""
        return {probe.instance: check.reason for probe, check in self._checks.items() if not check.is_well}

    def close(self) -> None:
        """Make no checks any more."""
        self.attend(())


class _Check:
    """One check, again and again."""

    def __init__(self, probe: Probe, netns: str, room: asyncio.Semaphore, changed: Callable[[], None]) -> None:
        self.is_well = probe.begins_well
        self.reason = f"{probe.name}: not checked yet"
        self._probe = probe
        self._netns = netns
        self._room = room
        self._changed = changed
        self._streak = 0
        """How many results in a row said otherwise than `is_well`."""
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        # Checks that begin together are not made together for ever after.
        self._due = self._loop.time() + random.uniform(0, probe.interval)  # noqa: S311 - no secret
        self._timer = self._loop.call_at(self._due, self._begin)

    def stop(self) -> None:
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _begin(self) -> None:
        self._task = self._loop.create_task(self._run())

    async def _run(self) -> None:
        async with self._room:
            complaint = await ask(self._probe, self._netns)
        self._due = max(self._due + self._probe.interval, self._loop.time())
        self._timer = self._loop.call_at(self._due, self._begin)
        self._heed(complaint)

    def _heed(self, complaint: str | None) -> None:
        if complaint is None:
            return
        if complaint:
            self.reason = complaint
        if self.is_well == (not complaint):
            self._streak = 0
            return
        self._streak += 1
        if self._streak >= (self._probe.failures if complaint else self._probe.successes):
            self.is_well = not complaint
            self._streak = 0
            self._changed()
