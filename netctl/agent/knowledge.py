"""What is known of the host: what the compiler has been told of it last, and whether that has changed."""

from collections.abc import Callable
from typing import Any

from netctl.agent.remembering import Remembering
from netctl.engine.facts import ASKED, Facts

_REMEMBERED = ("engine", "consul")
"""Those that are taken to be as they were while they cannot be read. Whoever is not known to be unwell is well."""


class Knowledge:
    """Facts, as they were told. What cannot be read any more is remembered: unknown is not empty."""

    def __init__(self) -> None:
        self._plain: tuple[object, ...] = ()
        self._told: dict[str, object] = {}
        """What has been asked for, of the facts told last."""
        self._remembering = Remembering(*_REMEMBERED)

    def tell(self, facts: Facts) -> Facts:
        """The same facts, whose answers are noted, and are given only once."""
        self._plain, self._told = _plain(facts), {}
        facts = self._remembering.told(facts)
        told: Any = {name: _noting(name, getattr(facts, name), self._told) for name in ASKED}
        return facts._replace(**told)

    def is_outdated(self, facts: Facts) -> bool:
        """Whether what was told is not so any more. What nobody has asked for is not asked for here."""
        newest = self._remembering.told(facts)
        return _plain(facts) != self._plain or any(
            getattr(newest, name)() != answer for name, answer in self._told.items()
        )


def _noting(name: str, ask: Callable[[], object], told: dict[str, object]) -> Callable[[], object]:
    def answer() -> object:
        if name not in told:
            told[name] = ask()
        return told[name]

    return answer


def _plain(facts: Facts) -> tuple[object, ...]:
    return tuple(value for value in facts if not callable(value))
