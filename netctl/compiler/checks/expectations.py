"""Every expectation, proved on paper: for each pair of endpoints, and for each kind of address that is no endpoint's.

Policies decide who may be reached, and what keeps ends apart whatever they say (`netctl.compiler.barriers`), who is.
"""

from collections.abc import Iterator, Sequence

from netctl.compiler.barriers import Barriers
from netctl.compiler.places import Path, Problems
from netctl.compiler.policies import Resolution
from netctl.compiler.policies.ports import NamedPort, parse_port
from netctl.compiler.policies.selection import Names
from netctl.compiler.questions import Questions
from netctl.compiler.topology import Topology
from netctl.policy.evaluate import Evaluator, is_itself
from netctl.policy.explanation import because, spelled_port
from netctl.policy.matrix import Service, reachable
from netctl.policy.model import Connection
from netctl.policy.ranges import first_of_family
from netctl.policy.verdicts import Verdict
from netctl.stack.policy_models import Expectation


def check_expectations(topology: Topology, resolution: Resolution, problems: Problems, *, prove: bool = True) -> None:
    """Report the expectations that mean nothing and, to *prove* them, those that do not hold.

    Of the latter, each is reported with the first connection that breaks it.
    """
    declared = topology.stack.expect
    if not declared:
        return
    proving = Proving(resolution, topology)
    for index, expected in enumerate(declared):
        path = ("expect", index)
        if _is_meant(path, expected, proving, problems) and prove:
            _prove(path, expected, proving, problems)


class Proving:
    """Finds the connections that break an expectation."""

    def __init__(self, resolution: Resolution, topology: Topology) -> None:
        self.questions = Questions(resolution)
        self._evaluator = Evaluator(resolution.policies)
        self._barriers = Barriers(topology, self._evaluator)
        self._endpoints = resolution.policies.endpoints

    def broken(self, expected: Expectation) -> Iterator[Connection]:
        """Those of the connections that come out otherwise than is expected."""
        sources, destinations = self.questions.ends(expected.from_), self.questions.ends(expected.to)
        for service, some in self.questions.services(expected, destinations.endpoints):
            yield from self._between(sources.endpoints, some, service, expected)
        for service, some in self.questions.behind(expected, destinations.endpoints):
            yield from self._between(sources.endpoints, some, service, expected, (service.family,))
        for asked in self.questions.with_outside(sources, destinations, expected):
            if self.verdict(asked) != expected.verdict:
                yield asked

    def verdict(self, asked: Connection) -> Verdict:
        """What becomes of a connection."""
        decided = self._evaluator.decide(asked).verdict
        return Verdict.DENY if decided is Verdict.ALLOW and self._barriers.between(asked) else decided

    def because(self, asked: Connection) -> str:
        """Why that becomes of it."""
        decision = self._evaluator.decide(asked)
        barrier = self._barriers.between(asked) if decision.verdict is Verdict.ALLOW else ""
        return barrier or because(decision)

    def _between(
        self,
        sources: Names,
        destinations: Names,
        service: Service,
        expected: Expectation,
        families: Sequence[int] = (4, 6),
    ) -> Iterator[Connection]:
        """The broken connections among endpoints."""
        endpoints = self._endpoints
        allowed = Verdict(expected.verdict) is Verdict.ALLOW
        for family in families:
            there = service._replace(family=family)
            having = frozenset(name for name in destinations if first_of_family(endpoints[name].addresses, family))
            rows = reachable(self._evaluator, there, sources, having)
            for name, allowed_to in rows.items():
                row = allowed_to - self._barriers.kept_from(name, family)
                wrong = having - row - {name} if allowed else row
                yield from (
                    there.connection(name, other)
                    for other in sorted(wrong)
                    if not is_itself(endpoints[name], endpoints[other])
                )
        if allowed and len(families) > 1:
            yield from self.questions.apart(sources, destinations, service)


def _is_meant(path: Path, expected: Expectation, proving: Proving, problems: Problems) -> bool:
    """Whether the expectation speaks of any connection; ports that its destinations lack are reported, too."""
    sources, destinations = proving.questions.ends(expected.from_), proving.questions.ends(expected.to)
    behind = any(sources) and proving.questions.behind(expected, destinations.endpoints)
    if not behind and not (sources.endpoints and any(destinations)) and not (destinations.endpoints and any(sources)):
        problems.warn(
            "NC272", path, "this proves nothing: no endpoint is selected on either side", "Correct its selectors."
        )
        return False
    port = parse_port(expected.port)
    if isinstance(port, NamedPort):
        _demand_port(path, port, proving, expected, problems)
    return True


def _prove(path: Path, expected: Expectation, proving: Proving, problems: Problems) -> None:
    broken = proving.broken(expected)
    first = next(broken, None)
    if first is not None:
        _report(path, first, sum(1 for _ in broken), expected, proving, problems)


def _demand_port(
    path: Path, port: NamedPort, proving: Proving, expected: Expectation, problems: Problems
) -> None:  # fmt: skip
    destinations = proving.questions.ends(expected.to).endpoints
    having = {name for _, names in proving.questions.services(expected, destinations) for name in names}
    if lacking := sorted(destinations - having):
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        problems.error(
            "NC267",
            (*path, "port"),
            f"{lacking[0]}{more} has no port of the name '{port}'",
            "Declare it under 'ports:' of the attachment or the service, or name the port by its number.",
        )


def _report(
    path: Path, connection: Connection, others: int, expected: Expectation, proving: Proving, problems: Problems
) -> None:
    can = "cannot" if Verdict(expected.verdict) is Verdict.ALLOW else "can"
    more = f" (and {others} more)" if others else ""
    problems.error(
        "NC267",
        path,
        f"{connection.source} {can} connect to {connection.destination}{more} at {spelled_port(connection)}: "
        f"{proving.because(connection)}",
        "Correct the policy or the network, or what is expected.",
    )
