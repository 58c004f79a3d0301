"""What answers in a twin for as long as it is up: a process without a terminal that nobody has to remember.

It holds a lock as long as it lives, and ends when somebody connects to its socket, or when the twin's names are gone.
"""

import fcntl
import os
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import NoReturn

from netctl.errors import BackendError, NetctlError
from netctl.system.open_files import raise_limit
from netctl.twin.children import undisturbed
from netctl.twin.responders import Responder, Responders
from netctl.twin.spaces import identities

_LOCK, _SOCKET = "responders.lock", "responders"
_LOOK = 1.0
"""Seconds between two looks whether the twin is there still."""
_PATIENCE = 10.0
_RETRY = 0.01


def start(directory: Path, responders: Sequence[Responder], witness: str) -> None:
    """Have the ports answered in the background, for as long as the namespace *witness* has its name.

    This process must have no other thread. Raises BackendError where a port is taken.
    """
    with undisturbed():  # until it can be found and ended
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            _leave(directory, responders, witness, writing)
        os.close(writing)
        os.waitpid(child, 0)
        with os.fdopen(reading, encoding="utf-8") as pipe:
            answer = pipe.read()
    if answer != "ready":
        raise BackendError(f"nothing answers in the twin: {answer or 'the process ended'}")


def stop(directory: Path) -> None:
    """End what answers; nothing where nothing does. Raises BackendError where it does not end."""
    deadline = monotonic() + _PATIENCE
    while is_running(directory):
        with suppress(OSError), socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(directory / _SOCKET))
        if monotonic() > deadline:
            raise BackendError(f"what answers in the twin does not end, and holds {directory / _LOCK}")
        sleep(_RETRY)


def is_running(directory: Path) -> bool:
    """Whether something answers."""
    try:
        handle = os.open(directory / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _lock(handle)
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _leave(directory: Path, responders: Sequence[Responder], witness: str, pipe: int) -> NoReturn:
    """Become a process of its own; whatever happens, nothing of the parent's is run afterwards."""
    try:
        os.setsid()
        if os.fork() == 0:
            _serve(directory, responders, witness, pipe)
    finally:
        os._exit(0)


def _serve(directory: Path, responders: Sequence[Responder], witness: str, pipe: int) -> None:
    pipe = _let_go_of_everything(pipe)
    raise_limit()
    handle = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    path = directory / _SOCKET
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        listening.settimeout(_LOOK)
        try:
            with Responders(responders):
                _tell(pipe, "ready")
                _wait(listening, witness)
        except NetctlError as error:
            _tell(pipe, error.message)


def _let_go_of_everything(pipe: int) -> int:
    """Keep no file, terminal or lock of the parent's but the pipe, which gets another number."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.chdir("/")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    kept = os.dup2(pipe, 3)
    os.closerange(4, os.sysconf("SC_OPEN_MAX"))
    return kept


def _tell(pipe: int, answer: str) -> None:
    os.write(pipe, answer.encode())
    os.close(pipe)


def _wait(listening: socket.socket, witness: str) -> None:
    known = identities([witness])
    while known and identities([witness]) == known:
        with suppress(TimeoutError):
            listening.accept()
            return
