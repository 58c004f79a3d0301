"""``netctl twin test``."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from netctl.cli.findings import Junit, Output, Patience, print_findings, write_junit
from netctl.cli.options import Format
from netctl.cli.parameters import Option
from netctl.cli.terminal import Terminal
from netctl.cli.twin.options import Holding, examined
from netctl.errors import RefusedError

if TYPE_CHECKING:  # what reads declarations is imported where they are read
    from netctl.stack.loader import LoadedStack
    from netctl.twin.examination import Examination


@dataclass(frozen=True, kw_only=True)
class Options(Holding):
    """What ``netctl twin test`` takes."""

    keep: Annotated[bool, Option("--keep", help="Leave the twin up, also where it was not before.")] = False
    matrix: Annotated[bool, Option("--matrix", help="Show who reaches what; it is tested in any case.")] = False
    junit: Junit = None
    timeout: Patience = 1.0
    output: Output = Format.TEXT


def run(options: Options) -> int:
    """Try expectations, and who reaches what, with real packets.

    The twin is put up for it, and taken down again afterwards, unless it was up before.
    """
    from netctl.report.twin_text import matrix_summary
    from netctl.twin.testing import try_twin

    terminal = options.terminal()
    loaded, examination = examined(options, terminal)
    with (
        options.held(loaded.stack.stack, terminal) as directory,
        _up(loaded, examination, directory, options, terminal),
    ):
        findings = try_twin(examination, directory, options.timeout, terminal.progress("connections"))
    if options.junit:
        write_junit(options.junit, findings)
    in_brief = options.output is Format.TEXT and not (options.matrix or options.quiet)
    print_findings(findings._replace(matrix=None) if in_brief else findings, options.output, terminal)
    if in_brief:
        terminal.say(matrix_summary(findings, terminal.paint))
    return 1 if findings.failures else 0


@contextmanager
def _up(
    loaded: "LoadedStack", examination: "Examination", directory: Path, options: Options, terminal: Terminal
) -> Iterator[None]:
    """The twin, up for as long; one that was up before stays. Raises RefusedError where that is of something else."""
    from netctl.report.diagnostics import text
    from netctl.twin.holding import keep, kept
    from netctl.twin.twin import put_up, tear_down

    before = kept(directory)
    if before and before != loaded.digest:
        raise RefusedError(
            f"the twin of {loaded.stack.stack} that is up is not of what is declared now",
            "Put it up anew with netctl twin up, or remove it with netctl twin down.",
        )
    if not before:
        twin = put_up(loaded, examination, directory)
        terminal.remark(text(twin.warnings, terminal.error_paint))
        terminal.remark(f"put up the twin of {loaded.stack.stack} in {twin.seconds:.1f} s")
    try:
        yield
    finally:
        if options.keep:
            keep(directory, loaded.digest)
        elif not before:
            tear_down(loaded.stack.stack, directory)
