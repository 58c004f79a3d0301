"""Network namespaces by name. None is ever created here.

A socket keeps the namespace that it was opened in, so it suffices to enter a namespace for the time of opening it
(``setns`` acts on the calling thread alone).
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from netctl.errors import BackendError, PrivilegeError

DIRECTORY = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def named_namespaces() -> frozenset[str]:
    """The names that ``ip netns`` lists."""
    try:
        return frozenset(os.listdir(DIRECTORY))
    except FileNotFoundError:
        return frozenset()


@contextmanager
def inside(netns: str) -> Iterator[None]:
    """Run in the namespace *netns*; in the caller's own where it is empty.

    Raises BackendError where there is no such namespace, PrivilegeError where it may not be entered.
    """
    if not netns:
        yield
        return
    with _opened("/proc/thread-self/ns/net") as home, _opened(str(DIRECTORY / netns)) as there:
        _enter(there, netns)
        try:
            yield
        finally:
            _enter(home, "the namespace it came from")


@contextmanager
def _opened(path: str) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        name = path.rpartition("/")[2]
        raise BackendError(
            f"there is no network namespace '{name}'", f"make it: ip netns add {name}", "NC301"
        ) from None
    except PermissionError:
        raise PrivilegeError(f"{path} may not be opened", "run as root") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _enter(descriptor: int, name: str) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) == 0:
        return
    error = os.strerror(ctypes.get_errno())
    raise PrivilegeError(
        f"cannot enter network namespace '{name}': {error}", "entering one needs CAP_SYS_ADMIN: run as root"
    )
