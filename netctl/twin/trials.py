"""Trials: connections whose verdict is known beforehand, and what comes of them, on paper or with real packets.

Where a trial is sent from is the caller's to say (`Stand`), so that the same list is run on a live host, whose
namespaces have their own names, and in a twin. Nothing is started at the destinations: an answer and a refusal both
show that a packet got there and back, silence and errors from on the way that it did not.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from operator import itemgetter
from typing import NamedTuple

from netctl.compiler.barriers import Barriers, address_of
from netctl.compiler.places import Places
from netctl.compiler.policies import Resolution
from netctl.compiler.policies.rules import selectors_text
from netctl.compiler.questions import Questions
from netctl.engine.resource import Origin
from netctl.errors import BackendError, PrivilegeError
from netctl.policy.evaluate import Evaluator, is_itself
from netctl.policy.matrix import Service, reachable
from netctl.policy.model import Connection, Endpoint, PolicySet, Protocol
from netctl.policy.ranges import first_of_family
from netctl.policy.verdicts import Verdict
from netctl.stack.models import Stack
from netctl.system.namespaces import inside
from netctl.twin.probe import TIMEOUT, Answer, Probe, chosen_source, probe


class Trial(NamedTuple):
    """A connection, and what is to become of it."""

    connection: Connection
    expected: Verdict
    address: str
    """The destination's, of the connection's family; empty where it has none."""
    origin: Origin | None = None
    """The expectation's; None in a matrix."""
    text: str = ""
    """The expectation in one line; empty in a matrix."""
    barrier: str = ""
    """What keeps the ends apart whatever the policies say, such as a network that is isolated."""


class Case(NamedTuple):
    """An expectation, with a trial for each connection that it speaks of."""

    source: str
    """Its selectors in words: ``service web``."""
    destination: str
    port: str
    """As declared, canonical: ``5432/tcp``, ``http``, ``icmp``."""
    expected: Verdict
    origin: Origin
    trials: tuple[Trial, ...]
    """None where the expectation proves nothing."""

    @property
    def text(self) -> str:
        """The expectation in one line."""
        return f"{self.source} to {self.destination}, {self.port}: {self.expected}"


class Stand(NamedTuple):
    """Where an end of the stack can send from."""

    netns: str
    """A namespace's name; empty for the caller's own."""
    addresses: tuple[str, ...] = ()
    """Those to send from, by family the first; empty: as the kernel chooses."""
    others: frozenset[str] = frozenset()
    """Addresses of other endpoints in the namespace: what the kernel would send from one of these is theirs to send."""


class Outcome(StrEnum):
    """What a trial came to."""

    PASSED = "passed"
    FAILED = "failed"
    UNTOLD = "untold"
    """It was sent, and nothing came back that tells."""
    UNTESTED = "untested"
    """It could not be sent from here."""


class Result(NamedTuple):
    """A trial, and what came of it."""

    trial: Trial
    outcome: Outcome
    found: Verdict | None
    """None where it was not sent, or where nothing tells."""
    answer: Answer | None = None
    """What came back; None of a trial on paper, or of one that was not sent."""
    seconds: float = 0.0
    """From the sending until it was decided."""
    note: str = ""
    """Why there is no verdict."""


StandOf = Callable[[str], Stand | None]
"""Where the end of this name (or address, outside) sends from; None where that is not here."""
Progress = Callable[[int, int], None]
"""Is told how many trials are done, of how many."""


def trials_of(stack: Stack, resolution: Resolution, places: Places) -> list[Case]:
    """The stack's expectations, in their order."""
    questions = Questions(resolution)
    cases = []
    for index, declared in enumerate(stack.expect):
        source, destination = selectors_text(declared.from_), selectors_text(declared.to)
        expected, origin = Verdict(declared.verdict), places.origin(("expect", index))
        case = Case(source, destination, declared.port, expected, origin, ())
        trials = (
            Trial(asked, expected, address_of(resolution.policies, asked), origin, case.text)
            for asked in questions.connections(declared)
        )
        cases.append(case._replace(trials=tuple(trials)))
    return cases


def matrix_trials(
    evaluator: Evaluator, offers: Mapping[Service, frozenset[str]], families: Sequence[int] = (4, 6)
) -> list[Trial]:
    """Every endpoint to every other that offers a service, as the policies decide.

    *offers* names who offers what; the services in it are of family 4, whichever the endpoints have.
    """
    return [
        trial
        for service, destinations in sorted(offers.items(), key=itemgetter(0))
        for family in families
        for trial in _row_by_row(evaluator, service._replace(family=family), destinations)
    ]


def _row_by_row(evaluator: Evaluator, service: Service, destinations: frozenset[str]) -> Iterator[Trial]:
    policies = evaluator.policies
    for source, row in reachable(evaluator, service, None, destinations).items():
        for name in sorted(destinations):
            asked = service.connection(source, name)
            address = address_of(policies, asked)
            if address and not is_itself(policies.endpoints[source], policies.endpoints[name]):
                yield Trial(asked, Verdict.ALLOW if name in row else Verdict.DENY, address)


def stands(policies: PolicySet, netns_of: Callable[[Endpoint], str | None]) -> StandOf:
    """Where endpoints send from, given the name of the namespace that each is in (None: it is not here).

    Of addresses outside, it says None.
    """
    together: dict[tuple[str, str], list[str]] = {}
    for end in policies.endpoints.values():
        if end.netns:
            together.setdefault((end.host, end.netns), []).extend(end.addresses)

    def stand_of(name: str) -> Stand | None:
        end = policies.endpoints.get(name)
        netns = netns_of(end) if end else None
        if end is None or netns is None:
            return None
        if not end.netns:
            return Stand(netns)
        return Stand(netns, end.addresses, frozenset(together[end.host, end.netns]) - set(end.addresses))

    return stand_of


def decide_trials(trials: Sequence[Trial], evaluator: Evaluator) -> list[Result]:
    """What comes of the trials on paper."""
    found = (declared_verdict(trial, evaluator) for trial in trials)
    return [Result(trial, _outcome(trial, verdict), verdict) for trial, verdict in zip(trials, found, strict=True)]


def declared_verdict(trial: Trial, evaluator: Evaluator) -> Verdict:
    """What is to become of a trial by the declaration: its policies, and what else keeps ends apart."""
    return Verdict.DENY if trial.barrier else evaluator.decide(trial.connection).verdict


def noted(trials: Iterable[Trial], barriers: Barriers) -> Iterator[Trial]:
    """The trials, each with what keeps its ends apart."""
    return (trial._replace(barrier=barriers.between(trial.connection)) for trial in trials)


def expected(trials: Iterable[Trial], barriers: Barriers) -> Iterator[Trial]:
    """The trials of a matrix, of which those are expected to fail that something keeps from arriving."""
    for trial in trials:
        barrier = barriers.between(trial.connection) if trial.expected is Verdict.ALLOW else ""
        yield trial._replace(expected=Verdict.DENY, barrier=barrier) if barrier else trial


def as_declared(trials: Sequence[Trial]) -> list[Result]:
    """The results of a matrix on paper, whose trials expect what the policies decide."""
    return [Result(trial, Outcome.PASSED, trial.expected) for trial in trials]


def run_trials(
    trials: Sequence[Trial],
    stand_of: StandOf,
    timeout: float = TIMEOUT,
    *,
    answering: bool = False,
    progress: Progress | None = None,
) -> list[Result]:
    """What becomes of real packets, all trials at once, each given *timeout* seconds.

    With *answering*, something is known to answer on every UDP port that is tried, so that silence tells. What should
    have arrived and did not is sent once more: a lost packet is no verdict.

    Raises PrivilegeError where a namespace may not be entered.
    """
    running = _Running(stand_of, timeout, answering=answering)
    results = running.run(trials, progress)
    suspect = [at for at, result in enumerate(results) if _may_be_loss(result)]
    for at, again in zip(suspect, running.run([trials[at] for at in suspect]), strict=True):
        results[at] = again
    return results


class _Running:
    """Sends trials from where they belong."""

    def __init__(self, stand_of: StandOf, timeout: float, *, answering: bool) -> None:
        self._stand_of = stand_of
        self._timeout = timeout
        self._answering = answering
        self._missing: dict[str, str] = {}

    def run(self, trials: Sequence[Trial], progress: Progress | None = None) -> list[Result]:
        prepared = [self._prepare(trial) for trial in trials]
        probes = [ready for ready in prepared if isinstance(ready, Probe)]
        took = [0.0] * len(probes)
        done = 0

        def finished(place: int, seconds: float) -> None:
            nonlocal done
            took[place] = seconds
            done += 1
            if progress:
                progress(done, len(probes))

        answers = iter(zip(probe(probes, self._timeout, finished=finished), took, strict=True))
        return [
            judged(trial, *next(answers), answering=self._answering) if isinstance(ready, Probe) else ready
            for trial, ready in zip(trials, prepared, strict=True)
        ]

    def _prepare(self, trial: Trial) -> Probe | Result:
        """What to send; the result where there is nothing to."""
        asked = trial.connection
        stand = self._stand_of(asked.source)
        if stand is None:
            return Result(trial, Outcome.UNTESTED, None, note=f"{asked.source} is not on this host")
        if missing := self._missing_namespace(stand.netns):
            return Result(trial, Outcome.FAILED, None, note=missing)
        source = first_of_family(stand.addresses, asked.family)
        if not trial.address or (stand.addresses and not source):
            return Result(trial, _outcome(trial, Verdict.DENY), Verdict.DENY, note="no addresses of one family")
        if stand.others and (other := chosen_source(stand.netns, trial.address)) in stand.others:
            return Result(trial, Outcome.UNTESTED, None, note=f"its namespace sends this from {other}")
        return Probe(stand.netns, trial.address, asked.protocol, asked.port, source)

    def _missing_namespace(self, netns: str) -> str:
        """Why a namespace cannot be sent from; empty where it can."""
        if netns not in self._missing:
            try:
                with inside(netns):
                    self._missing[netns] = ""
            except PrivilegeError:
                raise
            except BackendError as error:
                self._missing[netns] = error.message
        return self._missing[netns]


def judged(trial: Trial, answer: Answer, seconds: float = 0.0, *, answering: bool = False) -> Result:
    """What an answer shows. With *answering*, silence of UDP tells, too: something is known to answer there."""
    if answer is Answer.SILENT and trial.connection.protocol is Protocol.UDP and not answering:
        note = "nothing came back, which tells nothing of UDP"
        return Result(trial, Outcome.UNTOLD, None, answer, seconds, note)
    found = Verdict.ALLOW if answer in {Answer.ANSWERED, Answer.REFUSED} else Verdict.DENY
    return Result(trial, _outcome(trial, found), found, answer, seconds)


def grouped(cases: Sequence[Case], results: Sequence[Result]) -> Iterator[tuple[Case, list[Result]]]:
    """Each case with its share of the results of all their trials, in order."""
    remaining = iter(results)
    for case in cases:
        yield case, [next(remaining) for _ in case.trials]


def _outcome(trial: Trial, found: Verdict) -> Outcome:
    return Outcome.PASSED if found is trial.expected else Outcome.FAILED


def _may_be_loss(result: Result) -> bool:
    return result.outcome is Outcome.FAILED and result.trial.expected is Verdict.ALLOW and result.answer is not None
