"""Where a desired state comes from, and what tells that there is a new one."""

import asyncio
import glob
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from netctl.agent.declared import Declared
from netctl.engine.inotify import Inotify

Changed = Callable[[str], None]
"""Told why the desired state should be read anew."""


class Source(Protocol):
    """Tells when to read the declaration anew."""

    descriptor: int | None
    """Readable when `changed` should be asked; None where `start` does all."""

    def start(self, loop: asyncio.AbstractEventLoop, changed: Changed) -> None:
        """Begin to look, in the loop."""
        ...

    def changed(self) -> bool:
        """Whether what arrived at the descriptor means a new state."""
        ...

    def good(self, declared: Declared) -> None:
        """This state holds now; what it was read from is to be watched."""
        ...

    def close(self) -> None:
        """Stop looking."""
        ...


class Files:
    """Files, by inotify on their directories: editors replace a file rather than write into it."""

    def __init__(self, named: Sequence[str]) -> None:
        self._inotify = Inotify()
        self._named = [Path(name).absolute() for name in named]
        self._files: frozenset[Path] = frozenset()
        self.descriptor: int | None = self._inotify.descriptor
        self._watch(())

    def start(self, loop: asyncio.AbstractEventLoop, changed: Changed) -> None:
        """Nothing: the descriptor tells."""

    def changed(self) -> bool:
        """Whether a file that was read, or is named, has changed."""
        return any(path in self._files or self._is_named(path) for path in self._inotify.take())

    def _is_named(self, path: Path) -> bool:
        return any(name in {path, path.parent} or path.match(str(name)) for name in self._named)

    def good(self, declared: Declared) -> None:
        """Watch what this state was read from."""
        self._watch(declared.files)

    def _watch(self, files: Sequence[Path]) -> None:
        # What a name points to can change without the name's directory.
        self._files = frozenset(form for path in files for form in (path.absolute(), path.resolve()))
        self._inotify.clear()
        directories = {path.parent for path in (*self._files, *self._named)}
        directories |= {path for path in self._named if path.is_dir()}
        for directory in directories:
            if not glob.has_magic(str(directory)):
                self._inotify.add(directory)

    def close(self) -> None:
        """Stop looking."""
        self._inotify.close()
