"""What the verbs of ``netctl twin`` have in common."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from netctl.cli.options import Sources, stack_name
from netctl.cli.parameters import Option
from netctl.cli.signals import orderly_end
from netctl.cli.terminal import Terminal
from netctl.errors import UsageError

if TYPE_CHECKING:  # what reads declarations is imported where they are read
    from netctl.stack.loader import LoadedStack
    from netctl.twin.examination import Examination


@dataclass(frozen=True, kw_only=True)
class Holding(Sources):
    """A stack whose twin nothing else touches meanwhile."""

    lock_timeout: Annotated[
        float, Option("--lock-timeout", metavar="SECONDS", min=0, help="Wait for another netctl this long.")
    ] = 10.0

    @contextmanager
    def held(self, stack: str, terminal: Terminal) -> Iterator[Path]:
        """The directory of the twin, held; signals that ask to end are taken in order. Raises LockedError."""
        from netctl.twin.holding import held

        with orderly_end(), held(stack, self.lock_timeout, terminal.remark) as directory:
            yield directory


@dataclass(frozen=True, kw_only=True)
class Naming(Sources):
    """A stack by its declaration, or by its name alone."""

    stack: Annotated[str, Option("--stack", metavar="NAME", help="The stack's name, in place of -f.")] = ""

    @property
    def stack_name(self) -> str:
        """The stack's name. Raises UsageError where it is not given, or given twice."""
        if self.stack and self.file:
            raise UsageError("both --stack and -f were given", "Name the stack with one of them.")
        if self.stack:
            return stack_name(self.stack)
        if not self.file:
            raise UsageError("no stack was named", "Name one with -f stack.yaml, or with --stack and its name.")
        from netctl.cli.declarations import load_declarations

        return load_declarations(self).name


def examined(options: Sources, terminal: Terminal) -> "tuple[LoadedStack, Examination]":
    """The stack as its twin has it, and what it asks of that; warnings, and what is left out, are remarked upon.

    Raises DeclarationError.
    """
    from netctl.cli.declarations import load_stack
    from netctl.report.diagnostics import text
    from netctl.twin.examination import examine_policies
    from netctl.twin.stand_ins import with_stand_ins

    loaded = load_stack(options)
    examination = examine_policies(loaded.stack, loaded)
    standing = with_stand_ins(loaded.stack)
    warnings = examination.warnings
    if standing.stack is not loaded.stack:
        loaded = loaded.having(standing.stack)
        examination = examine_policies(loaded.stack, loaded)
        # Neither what the twin knows better, nor what it misses for want of stand-ins, is wrong with the declaration.
        warnings = tuple(warning for warning in warnings if warning in examination.warnings)
    terminal.remark(text(warnings, terminal.error_paint))
    for sentence in standing.left_out:
        terminal.remark(sentence)
    return loaded, examination
