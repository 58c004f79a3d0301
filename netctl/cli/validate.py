"""``netctl validate``."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from netctl.cli.options import Sources
from netctl.cli.parameters import Option
from netctl.cli.terminal import Terminal
from netctl.codes import CODES
from netctl.errors import DeclarationError, Diagnostic, Severity
from netctl.report import diagnostics


class DiagnosticFormat(StrEnum):
    """How diagnostics are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


@dataclass(frozen=True, kw_only=True)
class Options(Sources):
    """What ``netctl validate`` takes."""

    output: Annotated[
        DiagnosticFormat, Option("-o", "--output", "--output-format", help="How mistakes are printed.")
    ] = DiagnosticFormat.TEXT
    strict: Annotated[bool, Option("--strict", help="Warnings are errors.")] = False


def run(options: Options) -> int:
    """Check the declaration as a whole, for every host. Touches no system."""
    terminal = options.terminal()
    found, name = _examine(options)
    _print(found, options.output, terminal)
    worst = {diagnostic.severity for diagnostic in found}
    failed = Severity.ERROR in worst or (options.strict and bool(worst))
    if options.output is DiagnosticFormat.TEXT:
        _conclude(found, name, terminal, failed=failed)
    return 1 if failed else 0


def _examine(options: Options) -> tuple[list[Diagnostic], str]:
    """Everything that is wrong, and the stack's name where it can be read."""
    from netctl.cli.declarations import load_stack
    from netctl.compiler import validate

    try:
        loaded = load_stack(options)
    except DeclarationError as error:
        return list(error.diagnostics), ""
    return validate(loaded.stack, loaded), loaded.stack.stack


def _print(found: list[Diagnostic], form: DiagnosticFormat, terminal: Terminal) -> None:
    match form:
        case DiagnosticFormat.TEXT:
            terminal.error(diagnostics.text(found, terminal.error_paint))
        case DiagnosticFormat.JSON:
            terminal.result(diagnostics.as_json(found))
        case DiagnosticFormat.GITHUB:
            terminal.result(diagnostics.github(found))
        case DiagnosticFormat.SARIF:
            terminal.result(diagnostics.sarif(found, {code: entry.title for code, entry in CODES.items()}))


def _conclude(found: list[Diagnostic], name: str, terminal: Terminal, *, failed: bool) -> None:
    if failed:
        terminal.error(terminal.error_paint("red", f"Not valid: {diagnostics.count_text(found)}."))
    else:
        terminal.say(f"{name} is valid" + (f", with {diagnostics.count_text(found)}." if found else "."))
