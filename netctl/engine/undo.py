"""Undoing an apply: by looking at what is there, never by assuming that a change did, or did not, take effect.

What differs from before is brought back, and looked at again, until all is as it was or nothing more moves: what
perished with a container, or could not be restored before something else was, is found by the next look. What bears
the key of something that was to be created, but not the stack's mark, is someone else's and left alone.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from netctl.engine.change import Action, Change, Failure, Outcome, Reason
from netctl.engine.diff import Kinds, differing_fields
from netctl.engine.graph import batches
from netctl.engine.protocol import Observation, Scope, Writer
from netctl.engine.resource import UNMARKED, Attributes, Desired, Key, Live, Origin, Owner
from netctl.engine.session import Session, failed, shares

_ROUNDS = 8
"""Two or three are enough, unless someone else is at work on the same objects."""


class Undo:
    """The undoing of one apply."""

    def __init__(
        self, touched: Sequence[Change], acknowledged: Collection[Key], session: Session[Writer], scope: Scope
    ) -> None:
        self.touched = touched
        self.session = session
        self.scope = scope._replace(desired={**scope.desired, **_deleted(touched)})
        self.crash: Exception | None = None
        """What a system raised that was no refusal of its own: a bug."""
        self._blind = {change.key: change.inverse() for change in touched if change.key in acknowledged}
        """For what cannot be read: the inverse of what was acknowledged, tried once."""
        self._refusals: dict[Key, Failure] = {}

    def run(self) -> tuple[Outcome, ...]:
        """Bring everything back; what could not be, with the reason. A second interrupt ends it early."""
        if not self.touched:
            return ()
        try:
            observation = self._rounds()
        except KeyboardInterrupt:
            self._refusals = {change.key: Failure(f"restore {change.key}", "interrupted") for change in self.touched}
            observation = self.session.observe(self.scope)
        return tuple(self._remaining(observation))

    def _rounds(self) -> Observation:
        """The last observation."""
        done: dict[Key, Change] = {}
        for _ in range(_ROUNDS):
            observation = self.session.observe(self.scope)
            wanted = self._wanted(observation)
            if not wanted or wanted == done:
                return observation
            self._execute(wanted)
            done = wanted
        return self.session.observe(self.scope)

    def _wanted(self, observation: Observation) -> dict[Key, Change]:
        """What is still to be done. What cannot be read is, once, taken to be as the systems acknowledged it."""
        unread = _unread(observation)
        blind, self._blind = self._blind, {}
        found: dict[Key, Change] = {}
        for change in self.touched:
            if change.key in unread:
                step = blind.get(change.key)
            else:
                step = compensation(change, observation.live.get(change.key), self.session.kinds, self.scope.stack)
            if step is not None:
                found[change.key] = step
        return found

    def _execute(self, wanted: Mapping[Key, Change]) -> None:
        """Make the changes. What something that could not be deleted needs is kept: a claim outlives its route."""
        kept: dict[Key, Key] = {}
        for batch in batches(wanted):
            for share in shares([change for change in batch if change.key not in kept]):
                for outcome in self._attempt(share):
                    if outcome.failure:
                        self._refusals[outcome.change.key] = outcome.failure
                        kept |= _needed(outcome.change, wanted)
            for change in batch:
                if user := kept.get(change.key):
                    self._refusals[change.key] = Failure(f"restore {change.key}", f"{user} is still there and needs it")
                    kept |= _needed(change, wanted)

    def _attempt(self, share: Sequence[Change]) -> Sequence[Outcome]:
        try:
            return list(self.session.execute(share))
        except Exception as crash:  # noqa: BLE001 - it is raised with the report; the other systems come first
            self.crash = crash
            return list(failed(share, f"netctl has a bug: {crash!r}"))

    def _remaining(self, observation: Observation) -> Iterator[Outcome]:
        """The changes whose resource is not, or not known to be, as it was before."""
        unread = _unread(observation)
        for change in self.touched:
            now = observation.live.get(change.key)
            if change.key in unread:
                yield Outcome(change, Failure(f"restore {change.key}", f"it cannot be read: {unread[change.key]}"))
            elif not _as_before(change, now):
                differs = Failure(f"restore {change.key}", _difference(change, now))
                yield Outcome(change, self._refusals.get(change.key, differs))


def compensation(change: Change, now: Live | None, kinds: Kinds, stack: str) -> Change | None:
    """What brings a resource from how it is *now* back to how it was before *change*; None where nothing has to or may.

    A foreign object is changed only where *change* itself was one to a foreign object: taken over, or of a shared kind.
    """
    was, kind = change.before, kinds[change.key[:2]]
    step = change._replace(
        before=now and now.attributes, after=was, reason=Reason.UNDO, fields=(), implied=False,
        owner_before=now and now.owner, owner=change.owner_before,
    )  # fmt: skip
    if now is None:
        return None if was is None else step._replace(action=Action.CREATE)
    ours = _is_of(stack, now.owner)
    if was is None:
        return step._replace(action=Action.DELETE) if ours else None
    if not (ours or kind.shared or not _is_of(stack, change.owner_before)) or _as_before(change, now):
        return None
    fields = differing_fields(was, now.attributes)
    if kind.must_be_replaced(was, now.attributes, fields):
        return step._replace(action=Action.REPLACE, fields=fields)
    marks = () if _same_owner(change.owner_before, now.owner) else ("owner",)
    return step._replace(action=Action.UPDATE, fields=(*fields, *marks))


def _needed(remaining: Change, wanted: Mapping[Key, Change]) -> dict[Key, Key]:
    """The deletions that *remaining*, which was to be deleted before them, forbids; none where it goes with one."""
    ends = {key for key, change in wanted.items() if change.action is Action.DELETE}
    if remaining.key not in ends or remaining.within in ends:
        return {}
    return {key: remaining.key for key in remaining.needs if key in ends}


def _deleted(touched: Sequence[Change]) -> dict[Key, Desired]:
    """What was to be deleted, as it was: to be looked for even where it is not the stack's any more."""
    return {
        change.key: Desired(change.key, change.before, Origin(""), change.needs, change.within)
        for change in touched
        if change.action is Action.DELETE and change.before is not None
    }


def _unread(observation: Observation) -> dict[Key, str]:
    return {key: part.reason for part in observation.unread for key in part.keys}


def _is_of(stack: str, owner: Owner | None) -> bool:
    return owner is not None and owner.stack == stack


def _same_owner(was: Owner | None, now: Owner | None) -> bool:
    """Whether the mark is as it was; a missing one that was put on can stay."""
    if was is None or now is None:
        return was is now
    return was.stack == now.stack and was.declaration in {"", UNMARKED, now.declaration}


def _as_before(change: Change, now: Live | None) -> bool:
    if change.before is None or now is None:
        return change.before is None and now is None
    return _same_owner(change.owner_before, now.owner) and not differing_fields(change.before, now.attributes)


def _difference(change: Change, now: Live | None) -> str:
    """Both states of what is not as it was."""
    was = change.before
    if now is None:
        return f"it was {_values(was)} and is gone"
    if was is None:
        return f"there was nothing, and now there is {_values(now.attributes)}, " + (
            "without the stack's mark; it was left alone" if now.owner is None else f"of stack {now.owner.stack}"
        )
    fields = differing_fields(was, now.attributes)
    if not fields:
        return f"it was {_whose(change.owner_before)} and is {_whose(now.owner)}"
    if type(was) is not type(now.attributes):
        return f"it was {_values(was)} and is {_values(now.attributes)}"
    return ", ".join(f"{name} was {getattr(was, name)!r} and is {getattr(now.attributes, name)!r}" for name in fields)


def _values(attributes: Attributes | None) -> str:
    return repr(attributes)


def _whose(owner: Owner | None) -> str:
    return f"stack {owner.stack}'s" if owner else "foreign"
