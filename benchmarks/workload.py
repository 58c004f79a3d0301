"""netctl's side: a stack's file, compiled in this process, and the phases of its application timed apart."""

import gc
import io
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.stage import HOST
from netctl.compiler import choose_host, compile_stack
from netctl.engine.apply import apply_plan
from netctl.engine.protocol import Context
from netctl.engine.registry import find_systems
from netctl.engine.resource import Desired, Key
from netctl.engine.session import read_session, write_session
from netctl.stack.loader import load


class Phases(NamedTuple):
    """Seconds of an application from desired resources to a verified result."""

    observe: float
    execute: float
    verify: float


@contextmanager
def stack_file(text: str) -> Iterator[str]:
    """The path of a file with this text."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "stack.yaml"
        path.write_text(text)
        yield str(path)


@contextmanager
def uncollected() -> Iterator[None]:
    """No garbage collection meanwhile, as the commands run."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def compiled(text: str) -> Mapping[Key, Desired]:
    """What the stack wants on the host, by what is live there now."""
    loaded = load(["-"], stdin=io.BytesIO(text.encode()))
    with read_session(find_systems(), Context(HOST)) as session:
        facts = session.facts()
        return compile_stack(loaded.stack, loaded, choose_host(loaded.stack, None, facts), facts).resources


def apply(desired: Mapping[Key, Desired]) -> Phases:
    """Apply, phase by phase."""
    with uncollected(), write_session(find_systems(), Context(HOST)) as session:
        started = time.perf_counter()
        plan = session.plan(desired, stack="bench", host=HOST)
        planned = time.perf_counter()
        executed = planned

        def progress(_done: int, _total: int) -> None:
            nonlocal executed
            executed = time.perf_counter()

        apply_plan(plan, desired, session, progress=progress)
        return Phases(planned - started, executed - planned, time.perf_counter() - executed)


def compare(desired: Mapping[Key, Desired], runs: int = 5) -> float:
    """The median of the seconds that observing and comparing takes with nothing to do."""
    seconds = []
    with uncollected(), read_session(find_systems(), Context(HOST)) as session:
        for _ in range(runs):
            started = time.perf_counter()
            plan = session.plan(desired, stack="bench", host=HOST)
            seconds.append(time.perf_counter() - started)
            if plan:
                raise AssertionError(f"there is something to do: {next(plan.changes, plan.unread)}")
    return sorted(seconds)[runs // 2]


def destroy() -> None:
    """Remove what the stack owns."""
    with write_session(find_systems(), Context(HOST)) as session:
        apply_plan(session.plan({}, stack="bench", host=HOST), {}, session)
