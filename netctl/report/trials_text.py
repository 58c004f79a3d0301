"""The expectations of a stack and what came of them, for people: a line for each, and what failed.

result    at             from         to           port      expected  found  because
pass      stack.yaml:31  service web  service db   5432/tcp  allow     allow  policy 'db' allows it (stack.yaml:20: …)
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from netctl.policy.evaluate import Evaluator
from netctl.report.paint import PLAIN, Paint, printable
from netctl.report.trials_wording import connection_text, failure_text, why
from netctl.twin.examination import Findings, Manner, Standing, standing
from netctl.twin.trials import Case, Outcome, Result, declared_verdict

_HEADINGS = ("RESULT", "AT", "FROM", "TO", "PORT", "EXPECTED", "FOUND", "BECAUSE")
_LABELS = {
    Standing.PASSED: "pass",
    Standing.FAILED: "FAIL",
    Standing.UNTOLD: "untold",
    Standing.PARTLY: "partly",
    Standing.UNTESTED: "untested",
}
_COLOURS = {Standing.PASSED: "green", Standing.FAILED: "red"}
_SUMMARY = {
    Standing.PASSED: "passed",
    Standing.FAILED: "failed",
    Standing.UNTOLD: "untold",
    Standing.PARTLY: "tested in part",
    Standing.UNTESTED: "not tested from here",
}
_TELLING = (Outcome.FAILED, Outcome.UNTOLD, Outcome.UNTESTED, Outcome.PASSED)
_WIDEST = 40
_FEW = 5
"""Failed connections of one expectation that are shown, unless more are asked for."""


def trials_text(findings: Findings, paint: Paint = PLAIN, *, verbose: bool = False) -> str:
    """A table of the expectations, under each the connections that failed, and how many there were of each."""
    rows = [_HEADINGS, *(_row(case, results, findings.examination.evaluator) for case, results in findings.cases)]
    if len(rows) == 1:
        return f"{findings.examination.stack} declares no expectations: write some under 'expect:'."
    widths = [_width([row[at] for row in rows]) for at in range(len(_HEADINGS) - 1)]
    lines = [paint("dim", _line(rows[0], widths))]
    for row, (_, results) in zip(rows[1:], findings.cases, strict=True):
        lines.append(_painted(_line(row, widths), standing(results), paint))
        lines += _details(results, findings.examination.evaluator, verbose=verbose)
    return "\n".join([*lines, "", _summary(findings)])


def failures_text(findings: Findings) -> str:
    """A line for each connection that failed, of the matrix too; empty where none did."""
    evaluator = findings.examination.evaluator
    failed = (result for result in (*findings.results, *(findings.matrix or ())) if result.outcome is Outcome.FAILED)
    return "\n".join(failure_text(result, evaluator) for result in failed)


def advice(findings: Findings) -> str:
    """What to do where a host does otherwise than is declared; empty where it does not."""
    evaluator = findings.examination.evaluator
    failed = (r for r in (*findings.results, *(findings.matrix or ())) if r.outcome is Outcome.FAILED and r.answer)
    if findings.manner is Manner.LIVE and any(declared_verdict(r.trial, evaluator) is not r.found for r in failed):
        return f"{findings.place} does otherwise than is declared. See what differs there with netctl plan."
    return ""


def _row(case: Case, results: Sequence[Result], evaluator: Evaluator) -> tuple[str, ...]:
    return (
        _LABELS[standing(results)],
        case.origin.place,
        case.source,
        case.destination,
        case.port,
        case.expected,
        _found(results),
        _because(results, evaluator),
    )


def _found(results: Sequence[Result]) -> str:
    """``allow``; ``deny 3``; ``allow 3, deny 1, untested 2``."""
    if not results:
        return "-"
    counted = Counter(_word(result) for result in results)
    if len(results) == 1:
        return next(iter(counted))
    return ", ".join(f"{word} {count}" for word, count in sorted(counted.items()))


def _word(result: Result) -> str:
    if result.found is None and result.outcome is Outcome.FAILED:
        return "not tried"
    return str(result.found or result.outcome)


def _because(results: Sequence[Result], evaluator: Evaluator) -> str:
    """Of the first that failed, which it is and why; else of the first that did not pass, or of the first."""
    if not results:
        return "no endpoint is selected"
    shown = min(results, key=lambda result: _TELLING.index(result.outcome))
    said = why(shown, evaluator)
    return f"{connection_text(shown.trial)}: {said}" if shown.outcome is Outcome.FAILED else said


def _details(results: Sequence[Result], evaluator: Evaluator, *, verbose: bool) -> Iterator[str]:
    """The failed connections after the first, some of them; all connections when verbose."""
    chosen = list(results) if verbose else [r for r in results if r.outcome is Outcome.FAILED][1:]
    for result in islice(chosen, None if verbose else _FEW):
        label = "FAIL" if result.outcome is Outcome.FAILED else _LABELS[Standing(result.outcome)]
        yield printable(f"  {label:<8}  {connection_text(result.trial)}: {why(result, evaluator)}")
    if not verbose and len(chosen) > _FEW:
        yield f"            and {len(chosen) - _FEW} more; --verbose shows them"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [_fitted(cell, width) for cell, width in zip(row, widths, strict=False)]
    return printable("  ".join([*cells, row[-1]]).rstrip())


def _width(cells: Sequence[str]) -> int:
    # A place is never cut: it is there to be followed.
    return max(len(cell) for cell in cells) if cells[0] == "AT" else min(_WIDEST, max(map(len, cells)))


def _fitted(cell: str, width: int) -> str:
    return f"{cell:<{width}}" if len(cell) <= width else f"{cell[: width - 1]}…"


def _painted(line: str, standing_: Standing, paint: Paint) -> str:
    label = _LABELS[standing_]
    colour = _COLOURS.get(standing_, "yellow")
    return paint(colour, label) + line[len(label) :]


def _summary(findings: Findings) -> str:
    """``3 expectations: 2 passed, 1 failed. 14 connections, with real packets from node1, in 0.4 s.``"""
    counted = Counter(standing(results) for _, results in findings.cases)
    total = counted.total()
    parts = ", ".join(f"{counted[kind]} {word}" for kind, word in _SUMMARY.items() if counted[kind])
    return f"{total} expectation{'s' if total != 1 else ''}: {parts}. {_effort(findings)}"


def _effort(findings: Findings) -> str:
    if findings.manner is Manner.STATIC:
        count = len(findings.results)
        return f"{count} connection{'s' if count != 1 else ''}, decided on the declaration alone."
    sent = sum(result.answer is not None for result in findings.results)
    count_text = f"{sent} connection{'s' if sent != 1 else ''}"
    return f"{count_text}, tried with real packets from {findings.place}."
