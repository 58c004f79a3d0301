"""Changes of files and directories, from inotify(7)."""

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path

from netctl.errors import BackendError

_CHANGES = 0x2 | 0x8 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x800
"""IN_MODIFY, CLOSE_WRITE, MOVED_FROM, MOVED_TO, CREATE, DELETE, DELETE_SELF, MOVE_SELF."""
_NONBLOCK_CLOEXEC = os.O_NONBLOCK | os.O_CLOEXEC
_NAME_OFFSET, _LENGTH_OFFSET = 16, 12


class Inotify:
    """Watches paths; its descriptor is readable when one of them has changed."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor = self._libc.inotify_init1(_NONBLOCK_CLOEXEC)
        if self.descriptor < 0:
            reason = os.strerror(ctypes.get_errno())
            raise BackendError(f"files cannot be watched: {reason}", "raise fs.inotify.max_user_instances")
        self._watched: dict[int, Path] = {}

    def add(self, path: Path) -> bool:
        """Watch a file or directory; False where there is none, or it may not be watched."""
        number = self._libc.inotify_add_watch(self.descriptor, os.fsencode(path), _CHANGES)
        if number >= 0:
            self._watched[number] = path
        return bool(number >= 0)

    def clear(self) -> None:
        """Watch nothing any more."""
        for number in self._watched:
            self._libc.inotify_rm_watch(self.descriptor, number)
        self._watched.clear()

    def take(self) -> set[Path]:
        """What has changed: the names in watched directories, and watched files. Never waits."""
        changed: set[Path] = set()
        with suppress(BlockingIOError):
            while events := os.read(self.descriptor, 1 << 16):
                changed |= self._named(events)
        return changed

    def _named(self, events: bytes) -> set[Path]:
        found: set[Path] = set()
        start = 0
        while start + _NAME_OFFSET <= len(events):
            number = int.from_bytes(events[start : start + 4], sys.byteorder, signed=True)
            length = int.from_bytes(events[start + _LENGTH_OFFSET : start + _NAME_OFFSET], sys.byteorder)
            name = events[start + _NAME_OFFSET : start + _NAME_OFFSET + length].rstrip(b"\0")
            if (path := self._watched.get(number)) is not None:
                found.add(path / os.fsdecode(name) if name else path)
            start += _NAME_OFFSET + length
        return found

    def close(self) -> None:
        """Release the descriptor."""
        os.close(self.descriptor)
