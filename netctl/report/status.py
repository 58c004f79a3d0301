"""The state of each declaration, derived from a plan: what is in it is not as declared.

networks.frontend   in sync    12 resources            stack.yaml:20
overlays.pods       drifted    2 of 40 resources       stack.yaml:31
                      ~  kernel/fdb/nc-pods-vx 02:…  destination: 192.0.2.12 -> 192.0.2.13
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from netctl import __version__
from netctl.engine.change import Action, Change
from netctl.engine.plan import Plan
from netctl.engine.resource import Desired, Key, Origin
from netctl.report.paint import COLOURS, PLAIN, SIGNS, Paint, printable
from netctl.report.plan_json import ACTIONS, FORMAT_VERSION
from netctl.report.rows import key_order, natural_order, plural
from netctl.report.wording import field_changes, owner_text, reason_text, summary

_LONGEST = 8
"""Resources listed under a declaration unless more are asked for."""


class State(StrEnum):
    """How a declaration stands; the worst of its resources' states."""

    IN_SYNC = "in sync"
    UNKNOWN = "unknown"
    DRIFTED = "drifted"
    MISSING = "missing"
    CONFLICT = "conflict"


_COLOURS = {State.IN_SYNC: "green", State.UNKNOWN: "yellow", State.DRIFTED: "yellow", State.MISSING: "red"}


@dataclass
class DeclarationStatus:
    """One declaration and what of it does not hold."""

    name: str
    origin: Origin
    total: int = 0
    changes: list[Change] = field(default_factory=list)
    conflicts: list[Key] = field(default_factory=list)
    unknown: list[Key] = field(default_factory=list)

    @property
    def state(self) -> State:
        if self.conflicts:
            return State.CONFLICT
        missing = sum(change.action is Action.CREATE for change in self.changes)
        if missing and missing == self.total:
            return State.MISSING
        if self.changes:
            return State.DRIFTED
        return State.UNKNOWN if self.unknown else State.IN_SYNC


@dataclass(frozen=True)
class Status:
    """The declarations in order of their names, and what the stack owns beyond them."""

    stack: str
    host: str
    declarations: tuple[DeclarationStatus, ...]
    leftovers: tuple[Change, ...]

    @property
    def in_sync(self) -> bool:
        """Whether everything is as declared, and nothing else is left."""
        return not self.leftovers and all(entry.state is State.IN_SYNC for entry in self.declarations)


def status_of(plan: Plan, desired: Mapping[Key, Desired]) -> Status:
    """The status that *plan* implies for what is *desired*."""
    found: dict[str, DeclarationStatus] = {}
    for want in desired.values():
        entry = found.setdefault(want.origin.declaration, DeclarationStatus(want.origin.declaration, want.origin))
        entry.total += 1
    leftovers = []
    for change in sorted(plan.changes, key=lambda change: key_order(change.key)):
        if change.origin is None:
            leftovers.append(change)
        else:
            found[change.origin.declaration].changes.append(change)
    for conflict in plan.conflicts:
        found[conflict.desired.origin.declaration].conflicts.append(conflict.desired.key)
    for key in plan.blocked:
        found[desired[key].origin.declaration].unknown.append(key)
    ordered = sorted(found.values(), key=lambda entry: natural_order(entry.name))
    return Status(plan.stack, plan.host, tuple(ordered), tuple(leftovers))


def status_text(status: Status, paint: Paint = PLAIN, *, verbose: bool = False) -> str:
    """A line for each declaration, and under it what differs."""
    lines = list(_declaration_lines(status.declarations, paint, verbose=verbose))
    if status.leftovers:
        count = len(status.leftovers)
        lines += ["", paint("yellow", f"No longer declared, still there: {count} {plural('resource', count)}")]
        lines += _limited([_change_line(change, paint) for change in status.leftovers], verbose=verbose)
    lines += [""] if lines else []
    return "\n".join([*lines, _closing(status, paint)])


def status_document(status: Status) -> dict[str, Any]:
    """The status as what ``json.dumps`` takes."""
    return {
        "format_version": FORMAT_VERSION,
        "netctl_version": __version__,
        "stack": status.stack,
        "host": status.host,
        "in_sync": status.in_sync,
        "declarations": [_declaration_document(entry) for entry in status.declarations],
        "leftovers": [_leftover(change) for change in status.leftovers],
    }


def _closing(status: Status, paint: Paint) -> str:
    if status.in_sync:
        return paint("bold", f"{status.host} matches {status.stack}.")
    wrong = sum(entry.state is not State.IN_SYNC for entry in status.declarations)
    total = len(status.declarations)
    text = f"{wrong} of {total} {plural('declaration', total)} not in sync on {status.host}."
    return paint("bold", text)


def _declaration_lines(entries: Sequence[DeclarationStatus], paint: Paint, *, verbose: bool) -> Iterator[str]:
    width = max((len(entry.name) for entry in entries), default=0)
    for entry in entries:
        state = paint(_COLOURS.get(entry.state, "red"), f"{entry.state.value:<8}")
        place = printable(entry.origin.place)
        yield f"{printable(entry.name):<{width}}  {state}  {_extent(entry):<20}  {place}".rstrip()
        details = [_change_line(change, paint) for change in entry.changes]
        details += [f"  !    {printable(str(key))}  is there already and foreign" for key in entry.conflicts]
        details += [f"  ?    {printable(str(key))}  could not be read" for key in entry.unknown]
        yield from _limited(details, verbose=verbose)


def _extent(entry: DeclarationStatus) -> str:
    wrong = len(entry.changes) + len(entry.conflicts) + len(entry.unknown)
    noun = plural("resource", entry.total)
    return f"{wrong} of {entry.total} {noun}" if wrong else f"{entry.total} {noun}"


def _change_line(change: Change, paint: Paint) -> str:
    sign = paint(COLOURS[change.action], f"{SIGNS[change.action]:<3}")
    return f"  {sign}  {printable(f'{change.key}  {_difference(change)}')}".rstrip()


def _difference(change: Change) -> str:
    if change.action is Action.CREATE:
        return "missing"
    if change.action is Action.DELETE:
        return summary(change.before or ())
    return "; ".join(field_changes(change)) or reason_text(change)


def _limited(lines: Sequence[str], *, verbose: bool) -> list[str]:
    if verbose or len(lines) <= _LONGEST:
        return list(lines)
    return [*lines[:_LONGEST], f"       and {len(lines) - _LONGEST} more (shown with -v)"]


def _declaration_document(entry: DeclarationStatus) -> dict[str, Any]:
    return {
        "declaration": entry.name,
        "source": {"file": entry.origin.file, "line": entry.origin.line} if entry.origin.file else None,
        "state": entry.state.value,
        "resources": entry.total,
        "drift": [_drift(change) for change in entry.changes],
        "conflicts": [str(key) for key in entry.conflicts],
        "unknown": [str(key) for key in entry.unknown],
    }


def _drift(change: Change) -> dict[str, Any]:
    return {"address": str(change.key), "actions": ACTIONS[change.action], "changed": list(change.fields)}


def _leftover(change: Change) -> dict[str, Any]:
    return {"address": str(change.key), "owner": owner_text(change.owner_before)}
