"""The declared stack, as the options name it: loaded, and compiled for a host."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from netctl.cli.options import Sources
from netctl.cli.saved_plan import SourceFile
from netctl.cli.terminal import Terminal
from netctl.engine.facts import Facts
from netctl.errors import DeclarationError, UsageError
from netctl.report.diagnostics import text
from netctl.stack.definitions import ENVIRONMENT_PREFIX, VariableInputs
from netctl.stack.loader import LoadedStack, MalformedError, in_order, load, load_named
from netctl.stack.source import STDIN, STDIN_NAME

if TYPE_CHECKING:  # imported where something is compiled; destroy wants no more than the stack's name
    from netctl.compiler import Compiled


@dataclass(frozen=True)
class Declarations:
    """A loaded stack."""

    loaded: LoadedStack

    @property
    def name(self) -> str:
        """The stack's name."""
        return self.loaded.stack.stack

    @property
    def leads(self) -> bool:
        """Whether what is cluster-wide is this host's to see to."""
        return True

    @property
    def sources(self) -> tuple[SourceFile, ...]:
        """Every file that was read, by its absolute path. Raises UsageError where one cannot be read again."""
        found = set()
        for file in self.loaded.files:
            path = Path(file.path)
            if file.path == STDIN_NAME or not path.is_file():
                raise UsageError(
                    f"a plan of {file.path} cannot be saved: apply could not read it again",
                    "Store the declaration in a file, and name that with -f.",
                )
            found.add(SourceFile(str(path.absolute()), file.sha256))
        return tuple(sorted(found))

    def choose_host(self, wanted: str | None, facts: Facts) -> str:
        """The declared host that this machine is; empty for a stack without hosts."""
        from netctl.compiler import choose_host

        return choose_host(self.loaded.stack, wanted, facts) or ""

    def compile(self, host: str, facts: Facts, terminal: Terminal | None = None) -> "Compiled":
        """What *host* is to have; with a terminal, warnings are remarked upon. Raises DeclarationError."""
        from netctl.compiler import compile_stack

        compiled = compile_stack(self.loaded.stack, self.loaded, host or None, facts)
        if terminal is not None:
            terminal.remark(text(compiled.diagnostics, terminal.error_paint))
        return compiled


def load_declarations(options: Sources, environment: Mapping[str, str] | None = None) -> Declarations:
    """The stack that the options name; *environment* is the process's own unless given. Raises DeclarationError."""
    return Declarations(load_stack(options, environment))


def load_stack(options: Sources, environment: Mapping[str, str] | None = None) -> LoadedStack:
    """What the loader makes of the options. Raises DeclarationError, UsageError."""
    try:
        return load(*_inputs(options, os.environ if environment is None else environment))
    except MalformedError as error:
        raise _with_further(error) from error


def _with_further(error: MalformedError) -> DeclarationError:
    """The malformed declarations, and what is wrong with the others: so that nobody mends a file in two rounds."""
    from netctl.compiler.remaining import further_mistakes

    remaining = error.remaining
    further = further_mistakes(remaining.stack, remaining, error.left_out)
    return DeclarationError(in_order([*error.diagnostics, *further], (file.path for file in remaining.files)))


def declared_content(options: Sources) -> dict[str, Any]:
    """What the options name, of which no more is validated than that it has a name. Raises as `load_stack` does."""
    return load_named(*_inputs(options, os.environ))


def _inputs(options: Sources, environment: Mapping[str, str]) -> tuple[list[str], VariableInputs, BinaryIO | None]:
    if not options.file:
        raise UsageError("no declaration was named", "Name one: -f stack.yaml, a directory, or - for standard input.")
    stdin = sys.stdin.buffer if STDIN in options.file else None
    return options.file, VariableInputs(options.var, options.var_file, environment), stdin


def variable_environment() -> dict[str, str]:
    """The part of the environment that defines variables."""
    return {name: value for name, value in os.environ.items() if name.startswith(ENVIRONMENT_PREFIX)}
