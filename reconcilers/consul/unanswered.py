"""What Consul has just been asked in vain: whoever asks more of it would wait as long once more, and again."""

import time

from netctl.errors import BackendError

_REMEMBERED = 5.0
"""Seconds."""


class Unanswered:
    """The time limits that have run out; of all connections of one reader, which tell it in threads of their own."""

    def __init__(self) -> None:
        self._noted: dict[bool, tuple[BackendError, float]] = {}
        """Of what the agent answers by itself, and of the rest: what was the matter, and when."""

    def note(self, error: BackendError, *, by_agent: bool) -> None:
        """There was no answer to something that the agent answers by itself, or to something else."""
        self._noted[by_agent] = error, time.monotonic()

    def error(self, *, by_agent: bool) -> BackendError | None:
        """Why not to ask for such a thing now. An agent that is silent does not ask the servers, either; where those
        are, it still answers for itself.
        """
        for kind in {True, by_agent}:
            error, since = self._noted.get(kind, (None, 0.0))
            if error is not None and time.monotonic() - since < _REMEMBERED:
                return error
        return None

    def forget(self) -> None:
        """Ask again."""
        self._noted.clear()
