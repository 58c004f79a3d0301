"""Decisions in words."""

from netctl.policy.model import Connection, Policy, Protocol
from netctl.policy.verdicts import Decision, Reason, Side, Verdict

_WITHOUT_POLICY = {
    Reason.ITSELF: "the two are one, or in one network namespace, which nothing leaves",
    Reason.NO_ADDRESS: "the two have no addresses of one family",
    Reason.FAILSAFE: "its port is a failsafe port",
}


def because(decision: Decision) -> str:
    """Why a connection is allowed or denied, in a clause: ``no rule of policy 'db' (stack.yaml:20) allows it``."""
    side = decision.deciding
    if side is None or side.policy is None:
        return _WITHOUT_POLICY.get(decision.reason, "no policy governs it")
    return _clause(side, side.policy)


def spelled_port(connection: Connection) -> str:
    """``5432/tcp``, or ``icmp``; over IPv6, this is said."""
    port = "icmp" if connection.protocol is Protocol.ICMP else f"{connection.port}/{connection.protocol}"
    return f"{port} over IPv6" if connection.family == 6 else port


def _clause(side: Side, policy: Policy) -> str:
    if side.rule is None:
        others = [step.policy for step in side.steps if step.policy.tier == policy.tier and not step.policy.staged]
        return f"no {side.direction} rule of {_named(others or [policy])} allows it"
    rule = f"({side.rule.origin.place}: {side.rule.text})"
    if side.reason is Reason.PASSED:
        return f"policy '{policy.name}' passes it on {rule}, and no later tier denies it"
    return f"policy '{policy.name}' {'allows' if side.verdict is Verdict.ALLOW else 'denies'} it {rule}"


def _named(policies: list[Policy]) -> str:
    names = [f"'{policy.name}' ({policy.origin.place})" for policy in policies[:3]]
    more = f" and {len(policies) - 3} more" if len(policies) > 3 else ""
    return f"{'policy' if len(policies) == 1 else 'policies'} {', '.join(names)}{more}"
