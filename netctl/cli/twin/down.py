"""``netctl twin down``."""

from dataclasses import dataclass
from typing import Annotated

from netctl.cli.parameters import Option
from netctl.cli.terminal import Terminal
from netctl.cli.twin.options import Holding, Naming
from netctl.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Options(Naming, Holding):
    """What ``netctl twin down`` takes."""

    every: Annotated[bool, Option("--all", help="Every twin on this machine.")] = False


def run(options: Options) -> int:
    """Remove a twin with all that runs in it, or what is left of one."""
    terminal = options.terminal()
    for stack in _stacks(options):
        _remove(stack, options, terminal)
    return 0


def _stacks(options: Options) -> list[str]:
    from netctl.twin.holding import held_stacks
    from netctl.twin.spaces import twinned

    if not options.every:
        return [options.stack_name]
    if options.stack or options.file:
        raise UsageError("--all was given with a stack", "Leave one of them out.")
    return sorted(twinned() | held_stacks())


def _remove(stack: str, options: Options, terminal: Terminal) -> None:
    from netctl.twin.twin import tear_down

    with options.held(stack, terminal) as directory:
        there = tear_down(stack, directory)
    terminal.say(f"The twin of {stack} is gone." if there else f"There is no twin of {stack}.")
