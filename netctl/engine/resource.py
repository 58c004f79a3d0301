"""The engine's one noun: a resource, as it is desired and as it is live.

A resource is identified by a `Key` and described by its *attributes*: a NamedTuple that its kind defines
(see `netctl.kinds`). Desired and live attributes are values of the same type in the same canonical form, so
that two resources agree exactly where their tuples are equal. In desired attributes ``None`` means "not declared,
not managed"; an attribute that is declared to be absent has an empty value (``""``, ``()``).
"""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

# A kind's own NamedTuple. The engine reads it by field name and never knows its type.
Attributes = tuple[Any, ...]


class Key(NamedTuple):
    """What identifies a resource on one host, e.g. ``kernel/link/nc-frontend``."""

    system: str
    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.system}/{self.kind}/{self.id}"


class Origin(NamedTuple):
    """Where a resource was declared: the declaration's name, and its place in a file (lines count from 1)."""

    declaration: str
    file: str = ""
    line: int = 0

    @property
    def place(self) -> str:
        """``stack.yaml:20``, or the declaration's name where no file is known."""
        return f"{self.file}:{self.line}" if self.file else self.declaration


UNMARKED = "(unmarked)"
"""The declaration of an owner who is known only by where the object is: within something of the stack's own, under a
desired key, but without its mark. It is taken for the stack's, altered by someone, and marked again."""


class Owner(NamedTuple):
    """Whose a live resource is. The declaration is empty where the mark has no room for one."""

    stack: str
    declaration: str = ""


class Desired(NamedTuple):
    """A resource as the stack wants it."""

    key: Key
    attributes: Attributes
    origin: Origin
    needs: tuple[Key, ...] = ()
    """What must exist before this one is made."""
    within: Key | None = None
    """The resource that this one lives in and perishes with: an address within its link."""


class Live(NamedTuple):
    """A resource as it was observed. An owner of None means foreign: never changed, never deleted."""

    key: Key
    attributes: Attributes
    owner: Owner | None = None
    within: Key | None = None
    needs: tuple[Key, ...] = ()
    """What must outlive this one when both are deleted."""


def _always_changeable(_wanted: Attributes, _live: Attributes) -> bool:
    return False


class Kind(NamedTuple):
    """What the engine must know of one kind of resource."""

    system: str
    name: str
    immutable: frozenset[str] = frozenset()
    """Attributes that cannot be changed in place: a change replaces the resource.

    A change of the attributes' *type* (a bridge where a vxlan is declared) always does.
    """
    shared: bool = False
    """True where the object exists whether declared or not (a sysctl): it is taken over without a conflict,
    satisfied by whoever set it, and given back its original value rather than deleted."""
    identity: frozenset[str] = frozenset()
    """Attributes that only repeat the key; not shown as changes."""
    incompatible: Callable[[Attributes, Attributes], bool] = _always_changeable
    """Whether what is wanted cannot be made in place of what is live because of the values: some attributes can be
    changed between certain values only."""
    deleted_last: bool = False
    """Whether it is refused to be deleted while something leads to it, and nothing can take its place: what needs it is
    changed first."""
    hinges_on: frozenset[Key] = frozenset()
    """What tells which of its resources are desired: with it unread, none is deleted."""
    cluster_wide: bool = False
    """Whether it is the same one for every host of the stack. Of hosts that are coordinated, one writes it."""

    def must_be_replaced(self, wanted: Attributes, live: Attributes, fields: Collection[str]) -> bool:
        """Whether *live*, which differs in *fields*, becomes *wanted* only by being made anew."""
        # Not by a field's name: routes have one called "type".
        other_type = type(wanted) is not type(live)
        return other_type or not self.immutable.isdisjoint(fields) or self.incompatible(wanted, live)
