"""Looking for a new desired state where that may take minutes (a repository out of reach): in a thread of its own."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread

Found = Callable[[], bool]
"""Whether there is a new state; raises what looking raised."""


class Looking:
    """One look at a time. To be used in the loop alone."""

    def __init__(self, look: Callable[[], bool], looked: Callable[[Found], None]) -> None:
        """*looked* is told in the loop."""
        self._look = look
        self._looked = looked
        self._is_looking = False
        self._again = False

    def begin(self) -> None:
        """Look now; where that is being done, once more afterwards: what is new may have come too late for it."""
        self._again = self._is_looking
        if not self._is_looking:
            self._is_looking = True
            Thread(target=self._run, args=(asyncio.get_running_loop(),), name="look", daemon=True).start()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        found = self._found()
        with suppress(RuntimeError):  # the loop has been closed
            loop.call_soon_threadsafe(self._end, found)

    def _found(self) -> Found:
        try:
            found = self._look()
        except Exception as error:  # noqa: BLE001 - raised where it is heard
            return _raising(error)
        return lambda: found

    def _end(self, found: Found) -> None:
        self._is_looking = False
        self._looked(found)
        if self._again:
            self.begin()


def _raising(error: Exception) -> Found:
    def found() -> bool:
        raise error

    return found
