"""Connections to endpoints that are no backends any more: they go on for the grace of the service, then are cut.

What a former process left behind is found, too: connections to a virtual address by an endpoint that is no backend of
it have their grace from the first look on.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from netctl.compiler.balancing.frontends import Frontend
from netctl.engine.flows import Left, Target

_AT_ONCE = "udp"
"""What only looks like a connection is moved when its endpoint leaves, by who changes the rules."""


class _Place(NamedTuple):
    """What clients connect to."""

    family: int
    address: str
    protocol: str
    port: int


class Draining:
    """Who has left, and until when connections to it go on."""

    def __init__(self) -> None:
        self._fronts: dict[_Place, Frontend] = {}
        self._leaving: dict[tuple[_Place, Target], float] = {}
        self._unknown: dict[_Place, float] = {}
        """When connections to anyone who is no backend then are cut, whenever it has left."""
        self._is_first = True

    def attend(self, fronts: Iterable[Frontend], now: float) -> None:
        """Heed who is a backend now; *now* is in seconds of any one clock."""
        before, self._fronts = self._fronts, {_place(front): front for front in fronts if front.protocol != _AT_ONCE}
        if self._is_first:
            self._is_first = False
            # Of a port of the host's own it is not known whether others have translated connections to it.
            own = ((place, front.drain) for place, front in self._fronts.items() if front.drain and place.address)
            self._unknown = {place: now + drain for place, drain in own}
        for place, front in before.items():
            if front is not self._fronts.get(place):
                self._heed(place, front, now)

    def _heed(self, place: _Place, before: Frontend, now: float) -> None:
        after = self._fronts.get(place)
        drain = after.drain if after else before.drain
        stay = _targets(after) if after else frozenset()
        for target in _targets(before) - stay if drain else ():
            self._leaving.setdefault((place, target), now + drain)
        for target in stay:
            self._leaving.pop((place, target), None)

    @property
    def next_due(self) -> float | None:
        """When connections are to be cut next."""
        return min((*self._leaving.values(), *self._unknown.values()), default=None)

    def ripe(self, now: float) -> Sequence[Left]:
        """The connections whose grace is over; they are told once."""
        gone: dict[_Place, set[Target]] = {}
        for (place, target), due in list(self._leaving.items()):
            if due <= now:
                gone.setdefault(place, set()).add(target)
                del self._leaving[place, target]
        return [*(Left(*_told(place), frozenset(ends)) for place, ends in gone.items()), *self._left_unknown(now)]

    def _left_unknown(self, now: float) -> Iterator[Left]:
        for place, due in list(self._unknown.items()):
            if due <= now:
                del self._unknown[place]
                if (front := self._fronts.get(place)) is not None:
                    still = {target for leaving, target in self._leaving if leaving == place}
                    yield Left(*_told(place), kept=_targets(front) | still)


def _place(front: Frontend) -> _Place:
    return _Place(front.family, front.address, front.protocol, front.port)


def _told(place: _Place) -> tuple[int, str, str, int]:
    return place.family, place.protocol, place.address, place.port


def _targets(front: Frontend) -> frozenset[Target]:
    return frozenset(Target(end.address, front.target) for end in front.backends)
