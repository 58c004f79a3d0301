"""A plan as Markdown for a pull-request comment: the count, then folded details, under GitHub's limit of 65,536."""

from collections.abc import Iterator, Sequence

from netctl.engine.plan import Plan
from netctl.report.paint import SIGNS, printable
from netctl.report.plan_text import conflict_text, count_text, matches_text
from netctl.report.rows import Row, key_order, plural, rows_by_system

LIMIT = 65_000
"""Characters of the whole; what does not fit is counted."""
_RESERVE = 2_000
"""Characters kept for what follows the details."""


def plan_markdown(plan: Plan, *, warnings: Sequence[str] = (), verbose: bool = False) -> str:
    """The comment. No line of it depends on the time, so that an unchanged plan is an unchanged comment."""
    lines = [f"### netctl plan: {_code(plan.stack)} on {_code(plan.host)}", ""]
    lines += [f"**{count_text(plan) if plan.batches else matches_text(plan)}**"]
    for warning in warnings[:8]:
        lines += ["", "> [!CAUTION]", f"> {_plain(warning)}"]
    lines += _conflicts(plan)
    lines += _unread(plan)
    room = LIMIT - _RESERVE - sum(len(line) + 1 for line in lines)
    for system, rows in rows_by_system(plan, verbose=verbose).items():
        details = list(_details(system, rows, room))
        room -= sum(len(line) + 1 for line in details)
        lines += details
    return "\n".join([*lines, "", f"<sub>Fingerprint {_code(plan.fingerprint[:16])}</sub>", ""])


def _details(system: str, rows: Sequence[Row], room: int) -> Iterator[str]:
    """One system's changes, folded; as many as fit in *room* characters."""
    body = [line for row in rows for line in _row(row)]
    yield from (
        "",
        "<details>",
        f"<summary>{_plain(system)}: {len(rows)} {plural('change', len(rows))}</summary>",
        "",
    )
    shown, used = 0, 200
    while shown < len(body) and used + len(body[shown]) + 1 <= room:
        used += len(body[shown]) + 1
        shown += 1
    if shown:
        fence = _fence(body[:shown])
        yield from (f"{fence}diff", *body[:shown], fence)
    if shown < len(body):
        yield f"… and {len(body) - shown} more lines; `netctl plan` shows them all."
    yield from ("", "</details>")


def _row(row: Row) -> Iterator[str]:
    """One change; the first character is the one by which a ``diff`` block is coloured."""
    sign = {"~": "!", "-/+": "!"}.get(SIGNS[row.action], SIGNS[row.action])
    word = "replace " if SIGNS[row.action] == "-/+" else ""
    parts = (f"{word}{row.kind} {row.name}", row.what, f"({row.source})" if row.source else "")
    yield printable(f"{sign} {'  '.join(part for part in parts if part)}")
    for note in row.notes:
        yield printable(f"#     {note}")


def _conflicts(plan: Plan) -> list[str]:
    if not plan.conflicts:
        return []
    ordered = sorted(plan.conflicts, key=lambda conflict: key_order(conflict.desired.key))
    lines = ["", f"**{len(ordered)} declared, but there already and not of this stack:**", ""]
    for conflict in ordered[:50]:
        place = conflict.desired.origin.place
        lines.append(
            f"- {_code(str(conflict.desired.key))} is {_plain(conflict_text(conflict))}; declared at {_code(place)}"
        )
    if len(ordered) > 50:
        lines.append(f"- and {len(ordered) - 50} more")
    return [*lines, "", "`netctl apply --adopt` takes over what can be; `netctl import` prints it as a declaration."]


def _unread(plan: Plan) -> list[str]:
    if not plan.unread:
        return []
    lines = ["", "**Could not be read, so nothing in it is changed or deleted:**", ""]
    for part in plan.unread[:20]:
        count = f"{len(part.keys)} {plural('resource', len(part.keys))}"
        lines.append(f"- {_plain(part.system)}, {_plain(part.part)}: {_plain(part.reason)[:500]} ({count})")
    return lines


def _fence(lines: Sequence[str]) -> str:
    """More backquotes than any run of them in the text."""
    longest = max((len(run) for line in lines for run in _backquote_runs(line)), default=0)
    return "`" * max(3, longest + 1)


def _backquote_runs(line: str) -> Iterator[str]:
    run = ""
    for character in line:
        run = run + character if character == "`" else ""
        if run:
            yield run


def _code(text: str) -> str:
    return f"`{printable(text).replace('`', chr(39))[:300]}`"


def _plain(text: str) -> str:
    """Text in which nothing is markup."""
    escaped = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{character}" if character in r"\`*_[]|#@" else character for character in escaped)
