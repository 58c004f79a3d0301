"""Network namespaces by name. None is ever created here.

A socket keeps the namespace that it was opened in, so it suffices to enter a namespace for the time of opening it
(``setns`` acts on the calling thread alone).
"""

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
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
    with current() as home, opened(netns) as there:
        _enter(there, netns)
        try:
            yield
        finally:
            _enter(home, "the namespace it came from")


def identity(netns: str) -> tuple[int, int]:
    """What tells the namespace that is called *netns* from others; always the same for the caller's own ("").

    Raises BackendError where there is none of that name.
    """
    if not netns:
        return 0, 0
    try:
        found = (DIRECTORY / netns).stat()
    except OSError as error:
        raise _unopened(str(DIRECTORY / netns), error) from None
    return found.st_dev, found.st_ino


def current() -> AbstractContextManager[int]:
    """A descriptor of the namespace that the calling thread is in. Raises BackendError."""
    return _descriptor("/proc/thread-self/ns/net")


def opened(netns: str) -> AbstractContextManager[int]:
    """A descriptor of the namespace *netns*. Raises as `inside` does."""
    return _descriptor(str(DIRECTORY / netns))


@contextmanager
def _descriptor(path: str) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _unopened(path, error) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _unopened(path: str, error: OSError) -> BackendError:
    name = path.rpartition("/")[2]
    if isinstance(error, FileNotFoundError):
        return BackendError(f"there is no network namespace '{name}'", f"make it: ip netns add {name}", "NC301")
    if isinstance(error, PermissionError):
        return PrivilegeError(f"{path} may not be opened", "run as root")
    return BackendError(f"network namespace '{name}' cannot be opened: {error.strerror}", "", "NC301")


def _enter(descriptor: int, name: str) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) == 0:
        return
    code = ctypes.get_errno()
    if code == errno.EPERM:
        raise PrivilegeError(
            f"network namespace '{name}' may not be entered", "entering one needs CAP_SYS_ADMIN: run as root"
        )
    raise BackendError(
        f"'{name}' cannot be entered as a network namespace: {os.strerror(code)}", f"make it anew: ip netns del {name}"
    )
