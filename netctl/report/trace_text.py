"""Traces for people: the verdict and what decides, the policies rule by rule, then the path.

frontend/web -> backend/db, 5432/tcp: allowed
  policy 'db-from-web' allows it (shop.yaml:20: from service web, ports 5432/tcp)
  shop.yaml:20 |       - {from: [{service: web}], ports: [5432/tcp]}
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from netctl.engine.resource import Origin
from netctl.path.steps import Arrival, Dropped, Left, Path, Step
from netctl.path.trace import Judged, Trace
from netctl.policy.explanation import because, spelled_port
from netctl.policy.model import Direction
from netctl.policy.outcomes import Consulted, Outcome, RuleOutcome
from netctl.policy.verdicts import Reason, Verdict
from netctl.report.paint import PLAIN, Paint, printable
from netctl.report.trace_wording import STEP_NAMES, place_text, step_text

LineOf = Callable[[Origin], str]
"""The text of the line that a declaration is on."""

_WIDEST = 84
"""Columns are as wide as their widest entry, but no entry widens one beyond this."""
_OUTCOMES = {
    Outcome.DECIDES: "matches and decides",
    Outcome.LOGS: "matches, logs, goes on",
    Outcome.OTHER_PEER: "no match: another peer",
    Outcome.OTHER_PORT: "no match: another port",
    Outcome.OTHER_PEER_AND_PORT: "no match: another peer, another port",
    Outcome.NOT_REACHED: "not reached",
}
_WITHOUT_RULE = {
    Reason.NO_RULE: "no rule matches",
    Reason.PASSED: "every tier passes it on",
    Reason.OPEN: "no policy governs it",
    Reason.OUTSIDE: "it is no endpoint of the stack",
    Reason.FAILSAFE: "a failsafe port, which no policy closes",
}
_ENDS = {
    Arrival.DELIVERED: "it is delivered",
    Arrival.LEFT: "it leaves what the stack declares",
    Arrival.DROPPED: "it does not arrive",
}


def traces_text(traces: Iterable[Trace], line_of: LineOf, paint: Paint = PLAIN) -> str:
    """All traces, an empty line and a rule between any two."""
    return f"\n\n{'-' * 24}\n\n".join(trace_text(trace, line_of, paint) for trace in traces)


def trace_text(trace: Trace, line_of: LineOf, paint: Paint = PLAIN) -> str:
    """One trace."""
    blocks = [_head(trace, line_of, paint), *(_side(judged, trace, paint) for judged in trace.sides)]
    if trace.path is not None:
        blocks.append(_path(trace.path, trace, paint))
    if trace.answer is not None:
        blocks.append(_answer(trace.answer, trace, paint))
    blocks.append([paint("yellow", f"Note: {remark}") for remark in trace.remarks])
    return "\n\n".join("\n".join(map(_safe(paint), block)) for block in blocks if block)


def outcome_text(trace: Trace) -> str:
    """``allowed``, ``denied``, or ``allowed, but it does not arrive``."""
    if trace.decision.verdict is Verdict.DENY:
        return "denied"
    if trace.connects or trace.path is None:
        return "allowed"
    if trace.path.arrival is Arrival.DELIVERED:
        return "allowed, but answers do not return"
    return f"allowed, but {_ENDS[trace.path.arrival]}"


def _head(trace: Trace, line_of: LineOf, paint: Paint) -> list[str]:
    colour = "green" if trace.connects else "red"
    port = spelled_port(trace.decision.connection)
    lines = [f"{trace.source} -> {trace.destination}, {port}: {paint(colour, outcome_text(trace))}"]
    lines.append(f"  {because(trace.decision)}")
    lines += _quoted(trace.decision.origin, line_of)
    path = trace.path if trace.is_answered else trace.answer
    last = path.steps[-1] if path else None
    if trace.decision.verdict is Verdict.ALLOW and not trace.connects and isinstance(last, Dropped | Left):
        lines.append(f"  {place_text(last.at)}: {step_text(last)}")
        lines += _quoted(last.origin if isinstance(last, Dropped) else None, line_of)
    return lines


def _quoted(origin: Origin | None, line_of: LineOf) -> Iterator[str]:
    """The line that decides, as it is written."""
    if origin is not None and (text := line_of(origin)):
        yield f"  {origin.place} | {text.strip()}"


def _side(judged: Judged, trace: Trace, paint: Paint) -> list[str]:
    side = judged.side
    name = side.endpoint or (trace.source if side.direction is Direction.EGRESS else trace.destination)
    why = "" if side.reason is Reason.RULE else f", {_WITHOUT_RULE[side.reason]}"
    hidden = side.direction is Direction.INGRESS and side.peer not in {trace.source, side.endpoint}
    seen = f" (which sees {side.peer})" if hidden else ""
    title = f"{side.direction.capitalize()} of {name}{seen}: {side.verdict}{why}"
    rows = [row for policy in judged.consulted for row in _policy(policy, side.direction)]
    lines = [paint("bold", title), *_table(rows)]
    if judged.not_consulted:
        names = ", ".join(policy.name for policy in judged.not_consulted)
        lines.append(f"  not consulted, since it is decided: {names}")
    return lines


def _policy(consulted: Consulted, direction: Direction) -> Iterator[tuple[str, ...]]:
    policy = consulted.policy
    staged = "" if consulted.in_force else "staged, decides nothing"
    yield (f"policy {policy.name}, tier {policy.tier}", staged, policy.origin.place)
    if not consulted.rules:
        yield (f"  no {direction} rules", "nothing matches", policy.origin.place)
    yield from (_rule(found) for found in consulted.rules)


def _rule(found: RuleOutcome) -> tuple[str, ...]:
    return f"  {found.rule.text}", _OUTCOMES[found.outcome], found.rule.origin.place


def _path(path: Path, trace: Trace, paint: Paint) -> list[str]:
    title = f"Path of {path.sent.source} -> {path.sent.destination}: {_ENDS[path.arrival]}"
    if trace.decision.verdict is Verdict.DENY:
        title = f"Path that {path.sent.source} -> {path.sent.destination} would take, were it allowed"
    return [paint("bold", title), *_steps(path)]


def _answer(path: Path, trace: Trace, paint: Paint) -> list[str]:
    """In one line where it returns; else, step by step, where to it goes instead."""
    title = f"Answers {path.sent.source} -> {path.sent.destination}"
    if trace.is_answered:
        return [paint("bold", f"{title}: they return")]
    return [paint("bold", f"{title}: they do not return"), *_steps(path)]


def _steps(path: Path) -> Iterator[str]:
    rows: list[tuple[str, ...]] = []
    for place, steps in groupby(path.steps, key=lambda step: place_text(step.at)):
        for number, step in enumerate(steps):
            rows.append(("" if number else place, STEP_NAMES[type(step)], step_text(step), _source(step)))
    return _table(rows)


def _source(step: Step) -> str:
    origin: Origin | None = getattr(step, "origin", None)
    return origin.place if origin else ""


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [min(_WIDEST, max(map(len, column))) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _safe(paint: Paint) -> Callable[[str], str]:
    """Lines may hold what a file holds; where there is colour, its sequences are ours."""
    return str if paint.enabled else printable
