"""Sockets inside named network namespaces, which are never created here."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

from netctl.errors import BackendError, PrivilegeError

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def inside(netns: str) -> Iterator[None]:
    """The calling thread in the namespace *netns* (the caller's own where it is empty), and back again afterwards.

    Raises BackendError where there is no such namespace, PrivilegeError where it may not be entered.
    """
    if not netns:
        yield
        return
    with _opened("/proc/thread-self/ns/net", netns) as home, _opened(f"/run/netns/{netns}", netns) as there:
        _enter(there, netns)
        try:
            yield
        finally:
            _enter(home, netns)


@contextmanager
def _opened(path: str, netns: str) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise BackendError(f"there is no network namespace '{netns}'", "make it with netctl twin up") from None
    except PermissionError:
        raise PrivilegeError(f"{path} may not be opened", "run as root") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _enter(descriptor: int, netns: str) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET):
        reason = os.strerror(ctypes.get_errno())
        raise PrivilegeError(
            f"cannot enter network namespace '{netns}': {reason}", "it needs CAP_SYS_ADMIN: run as root"
        )
