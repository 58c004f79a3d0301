"""The marks by which netctl knows its own: comments on the table, and on rules in other tools' chains.

A mark is ``netctl:<stack>/<declaration> <place> <name>``, where the place is that of the object (``ip filter
DOCKER-USER``), so that a copied mark is ignored. It has to fit in nft's 127 bytes: the declaration is left out where
that needs room, and then a digest stands for the place.
"""

from hashlib import sha256
from typing import NamedTuple

from netctl.engine.resource import Key, Owner
from netctl.kinds.nftables import OWN_FAMILIES, rule_key, table_name
from reconcilers.nftables.encoding import MAX_COMMENT

_PREFIX = "netctl:"
PREFIX = _PREFIX.encode()
"""In every mark, for a quick look."""


class Place(NamedTuple):
    """A chain."""

    family: str
    table: str
    chain: str

    def __str__(self) -> str:
        return " ".join(self)


class RuleMark(NamedTuple):
    """What the mark of a rule in another tool's chain says."""

    owner: Owner
    key: Key


def table_mark(stack: str, family: str) -> str:
    """``netctl:shop inet netctl-shop``; a stack's name that is too long for that is not said twice."""
    mark = f"{_PREFIX}{stack} {family} {table_name(stack)}"
    return mark if len(mark) <= MAX_COMMENT else f"{_PREFIX}{stack} {family}"


def table_owner(family: str, name: str, comment: str) -> Owner | None:
    """Whose a table is by its comment; None where it bears no mark, or that of another table."""
    stack = comment.removeprefix(_PREFIX).partition(" ")[0]
    ours = family in OWN_FAMILIES and name == table_name(stack) and comment == table_mark(stack, family)
    return Owner(stack) if ours else None


def rule_mark(owner: Owner, place: Place, name: str) -> str:
    """The comment of the stack's rule *name* in the chain. Raises ValueError where the name has a space."""
    if " " in name:
        raise ValueError(f"'{name}' cannot be the name of a rule: it has a space")
    digest = sha256(str(place).encode()).hexdigest()[:12]
    candidates = (
        f"{_PREFIX}{owner.stack}/{owner.declaration} {place} {name}",
        f"{_PREFIX}{owner.stack} {place} {name}",
        f"{_PREFIX}{owner.stack} #{digest} {name}",
    )
    start = 0 if owner.declaration else 1
    return next(mark for mark in candidates[start:] if len(mark.encode()) <= MAX_COMMENT or mark is candidates[-1])


def read_rule_mark(place: Place, comment: str) -> RuleMark | None:
    """What the comment of a rule in the chain says; None where it is no mark, or that of another place."""
    if not comment.startswith(_PREFIX):
        return None
    head, _, name = comment[len(_PREFIX) :].rpartition(" ")
    stack, _, declaration = head.removesuffix(f" {place}").partition("/")
    owner = Owner(stack.partition(" ")[0], declaration)
    if not owner.stack or rule_mark(owner, place, name) != comment:
        return None
    return RuleMark(owner, rule_key(owner.stack, *place, name))


def name_in(key: Key, stack: str, place: Place) -> str:
    """The name of a rule, by its key."""
    return key.id.removeprefix(rule_key(stack, *place, "").id)


def table_of(key: Key) -> tuple[str, str]:
    """Family and name of the table, by its key."""
    family, _, name = key.id.partition(" ")
    return family, name
