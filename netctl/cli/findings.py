"""What tests found, as their options want it: printed, and as a file of JUnit's XML."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from netctl.cli.options import Format
from netctl.cli.parameters import Option
from netctl.cli.terminal import Terminal
from netctl.errors import NetctlError

if TYPE_CHECKING:  # what reads declarations is imported where they are read
    from netctl.twin.examination import Findings

Junit = Annotated[Path | None, Option("--junit", metavar="FILE", help="Write JUnit's XML.")]
Patience = Annotated[
    float, Option("--timeout", metavar="SECONDS", min=0.1, max=60, help="Wait for an answer this long.")
]
Output = Annotated[Format, Option("-o", "--output", help="How results are printed.")]


def write_junit(path: Path, findings: "Findings") -> None:
    """Write JUnit's XML to a file. Raises NetctlError where that fails."""
    from netctl.report.junit import junit

    try:
        path.write_bytes(junit(findings))
    except OSError as error:
        raise NetctlError(f"{path} cannot be written: {error.strerror}", "Name another file with --junit.") from error


def print_findings(findings: "Findings", form: Format, terminal: Terminal) -> None:
    """Print what came of it: as text the expectations, then the matrix; when quiet, what failed."""
    if form is Format.JSON:
        from netctl.report.trials_json import trials_document

        terminal.result(json.dumps(trials_document(findings), indent=2))
        return
    from netctl.report.matrix import matrix_text
    from netctl.report.trials_text import advice, failures_text, trials_text

    if terminal.quiet:
        terminal.result(failures_text(findings))
        return
    terminal.say(trials_text(findings, terminal.paint, verbose=terminal.verbose))
    if findings.matrix is not None:
        terminal.say("\n" + matrix_text(findings, terminal.paint, width=terminal.width, verbose=terminal.verbose))
    if said := advice(findings):
        terminal.say("\n" + said)
