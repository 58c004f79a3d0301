"""Work in child processes, as many at a time as there are processors.

A child is a fork of this process, which must have no other thread: so it has the loaded stack without reading it again,
and may enter whatever namespaces it likes. It ends with this process, however that ends.
"""

import os
import pickle
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from selectors import EVENT_READ, DefaultSelector
from typing import NamedTuple, NoReturn, TypeVar, cast

from netctl.twin.syscalls import die_with_parent

T = TypeVar("T")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_CHUNK = 1 << 16


class _Crash(NamedTuple):
    """What a child tells of an exception that the task did not expect."""

    trace: str


class _Child(NamedTuple):
    number: int
    pid: int
    pipe: int
    received: list[bytes]


def in_children(tasks: Sequence[Callable[[], T]], at_once: int = 0) -> list[T]:
    """What the tasks return, each called in a process of its own; *at_once* is the number of processors unless given.

    Raises RuntimeError where a task raises: what it expects to go wrong, it returns.
    """
    limit = at_once or len(os.sched_getaffinity(0))
    results: dict[int, T] = {}
    under_way: dict[int, _Child] = {}
    waiting = list(enumerate(tasks))[::-1]
    with DefaultSelector() as selector:
        try:
            while waiting or under_way:
                while waiting and len(under_way) < limit:
                    with undisturbed():
                        child = _fork(*waiting.pop())
                        under_way[child.number] = child
                    selector.register(child.pipe, EVENT_READ, child)
                for key, _ in selector.select():
                    child = key.data
                    if chunk := os.read(child.pipe, _CHUNK):
                        child.received.append(chunk)
                        continue
                    selector.unregister(child.pipe)
                    del under_way[child.number]
                    results[child.number] = cast(T, _result(child))
        finally:
            for child in under_way.values():
                os.kill(child.pid, signal.SIGKILL)
                _end(child)
    return [results[number] for number in range(len(tasks))]


@contextmanager
def undisturbed() -> Iterator[None]:
    """Signals that ask to end wait meanwhile: for a fork, so that its child is known of before anything is ended.

    In the child, they wait until it has dispositions of its own.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _fork(number: int, task: Callable[[], object]) -> _Child:
    reading, writing = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _work(task, writing, parent)
    os.close(writing)
    return _Child(number, pid, reading, [])


def _work(task: Callable[[], object], pipe: int, parent: int) -> NoReturn:
    """Do the task and say what came of it; whatever happens, nothing of the parent's is run afterwards."""
    try:
        die_with_parent(parent)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        with os.fdopen(pipe, "wb") as stream:
            stream.write(_answer(task))
    finally:
        os._exit(0)


def _answer(task: Callable[[], object]) -> bytes:
    try:
        return pickle.dumps(task())
    except Exception:  # noqa: BLE001 - a bug, which the parent raises
        return pickle.dumps(_Crash(traceback.format_exc()))


def _result(child: _Child) -> object:
    _end(child)
    if not child.received:
        raise RuntimeError("a child process was killed")
    result = pickle.loads(b"".join(child.received))  # noqa: S301 - written by this very program
    if isinstance(result, _Crash):
        raise RuntimeError(f"in a child process: {result.trace}")  # noqa: TRY004 - a bug of whatever type
    return result


def _end(child: _Child) -> None:
    os.close(child.pipe)
    os.waitpid(child.pid, 0)
