"""Whose turn it is to touch what is kept: the loop's, or that of the thread that is at work.

Either does what it does without being disturbed. While the thread waits for a system's answer, or works something out,
and so touches nothing, it lends its turn to the loop, which repairs meanwhile what others tell of.
"""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, get_ident


class Turns:
    """The turn of one agent. Nobody lends it before `begin`. All else is called by the thread that is at work."""

    def __init__(self) -> None:
        self._loop: AbstractEventLoop | None = None
        self._loop_thread = 0
        self._passed: Callable[[bool], None] = lambda _: None
        self._is_kept = False
        self._is_lent = False

    def begin(self, loop: AbstractEventLoop, passed: Callable[[bool], None]) -> None:
        """To be called in the loop. *passed* is told there: True when it is the loop's turn, then False."""
        self._loop, self._loop_thread, self._passed = loop, get_ident(), passed

    @contextmanager
    def lent(self) -> Iterator[None]:
        """It is the loop's turn; the thread touches nothing that is kept, nor the systems that are followed."""
        loop = self._loop
        if loop is None or self._is_kept or self._is_lent or get_ident() == self._loop_thread:
            yield
            return
        self._give(loop)
        try:
            yield
        finally:
            self._take_back(loop)

    @contextmanager
    def regained(self) -> Iterator[None]:
        """It is the thread's turn for once, also where it is lent."""
        loop = self._loop
        if loop is None or not self._is_lent:
            yield
            return
        self._take_back(loop)
        try:
            yield
        finally:
            self._give(loop)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """It is lent to nobody: what is half done looks like drift."""
        self._is_kept = True
        try:
            yield
        finally:
            self._is_kept = False

    def _give(self, loop: AbstractEventLoop) -> None:
        self._is_lent = True
        loop.call_soon_threadsafe(self._passed, True)

    def _take_back(self, loop: AbstractEventLoop) -> None:
        returned = Event()
        loop.call_soon_threadsafe(self._return, returned)
        returned.wait()
        self._is_lent = False

    def _return(self, returned: Event) -> None:
        try:
            self._passed(False)
        finally:
            returned.set()
