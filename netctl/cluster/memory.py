"""What a host remembers in its state directory: the last version that held, and who was there.

With it a host that starts while the store is out of reach keeps its network, and knows who had gone.
"""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from netctl.cluster.document import digest_of
from netctl.cluster.membership import View
from netctl.cluster.records import ContainersRecord, HostRecord, Publication, RecordError
from netctl.errors import NetctlError
from netctl.stack.loader import LoadedStack, load


class Remembered(NamedTuple):
    """The last state that held."""

    publication: Publication
    view: View
    """Of that time; without sessions."""
    gone: frozenset[str]


class Memory:
    """A directory of one host and stack."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._last = b""
        self._newest = ""
        """The digest of the version that was asked for or stored last: it may be about to hold."""

    def document(self, digest: str) -> LoadedStack | None:
        """A version that was stored; None where it is not there as it was. Raises DeclarationError."""
        self._newest = digest
        path = self._path(digest)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None
        return load([str(path)]) if digest_of(text) == digest else None

    def store(self, digest: str, text: str) -> LoadedStack:
        """The version, stored. Raises NetctlError."""
        self._newest = digest
        self._write(self._path(digest), text.encode())
        return load([str(self._path(digest))])

    def recall(self) -> Remembered | None:
        """The last state that held; None where there is none that can be understood."""
        with suppress(OSError, ValueError, TypeError, KeyError, AttributeError, RecordError):
            found = json.loads((self._directory / "good.json").read_bytes())
            publication = Publication.read("good.json", json.dumps(found["publication"]).encode())
            hosts = {
                str(name): HostRecord.read("good.json", json.dumps(record).encode())
                for name, record in found["hosts"].items()
            }
            containers = {
                str(name): ContainersRecord.read("good.json", json.dumps(record).encode())
                for name, record in found["containers"].items()
            }
            leases = {str(name): int(number) for name, number in found["leases"].items()}
            view = View(publication, hosts, {}, leases, frozenset(leases.values()), containers=containers)
            return Remembered(publication, view, frozenset(map(str, found["gone"])))
        return None

    def remember(self, publication: Publication, view: View, gone: frozenset[str]) -> None:
        """This state holds; other versions are forgotten, but for one that another thread is taking up."""
        content = json.dumps(
            {
                "publication": json.loads(publication.encoded()),
                "hosts": {name: json.loads(record.encoded()) for name, record in view.hosts.items()},
                "containers": {name: json.loads(record.encoded()) for name, record in view.containers.items()},
                "leases": dict(view.leases),
                "gone": sorted(gone),
            }
        ).encode()
        if content == self._last:
            return
        self._write(self._directory / "good.json", content)
        self._last = content
        for path in self._directory.glob("*.yaml"):
            if path not in {self._path(publication.digest), self._path(self._newest)}:
                path.unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        return self._directory / f"{digest[:16]}.yaml"

    def _write(self, path: Path, content: bytes) -> None:
        """Whole or not at all. Raises NetctlError."""
        new = path.with_name(f"{path.name}.new")
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            new.touch(mode=0o600)
            with new.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except OSError as error:
            raise NetctlError(
                f"{path} cannot be written: {error.strerror}", "Name another directory with --state-dir."
            ) from error
