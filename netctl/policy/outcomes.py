"""Rule by rule, how a decision was reached: of each rule that was consulted, whether it matched, and if not, why."""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from netctl.policy.evaluate import End, Evaluator
from netctl.policy.matching import Matching, has_service
from netctl.policy.model import Action, Connection, Direction, Policy, Rule
from netctl.policy.ranges import has_port
from netctl.policy.verdicts import Decision, Side, Step


class Outcome(StrEnum):
    """What a rule had to say on a connection."""

    DECIDES = "decides"
    LOGS = "logs"
    """It matches, logs, and the next rule is asked."""
    OTHER_PEER = "other peer"
    OTHER_PORT = "other port"
    OTHER_PEER_AND_PORT = "other peer and port"
    NOT_REACHED = "not reached"
    """A rule before it decided."""

    @property
    def matches(self) -> bool:
        """Whether the rule is about the connection."""
        return self in {Outcome.DECIDES, Outcome.LOGS}


class RuleOutcome(NamedTuple):
    """A rule, and what it had to say."""

    rule: Rule
    outcome: Outcome


class Consulted(NamedTuple):
    """A policy that was consulted, with its rules in order."""

    policy: Policy
    rules: tuple[RuleOutcome, ...]
    in_force: bool
    """False for a staged policy, which decides nothing."""


def consulted(evaluator: Evaluator, decision: Decision, side: Side) -> tuple[Consulted, ...]:
    """The policies that one side of a decision consulted, in order."""
    _, destination, seen = evaluator.ends(decision.connection)
    remote = destination if side.direction is Direction.EGRESS else seen
    asking = _Asking(decision.connection, destination.name, remote)
    return tuple(
        Consulted(step.policy, tuple(asking.outcomes(step, side.direction)), evaluator.in_force(step.policy))
        for step in side.steps
    )


def not_consulted(evaluator: Evaluator, side: Side) -> tuple[Policy, ...]:
    """The policies that govern the endpoint in this direction, but were decided before."""
    asked = {step.policy.name for step in side.steps}
    tiers = evaluator.governing(side.endpoint, side.direction) if side.endpoint else ()
    return tuple(policy for tier in tiers for policy, _ in tier if policy.name not in asked)


class _Asking:
    """Asks rules about one connection."""

    def __init__(self, connection: Connection, destination: str, remote: End) -> None:
        self._connection = connection
        self._destination = destination
        self._remote = remote
        self._matching = Matching()

    def outcomes(self, step: Step, direction: Direction) -> Iterator[RuleOutcome]:
        decided = False
        rules = step.policy.ingress if direction is Direction.INGRESS else step.policy.egress
        for rule in rules or ():
            yield RuleOutcome(rule, Outcome.NOT_REACHED if decided else self._outcome(rule))
            decided = decided or rule is step.rule

    def _outcome(self, rule: Rule) -> Outcome:
        peer, port = self._has_peer(rule), self._has_port(rule)
        if peer and port:
            return Outcome.LOGS if rule.action is Action.LOG else Outcome.DECIDES
        if peer:
            return Outcome.OTHER_PORT
        return Outcome.OTHER_PEER if port else Outcome.OTHER_PEER_AND_PORT

    def _has_peer(self, rule: Rule) -> bool:
        remote = self._remote
        return self._matching.has_peer(rule.peers, remote.recognised, self._connection.family, remote.address)

    def _has_port(self, rule: Rule) -> bool:
        asked = self._connection
        named = self._matching.named(rule, self._destination)
        return has_service(rule, asked) or has_port(named, asked.protocol, asked.port)
