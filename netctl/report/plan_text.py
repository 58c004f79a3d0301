"""A plan for people to read: one line a change, grouped by system, aligned.

kernel
  +    link   nc-frontend  bridge, mtu 1500     stack.yaml:20
  ~    link   nc-backend   mtu: 1500 -> 1450    stack.yaml:26

Plan: 1 to create, 1 to update, 0 to replace, 0 to delete.
"""

from collections.abc import Iterable, Iterator, Sequence

from netctl.engine.change import Action
from netctl.engine.diff import Conflict, differing_fields
from netctl.engine.plan import Plan
from netctl.kinds.link import Bridge
from netctl.kinds.route import Route
from netctl.kinds.rule import Rule
from netctl.report.paint import COLOURS, PLAIN, SIGNS, Paint, printable
from netctl.report.rows import Row, key_order, plural, rows_by_system
from netctl.report.wording import live_text

_WIDEST_NAME = 44
_WIDEST_WHAT = 60
"""Columns are as wide as their widest entry, but no entry widens one beyond this."""
_NOTE = " " * 9


def plan_text(plan: Plan, *, warnings: Sequence[str] = (), paint: Paint = PLAIN, verbose: bool = False) -> str:
    """The whole plan; what endangers the user's own connection comes first, the count last."""
    lines = [paint("red", f"Warning: {warning}") for warning in warnings]
    if plan.batches:
        lines += [*_gap(lines), changes_text(plan, paint=paint, verbose=verbose)]
    for part in (_conflicts(plan.conflicts, paint), _unread(plan, paint)):
        lines += [*_gap(lines), *part] if part else []
    return "\n".join([*lines, *_gap(lines), *_closing(plan, paint)])


def changes_text(plan: Plan, *, paint: Paint = PLAIN, verbose: bool = False) -> str:
    """The changes alone, by system."""
    lines: list[str] = []
    for system, rows in rows_by_system(plan, verbose=verbose).items():
        lines += [*_gap(lines), paint("bold", system), *_table(rows, paint)]
    return "\n".join(lines)


def count_text(plan: Plan) -> str:
    """``Plan: 3 to create, 1 to update, 0 to replace, 1 to delete.``"""
    counts = plan.count()
    return "Plan: " + ", ".join(f"{counts[action]} to {action}" for action in Action) + "."


def matches_text(plan: Plan) -> str:
    """``No changes. node1 matches shop.``, or as much of it as is known."""
    if plan.conflicts:
        return "No changes can be made before the conflicts are settled."
    if plan.unread:
        return f"No changes are known. What could be read of {plan.host} matches {plan.stack}."
    return f"No changes. {plan.host} matches {plan.stack}."


def _closing(plan: Plan, paint: Paint) -> list[str]:
    text = count_text(plan) if plan.batches else matches_text(plan)
    return [paint("bold", text)]


def _gap(lines: Sequence[str]) -> list[str]:
    return [""] if lines else []


def _table(rows: Sequence[Row], paint: Paint) -> Iterator[str]:
    """The rows in columns."""
    kind = max(len(row.kind) for row in rows)
    name = min(_WIDEST_NAME, max(len(row.name) for row in rows))
    what = min(_WIDEST_WHAT, max(len(row.what) for row in rows))
    for row in rows:
        sign = paint(COLOURS[row.action], f"{SIGNS[row.action]:<3}")
        text = printable(f"{row.kind:<{kind}}  {row.name:<{name}}  {row.what:<{what}}  {row.source}".rstrip())
        yield f"  {sign}  {text}"
        for note in row.notes:
            yield paint("dim", f"{_NOTE}{printable(note)}")


def _conflicts(conflicts: Sequence[Conflict], paint: Paint) -> list[str]:
    if not conflicts:
        return []
    ordered = sorted(conflicts, key=lambda conflict: key_order(conflict.desired.key))
    lines = [paint("red", f"Conflicts: {len(ordered)} declared, but there already and not of this stack")]
    for conflict in ordered:
        where = f"  {conflict.desired.origin.place}" if conflict.desired.origin.place else ""
        lines.append(printable(f"  !    {conflict.desired.key}  is {conflict_text(conflict)}{where}"))
    return [*lines, *ways_out(ordered)]


def conflict_text(conflict: Conflict) -> str:
    """What is there, whose it is, and how it differs: ``a bridge, foreign; differs in mtu``."""
    fields = differing_fields(conflict.desired.attributes, conflict.live.attributes)
    return live_text(conflict.live) + (f"; differs in {', '.join(fields)}" if fields else "")


def ways_out(conflicts: Sequence[Conflict]) -> list[str]:
    """What to do about the conflicts, in one sentence for each way."""
    lines = []
    if adoptable := [conflict for conflict in conflicts if conflict.adoptable]:
        lines.append(
            f"  To take over what is there: netctl apply --adopt ({len(adoptable)} of {len(conflicts)} can be)."
        )
    lines.append(f"  To see what is there as a declaration: {import_command(conflicts)}.")
    if len(adoptable) < len(conflicts):
        lines.append("  What cannot be changed in place cannot be taken over: remove it, or rename the declaration.")
    return lines


def import_command(conflicts: Sequence[Conflict]) -> str:
    """The command that prints one of them as a declaration; where none makes one by itself, all that is there."""
    named = next((f" '{conflict.desired.key}'" for conflict in conflicts if _declares_itself(conflict)), "")
    return f"netctl import{named}"


def _declares_itself(conflict: Conflict) -> bool:
    """Whether what is there makes a declaration; an address, or an end of a veth pair, is part of its network's."""
    there = conflict.live.attributes
    if conflict.desired.key.system != "kernel":
        return True
    return isinstance(there, Bridge | Route | Rule) and not getattr(there, "netns", "")


def _unread(plan: Plan, paint: Paint) -> list[str]:
    if not plan.unread:
        return []
    lines = [paint("yellow", "Could not be read, so nothing in it is changed or deleted:")]
    lines += [printable(f"  {part.system}: {part.part}: {part.reason}{_left(part.keys)}") for part in plan.unread]
    if len(plan.blocked) > sum(len(part.keys) for part in plan.unread):
        lines.append(f"  {len(plan.blocked)} declared resources in all wait for this.")
    return lines


def _left(keys: Iterable[object]) -> str:
    count = sum(1 for _ in keys)
    return f" ({count} declared {plural('resource', count)} left alone)" if count else ""
