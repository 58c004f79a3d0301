"""From a plan to its execution, as ``apply`` and ``destroy`` share it: consent, apply, report."""

import json
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import NamedTuple

from netctl.cli.consent import obtain
from netctl.cli.options import Changing, Format
from netctl.cli.terminal import Terminal
from netctl.engine.apply import ApplyError, Report, apply_plan
from netctl.engine.plan import Plan
from netctl.engine.protocol import Writer
from netctl.engine.resource import Desired, Key
from netctl.engine.sequel import Renew
from netctl.engine.session import Session
from netctl.errors import RefusedError
from netctl.report.apply_report import report_document


class Job(NamedTuple):
    """What is to be carried out, and how to tell about it."""

    make_plan: Callable[[], Plan]
    """Observes anew."""
    desired: Mapping[Key, Desired]
    session: Session[Writer]
    options: Changing
    terminal: Terminal
    output: Format = Format.TEXT
    renew: Renew | None = None
    """Works out anew what the first changes may have told."""


def carry_out(plan: Plan, job: Job) -> tuple[Report, float]:
    """Ask if need be, make the changes; what was done, and in how many seconds. Raises RefusedError, ApplyError."""
    if obtain(plan, job.terminal, yes=job.options.yes):
        _refuse_stale(plan, job.make_plan())
    started = perf_counter()
    try:
        report = apply_plan(
            plan,
            job.desired,
            job.session,
            keep_partial=job.options.keep_partial,
            progress=job.terminal.progress("changes"),
            renew=job.renew,
        )
    except ApplyError as error:
        _print_document(error.report, plan, job, perf_counter() - started)
        raise
    seconds = perf_counter() - started
    _print_document(report, plan, job, seconds)
    return report, seconds


def _refuse_stale(shown: Plan, current: Plan) -> None:
    if current.fingerprint != shown.fingerprint:
        raise RefusedError(
            f"what is live on {shown.host} has changed while you were asked; nothing was changed",
            "Look at the plan again.",
            "NC404",
        )


def _print_document(report: Report, plan: Plan, job: Job, seconds: float) -> None:
    if job.output is Format.JSON:
        document = report_document(report, stack=plan.stack, host=plan.host, seconds=seconds)
        job.terminal.result(json.dumps(document, indent=2))
