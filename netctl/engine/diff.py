"""What must change so that the live state becomes the desired one. Pure.

A resource is created where it is desired and not there, updated where attributes differ, replaced where one of them
cannot be changed in place, deleted where the stack owns it and no longer desires it. What is foreign is a conflict.
What could not be read is left out altogether.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from netctl.engine.change import Action, Change, Reason
from netctl.engine.protocol import Observation
from netctl.engine.resource import Desired, Key, Kind, Live, Owner

Kinds = Mapping[tuple[str, str], Kind]
"""Every known kind by (system, name)."""


class Conflict(NamedTuple):
    """A desired resource whose key a foreign object has."""

    desired: Desired
    live: Live
    adoptable: bool
    """False where taking it over would mean destroying it: another type, or an immutable attribute differs."""


class Difference(NamedTuple):
    """The changes, unordered, and what stands in the way."""

    changes: dict[Key, Change]
    conflicts: tuple[Conflict, ...] = ()
    blocked: tuple[Key, ...] = ()
    """Desired resources left as they are: they, or what they need, could not be read, or replacing them would harm
    what could not be read."""


def differing_fields(desired: tuple[object, ...], live: tuple[object, ...]) -> tuple[str, ...]:
    """The names of the managed attributes that differ; ``("type",)`` where the attributes are of different types."""
    if type(desired) is not type(live):
        return ("type",)
    names: tuple[str, ...] = desired._fields  # type: ignore[attr-defined]  # attributes are NamedTuples
    pairs = zip(names, desired, live, strict=True)
    return tuple([name for name, want, have in pairs if want != have and want is not None])


def diff(
    desired: Mapping[Key, Desired], observation: Observation, kinds: Kinds, stack: str, *, adopt: bool = False
) -> Difference:
    """Compare *desired* with what was observed. *adopt* takes foreign objects over instead of reporting a conflict."""
    return _Comparison(desired, observation, kinds, stack, adopt=adopt).run()


class _Comparison:
    """One comparison: collects changes and conflicts by key."""

    def __init__(
        self, desired: Mapping[Key, Desired], observation: Observation, kinds: Kinds, stack: str, *, adopt: bool
    ) -> None:
        self.desired = desired
        self.live = observation.live
        self.unread = frozenset[Key]().union(*(part.keys | part.needed for part in observation.unread))
        self.kinds = kinds
        self.stack = stack
        self.adopt = adopt
        self.changes: dict[Key, Change] = {}
        self.conflicts: list[Conflict] = []

    def run(self) -> Difference:
        blocked = self._behind(self.unread)
        self._collect(blocked)
        while harmful := self._harmful(blocked):
            blocked = self._behind(blocked | harmful)
            self.changes.clear()
            self.conflicts.clear()
            self._collect(blocked)
        held_back = tuple(key for key in self.desired if key in blocked) if blocked else ()
        return Difference(self.changes, tuple(self.conflicts), held_back)

    def _collect(self, blocked: frozenset[Key]) -> None:
        """Find every change but those to what is *blocked*."""
        live = self.live
        for key, want in self.desired.items():
            if blocked and key in blocked:
                continue
            have = live.get(key)
            if have is None:
                self.changes[key] = self._create(want)
            elif have.attributes != want.attributes or not self._marked(want, have.owner):
                self._compare(want, have)
        for have in self._leftovers():
            if blocked.isdisjoint(_anchors(have)) and blocked.isdisjoint(self.kinds[have.key[:2]].hinges_on):
                self.changes[have.key] = self._delete(have)
        self._follow_moves(blocked)
        self._cascade(blocked)
        self._follow_exchanges(blocked)
        self._imply_deletions()
        self._defer_deletions()

    def _behind(self, keys: frozenset[Key]) -> frozenset[Key]:
        """The *keys* and, transitively, what needs them."""
        if not keys:
            return keys
        blocked = set(keys)
        grown = True
        while grown:
            more = {
                key
                for key, want in self.desired.items()
                if key not in blocked and not blocked.isdisjoint(_anchors(want))
            }
            blocked |= more
            grown = bool(more)
        return frozenset(blocked)

    def _harmful(self, blocked: frozenset[Key]) -> frozenset[Key]:
        """What would be replaced although something unknown lives in it or needs it."""
        below = {anchor for key in blocked if key in self.desired for anchor in _anchors(self.desired[key])}
        return frozenset(key for key in below if key in self.changes and self.changes[key].action is Action.REPLACE)

    def _create(self, want: Desired, reason: Reason = Reason.DECLARED) -> Change:
        return Change(
            Action.CREATE, want.key, None, want.attributes, reason,
            owner=self._owner(want), origin=want.origin, needs=want.needs, within=want.within,
        )  # fmt: skip

    def _marked(self, want: Desired, owner: Owner | None) -> bool:
        """Whether the live object's mark is the one wanted; one without room for a declaration always is."""
        if owner is None or owner.stack != self.stack:
            return False
        return not owner.declaration or owner.declaration == want.origin.declaration

    def _compare(self, want: Desired, have: Live) -> None:
        fields = differing_fields(want.attributes, have.attributes)
        marked = self._marked(want, have.owner)
        if marked and not fields:
            return
        kind = self.kinds[want.key[:2]]
        replaced = kind.must_be_replaced(want.attributes, have.attributes, fields)
        foreign = have.owner is None or have.owner.stack != self.stack
        contested = kind.shared and have.owner is not None and bool(fields)
        if foreign and (replaced or contested or not (kind.shared or self.adopt)):
            self.conflicts.append(Conflict(want, have, adoptable=not (replaced or contested)))
        elif foreign and not kind.shared:
            self.changes[want.key] = self._update(want, have, (*fields, "owner"), Reason.ADOPTED)
        elif replaced:
            self.changes[want.key] = self._update(want, have, fields, Reason.IMMUTABLE)._replace(action=Action.REPLACE)
        elif not foreign and not marked:
            self.changes[want.key] = self._update(want, have, (*fields, "owner"), Reason.DIFFERS)
        elif fields:
            self.changes[want.key] = self._update(want, have, fields, Reason.DIFFERS)

    def _update(self, want: Desired, have: Live, fields: tuple[str, ...], reason: Reason) -> Change:
        return Change(
            Action.UPDATE, want.key, have.attributes, want.attributes, reason, fields,
            owner_before=have.owner, owner=self._owner(want), origin=want.origin, needs=want.needs, within=want.within,
        )  # fmt: skip

    def _delete(self, have: Live) -> Change:
        return Change(
            Action.DELETE, have.key, have.attributes, None, Reason.UNDECLARED,
            owner_before=have.owner, needs=have.needs, within=have.within,
        )  # fmt: skip

    def _leftovers(self) -> Iterator[Live]:
        for key in [key for key in self.live if key not in self.desired]:
            have = self.live[key]
            if have.owner is not None and have.owner.stack == self.stack:
                yield have

    def _owner(self, want: Desired) -> Owner:
        return Owner(self.stack, want.origin.declaration)

    def _follow_moves(self, blocked: frozenset[Key]) -> None:
        """What is to live in something else than what it lives in, and what that is deleted with, is made again there:
        the far end of a veth pair, where the near end has another name.
        """
        ending = {key for key, change in self.changes.items() if change.action is Action.DELETE}
        out_of_reach = blocked.union(conflict.desired.key for conflict in self.conflicts)
        for key, want in self.desired.items() if ending else ():
            have = self.live.get(key)
            if have is not None and have.within in ending and have.within != want.within and key not in out_of_reach:
                self._remake(want)

    def _cascade(self, blocked: frozenset[Key]) -> None:
        """What lives in a replaced resource is made again with it; what merely needs it is asserted again."""
        gone = {key for key, change in self.changes.items() if change.action is Action.REPLACE}
        out_of_reach = blocked.union(conflict.desired.key for conflict in self.conflicts)
        frontier = gone
        while frontier:
            found: set[Key] = set()
            for key, want in self.desired.items():
                if key in gone or key in out_of_reach:
                    continue
                if want.within in frontier:
                    self._remake(want)
                    found.add(key)
                elif not frontier.isdisjoint(want.needs):
                    self._reassert(want)
            gone = gone | found
            frontier = found

    def _remake(self, want: Desired) -> None:
        have = self.live.get(want.key)
        if have is not None:
            change = self._update(want, have, differing_fields(want.attributes, have.attributes), Reason.CONTAINER)
            self.changes[want.key] = change._replace(action=Action.REPLACE, implied=True)

    def _reassert(self, want: Desired) -> None:
        """Set all attributes again, not only those that differ now: more of them will, once what it needs is new."""
        have = self.live.get(want.key)
        if have is not None:
            known = self.changes.get(want.key)
            reason = Reason.ADOPTED if known is not None and known.reason is Reason.ADOPTED else Reason.CONTAINER
            self.changes[want.key] = self._update(want, have, (), reason)

    def _follow_exchanges(self, blocked: frozenset[Key]) -> None:
        """What needs something that takes another's place is asserted again: what it needed until now is deleted, and
        may take it along, as the last address of an interface takes the routes.
        """
        changes = [change for change in self.changes.values() if change.within is not None]
        places = {_place(change) for change in changes if change.action is Action.DELETE}
        new = {change.key for change in changes if change.action is Action.CREATE and _place(change) in places}
        if not new:
            return
        out_of_reach = blocked.union(conflict.desired.key for conflict in self.conflicts)
        for key, want in self.desired.items():
            if key not in self.changes and key not in out_of_reach and not new.isdisjoint(want.needs):
                self._reassert(want)

    def _imply_deletions(self) -> None:
        """Mark deletions that another deletion, or a replacement, brings about."""
        ending = {key for key, change in self.changes.items() if change.action in {Action.DELETE, Action.REPLACE}}
        for key, change in self.changes.items():
            if change.action is Action.DELETE and change.within in ending:
                self.changes[key] = change._replace(implied=True)

    def _defer_deletions(self) -> None:
        """Mark deletions that must wait until what needed the resource leads elsewhere."""
        deleted = {
            key for key, change in self.changes.items()
            if change.action is Action.DELETE and self.kinds[key[:2]].deleted_last
        }  # fmt: skip
        for key, change in list(self.changes.items()) if deleted else ():
            if change.action is Action.UPDATE and key in self.live:
                for need in deleted.intersection(self.live[key].needs):
                    self.changes[need] = self.changes[need]._replace(deferred=True)


def _place(change: Change) -> tuple[str, str, Key | None]:
    """What changes must share for one to take the other's place: the kind, and what they live in."""
    return change.key.system, change.key.kind, change.within


def _anchors(want: Desired | Live) -> tuple[Key, ...]:
    return want.needs if want.within is None else (*want.needs, want.within)
