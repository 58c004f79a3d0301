"""Where a desired state comes from, and what tells that there is a new one."""

import glob
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from netctl.agent.declared import Declared
from netctl.agent.git import PATIENCE, Repository
from netctl.errors import NetctlError
from netctl.system.inotify import Inotify

_SHORT_PATIENCE = 15.0
"""Seconds that the first fetch may take where there is a good commit to begin with: the next one may take longer."""


class Source(Protocol):
    """Tells when to read the declaration anew."""

    descriptor: int | None
    """Readable when `changed` should be asked; None where only `look` tells."""
    interval: float
    """Seconds between two `look`; 0 for none."""

    @property
    def trouble(self) -> str:
        """Why the newest desired state is not known, or not used; empty where it is."""
        ...

    def look(self) -> bool:
        """Whether there is a new state, looked for now; may take long. Raises NetctlError."""
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

    interval = 0.0
    trouble = ""

    def look(self) -> bool:
        """Nothing: the descriptor tells."""
        return False

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


class Git:
    """A repository, by fetching."""

    descriptor: int | None = None

    def __init__(self, repository: Repository, interval: float) -> None:
        self.repository = repository
        self.interval = interval
        self.trouble = ""
        self.commit = ""
        """The newest commit that was seen."""

    def first(self) -> str:
        """The commit to begin with: the newest, or where it cannot be had the last good one. Raises NetctlError."""
        try:
            self.commit = self.repository.fetch(_SHORT_PATIENCE if self.repository.good else PATIENCE)
        except NetctlError as error:
            return self.fall_back(error)
        return self.commit

    def fall_back(self, error: NetctlError) -> str:
        """The last good commit, for the newest is not to be had. Raises *error* where there is none."""
        good = self.repository.good
        if not good or good == self.commit:
            raise error
        self.trouble = error.message
        return good

    def look(self) -> bool:
        """Whether there is a new commit."""
        newest = self.repository.fetch()
        self.trouble = ""
        if newest == self.commit:
            return False
        self.commit = newest
        return True

    def changed(self) -> bool:
        """Never asked."""
        return False

    def good(self, declared: Declared) -> None:
        """Keep the commit, to begin with should the repository be out of reach."""
        self.repository.keep(declared.revision)

    def close(self) -> None:
        """Nothing is open."""
