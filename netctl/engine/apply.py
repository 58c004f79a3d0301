"""Apply a plan: execute, verify, and undo what was done where something fails.

The steps can be read in `apply_plan`. After execution everything is observed again and the plan must be empty: what
did not stick is a failure that shows both values. Undoing runs the inverse of each change that was made, in reverse
order, and is itself verified by observation.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from netctl.engine.change import Change, Failure, Outcome
from netctl.engine.diff import differing_fields
from netctl.engine.plan import Plan
from netctl.engine.protocol import Scope, Writer
from netctl.engine.resource import Attributes, Desired, Key
from netctl.engine.session import Session
from netctl.errors import BackendError, NetctlError

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
    skipped: tuple[Change, ...] = ()
    """Not tried, because something before them failed."""
    unverified: tuple[Change, ...] = ()
    """Made, acknowledged, and yet not as declared when observed again: what would still have to change."""
    not_undone: tuple[Outcome, ...] = ()


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
) -> Report:
    """Make the changes of *plan*, so that the host matches *desired*.

    Raises ApplyError where a change fails or does not stick, after undoing what was done (unless *keep_partial*).
    An interrupt undoes too, and is raised again.
    """
    if not plan.batches:
        return Report(Result.UNCHANGED)
    run = _Run(plan, desired, session, progress)
    try:
        run.execute()
        unverified = () if run.failed else run.verify()
    except BaseException:
        if not keep_partial:
            run.undo()
        raise
    if not run.failed and not unverified:
        return Report(Result.APPLIED, tuple(run.done))
    raise run.failure(unverified, keep_partial=keep_partial)


class _Run:
    """One apply under way: what has been done so far."""

    def __init__(
        self, plan: Plan, desired: Mapping[Key, Desired], session: Session[Writer], progress: Progress | None
    ) -> None:
        self.plan = plan
        self.desired = desired
        self.session = session
        self.progress = progress
        self.total = sum(map(len, plan.batches))
        self.done: list[Change] = []
        self.failed: list[Outcome] = []
        self.skipped: list[Change] = []
        self.started: set[Key] = set()
        """What may have been touched: also what failed half-way, or was under way when an interrupt came."""

    def execute(self) -> None:
        """Execute batch after batch; after a failure the rest is skipped."""
        for batch in self.plan.batches:
            if self.failed:
                self.skipped.extend(batch)
                continue
            self.started.update(change.key for change in batch)
            for outcome in self._execute_batch(batch):
                if outcome.failure is None:
                    self.done.append(outcome.change)
                else:
                    self.failed.append(outcome)
            if self.progress:
                self.progress(len(self.done), self.total)

    def verify(self) -> tuple[Change, ...]:
        """What would still have to change, observed anew."""
        again = self.session.plan(self.desired, stack=self.plan.stack, host=self.plan.host)
        touched = {change.key for change in self.done}
        return tuple(change for change in again.changes if change.key in touched)

    def failure(self, unverified: tuple[Change, ...], *, keep_partial: bool) -> ApplyError:
        """Undo, and the error that tells all of it."""
        not_undone = () if keep_partial else self.undo()
        partial = keep_partial or bool(not_undone)
        report = Report(
            Result.PARTIAL if partial else Result.UNDONE,
            tuple(self.done), tuple(self.failed), tuple(self.skipped), unverified, not_undone,
        )  # fmt: skip
        return ApplyError(_summary(report), report, _advice(report, keep_partial=keep_partial))

    def undo(self) -> tuple[Outcome, ...]:
        """Run the inverse of what was done, newest first; what could not be undone, with the reason.

        The inverse of a change that never took effect fails, harmlessly: the observation afterwards decides.
        """
        refusals: dict[Key, Outcome] = {}
        for batch in reversed(self.plan.batches):
            inverse = [_inverse(change) for change in reversed(batch) if change.key in self.started]
            refusals |= {outcome.change.key: outcome for outcome in self._execute_batch(inverse) if outcome.failure}
        return tuple(refusals.get(change.key) or Outcome(change, failure) for change, failure in self._remaining())

    def _remaining(self) -> Iterator[tuple[Change, Failure]]:
        """The changes whose resource is not as it was before the apply."""
        live = self.session.observe(Scope(self.plan.stack, self.desired)).live
        for change in self.plan.changes:
            now = live[change.key].attributes if change.key in live else None
            if change.key in self.started and not _restored(change.before, now):
                yield change, Failure(f"restore {change.key}", _both(change.before, now))

    def _execute_batch(self, batch: Sequence[Change]) -> Iterable[Outcome]:
        """Each system's share of a batch, as one call each."""
        shares: dict[str, list[Change]] = {}
        for change in batch:
            shares.setdefault(change.key.system, []).append(change)
        return [outcome for name, share in shares.items() for outcome in self._execute_share(name, share)]

    def _execute_share(self, system: str, share: Sequence[Change]) -> Sequence[Outcome]:
        try:
            return self.session.members[system].execute(share)
        except BackendError as error:
            return [
                Outcome(change, Failure(f"{change.action} {change.key}", error.message, error.advice))
                for change in share
            ]


def _inverse(change: Change) -> Change:
    """What undoes *change*: what went with another resource comes back by a creation of its own."""
    return change.inverse()._replace(implied=False)


def _restored(before: Attributes | None, now: Attributes | None) -> bool:
    if before is None or now is None:
        return before is now
    return not differing_fields(before, now)


def _both(before: Attributes | None, now: Attributes | None) -> str:
    return f"it was {before if before is not None else 'absent'} and is {now if now is not None else 'absent'}"


def _summary(report: Report) -> str:
    if report.failed:
        reason = f"{len(report.failed)} of {len(report.failed) + len(report.done) + len(report.skipped)} changes failed"
    else:
        reason = f"{len(report.unverified)} changes did not stick"
    state = {
        Result.UNDONE: "everything that was done has been undone",
        Result.PARTIAL: "part of it remains",
    }
    return f"{reason}; {state[report.result]}"


def _advice(report: Report, *, keep_partial: bool) -> str:
    if keep_partial:
        return "it was left as it is (--keep-partial); apply again once the cause is mended"
    if report.not_undone:
        return "see what could not be undone; the next apply converges"
    return "the host is as it was before; apply again once the cause is mended"
