"""One step of a plan, and what became of it."""

from enum import StrEnum
from typing import NamedTuple

from netctl.engine.resource import Attributes, Key, Origin, Owner


class Action(StrEnum):
    """What a change does to its resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"


class Reason(StrEnum):
    """Why a change is in the plan."""

    DECLARED = "declared, not there"
    DIFFERS = "differs from its declaration"
    IMMUTABLE = "cannot be changed in place"
    CONTAINER = "goes with what it lives in"
    UNDECLARED = "no longer declared"
    ADOPTED = "taken over"
    UNDO = "undone"


class Change(NamedTuple):
    """One change to one resource."""

    action: Action
    key: Key
    before: Attributes | None
    after: Attributes | None
    reason: Reason
    fields: tuple[str, ...] = ()
    """The attributes that differ; ``owner`` among them where the mark does."""
    owner_before: Owner | None = None
    owner: Owner | None = None
    """The mark that the resource carries afterwards."""
    origin: Origin | None = None
    needs: tuple[Key, ...] = ()
    within: Key | None = None
    implied: bool = False
    """True for a deletion that another deletion brings about: an address goes with its link. Nothing is executed."""
    deferred: bool = False
    """True for a deletion that has to wait until what needs the resource has been changed."""

    def inverse(self) -> "Change":
        """The change that undoes this one. What went with another resource comes back by a creation of its own."""
        return self._replace(
            action=_INVERSE[self.action],
            before=self.after,
            after=self.before,
            reason=Reason.UNDO,
            owner_before=self.owner,
            owner=self.owner_before,
            implied=self.implied and self.action is not Action.DELETE,
            deferred=False,
        )


_INVERSE = {
    Action.CREATE: Action.DELETE,
    Action.DELETE: Action.CREATE,
    Action.UPDATE: Action.UPDATE,
    Action.REPLACE: Action.REPLACE,
}


class Failure(NamedTuple):
    """Why a change could not be made: what was attempted, what the system answered, what to do."""

    attempt: str
    answer: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.attempt}: {self.answer}" + (f"; {self.advice}" if self.advice else "")


class Outcome(NamedTuple):
    """What became of one change; no failure means it was acknowledged by the system."""

    change: Change
    failure: Failure | None = None
