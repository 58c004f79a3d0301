"""``netctl apply``."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

from netctl.cli.consent import refuse_conflicts, refuse_held, refuse_mass_deletion
from netctl.cli.execution import Job, carry_out
from netctl.cli.inputs import options_of
from netctl.cli.options import Changing, Format, PlanFormat, Planning
from netctl.cli.parameters import Argument, Option
from netctl.cli.plan import print_plan
from netctl.cli.reach import reached, read_by
from netctl.cli.saved_plan import (
    SavedPlan,
    current_sources,
    read_plan,
    refuse_changed_sources,
    refuse_other_outcome,
    whole_environment,
)
from netctl.cli.terminal import Terminal
from netctl.cli.workspace import Workspace, writing
from netctl.engine.apply import Report
from netctl.engine.plan import Plan
from netctl.engine.protocol import Writer
from netctl.errors import NetctlError, UsageError
from netctl.report.apply_report import success_text
from netctl.report.plan_text import changes_text


@dataclass(frozen=True, kw_only=True)
class Options(Changing, Planning):
    """What ``netctl apply`` takes."""

    saved: Annotated[Path | None, Argument(metavar="PLAN", help="A plan saved by netctl plan --out.")] = None
    max_deletes: Annotated[
        int | None, Option("--max-deletes", metavar="N", min=0, help="Refuse more (default: all that is owned).")
    ] = None
    output: Annotated[Format, Option("-o", "--output", help="How the result is printed.")] = Format.TEXT


def run(options: Options) -> int:
    """Make this host match the declaration, and verify it. Where that fails, what was done is undone."""
    terminal = options.terminal()
    saved = _saved_plan(options)
    inputs = options_of(saved.inputs, options) if saved else options
    with _workspace(inputs, saved, options, terminal) as work:
        make_plan = partial(work.plan, adopt=inputs.adopt, targets=inputs.target)
        plan = make_plan()
        _agree(plan, work, saved, options, terminal)
        renew = partial(work.renew, targets=inputs.target)
        job = Job(make_plan, work.desired, work.session, options, terminal, options.output, renew)
        work.reach.add(reached(change.key for change in plan.changes))
        report, seconds = carry_out(plan, job)
        if report.done and options.output is Format.TEXT:
            _tell(report, seconds, plan, terminal)
        read = read_by(plan, work.session.members)
        # With targets, what the stack has besides was left alone.
        work.reach.keep(reached(work.desired) & read, frozenset() if inputs.target else read)
        _refuse_to_call_it_complete(work, plan)
    return 0


def _saved_plan(options: Options) -> SavedPlan | None:
    """The saved plan that was named, if one was. Raises UsageError where its inputs are given again."""
    if options.saved is None:
        return None
    given = {
        "-f": options.file,
        "--var": options.var,
        "--var-file": options.var_file,
        "--host": options.host,
        "--netns": options.netns,
        "--provider": options.provider,
        "--target": options.target,
        "--adopt": options.adopt,
        "--consul": options.consul,
    }
    if repeated := [name for name, value in given.items() if value]:
        raise UsageError(
            f"a saved plan has its own inputs: {', '.join(repeated)} cannot be given with it",
            "Leave the options out, or leave the plan out and name the declaration with -f.",
        )
    return read_plan(options.saved)


@contextmanager
def _workspace(
    inputs: Planning, saved: SavedPlan | None, options: Options, terminal: Terminal
) -> Iterator[Workspace[Writer]]:
    """The workspace for the inputs; those of a saved plan must be as they were."""
    if saved is None:
        with writing(inputs, options, terminal) as work:
            yield work
        return
    refuse_changed_sources(saved, current_sources(saved))
    with writing(inputs, options, terminal, whole_environment(saved.inputs, os.environ)) as work:
        refuse_changed_sources(saved, work.declarations.sources)
        yield work


def _agree(plan: Plan, work: Workspace[Writer], saved: SavedPlan | None, options: Options, terminal: Terminal) -> None:
    """Print the plan, and raise what forbids its execution."""
    if saved is not None:
        refuse_other_outcome(saved, plan)
    if options.output is Format.TEXT:
        print_plan(plan, work.warnings(plan), PlanFormat.TEXT, terminal)
    refuse_conflicts(plan)
    refuse_held(plan)
    refuse_mass_deletion(plan, options.max_deletes)


def _tell(report: Report, seconds: float, plan: Plan, terminal: Terminal) -> None:
    """Say what was done, first what the plan did not know yet."""
    shown = {change.key for change in plan.changes}
    besides = tuple(change for change in report.done if change.key not in shown)
    if besides:
        terminal.say(f"Besides, with what was known by then:\n{changes_text(replace(plan, batches=(besides,)))}\n")
    terminal.say(success_text(report, seconds, terminal.paint))


def _refuse_to_call_it_complete(work: Workspace[Writer], plan: Plan) -> None:
    """Raise NetctlError where part of the live state could not be read: the rest has been applied."""
    if unread := work.unread(plan):
        systems = ", ".join(dict.fromkeys(part.system for part in unread))
        raise NetctlError(
            f"what could be read is as declared, but not all could be read: {systems}",
            "Mend the cause that the plan shows, and apply again; --provider leaves a system out.",
            "NC406",
        )
