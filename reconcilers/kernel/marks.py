"""The marks by which netctl knows its own: no state file, the live objects bear them.

A link of ours has the alias ``netctl:<stack>/<declaration>@<name>``. An interface that is *not* ours but that netctl
changed something of (a port put into a bridge, a sysctl) bears an altname, ``netctl:<stack>:<what>=<before>@<name>``,
which also remembers what to put back. A mark names the object that it is on, so that a copied one is ignored.
"""

from typing import NamedTuple

from netctl.engine.resource import Owner

_PREFIX = "netctl:"
_ALIAS_BYTES = 255
_ALTNAME_BYTES = 127


def link_alias(owner: Owner, name: str) -> str:
    """The alias of a link of *owner*; an over-long declaration is cut."""
    frame = f"{_PREFIX}{owner.stack}/@{name}"
    room = _ALIAS_BYTES - len(frame.encode())
    return f"{_PREFIX}{owner.stack}/{owner.declaration.encode()[:room].decode(errors='ignore')}@{name}"


def link_owner(alias: str, name: str) -> Owner | None:
    """Whose the link *name* is by its alias; None where it bears no mark, or that of another link."""
    if not alias.startswith(_PREFIX):
        return None
    text, at, marked = alias[len(_PREFIX) :].rpartition("@")
    stack, slash, declaration = text.partition("/")
    return Owner(stack, declaration) if at and slash and stack and marked == name else None


class Loan(NamedTuple):
    """What a stack changed of a foreign interface, and what it was before."""

    stack: str
    what: str
    """A sysctl's dotted name, or ``port``."""
    before: str

    def altname(self, link: str) -> str:
        """The mark on the interface *link*. Raises ValueError where it does not fit."""
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
    if not altname.startswith(_PREFIX):
        return None
    text, _, marked = altname[len(_PREFIX) :].rpartition("@")
    stack, colon, change = text.partition(":")
    what, equals, before = change.rpartition("=")
    return Loan(stack, what, before) if colon and equals and marked == link else None
