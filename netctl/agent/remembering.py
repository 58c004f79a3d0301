"""What Docker and Consul said last, for when they cannot be read: unknown is not empty, and makes nobody unwell."""

from collections.abc import Callable
from functools import partial
from typing import Any

from netctl.engine.facts import Facts


class Remembering:
    """The last answers of systems that are asked for certain facts."""

    def __init__(self, *names: str) -> None:
        """*names* are those of the facts."""
        self._names = names
        self._last: dict[str, object] = {}

    def told(self, facts: Facts) -> Facts:
        """These facts, whose answers are remembered; where there is none, with the last one."""
        asked: Any = {name: partial(self._newest, name, getattr(facts, name)) for name in self._names}
        return facts._replace(**asked)

    def last(self, name: str) -> object:
        """What was said last of one of them; None where nothing was."""
        return self._last.get(name)

    def _newest(self, name: str, ask: Callable[[], object]) -> object:
        found = ask()
        if found is not None:
            self._last[name] = found
        return self._last.get(name)
