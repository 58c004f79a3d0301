"""While a new desired state is worked out, or a system is waited for, what events tell of is repaired."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from threading import Event

import pytest

from netctl.agent.agent import Agent
from netctl.agent.declared import Declared, Loaded
from netctl.agent.keeper import Keeper, Waiting
from netctl.agent.keeping import Settings
from netctl.agent.log import Log
from netctl.agent.metrics import Metrics
from netctl.agent.turns import Turns
from netctl.compiler import compile_stack
from netctl.engine.facts import Facts
from netctl.engine.protocol import Context
from netctl.engine.registry import find_systems
from netctl.engine.session import write_session
from netctl.stack.loader import load
from tests.agent.watcher import STACK
from tests.e2e.lab import Lab
from tests.support.namespaces import run_in, wait_until

PATIENCE = 60


class _NoSource:
    """Tells nothing: the test does."""

    descriptor: int | None = None
    interval = 0.0
    trouble = ""

    def look(self) -> bool:
        return False

    changed = look

    def good(self, declared: Declared) -> None: ...

    def close(self) -> None: ...


class _Slow:
    """A declaration whose compilation lasts until it is told to end."""

    def __init__(self, path: str) -> None:
        self._loaded = load([path])
        self.begun, self.may_end = Event(), Event()
        self.may_end.set()

    def load(self) -> Loaded:
        return Loaded("shop", self._compile)

    def _compile(self, facts: Facts) -> Declared:
        compiled = compile_stack(self._loaded.stack, self._loaded, "node1", facts)
        self.begun.set()
        assert self.may_end.wait(PATIENCE)
        return Declared("shop", "node1", compiled.resources, "digest")


def _has_route(lab: Lab) -> bool:
    return "172.31.0.0/16" in run_in(lab["node1"], ["ip", "route", "show", "172.31.0.0/16"]).stdout


def test_drift_is_repaired_while_a_new_desired_state_is_worked_out(lab: Lab) -> None:
    lines: list[str] = []
    slow = _Slow(lab.write(STACK))

    def change() -> None:
        slow.begun.clear()
        slow.may_end.clear()
        os.kill(os.getpid(), signal.SIGHUP)
        assert slow.begun.wait(PATIENCE)
        lab.ip("node1", "route delete 172.31.0.0/16")
        try:
            wait_until(lambda: _has_route(lab), PATIENCE, "the route is back")
            assert not [line for line in lines if "reloaded" in line]
        finally:
            slow.may_end.set()
        wait_until(lambda: [line for line in lines if "reloaded" in line], PATIENCE)

    async def keep(agent: Agent) -> None:
        running = asyncio.create_task(agent.run(_serve))
        await asyncio.to_thread(wait_until, lambda: [line for line in lines if "watching" in line], PATIENCE)
        await asyncio.to_thread(change)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await running == 0

    systems = find_systems(["kernel", "nftables"])
    with write_session(systems, Context(netns=lab["node1"])) as session:
        agent = Agent(session, slow.load, _NoSource(), Settings(resync=0), Log(write=lines.append), {})
        asyncio.run(keep(agent))
    assert not [line for line in lines if "not repaired" in line or "refused" in line]
    assert not lab.plan(STACK, "node1")


def test_what_was_changed_since_facts_were_read_is_read_anew(lab: Lab) -> None:
    slow = _Slow(lab.write(STACK))
    with write_session(find_systems(["kernel", "nftables"]), Context(netns=lab["node1"])) as session:
        desired = slow.load().compile(session.facts()).desired
        plan = session.plan(desired, stack="shop", host="node1")
        session.facts()
        for batch in plan.batches:
            assert not [outcome for outcome in session.execute(batch) if outcome.failure]
        assert not session.plan(desired, stack="shop", host="node1")


def test_what_was_put_off_while_everything_was_looked_at_waits_on(lab: Lab) -> None:
    slow = _Slow(lab.write(STACK))
    with write_session(find_systems(["kernel", "nftables"]), Context(netns=lab["node1"])) as session:
        declared = slow.load().compile(session.facts())
        keeper = Keeper(session, declared, Log(write=lambda _: None), Metrics(), detect_only=False)
        plan = keeper.plan()
        key = min(declared.desired)
        keeper.waiting["it"] = key, Waiting(0, None, None, "", "")
        keeper.adopt(declared, plan)
        assert keeper.waiting.keys() == {"it"}
        keeper.resync("a test")
        assert not keeper.waiting


async def _serve(_agent: Agent, _ending: AsyncExitStack) -> None:
    """Nobody asks."""


def test_a_turn_is_lent_once_however_often_it_is_asked_for_and_regained_in_between() -> None:
    told: list[bool] = []
    turns = Turns()

    def work() -> None:
        with turns.lent(), turns.lent():
            with turns.regained():
                assert told == [True, False]
            with turns.regained():
                assert told == [True, False] * 2
        assert told == [True, False] * 3
        with turns.kept(), turns.lent():
            pass
        assert told == [True, False] * 3

    async def run() -> None:
        turns.begin(asyncio.get_running_loop(), told.append)
        with turns.lent():  # the loop itself waits for nothing
            assert not told
        await asyncio.to_thread(work)

    asyncio.run(run())


def test_a_turn_is_back_where_what_it_was_lent_for_fails() -> None:
    told: list[bool] = []
    turns = Turns()

    def work() -> None:
        with turns.lent():
            raise ValueError

    async def run() -> None:
        turns.begin(asyncio.get_running_loop(), told.append)
        with pytest.raises(ValueError):  # noqa: PT011 - it is this one
            await asyncio.to_thread(work)

    asyncio.run(run())
    assert told == [True, False]
