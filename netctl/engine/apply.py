"""Apply a plan: execute, verify, and undo what was done where something fails.

The steps can be read in `apply_plan`. After execution everything is observed again and the plan must be empty: what
did not stick, or cannot be read any more, is a failure. What was touched is then brought back to how it was
(`netctl.engine.undo`), which is itself verified by observation.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain

from netctl.engine.change import Action, Change, Failure, Outcome
from netctl.engine.plan import Plan
from netctl.engine.protocol import Scope, Writer
from netctl.engine.resource import Desired, Key
from netctl.engine.sequel import MOST, Batches, Renew, additions, joined, joined_change
from netctl.engine.session import Session
from netctl.engine.undo import Undo
from netctl.errors import NetctlError

Progress = Callable[[int, int], None]
"""Called with the number of changes made and their total."""


class Result(StrEnum):
    """How an apply ended."""

    UNCHANGED = "unchanged"
    APPLIED = "applied"
    UNDONE = "undone"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class Report:
    """What an apply did."""

    result: Result
    done: tuple[Change, ...] = ()
    failed: tuple[Outcome, ...] = ()
    """Refused; or made, and impossible to verify because it could not be read again."""
    skipped: tuple[Change, ...] = ()
    """Not tried, because something before them failed."""
    unverified: tuple[Change, ...] = ()
    """Made, acknowledged, and yet not as declared when observed again: what would still have to change."""
    not_undone: tuple[Outcome, ...] = ()
    """What is not as it was before, or could not be read to tell."""


class ApplyError(NetctlError):
    """An apply failed; the report says what was done, what failed, what was undone."""

    def __init__(self, message: str, report: Report, advice: str = "") -> None:
        super().__init__(message, advice, "NC501")
        self.report = report


def apply_plan(
    plan: Plan,
    desired: Mapping[Key, Desired],
    session: Session[Writer],
    *,
    keep_partial: bool = False,
    progress: Progress | None = None,
    renew: Renew | None = None,
) -> Report:
    """Make the changes of *plan*, so that the host matches *desired*, and what *renew* adds to it.

    Raises ApplyError where a change fails or does not stick, after undoing what was done (unless *keep_partial*).
    An interrupt undoes too, and is raised again, with a note that says what has become of the host.
    """
    if not plan.batches:
        return Report(Result.UNCHANGED)
    run = _Run(plan, desired, session, progress, renew)
    try:
        run.execute()
        unverified = () if run.failed else tuple(run.verify())
    except BaseException as error:
        error.add_note(_after(run.broken_off(keep_partial=keep_partial)))
        raise
    if not run.failed and not unverified:
        return Report(Result.APPLIED, tuple(run.done.values()))
    report = run.broken_off(unverified, keep_partial=keep_partial)
    raise ApplyError(_summary(report, run.total), report, _advice(report)) from run.crash


class _Run:
    """One apply under way: what has been done so far."""

    def __init__(
        self,
        plan: Plan,
        desired: Mapping[Key, Desired],
        session: Session[Writer],
        progress: Progress | None,
        renew: Renew | None,
    ) -> None:
        self.plan = plan
        self.desired = desired
        self.session = session
        self.progress = progress
        self.renew = renew
        self.total = sum(map(len, plan.batches))
        self.done: dict[Key, Change] = {}
        self.failed: list[Outcome] = []
        self.skipped: list[Change] = []
        self.started: set[Key] = set()
        """What may have been made: also what failed half-way, or was under way when an interrupt came."""
        self.crash: Exception | None = None
        """A bug that undoing met with."""

    def execute(self) -> None:
        """Execute the plan, and what it leads to; after a failure the rest is skipped."""
        made: Batches = self.plan.batches
        self._execute(made)
        for _ in range(MOST):
            if self.failed or not made or not self.renew:
                return
            sequel = self.renew(tuple(chain.from_iterable(made)))
            if sequel is None:
                return
            made = additions(sequel.plan)
            self.desired = sequel.desired
            self.plan = joined(self.plan, made, sequel.plan.held_back)
            self.total = len(list(self.plan.changes))
            self._execute(made)

    def _execute(self, batches: Iterable[tuple[Change, ...]]) -> None:
        for batch in batches:
            if self.failed:
                self.skipped.extend(batch)
                continue
            self.started.update(change.key for change in batch)
            for outcome in self.session.execute(batch):
                if outcome.failure is None:
                    key = outcome.change.key
                    self.done[key] = joined_change(self.done.get(key), outcome.change)
                else:
                    self.failed.append(outcome)
            if self.progress:
                self.progress(len(self.done), self.total)

    def verify(self) -> Iterator[Change]:
        """What of the touched would still have to change, observed anew. What cannot be read any more has failed.

        What was as declared and is not any more was taken along by what was changed (a device's neighbours go with
        its last address): it is put back first.
        """
        again = self._look()
        if lost := _lost(again, self.plan.held_back.union(change.key for change in self.plan.changes)):
            self._execute(lost)
            self._take_for_touched(lost)
            again = self._look()
        touched = {change.key: change for change in self.plan.changes}
        unseen = _unseen(self.plan, again)
        self.failed += (
            Outcome(change, Failure(f"verify {key}", unseen[key])) for key, change in touched.items() if key in unseen
        )
        yield from (change for change in again.changes if change.key in touched)
        for conflict in again.conflicts:
            if change := touched.get(conflict.desired.key):
                yield change._replace(before=conflict.live.attributes, fields=("owner",))

    def _look(self) -> Plan:
        return self.session.plan(self.desired, stack=self.plan.stack, host=self.plan.host)

    def _take_for_touched(self, lost: Batches) -> None:
        """Add to the plan what was lost, so that it is verified, and brought back where the apply is undone."""
        as_declared = (
            tuple(change._replace(before=change.after, owner_before=change.owner) for change in batch) for batch in lost
        )
        self.plan = replace(self.plan, batches=(*self.plan.batches, *as_declared))

    def broken_off(self, unverified: tuple[Change, ...] = (), *, keep_partial: bool) -> Report:
        """The report of an apply that went wrong, after undoing it."""
        not_undone = () if keep_partial else self._undo()
        return Report(
            Result.PARTIAL if keep_partial or not_undone else Result.UNDONE,
            tuple(self.done.values()), tuple(self.failed), tuple(self.skipped), unverified, not_undone,
        )  # fmt: skip

    def _undo(self) -> tuple[Outcome, ...]:
        # What was not started may be touched all the same: detached from something that was deleted or replaced.
        touched = [change for change in self.plan.changes if change.key in self.started or change.before is not None]
        undo = Undo(touched, self.done.keys(), self.session, Scope(self.plan.stack, self.desired))
        not_undone = undo.run()
        self.crash = undo.crash
        return not_undone


def _lost(again: Plan, known: frozenset[Key]) -> Batches:
    """The changes of *again*, in batches, to what was as declared before: to what it was not *known* had to change."""
    kept = (tuple(change for change in batch if change.key not in known) for batch in additions(again))
    return tuple(batch for batch in kept if batch)


def _unseen(plan: Plan, again: Plan) -> dict[Key, str]:
    """What *plan* was about and *again* could not see, with the reason."""
    known = {part[:2] for part in plan.unread}
    lost = {part.system: part.reason for part in again.unread if part[:2] not in known}
    unseen = dict.fromkeys(again.blocked, "what it needs cannot be read")
    unseen |= {key: part.reason for part in again.unread for key in part.keys}
    unseen |= {
        change.key: lost[change.key.system]
        for change in plan.changes
        if change.action is Action.DELETE and change.key.system in lost
    }
    return unseen


def _summary(report: Report, total: int) -> str:
    """What went wrong, and what has become of the host, in one sentence."""
    if report.failed:
        what, verb, more = _first(report.failed).attempt, "failed", len(report.failed) - 1
    else:
        what, verb, more = str(report.unverified[0].key), "did not stick", len(report.unverified) - 1
    others = f" and {more} more of {total} changes" if more else ""
    return f"{what}{others} {verb}; {_after(report)}"


def _first(failures: tuple[Outcome, ...]) -> Failure:
    return failures[0].failure or Failure("", "")


def _after(report: Report) -> str:
    """What has become of the host."""
    if stuck := len(report.not_undone):
        return f"{stuck} change{'s' if stuck > 1 else ''} could not be undone, first: {_first(report.not_undone)}"
    if report.result is Result.PARTIAL:
        return "what was done was left as it is"
    return "the host is as it was before"


def _advice(report: Report) -> str:
    if report.not_undone:
        return "Look at what could not be undone; once the cause is mended, the next apply converges."
    return "Apply again once the cause is mended."
