"""How often one resource is repaired: at once at first, ever slower where it is changed again and again.

A fight at full speed is won by nobody and costs both sides; the resource is reported as contended instead. One that
has been left in peace for a while starts afresh.
"""

from collections.abc import Iterator
from dataclasses import dataclass

FREE = 10
"""So many repairs in a row are made at once."""
FIRST_DELAY = 0.05
LONGEST_DELAY = 60.0
PEACE = 10.0
"""Seconds, besides the last delay, after which a resource that nobody changed starts afresh."""


_MANY = 1000


@dataclass
class _Record:
    count: int = 0
    last: float = 0.0
    delay: float = 0.0


class Pace:
    """The repairs of each resource, or part of one. Times are of a monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        self._most = _MANY
        """So many records are kept before it is looked for those that are of no use any more."""
        self.contended: dict[str, float] = {}
        """What is slowed down, and since when."""

    def due(self, name: str, now: float) -> float:
        """When *name* may be repaired; not after *now* where it may at once."""
        record = self._records.get(name)
        if record is None:
            return now
        if now - record.last > record.delay + PEACE:
            self.forget(name)
            return now
        return record.last + record.delay

    def repaired(self, name: str, now: float) -> bool:
        """Count a repair; True where *name* has become contended by it."""
        if len(self._records) >= self._most:
            self._sweep(now)
        record = self._records.setdefault(name, _Record())
        record.count += 1
        record.last = now
        if record.count < FREE:
            return False
        record.delay = min(max(record.delay * 2, FIRST_DELAY), LONGEST_DELAY)
        new = name not in self.contended
        self.contended.setdefault(name, now)
        return new

    def forget(self, name: str) -> None:
        """Let *name* start afresh."""
        self._records.pop(name, None)
        self.contended.pop(name, None)

    def _sweep(self, now: float) -> None:
        """Forget what has been left in peace and was not contended; names may come and go without end."""
        self._records = {
            name: record
            for name, record in self._records.items()
            if name in self.contended or now - record.last <= record.delay + PEACE
        }
        self._most = max(_MANY, 2 * len(self._records))

    def expire(self, now: float) -> Iterator[str]:
        """Forget what has been left in peace; what of that was contended."""
        peaceful = [name for name, record in self._records.items() if now - record.last > record.delay + PEACE]
        for name in peaceful:
            if name in self.contended:
                yield name
            self.forget(name)
