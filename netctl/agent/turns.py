"""Whose turn it is to touch what is kept: the loop's, or that of the thread that is at work.

Either does what it does without being disturbed. While the thread waits for a system's answer, and so touches nothing,
it lends its turn to the loop, which repairs meanwhile what others tell of.
"""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, get_ident


class Turns:
    """The turn of one agent. Nobody lends it before `begin`."""

    def __init__(self) -> None:
        self._loop: AbstractEventLoop | None = None
        self._thread = 0
        """The loop's, which waits for nothing."""
        self._passed: Callable[[bool], None] = lambda _: None
        self._is_kept = False

    def begin(self, loop: AbstractEventLoop, passed: Callable[[bool], None]) -> None:
        """To be called in the loop. *passed* is told there: True when it is the loop's turn, then False."""
        self._loop, self._thread, self._passed = loop, get_ident(), passed

    @contextmanager
    def lent(self) -> Iterator[None]:
        """It is the loop's turn; the thread touches nothing that is kept."""
        loop = self._loop
        if loop is None or self._is_kept or get_ident() == self._thread:
            yield
            return
        loop.call_soon_threadsafe(self._passed, True)
        try:
            yield
        finally:
            returned = Event()
            loop.call_soon_threadsafe(self._return, returned)
            returned.wait()

    def _return(self, returned: Event) -> None:
        try:
            self._passed(False)
        finally:
            returned.set()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """It is lent to nobody: what is half done looks like drift."""
        self._is_kept = True
        try:
            yield
        finally:
            self._is_kept = False
