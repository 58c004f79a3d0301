"""In which systems a stack has something, as far as is remembered: a line for each, in a file of the state directory.

An Engine, or an agent of Consul, that nobody has named and that does not answer is usually not there, and a stack
that does not name it has nothing in it. But it may only be stopped, with objects of the stack in it that are not
declared any more, or that are to be destroyed by the stack's name. What is remembered is a hint, no truth: without
it, such a system is taken for one that is not there.
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from netctl.cli.lock import spelled_place
from netctl.engine.plan import Plan
from netctl.engine.resource import Key
from netctl.errors import NetctlError
from netctl.kinds.link import SYSTEM as KERNEL
from netctl.kinds.nftables import SYSTEM as NFTABLES

_EVERYWHERE = frozenset({KERNEL, NFTABLES})


class Reach(NamedTuple):
    """The memory of one stack at one place."""

    file: Path

    def recall(self) -> frozenset[str]:
        """The systems; none where nothing is remembered, or may be read."""
        with suppress(OSError, UnicodeDecodeError):
            return frozenset(self.file.read_text(encoding="ascii").split())
        return frozenset()

    def add(self, systems: frozenset[str]) -> None:
        """Remember these, too: before something is made there. Raises NetctlError."""
        if not systems <= (known := self.recall()):
            self._write(known | systems)

    def keep(self, systems: frozenset[str], read: frozenset[str]) -> None:
        """Forget those that were *read*, but for these *systems*. Raises NetctlError."""
        known = self.recall()
        if known != (kept := (known - read) | systems):
            self._write(kept)

    def _write(self, systems: frozenset[str]) -> None:
        try:
            if not systems:
                self.file.unlink(missing_ok=True)
                return
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = self.file.with_name(f".{self.file.name}")
            fresh.write_text("".join(f"{system}\n" for system in sorted(systems)), encoding="ascii")
            fresh.replace(self.file)
        except OSError as error:
            raise NetctlError(
                f"{self.file} cannot be written: {error.strerror}",
                "Name another directory with --state-dir or NETCTL_STATE_DIR, or run this as root.",
            ) from error


def reach_of(stack: str, netns: str, state_dir: Path) -> Reach:
    """The memory of a stack in a network namespace, or else on this machine."""
    return Reach(state_dir / "reach" / spelled_place(stack, netns))


def reached(keys: Iterable[Key]) -> frozenset[str]:
    """The systems of the *keys*, less those that every host has."""
    return frozenset(key.system for key in keys) - _EVERYWHERE


def read_by(plan: Plan, members: Iterable[str]) -> frozenset[str]:
    """Those of the *members* of a session into which the plan could look."""
    return frozenset(members) - {part.system for part in plan.unread}
