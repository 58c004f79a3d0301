"""A plan: what would change on one host, in order, and what could not be seen or must not be touched."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from hashlib import sha256
from itertools import chain
from operator import attrgetter

from netctl.engine.change import Action, Change
from netctl.engine.diff import Conflict, Kinds, diff
from netctl.engine.graph import batches
from netctl.engine.protocol import Observation, Unread
from netctl.engine.resource import Desired, Key, Owner


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
    held_back: frozenset[Key] = field(default=frozenset(), compare=False)
    """What would have to change too, but was left out by `netctl.engine.targets`."""
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
        for change in sorted(self.changes, key=_by_key):
            action, key, before, after, _, _, owner_before, owner, *_ = change
            owners = _without_index(owner_before), _without_index(owner)
            digest.update(_canonical((action.value, tuple(key), before, after, *owners)).encode())
        return digest.hexdigest()


_by_key = attrgetter("key")
_INDEX = re.compile(r"\[\d+\]")


def _without_index(owner: Owner | None) -> Owner | None:
    """The owner without a declaration's place in a list, which may be another tomorrow and changes nothing."""
    return owner and owner._replace(declaration=_INDEX.sub("[]", owner.declaration))


def _canonical(value: object) -> str:
    """The same text for equal values in every process. The order of a set is no part of its value."""
    text = repr(value)
    return repr(_ordered(value)) if "frozenset(" in text else text


def _ordered(value: object) -> object:
    if isinstance(value, frozenset):
        return ("frozenset", *sorted(repr(_ordered(member)) for member in value))
    if isinstance(value, tuple):
        return (type(value).__name__, *map(_ordered, value))
    if is_dataclass(value):
        return (type(value).__name__, *(_ordered(getattr(value, field.name)) for field in fields(value)))
    return value


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
        stack, host, batches(difference.changes), difference.conflicts, observation.unread, difference.blocked,
        owned=owned,
    )  # fmt: skip
