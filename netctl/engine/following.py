"""Following a system: what its own events say has changed, and how that is now.

A follower keeps what it needs to turn an event into the live state of a few resources, so that a change costs as much
as it is large, whatever the size of the stack. What an event cannot tell asks for a look at everything.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from netctl.engine.protocol import Scope
from netctl.engine.resource import Desired, Key, Live


def _nobody(_key: Key) -> str:
    return ""


class Tidings(NamedTuple):
    """What has changed since the last look."""

    live: Mapping[Key, Live | None] = {}
    """How it is now; None where it is gone. Desired resources, and what the stack owns."""
    wanted: Mapping[Key, Desired] = {}
    """For what is told in part (some elements of a set): the same part of what is desired."""
    parts: Mapping[Key, str] = {}
    """Which part that is, for people: ``set members: 10.0.0.5``."""
    everything: str = ""
    """Why all has to be looked at: notifications were lost, or other tools changed what facts are made of."""
    facts: bool = False
    """Whether what the compiler knows of the host may have changed."""
    more: bool = False
    """Whether there is more to take as soon as this has been put right: what went along without being told of."""
    culprit: Callable[[Key], str] = _nobody
    """The program that changed a resource, as far as the system tells: ``ip (4711)``."""

    def __bool__(self) -> bool:
        return bool(self.live or self.everything or self.facts)


class Follower(Protocol):
    """Listens to one system from when it is made until it is closed."""

    def descriptors(self) -> Sequence[int]:
        """Readable when there is something to take."""
        ...

    def attend(self, scope: Scope) -> None:
        """Tell of what concerns this desired state, which has just been observed whole."""
        ...

    def take(self) -> Tidings:
        """What has arrived; never waits. Raises BackendError."""
        ...

    def close(self) -> None:
        """Stop listening."""
        ...


@runtime_checkable
class Followable(Protocol):
    """A reader that can be followed; of others there are only `Reader.events`."""

    def follow(self) -> Follower:
        """A follower that listens by the time that this returns. Raises BackendError."""
        ...
