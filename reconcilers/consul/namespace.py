"""Opens sockets in a named network namespace, where that is where netctl acts."""

import ctypes
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
_DIRECTORY = Path("/run/netns")
_CLONE_NEWNET = 0x40000000


def inside(netns: str, function: Callable[[], T]) -> T:
    """What *function* returns in the namespace; in the caller's own where *netns* is empty. Raises OSError.

    ``setns`` acts on one thread, which is gone afterwards: the caller's is never anywhere else.
    """
    if not netns:
        return function()
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            _enter(netns)
            results.append(function())
        except BaseException as error:  # noqa: BLE001 - raised again, in the caller's thread
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]


def _enter(netns: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    with (_DIRECTORY / netns).open("rb") as file:
        if libc.setns(file.fileno(), _CLONE_NEWNET):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), netns)


def listens(netns: str, host: str, port: int, timeout: float) -> bool:
    """Whether something accepts connections there."""
    try:
        inside(netns, lambda: socket.create_connection((host, port), timeout)).close()
    except OSError:
        return False
    return True
