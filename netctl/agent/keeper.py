"""Compares what is with what is desired, and repairs: all of it, or what events told of.

Level-triggered: an event only says where to look. What an own repair causes comes back as an event too, and finds
nothing to do; that is its verification.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import count
from time import monotonic, time
from typing import NamedTuple

from netctl.agent.declared import Declared
from netctl.agent.log import Log
from netctl.agent.metrics import Metrics
from netctl.agent.pace import LONGEST_DELAY, Pace
from netctl.engine.apply import apply_plan
from netctl.engine.change import Action, Change, Failure, Outcome
from netctl.engine.diff import Conflict, diff
from netctl.engine.following import Tidings
from netctl.engine.graph import batches
from netctl.engine.plan import Plan
from netctl.engine.protocol import Observation, Scope, Unread, Writer
from netctl.engine.resource import Desired, Key, Live, Owner
from netctl.engine.session import Session
from netctl.errors import BackendError

RESYNC = "resync"
_CONTENDED = "someone else keeps changing it"
_FOREIGN = "a foreign object is in its place"
_BEHIND = "something that it needs has a foreign object in its place"
_ATTEMPTS = 2
_GRACE = 0.03
"""Seconds: the kernel tells that a bridge's ports have left it 15 ms before the bridge is gone."""


@dataclass
class Drift:
    """A resource that is not as declared."""

    key: Key
    since: float
    """Seconds since the epoch."""
    what: str
    culprit: str = ""
    trouble: str = ""
    """Why it is not repaired: what the system answered, a foreign object in its place, someone who fights for it."""


class Waiting(NamedTuple):
    """What could be repaired, but has to wait."""

    due: float
    live: Live | None
    wanted: Desired | None
    part: str
    culprit: str
    failures: int = 0
    """How often it was tried in vain."""


class Incomplete(NamedTuple):
    """What a look at everything left."""

    failed: int = 0
    conflicts: tuple[Conflict, ...] = ()
    unread: tuple[Unread, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.failed or self.unread)


class Keeper:
    """Keeps one desired state, with one session."""

    def __init__(
        self, session: Session[Writer], declared: Declared, log: Log, metrics: Metrics, *, detect_only: bool
    ) -> None:
        self.session = session
        self.declared = declared
        self.detect_only = detect_only
        self.slow: Collection[str] = ()
        """Systems that may take their time to answer: what is told of others does not wait for them."""
        self.pace = Pace()
        self.drifts: dict[Key, Drift] = {}
        self.waiting: dict[str, tuple[Key, Waiting]] = {}
        self.look_again = ""
        """Why everything must be looked at: an event was not enough, or a repair failed."""
        self.repairs = 0
        self.last_repair = 0.0
        self._log = log
        self._metrics = metrics
        self._numbers = count(1)
        self._waited: Mapping[str, tuple[Key, Waiting]] = {}
        """What waited when everything was looked at last."""

    @property
    def scope(self) -> Scope:
        """What is to be observed."""
        return Scope(self.declared.stack, self.declared.desired)

    def plan(self, declared: Declared | None = None) -> Plan:
        """What would have to change, everything looked at."""
        wanted = declared or self.declared
        self._waited = dict(self.waiting)
        return self.session.plan(wanted.desired, stack=wanted.stack, host=wanted.host)

    def adopt(self, declared: Declared, plan: Plan) -> None:
        """Make a new desired state so, all of it or nothing. Raises ApplyError, after which the last one holds."""
        if not self.detect_only:
            apply_plan(plan, declared.desired, self.session)
        self.declared = declared
        self._leave_the_new_waiting()
        self.drifts = {
            key: drift for key, drift in self.drifts.items() if key in declared.desired and self.session.concerns(key)
        }
        if self.detect_only:
            self._detected(plan)

    def _leave_the_new_waiting(self) -> None:
        """What waited before is part of the last plan; what was told of since then may not be."""
        self.waiting = {
            name: entry
            for name, entry in self.waiting.items()
            if self._waited.get(name) is not entry and entry[0] in self.declared.desired
        }

    def move(self, declared: Declared) -> None:
        """Make another desired state so that differs in a few resources, from what the former one was; nothing is
        looked at. Where that fails, everything will be.
        """
        former, self.declared = self.declared.desired, declared
        wanted = {key: want for key, want in declared.desired.items() if want is not former.get(key)}
        owner = Owner(declared.stack)
        live = {key: Live(key, former[key].attributes, owner) for key in wanted if key in former}
        found = diff(wanted, Observation(live), self.session.kinds, declared.stack)
        for outcome in self.session.execute(list(found.changes.values())) if not self.detect_only else ():
            if outcome.failure is not None:
                self.look_again = f"a change failed: {outcome.failure}"

    def resync(self, reason: str) -> Incomplete:
        """Look at everything, and repair what differs."""
        self._metrics.resyncs.add(reason=reason.partition(":")[0])
        self.look_again = ""
        plan = self.plan()
        self._leave_the_new_waiting()
        wrong = {change.key for change in plan.changes}.union(conflict.desired.key for conflict in plan.conflicts)
        self.drifts = {key: drift for key, drift in self.drifts.items() if key in wrong}
        for conflict in plan.conflicts:
            self._conflict(conflict)
        if self.detect_only:
            self._detected(plan)
            return Incomplete(0, plan.conflicts, plan.unread)
        behind = self._behind(conflict.desired.key for conflict in plan.conflicts)
        for change in plan.changes:
            if change.key in behind:
                self._drifted(change, "", _BEHIND)
        steps = [[change for change in step if change.key not in behind] for step in plan.batches]
        failed = self._execute(steps, Tidings(), RESYNC)
        return Incomplete(failed, plan.conflicts, plan.unread)

    def heed(self, system: str, tidings: Tidings, noticed: float) -> None:
        """Repair what events told of; *noticed* is when they were (monotonic seconds)."""
        if tidings.everything:
            self.look_again = tidings.everything
            return
        if not tidings.live:
            return
        self._metrics.adds.add(len(tidings.live), name=system)
        started = monotonic()
        result = self._compare(system, tidings)
        ended = monotonic()
        self._metrics.seconds.observe(ended - started, controller=system)
        self._metrics.worked.observe(ended - started, name=system)
        self._metrics.waited.observe(started - noticed, name=system)
        self._metrics.reconciles.add(controller=system, result=result)

    def _compare(self, system: str, tidings: Tidings) -> str:
        """What of *tidings* is not as desired is repaired; how that ended."""
        desired = self.declared.desired
        tidings = self._with_failed(system, tidings)
        if not self.session.leads:
            concerned = {key: have for key, have in tidings.live.items() if self.session.concerns(key)}
            tidings = tidings._replace(live=concerned)
        wanted = {key: tidings.wanted.get(key) or desired[key] for key in tidings.live if key in desired}
        live = {key: have for key, have in tidings.live.items() if have is not None}
        found = diff(wanted, Observation(live), self.session.kinds, self.declared.stack)
        foreign = {conflict.desired.key for conflict in found.conflicts}
        self._settle((key for key in tidings.live if key not in found.changes and key not in foreign), tidings)
        for conflict in found.conflicts:
            self._doubt(conflict, tidings)
        if not found.changes:
            return "success"
        if any(change.action is Action.REPLACE for change in found.changes.values()):
            self.look_again = "something has to be made anew"
            return "requeue"
        behind = self._behind(foreign)
        for key in found.changes.keys() & behind:
            self._drifted(found.changes[key], tidings.culprit(key), _BEHIND)
        changes = {key: change for key, change in found.changes.items() if key not in behind}
        allowed = self._allowed(changes, tidings)
        if allowed and self._execute(batches(allowed), tidings, system):
            return "error"
        return "success" if len(allowed) == len(found.changes) else "requeue_after"

    def _behind(self, foreign: Iterable[Key]) -> set[Key]:
        """What needs something foreign, of these or of what is known to be: it is not to be tied to that."""
        reached = {*foreign, *(key for key, drift in self.drifts.items() if drift.trouble == _FOREIGN)}
        behind: set[Key] = set()
        while reached:
            reached = {
                key for key, want in self.declared.desired.items() if key not in behind and _needs(want, reached)
            }
            behind |= reached
        return behind

    def _with_failed(self, system: str, tidings: Tidings) -> Tidings:
        """These, and what could not be repaired before: what has come since may be what that needs."""
        if not self.waiting:
            return tidings
        failed = {
            key: entry.live
            for key, entry in self.waiting.values()
            if entry.failures and entry.wanted is None and (key.system == system or key.system not in self.slow)
        }
        return tidings._replace(live={**failed, **tidings.live}) if failed else tidings

    def _settle(self, keys: Iterable[Key], tidings: Tidings) -> None:
        """What is as declared is not drifted any more, and has nothing to wait for."""
        if self.drifts or self.waiting:
            for key in keys:
                self._forget(key)
                self.waiting.pop(_named(key, tidings), None)

    def _forget(self, key: Key) -> Drift | None:
        """What was drifted, and is not any more."""
        drift = self.drifts.pop(key, None)
        if drift is not None and drift.trouble == _FOREIGN:  # and so may be what needs it
            self.look_again = "what was foreign is the stack's again, or gone"
        return drift

    def _allowed(self, changes: Mapping[Key, Change], tidings: Tidings) -> dict[Key, Change]:
        """What may be repaired now; the rest is noted, to wait for its time."""
        now = monotonic()
        allowed: dict[Key, Change] = {}
        for key, change in changes.items():
            name = _named(key, tidings)
            due = self.pace.due(name, now)
            if self.detect_only:
                self.waiting.pop(name, None)
                self._drifted(change, tidings.culprit(key), "")
            elif due <= now:
                allowed[key] = change
            else:
                self._wait(name, key, due, tidings)
                self._metrics.retries.add(name=key.system)
                self._drifted(change, tidings.culprit(key), _CONTENDED)
        return allowed

    def _wait(self, name: str, key: Key, due: float, tidings: Tidings, failures: int = 0) -> None:
        live, wanted = tidings.live.get(key), tidings.wanted.get(key)
        entry = Waiting(due, live, wanted, tidings.parts.get(key, ""), tidings.culprit(key), failures)
        self.waiting[name] = key, entry

    def next_due(self, *, slow: bool) -> float | None:
        """When the first of what waits may be repaired, of systems that are slow or of those that are not."""
        return min(
            (waiting.due for key, waiting in self.waiting.values() if (key.system in self.slow) == slow), default=None
        )

    def _ripe(self, now: float, *, slow: bool) -> list[str]:
        """What has waited long enough, of systems that are slow or of those that are not."""
        return [
            name
            for name, (key, waiting) in self.waiting.items()
            if waiting.due <= now and (key.system in self.slow) == slow
        ]

    def retry(self, *, slow: bool) -> None:
        """Repair what has waited long enough, of systems that are slow or of those that are not."""
        now = monotonic()
        for name in self._ripe(now, slow=slow):
            if name in self.waiting:  # otherwise it went along with one before it
                key, waiting = self.waiting[name]
                # Kept for the number of its failures; what comes of it replaces or removes it, or it is tried later.
                self.waiting[name] = key, waiting._replace(due=now + LONGEST_DELAY)
                self.heed(key.system, self._again(key, waiting), now)

    def _again(self, key: Key, waiting: Waiting) -> Tidings:
        """What is known of a resource that waited; one that was told of in part is looked at whole."""
        if waiting.wanted is None:
            return Tidings({key: waiting.live}, culprit=lambda _: waiting.culprit)
        member = self.session.members[key.system]
        try:
            seen = member.observe(self.scope._replace(keys=frozenset({key})))
        except BackendError as error:
            return Tidings(everything=str(error))
        parts = {key: waiting.part}
        return Tidings({key: seen.live.get(key)}, parts=parts, culprit=lambda _: waiting.culprit)

    def _execute(self, steps: Sequence[Sequence[Change]], tidings: Tidings, trigger: str) -> int:
        """Make the changes; how many failed, or were not made since what they need failed."""
        failed = 0
        number = next(self._numbers)
        missing: set[Key] = set()
        for step in steps:
            authors = {change.key: tidings.culprit(change.key) for change in step}
            started = monotonic()
            outcomes = list(self._made(step, missing))
            seconds = monotonic() - started
            for outcome in outcomes:
                part = tidings.parts.get(outcome.change.key, "")
                name = _named(outcome.change.key, tidings)
                if outcome.failure is None:
                    self.waiting.pop(name, None)
                elif trigger != RESYNC and not self._put_off(name, outcome.change.key, tidings):
                    self.look_again = "a repair failed"
                failed += self._record(outcome, authors[outcome.change.key], part, number, trigger, seconds)
        return failed

    def _made(self, step: Sequence[Change], missing: set[Key]) -> Iterator[Outcome]:
        """Make changes, but for those that need what is *missing*: something foreign may be in its place by now."""
        possible: list[Change] = []
        apart: list[Change] = []
        for change in step:
            (apart if change.action is not Action.DELETE and _needs(change, missing) else possible).append(change)
        for outcome in self.session.execute(possible):
            if outcome.failure is not None:
                missing.add(outcome.change.key)
            yield outcome
        for change in apart:
            missing.add(change.key)
            yield Outcome(change, Failure(f"{change.action} {change.key}", "what it needs could not be made"))

    def _put_off(self, name: str, key: Key, tidings: Tidings) -> bool:
        """Try once more soon: of several events only the first may have come. False where that was done before."""
        known = self.waiting.get(name)
        failures = known[1].failures + 1 if known else 1
        if failures > _ATTEMPTS:
            self.waiting.pop(name, None)
            return False
        self._wait(name, key, monotonic() + _GRACE, tidings, failures)
        return True

    def _doubt(self, conflict: Conflict, tidings: Tidings) -> None:
        """What looks foreign may be half of something of the stack's, on its way out."""
        key = conflict.desired.key
        if not self._put_off(str(key), key, tidings):
            self._conflict(conflict)

    def _record(self, outcome: Outcome, culprit: str, part: str, number: int, trigger: str, seconds: float) -> bool:
        """Tell of one repair; whether it failed."""
        change = outcome.change
        if outcome.failure is not None:
            self._failed(outcome, culprit, number, told=trigger == RESYNC)
            self._metrics.errors.add(controller=change.key.system)
            return True
        self.repairs += 1
        self.last_repair = time()
        drift = self._forget(change.key)
        self._metrics.repairs.add(system=change.key.system, kind=change.key.kind, action=change.action.value)
        name = f"{change.key} {part}".rstrip()
        contended = trigger != RESYNC and self.pace.repaired(name, monotonic())
        if name not in self.pace.contended or contended:
            self._log.info(
                "repaired", resource=change.key, drift=part or described(change), by=culprit, reconcile=number,
                trigger=trigger, since=since(drift), declaration=change.origin.place if change.origin else "",
                milliseconds=f"{seconds * 1000:.2f}",
            )  # fmt: skip
        if contended:
            self._log.warning(
                "contended: someone else keeps changing it, so it is repaired ever more slowly",
                resource=name,
                by=culprit,
            )
        return False

    def _failed(self, outcome: Outcome, culprit: str, number: int, *, told: bool) -> None:
        """Note a repair that failed; *told* once, where nothing that comes soon can be expected to mend it."""
        change, failure = outcome.change, str(outcome.failure)
        known = self.drifts.get(change.key)
        news = known is None or known.trouble != failure
        self._drifted(change, culprit, failure)
        if told and news:
            drift = described(change)
            self._log.error("not repaired", resource=change.key, drift=drift, failure=failure, reconcile=number)

    def _drifted(self, change: Change, culprit: str, trouble: str) -> None:
        known = self.drifts.get(change.key)
        if known is None:
            self.drifts[change.key] = Drift(change.key, time(), described(change), culprit, trouble)
            if self.detect_only:
                self._log.warning("drifted", resource=change.key, drift=described(change), by=culprit)
        else:
            known.what, known.trouble = described(change), trouble or known.trouble

    def _detected(self, plan: Plan) -> None:
        for change in plan.changes:
            self._drifted(change, "", "")

    def _conflict(self, conflict: Conflict) -> None:
        key = conflict.desired.key
        if key not in self.drifts:
            self.drifts[key] = Drift(key, time(), "foreign", trouble=_FOREIGN)
            self._log.error("not repaired: a foreign object is in its place", resource=key)


def _needs(one: Change | Desired, keys: AbstractSet[Key]) -> bool:
    return one.within in keys or not keys.isdisjoint(one.needs)


def _named(key: Key, tidings: Tidings) -> str:
    """What is repaired at a pace of its own: a resource, or the part of it that was told of."""
    part = tidings.parts.get(key, "")
    return f"{key} {part}" if part else str(key)


def described(change: Change) -> str:
    """What a change puts right: ``missing``, ``mtu 1400 instead of 1500``."""
    if change.action is Action.CREATE:
        return "missing"
    if change.action is Action.DELETE:
        return "not declared"
    before, after = change.before, change.after
    shown = [f"{name} {getattr(before, name)!r} instead of {getattr(after, name)!r}" for name in change.fields
             if hasattr(after, name) and name not in {"sets", "chains"}]  # fmt: skip
    rest = [name for name in change.fields if not hasattr(after, name) or name in {"sets", "chains"}]
    return ", ".join([*shown, *("its mark is gone" if name == "owner" else name for name in rest)]) or "asserted"


def since(drift: Drift | None) -> str:
    """How long a drift lasted; empty for one that was repaired at once."""
    return f"{time() - drift.since:.1f}s" if drift else ""
