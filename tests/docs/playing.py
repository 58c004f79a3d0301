"""Playing a scene: every command is run for real, in order."""

from collections.abc import Iterator
from typing import NamedTuple

from tests.docs.matching import lines_of, matches
from tests.docs.pages import Exchange, File, Hidden, Scene
from tests.docs.stage import Machine, Stage, StageError


class Played(NamedTuple):
    """An exchange, and what was really printed."""

    exchange: Exchange
    printed: list[str]

    @property
    def as_shown(self) -> bool:
        """Whether the page tells the truth."""
        return matches(self.exchange.shown, self.printed)

    @property
    def crashed(self) -> bool:
        """Whether netctl met with a bug of its own."""
        return any("this is a bug in netctl" in line for line in self.printed)


def play(scene: Scene) -> Iterator[Played]:
    """What comes of each exchange. Raises StageError where a hidden command fails."""
    with Stage(scene.places) as stage:
        for step in scene.steps:
            if isinstance(step, File):
                (stage.directory / step.name).write_text(step.content, encoding="utf-8")
            elif isinstance(step, Hidden):
                _prepare(step, _machine(step.machine, stage))
            else:
                _, output = _machine(step.machine, stage).attempt(step.command)
                yield Played(step, lines_of(output))


def _prepare(step: Hidden, machine: Machine) -> None:
    try:
        machine.run(f"set -e\n{step.command}")
    except StageError as error:
        error.add_note(f"hidden in line {step.line}")
        raise


def _machine(name: str, stage: Stage) -> Machine:
    return stage.machines[name] if name else next(iter(stage.machines.values()))
