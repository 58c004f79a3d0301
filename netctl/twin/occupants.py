"""The processes that run in network namespaces, found by the kernel's own word and ended by descriptors of them."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from netctl.errors import BackendError

Identity = tuple[int, int]
"""What tells a namespace from others: the device and the inode of its file."""
_PATIENCE = 10.0
"""Seconds for one that is killed to be gone."""


def end_occupants(namespaces: set[Identity]) -> None:
    """Kill what runs in the namespaces, and wait until it is gone. Raises BackendError where it stays."""
    while found := list(occupants(namespaces)):
        with ExitStack() as stack:
            for process in found:
                _end(process, namespaces, stack)


def occupants(namespaces: set[Identity]) -> Iterator[int]:
    """The processes in the namespaces, but for this one."""
    if not namespaces:
        return
    own = os.getpid()
    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) != own and _namespace(int(name)) in namespaces:
            yield int(name)


def _end(process: int, namespaces: set[Identity], stack: ExitStack) -> None:
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(process)
        stack.callback(os.close, handle)
        # The number may have become another's before it was opened.
        if _namespace(process) not in namespaces:
            return
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        ended = select.poll()
        ended.register(handle, select.POLLIN)
        if not ended.poll(_PATIENCE * 1000):
            raise BackendError(f"process {process}, which runs in the twin, does not end")


def _namespace(process: int) -> Identity | None:
    with suppress(OSError):
        status = Path(f"/proc/{process}/ns/net").stat()
        return status.st_dev, status.st_ino
    return None
