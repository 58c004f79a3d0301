"""A plan: what would change on one host, in order, and what could not be seen or must not be touched."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain

from netctl.engine.change import Action, Change
from netctl.engine.diff import Conflict, Kinds, diff
from netctl.engine.graph import batches
from netctl.engine.protocol import Observation, Unread
from netctl.engine.resource import Desired, Key


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes that make one host match its stack."""

    stack: str
    host: str
    batches: tuple[tuple[Change, ...], ...] = ()
    """In order of execution; the changes of one batch need nothing of one another."""
    conflicts: tuple[Conflict, ...] = ()
    unread: tuple[Unread, ...] = ()
    blocked: tuple[Key, ...] = ()
    """Desired resources left out because they, or what they need, could not be read."""
    owned: int = field(default=0, compare=False)
    """How many live resources the stack owns."""

    @property
    def changes(self) -> Iterator[Change]:
        """Every change, in order of execution."""
        return chain.from_iterable(self.batches)

    def __bool__(self) -> bool:
        """True where there is something to do, or something in the way."""
        return bool(self.batches or self.conflicts or self.unread)

    def count(self) -> Counter[Action]:
        """How many changes of each action."""
        return Counter(change.action for change in self.changes)

    @property
    def fingerprint(self) -> str:
        """A digest of the changes: two plans with one fingerprint do the same from the same state."""
        digest = sha256(f"{self.stack}\0{self.host}".encode())
        for change in sorted(self.changes, key=lambda change: change.key):
            digest.update(repr((change.action.value, change.key, change.before, change.after)).encode())
        return digest.hexdigest()


def make_plan(
    desired: Mapping[Key, Desired],
    observation: Observation,
    kinds: Kinds,
    *,
    stack: str,
    host: str,
    adopt: bool = False,
) -> Plan:
    """The plan that turns what was observed into *desired*. Pure."""
    difference = diff(desired, observation, kinds, stack, adopt=adopt)
    owned = sum(live.owner is not None and live.owner.stack == stack for live in observation.live.values())
    return Plan(
        stack, host, batches(difference.changes), difference.conflicts, observation.unread, difference.blocked, owned
    )
