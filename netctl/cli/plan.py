"""``netctl plan``."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

from netctl.cli.options import PlanFormat, Planning
from netctl.cli.parameters import Option
from netctl.cli.terminal import Terminal
from netctl.cli.workspace import Workspace, reading
from netctl.engine.plan import Plan
from netctl.engine.protocol import Reader, Unread

CHANGES = 2


@dataclass(frozen=True, kw_only=True)
class Options(Planning):
    """What ``netctl plan`` takes."""

    output: Annotated[PlanFormat, Option("-o", "--output", help="How the plan is printed.")] = PlanFormat.TEXT
    out: Annotated[Path | None, Option("--out", metavar="FILE", help="Save the plan, for netctl apply FILE.")] = None
    detailed_exitcode: Annotated[
        bool, Option("--detailed-exitcode", help="Exit with 2 where there are changes, 1 where all is not known.")
    ] = False


def run(options: Options) -> int:
    """Print what would change on this host, and why. Changes nothing."""
    terminal = options.terminal()
    with reading(options, terminal) as work:
        save = _saving(work, options) if options.out else None
        plan = work.plan(adopt=options.adopt, targets=options.target)
        warnings = work.warnings(plan)
        unread = work.unread(plan)
    if save:
        save(plan, warnings)
    print_plan(plan, warnings, options.output, terminal)
    if terminal.quiet and options.output is PlanFormat.TEXT:
        from netctl.cli.consent import refuse_conflicts

        refuse_conflicts(plan)  # an error is said also where the plan, which shows it, is not
    return _exit_code(plan, unread, detailed=options.detailed_exitcode)


def _saving(work: Workspace[Reader], options: Options) -> Callable[[Plan, list[str]], None]:
    """Writes the plan to the file that was asked for. Raises UsageError where the stack comes from standard input."""
    from netctl.cli.inputs import inputs_of
    from netctl.cli.saved_plan import write_plan

    inputs = inputs_of(work, options)
    return lambda plan, warnings: write_plan(cast(Path, options.out), plan, inputs, warnings)


def print_plan(plan: Plan, warnings: list[str], form: PlanFormat, terminal: Terminal) -> None:
    """Print *plan* as it was asked for; a text is left out when quiet."""
    if form is PlanFormat.JSON:
        from netctl.report.plan_json import plan_document

        terminal.result(json.dumps(plan_document(plan, warnings=warnings), indent=2))
    elif form is PlanFormat.MARKDOWN:
        from netctl.report.plan_markdown import plan_markdown

        terminal.result(plan_markdown(plan, warnings=warnings, verbose=terminal.verbose))
    elif not terminal.quiet:
        from netctl.report.plan_text import plan_text

        terminal.say(plan_text(plan, warnings=warnings, paint=terminal.paint, verbose=terminal.verbose))


def _exit_code(plan: Plan, unread: list[Unread], *, detailed: bool) -> int:
    """Conflicts are errors; with *detailed*, 0 is a promise that all is as declared."""
    if plan.conflicts:
        return 1
    if not detailed:
        return 0
    if plan.batches:
        return CHANGES
    return 1 if unread else 0
