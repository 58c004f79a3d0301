"""What an apply did: one line where all went well, the whole story where it did not."""

from collections.abc import Iterator, Sequence
from typing import Any

from netctl import __version__
from netctl.engine.apply import Report, Result
from netctl.engine.change import Action, Change, Outcome
from netctl.engine.resource import Key
from netctl.report.paint import COLOURS, PLAIN, SIGNS, Paint, printable
from netctl.report.plan_json import ACTIONS, FORMAT_VERSION
from netctl.report.rows import key_order
from netctl.report.wording import field_changes

_PAST = {Action.CREATE: "created", Action.UPDATE: "updated", Action.REPLACE: "replaced", Action.DELETE: "deleted"}
_LONGEST = 50
"""Lines of one part of a report; the rest is counted, and in the JSON form complete."""


def success_text(report: Report, seconds: float, paint: Paint = PLAIN) -> str:
    """``Applied and verified in 120 ms: 3 created, 1 updated, 0 replaced, 1 deleted.``"""
    counts = {action: sum(change.action is action for change in report.done) for action in Action}
    text = ", ".join(f"{counts[action]} {_PAST[action]}" for action in Action)
    return paint("green", f"Applied and verified in {duration(seconds)}: {text}.")


def duration(seconds: float) -> str:
    """``8 ms``, ``1.25 s``."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def failure_text(report: Report, paint: Paint = PLAIN, *, verbose: bool = False) -> str:
    """What failed first, then what did not stick, what had been done and what became of it."""
    limit = len(report.done) + len(report.skipped) + len(report.failed) if verbose else _LONGEST
    lines = list(_part("Failed", [_failure(outcome) for outcome in report.failed], paint, "red", limit))
    lines += _part(
        "Acknowledged, but not as declared when read back", _differences(report.unverified), paint, "red", limit
    )
    lines += _part("Could not be undone", [_failure(outcome) for outcome in report.not_undone], paint, "red", limit)
    left = _left(report)
    undone = [change for change in report.done if change.key not in left]
    lines += _part("Done and undone again", [_line(change, paint) for change in undone], paint, "yellow", limit)
    kept = [change for change in report.done if change.key in left]
    lines += _part("Done, and not undone", [_line(change, paint) for change in kept], paint, "yellow", limit)
    if report.skipped:
        lines.append(paint("dim", f"Not tried after the failure: {len(report.skipped)} changes."))
    return "\n".join(lines)


def report_document(report: Report, *, stack: str, host: str, seconds: float) -> dict[str, Any]:
    """The whole report as what ``json.dumps`` takes."""
    return {
        "format_version": FORMAT_VERSION,
        "netctl_version": __version__,
        "stack": stack,
        "host": host,
        "result": report.result.value,
        "seconds": round(seconds, 3),
        "done": [_step(change) for change in report.done],
        "failed": [_failed_step(outcome) for outcome in report.failed],
        "skipped": [_step(change) for change in report.skipped],
        "unverified": [_step(change) | {"changed": list(change.fields)} for change in report.unverified],
        "not_undone": [_failed_step(outcome) for outcome in report.not_undone],
    }


def _left(report: Report) -> frozenset[Key]:
    """What was changed and has not been put back."""
    if report.result is Result.PARTIAL and not report.not_undone:
        return frozenset(change.key for change in report.done)
    return frozenset(outcome.change.key for outcome in report.not_undone)


def _part(title: str, lines: Sequence[str], paint: Paint, colour: str, limit: int) -> Iterator[str]:
    if not lines:
        return
    yield paint(colour, f"{title}:")
    yield from lines[:limit]
    if len(lines) > limit:
        yield f"  … and {len(lines) - limit} more"


def _failure(outcome: Outcome) -> str:
    where = f"  ({outcome.change.origin.place})" if outcome.change.origin else ""
    return printable(f"  {outcome.failure}{where}")


def _differences(changes: Sequence[Change]) -> list[str]:
    """Both values of each attribute that did not stick."""
    return [
        printable(f"  {change.key}: {_difference(change)}")
        for change in sorted(changes, key=lambda c: key_order(c.key))
    ]


def _difference(change: Change) -> str:
    if change.action is Action.CREATE:
        return "not there"
    if change.action is Action.DELETE:
        return "still there"
    return "; ".join(field_changes(change)) or change.reason.value


def _line(change: Change, paint: Paint) -> str:
    return f"  {paint(COLOURS[change.action], f'{SIGNS[change.action]:<3}')}  {printable(str(change.key))}"


def _step(change: Change) -> dict[str, Any]:
    return {"address": str(change.key), "actions": ACTIONS[change.action]}


def _failed_step(outcome: Outcome) -> dict[str, Any]:
    failure = outcome.failure
    told = {"attempt": failure.attempt, "answer": failure.answer, "advice": failure.advice} if failure else {}
    return _step(outcome.change) | told
