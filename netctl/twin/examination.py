"""Everything that is asked of a stack's policies: its expectations, and who reaches what; and what was found."""

from collections import Counter
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from netctl.compiler.barriers import Barriers, Links
from netctl.compiler.checks import check
from netctl.compiler.checks.decisions import check_decisions
from netctl.compiler.containers import with_containers
from netctl.compiler.held import with_held
from netctl.compiler.places import Places, Problems
from netctl.compiler.policies import resolve_policies
from netctl.compiler.topology import Topology, resolve
from netctl.engine.facts import Facts
from netctl.errors import Diagnostic
from netctl.policy.evaluate import Evaluator
from netctl.policy.model import PolicySet
from netctl.stack.models import Stack
from netctl.twin.offers import Offer, by_service, offers_of
from netctl.twin.trials import Case, Outcome, Result, Trial, expected, grouped, matrix_trials, noted, trials_of

_UNKNOWN: Links = {}


class Examination(NamedTuple):
    """A stack's questions, and who answers them on paper."""

    stack: str
    """Its name."""
    topology: Topology
    evaluator: Evaluator
    cases: tuple[Case, ...]
    """Its expectations, in their order."""
    offers: tuple[Offer, ...]
    """What there is to be reached, in the order of a matrix's columns."""
    warnings: tuple[Diagnostic, ...]

    @property
    def policies(self) -> PolicySet:
        """What decides."""
        return self.evaluator.policies

    @property
    def trials(self) -> list[Trial]:
        """Those of all expectations."""
        return [trial for case in self.cases for trial in case.trials]

    def noted_trials(self, links: Links = _UNKNOWN) -> list[Trial]:
        """The same, with what keeps ends apart; *links* are what is known of the hosts' own interfaces."""
        return list(noted(self.trials, Barriers(self.topology, self.evaluator, links)))

    def matrix(self, links: Links = _UNKNOWN) -> list[Trial]:
        """Every endpoint to all that is offered, by both families."""
        trials = matrix_trials(self.evaluator, by_service(self.offers))
        return list(expected(trials, Barriers(self.topology, self.evaluator, links)))


def examine_policies(stack: Stack, places: Places, facts: Facts | None = None, host: str = "") -> Examination:
    """What the stack's expectations ask, whether they hold or not; by the *facts* of *host*, of endpoints as they are.

    Raises DeclarationError where something else is wrong with the stack, or where an expectation means nothing.
    """
    problems = Problems(places)
    topology = with_containers(with_held(resolve(stack), facts), facts, host)
    check(topology, problems)
    problems.stop_on_errors()
    resolution = resolve_policies(topology, places)
    check_decisions(topology, resolution, problems, prove=False)
    problems.stop_on_errors()
    return Examination(
        stack.stack,
        topology,
        Evaluator(resolution.policies),
        tuple(trials_of(stack, resolution, places)),
        tuple(offers_of(stack, resolution)),
        tuple(problems.found),
    )


class Manner(StrEnum):
    """How it was found out."""

    STATIC = "static"
    """On paper."""
    LIVE = "live"
    """With real packets, on a host."""
    TWIN = "twin"
    """With real packets, in a twin."""


class Findings(NamedTuple):
    """What was asked, and what was found."""

    examination: Examination
    manner: Manner
    place: str
    """Where packets were sent from: a host's name. Empty on paper."""
    results: Sequence[Result]
    """Of the expectations' trials, in their order."""
    matrix: Sequence[Result] | None = None
    """None where it was not asked for."""

    @property
    def cases(self) -> Iterator[tuple[Case, list[Result]]]:
        """Each expectation with its results."""
        return grouped(self.examination.cases, self.results)

    @property
    def failures(self) -> int:
        """Connections that are not as expected or, of a matrix, not as declared."""
        return sum(result.outcome is Outcome.FAILED for result in (*self.results, *(self.matrix or ())))


class Standing(StrEnum):
    """What an expectation came to as a whole."""

    PASSED = "passed"
    FAILED = "failed"
    UNTOLD = "untold"
    """Of some connection, nothing tells."""
    PARTLY = "partly"
    """Some connections are as expected; the others could not be tested."""
    UNTESTED = "untested"


def standing(results: Sequence[Result]) -> Standing:
    """What the results of an expectation come to."""
    found = Counter(result.outcome for result in results)
    for outcome, standing_ in ((Outcome.FAILED, Standing.FAILED), (Outcome.UNTOLD, Standing.UNTOLD)):
        if found[outcome]:
            return standing_
    if not found[Outcome.PASSED]:
        return Standing.UNTESTED
    return Standing.PARTLY if found[Outcome.UNTESTED] else Standing.PASSED
