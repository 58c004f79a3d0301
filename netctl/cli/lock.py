"""One netctl at a time for a stack on a host: an exclusive flock(2), which the kernel drops with its process.

The file tells who holds it, for the message to whoever waits; what it says is never acted upon.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

from netctl.cli.options import Changing
from netctl.cli.signals import orderly_end
from netctl.cli.terminal import Terminal
from netctl.errors import LockedError, NetctlError

_RETRY = 0.05
"""Seconds between two attempts; flock(2) cannot wait for a limited time."""
_LONGEST_NOTE = 4096


@contextmanager
def sole_writer(stack: str, netns: str, command: str, options: Changing, terminal: Terminal) -> Iterator[None]:
    """No other netctl changes the stack meanwhile in this namespace, or else on this machine.

    Whatever the change is based on must be read within: another one may have been at work until now. Signals that ask
    to end are taken in order.
    """
    with stack_lock(stack, netns, command, options, terminal), orderly_end():
        yield


@contextmanager
def stack_lock(stack: str, netns: str, command: str, options: Changing, terminal: Terminal) -> Iterator[None]:
    """As `sole_writer`, for a command that heeds signals itself."""
    name, file_name = spelled_place(stack, netns), place_of(stack, netns)
    with locked(options.state_dir, name, command, file_name, timeout=options.lock_timeout, waiting=terminal.remark):
        yield


def spelled_place(stack: str, netns: str) -> str:
    """A stack in a network namespace, or else on this machine, for people, and for what outlives the namespace."""
    return f"{stack}@{netns or os.uname().nodename}"


def place_of(stack: str, netns: str) -> str:
    """What files of the state directory are called that there is one of for a stack in a network namespace.

    It is the same whether the namespace is entered by its name or from within.
    """
    try:
        found = Path(f"/run/netns/{netns}" if netns else "/proc/self/ns/net").stat()
    except OSError:  # who opens it says so in better words
        return f"{stack}@{netns}"
    return f"{stack}@net-{found.st_ino}"


@contextmanager
def locked(
    state_dir: Path,
    name: str,
    command: str,
    file_name: str = "",
    *,
    timeout: float,
    waiting: Callable[[str], None] = lambda _: None,
) -> Iterator[None]:
    """Hold the lock *name* (``shop@node1``), in a file of that name, or *file_name*. *waiting* is told once who has it.

    Raises LockedError after *timeout* seconds.
    """
    handle = _open(state_dir / "locks", f"{file_name or name}.lock")
    try:
        _acquire(handle, name, timeout, waiting)
        _write_note(handle, command)
        yield
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _open(directory: Path, file_name: str) -> int:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(directory / file_name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise NetctlError(
            f"the lock {directory / file_name} cannot be opened: {error.strerror}",
            "Name another directory with --state-dir or NETCTL_STATE_DIR, or run this as root.",
        ) from error


def _acquire(handle: int, name: str, timeout: float, waiting: Callable[[str], None]) -> None:
    deadline = monotonic() + timeout
    told = False
    while not _try(handle):
        holder = _holder(handle)
        if monotonic() >= deadline:
            raise LockedError(
                f"another netctl is at work on {name}: {holder}",
                "Wait until it has finished, or raise --lock-timeout.",
            )
        if not told:
            waiting(f"waiting for another netctl at work on {name}: {holder}")
            told = True
        sleep(_RETRY)


def _try(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_note(handle: int, command: str) -> None:
    note = {"pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds"), "command": command}
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(note).encode(), 0)


def _holder(handle: int) -> str:
    """Who holds the lock, as far as its note can be read."""
    try:
        note = json.loads(os.pread(handle, _LONGEST_NOTE, 0))
        return f"process {note['pid']} ({note['command']}), since {note['since']}"
    except (ValueError, KeyError, TypeError, RecursionError):
        return "a process that has not said who it is"
