"""What tells of changes: followers, waited for in the loop, and for other systems a thread each."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from threading import Thread
from time import sleep

from netctl.agent.log import Log
from netctl.engine.following import Followable, Follower
from netctl.engine.protocol import Reader, Scope
from netctl.engine.resource import Key
from netctl.errors import BackendError

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0
"""Seconds between attempts to listen to a system that cannot be listened to."""

Heard = Callable[[str, frozenset[Key]], None]
"""Told, in the loop, which system has changed, and which of its keys; none: all may have."""


class Listening:
    """The followers, and threads for the systems that cannot be followed."""

    def __init__(self, members: Mapping[str, Reader], log: Log) -> None:
        self.followers: dict[str, Follower] = {}
        self._threaded: list[str] = []
        self._members = members
        self._log = log
        for name, member in members.items():
            if isinstance(member, Followable):
                self.followers[name] = member.follow()
            else:
                self._threaded.append(name)

    def attend(self, scope: Scope) -> None:
        """Listen for what concerns this desired state."""
        for follower in self.followers.values():
            follower.attend(scope)

    def start_threads(self, loop: asyncio.AbstractEventLoop, scope: Scope, heard: Heard) -> None:
        """Listen to the systems that have something desired and cannot be followed, each in a thread of its own."""
        concerned = {key.system for key in scope.desired}
        for name in [name for name in self._threaded if name in concerned]:
            self._threaded.remove(name)
            Thread(target=self._listen, args=(loop, name, heard), name=f"events of {name}", daemon=True).start()

    def _listen(self, loop: asyncio.AbstractEventLoop, name: str, heard: Heard) -> None:
        pause = _FIRST_PAUSE
        with suppress(RuntimeError):  # the loop has been closed: this is the end
            whole = True
            while True:
                for keys in self._events(name, pause):
                    # What happened while nobody listened is not known.
                    loop.call_soon_threadsafe(heard, name, keys if whole else frozenset())
                    whole, pause = True, _FIRST_PAUSE
                sleep(pause)
                whole, pause = False, min(pause * 2, _LONGEST_PAUSE)

    def _events(self, name: str, pause: float) -> Iterator[frozenset[Key]]:
        """The events of a system until they break off, which is told once."""
        try:
            yield from self._members[name].events()
        except (BackendError, OSError) as error:
            if pause == _FIRST_PAUSE:
                self._log.error("the events of a system cannot be heard", system=name, error=error)

    def close(self) -> None:
        """Stop following."""
        for follower in self.followers.values():
            follower.close()
