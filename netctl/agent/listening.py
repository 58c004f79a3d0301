"""What tells of changes: followers, waited for in the loop, and for other systems a thread each."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from threading import Thread
from time import sleep

from netctl.agent.log import Log
from netctl.engine.following import Followable, Follower
from netctl.engine.protocol import Reader, Scope
from netctl.engine.resource import Key
from netctl.errors import BackendError

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0
"""Seconds between attempts to listen to a system that cannot be listened to."""

Heard = Callable[[str, frozenset[Key]], None]
"""Told, in the loop, which system has changed, and which of its keys; none: all may have."""
Lost = Callable[[str, str], None]
"""Told, in the loop, which system cannot be heard any more, and why."""


class Listening:
    """The followers, and threads for the systems that cannot be followed."""

    def __init__(self, members: Mapping[str, Reader], log: Log) -> None:
        self.followers: dict[str, Follower] = {}
        self.threaded: set[str] = set()
        """The systems that cannot be followed. They may take their time to answer."""
        self.away: set[str] = set()
        """Those of them that cannot be heard at present. They tell when they can."""
        self._unstarted: list[str] = []
        self._members = members
        self._log = log
        for name, member in members.items():
            if isinstance(member, Followable):
                self.followers[name] = member.follow()
            else:
                self._unstarted.append(name)
        self.threaded.update(self._unstarted)

    def attend(self, scope: Scope) -> None:
        """Listen for what concerns this desired state."""
        for follower in self.followers.values():
            follower.attend(scope)

    def start_threads(
        self, loop: asyncio.AbstractEventLoop, concerned: Collection[str], heard: Heard, lost: Lost
    ) -> None:
        """Listen to those of these systems that cannot be followed, each in a thread of its own."""
        for name in [name for name in self._unstarted if name in concerned]:
            self._unstarted.remove(name)
            arguments = loop, name, heard, lost
            Thread(target=self._listen, args=arguments, name=f"events of {name}", daemon=True).start()

    def _listen(self, loop: asyncio.AbstractEventLoop, name: str, heard: Heard, lost: Lost) -> None:
        pause = _FIRST_PAUSE
        with suppress(RuntimeError):  # the loop has been closed: this is the end
            while True:
                reason = "its events have ended"
                try:
                    # The first is empty: what happened while nobody listened is not known.
                    for keys in self._members[name].events():
                        loop.call_soon_threadsafe(heard, name, keys)
                        pause = _FIRST_PAUSE
                except (BackendError, OSError) as error:
                    reason = str(error)
                loop.call_soon_threadsafe(lost, name, reason)
                sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    def close(self) -> None:
        """Stop following."""
        for follower in self.followers.values():
            follower.close()
