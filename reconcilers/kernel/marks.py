"""The marks by which netctl knows its own: no state file, the live objects bear them.

A link of ours has the alias ``netctl:<stack>/<declaration>@<name>``. An interface that is *not* ours but that netctl
changed something of (a port put into a bridge, a sysctl) bears an altname, ``netctl:<stack>:<what>=<before>@<name>``,
which also remembers what to put back. A mark names the object that it is on, so that a copied one is ignored.

A link cannot be given its alias in the request that makes it. Until it has one it is in an interface group that only
unfinished links of its stack are in; so is a link that is about to be deleted in a group of that kind. A netctl that
was killed in between leaves links that the next one knows, and finishes.
"""

import secrets
from typing import NamedTuple

from netctl.engine.resource import UNMARKED, Owner
from netctl.kinds.route import stack_number

_PREFIX = "netctl:"
_ALIAS_BYTES = 255
_ALTNAME_BYTES = 127
_UNFINISHED_GROUPS, _DOOMED_GROUPS = 0x6D000000, 0x6C000000
_PASSING = frozenset({_UNFINISHED_GROUPS, _DOOMED_GROUPS})
_GROUP_NUMBER = 0xFFFFFF


def link_alias(owner: Owner, name: str) -> str:
    """The alias of a link of *owner*; an over-long declaration is cut."""
    frame = f"{_PREFIX}{owner.stack}/@{name}"
    room = _ALIAS_BYTES - len(frame.encode())
    return f"{_PREFIX}{owner.stack}/{owner.declaration.encode()[:room].decode(errors='ignore')}@{name}"


def link_mark(owner: Owner | None, name: str, original: str = "") -> str:
    """The alias of the link *name* of *owner*; *original* where it bears no mark of a stack's."""
    return original if owner is None or owner.declaration == UNMARKED else link_alias(owner, name)


def link_owner(alias: str, name: str) -> Owner | None:
    """Whose the link *name* is by its alias; None where it bears no mark, or that of another link."""
    if not alias.startswith(_PREFIX):
        return None
    text = alias[len(_PREFIX) :].removesuffix(f"@{name}")
    stack, slash, declaration = text.partition("/")
    return Owner(stack, declaration) if alias.endswith(f"@{name}") and slash and stack else None


def unfinished_group(stack: str) -> int:
    """The interface group of the stack's links that have been made, but not yet been given their alias."""
    return _UNFINISHED_GROUPS | (stack_number(stack) & _GROUP_NUMBER)


def doomed_group() -> int:
    """An interface group for links that are about to be deleted together; a new one each time."""
    return _DOOMED_GROUPS | secrets.randbelow(_GROUP_NUMBER)


def is_passing(group: int) -> bool:
    """Whether a link is in an interface group only for the time in which it is made or deleted."""
    return group & ~_GROUP_NUMBER in _PASSING


class Loan(NamedTuple):
    """What a stack changed of a foreign interface, and what it was before."""

    stack: str
    what: str
    """A sysctl's dotted name, or ``port``."""
    before: str
    """The value; of a port ``1`` where it was up, else ``0``, and ``:`` with the bridge that it was a port of."""

    known_as: str = ""
    """The mark as it was read; empty where none has been made yet."""

    def altname(self, link: str) -> str:
        """The mark on the interface *link*. Raises ValueError where it does not fit."""
        if self.known_as:
            return self.known_as
        mark = f"{_PREFIX}{self.stack}:{self.what}={self.before}@{link}"
        if len(mark.encode()) > _ALTNAME_BYTES:
            raise ValueError(f"the mark {mark} has more than {_ALTNAME_BYTES} bytes; use a shorter stack name")
        return mark


def read_loans(altnames: tuple[str, ...], link: str) -> tuple[Loan, ...]:
    """The loans that an interface's altnames tell of."""
    return tuple(loan for name in altnames if (loan := _read_loan(name, link)) is not None)


def is_mark(altname: str) -> bool:
    """Whether an altname is netctl's own mark rather than a name."""
    return altname.startswith(_PREFIX)


def _read_loan(altname: str, link: str) -> Loan | None:
    """Altnames cannot be copied: where the mark has another name, the interface itself has been renamed since."""
    text = altname.removeprefix(_PREFIX)
    text, at, marked = (text.removesuffix(f"@{link}"), "@", link) if text.endswith(f"@{link}") else text.rpartition("@")
    stack, colon, change = text.partition(":")
    what, equals, before = change.rpartition("=")
    if not (altname.startswith(_PREFIX) and at and colon and equals):
        return None
    renamed = what.replace(f".{_in_sysctls(marked)}.", f".{_in_sysctls(link)}.") if marked != link else what
    return Loan(stack, renamed, before, altname)


def _in_sysctls(link: str) -> str:
    """The name of an interface as it is within that of a sysctl (``sysctl(8)``)."""
    return link.replace(".", "/")
