"""One netctl at a time for a stack's twin: a flock(2) on a directory, which is gone when the twin is.

In it are the lock and the socket of what answers in the twin (`netctl.twin.background`), and, where the twin is
complete and to stay, the digest of the declaration that it was made of.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

from netctl.errors import LockedError, PrivilegeError

ROOT = Path("/run/netctl/twins")
_KEPT = "kept"
_RETRY = 0.05
"""Seconds between two attempts; flock(2) cannot wait for a limited time."""


def held_stacks() -> set[str]:
    """The stacks that have a directory."""
    try:
        return set(os.listdir(ROOT))
    except FileNotFoundError:
        return set()


@contextmanager
def held(stack: str, timeout: float, waiting: Callable[[str], None] = lambda _: None) -> Iterator[Path]:
    """The directory of a stack's twin, which no other netctl touches meanwhile; *waiting* is told if one does.

    Raises LockedError after *timeout* seconds, PrivilegeError where the directory may not be made.
    """
    directory = ROOT / stack
    deadline = monotonic() + timeout
    told = False
    while (handle := _try(directory)) is None:
        if monotonic() >= deadline:
            raise LockedError(f"another netctl is at work on the twin of {stack}", "Wait until it has finished.")
        if not told:
            waiting(f"waiting for another netctl at work on the twin of {stack}")
            told = True
        sleep(_RETRY)
    try:
        yield directory
    finally:
        with suppress(OSError):  # what is not empty stays
            for path in (directory, ROOT, ROOT.parent):
                path.rmdir()
        os.close(handle)


def _try(directory: Path) -> int | None:
    """A descriptor that holds the lock; None where another does, or where the directory was just removed."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except PermissionError:
        raise PrivilegeError(
            f"{directory} may not be made", "A twin is made of namespaces: run as root.", "NC302"
        ) from None
    with suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(handle), directory.stat()):
            return handle
    os.close(handle)
    return None


def keep(directory: Path, digest: str) -> None:
    """Note that the twin is complete and to stay, and of what declaration it was made."""
    (directory / _KEPT).write_text(digest, encoding="ascii")


def kept(directory: Path) -> str:
    """The digest of the declaration that the twin was made of; empty where it is not complete, or not to stay."""
    with suppress(FileNotFoundError):
        return (directory / _KEPT).read_text(encoding="ascii")
    return ""
