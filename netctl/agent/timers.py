"""What is to be done once, some time later."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

_JITTER = 0.1
"""Of an interval, either way: a thousand hosts are not to look at the same instant."""


class Timers:
    """Timers of the running loop, by name."""

    def __init__(self) -> None:
        self._set: dict[str, asyncio.TimerHandle] = {}

    def later(self, name: str, seconds: float, call: Callable[..., None], *arguments: Any) -> None:
        """Call once after so many seconds; one that is set already stays, unless this one is earlier."""
        loop = asyncio.get_running_loop()
        known = self._set.get(name)
        if known is not None and not known.cancelled() and loop.time() < known.when() <= loop.time() + seconds:
            return
        if known is not None:
            known.cancel()
        self._set[name] = loop.call_later(seconds, call, *arguments)


def jittered(seconds: float) -> float:
    """About so many seconds."""
    return seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret
