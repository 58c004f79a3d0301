"""What comes of asking whether a connection is allowed: the verdict, and how it was reached."""

from enum import StrEnum
from typing import NamedTuple

from netctl.engine.resource import Origin
from netctl.policy.model import Connection, Direction, Policy, Rule


class Verdict(StrEnum):
    """Whether a connection is made."""

    ALLOW = "allow"
    DENY = "deny"


class Reason(StrEnum):
    """What a verdict rests on."""

    RULE = "a rule matches"
    NO_RULE = "no rule of the tier that governs it matches"
    PASSED = "every tier that governs it passes it on"
    OPEN = "no policy governs it"
    OUTSIDE = "it is no endpoint of the stack"
    FAILSAFE = "the port is a failsafe port"
    ITSELF = "it does not leave the endpoint"
    NO_ADDRESS = "one of the two has no address of this family"


class Step(NamedTuple):
    """A policy that was consulted."""

    policy: Policy
    rule: Rule | None
    """The one that matched and is not only there to log; None where there is none."""
    logged: tuple[Rule, ...] = ()
    """Those that matched before it, and only log."""


class Side(NamedTuple):
    """The verdict of one end of a connection."""

    direction: Direction
    endpoint: str
    """Whose policies were consulted; empty for an address that is no endpoint's."""
    peer: str
    """Whom they saw at the other end: its name, or its address. Masquerading hides an endpoint behind its host."""
    verdict: Verdict
    reason: Reason
    steps: tuple[Step, ...] = ()
    """Every policy that was consulted, in order; staged ones, too, which decide nothing."""
    policy: Policy | None = None
    """The one that decided; of several that did by having no rule that matches, the first."""
    rule: Rule | None = None
    """The one that decided."""

    @property
    def origin(self) -> Origin | None:
        """Where what decided is declared: the rule, or the policy whose rules all do not match."""
        return self.rule.origin if self.rule else self.policy.origin if self.policy else None


class Decision(NamedTuple):
    """The verdict for a connection."""

    connection: Connection
    verdict: Verdict
    reason: Reason
    egress: Side | None
    """The source's; None where the connection does not get as far as a policy."""
    ingress: Side | None
    """The destination's."""

    @property
    def deciding(self) -> Side | None:
        """The side that denies, the source's first; of two that allow, the destination's unless it tells nothing."""
        sides = [side for side in (self.ingress, self.egress) if side]
        denying = [side for side in reversed(sides) if side.verdict is Verdict.DENY]
        telling = [side for side in sides if side.policy or side.reason is Reason.FAILSAFE]
        return next(iter(denying + telling + sides), None)

    @property
    def origin(self) -> Origin | None:
        """Where what decided is declared; None where no policy did."""
        return self.deciding.origin if self.deciding else None
