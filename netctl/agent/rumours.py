"""What systems that cannot be followed have told: they only say where to look.

Their events come by a thread each (`listening`). What they name is read again by the agent, in a thread too, since such
a system may take its time to answer; of what has been told meanwhile, one look is enough.
"""

from netctl.engine.following import Tidings
from netctl.engine.protocol import Reader, Scope
from netctl.engine.resource import Key


class Rumours:
    """Which keys of which systems may have changed."""

    def __init__(self) -> None:
        self._heard: dict[str, frozenset[Key]] = {}
        """By system; an empty set for all of it."""

    def note(self, system: str, keys: frozenset[Key]) -> None:
        """Remember what has been told, together with what was told before; no keys: all may have changed."""
        before = self._heard.get(system)
        whole = not keys or (before is not None and not before)
        self._heard[system] = frozenset() if whole else keys | (before or frozenset())

    def take(self, system: str) -> frozenset[Key] | None:
        """What is to be looked at; None where that has been done."""
        return self._heard.pop(system, None)


def look(system: str, reader: Reader, scope: Scope, keys: frozenset[Key]) -> Tidings:
    """How these keys are now, with what lives in them; without any, all of the system. Raises BackendError."""
    own = {key: want.within for key, want in scope.desired.items() if key.system == system}
    asked = keys.union(key for key, within in own.items() if within in keys) if keys else frozenset(own)
    seen = reader.observe(scope._replace(keys=asked if keys else None))
    unread = frozenset[Key]().union(*(part.keys for part in seen.unread)) & asked
    live = {key: seen.live.get(key) for key in (asked & own.keys()) - unread}
    reason = seen.unread[0].reason if unread else ""
    return Tidings(live | seen.live, everything=f"{system} could not be read: {reason}" if reason else "")
