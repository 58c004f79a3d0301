"""What is reported as without effect has none: taking it away changes no verdict."""

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from netctl.policy.checks import (
    Place,
    futile_rules,
    rules_of,
    shadowed_rules,
    unheard_policies,
)
from netctl.policy.evaluate import Evaluator
from netctl.policy.model import Connection, Direction, IcmpMatch, Policy, PolicySet, Protocol
from netctl.policy.verdicts import Verdict
from tests.policy.generated import policy_sets

_SETTINGS = settings(max_examples=100, deadline=None)

_ASKED = [
    *((protocol, port, None) for protocol in (Protocol.TCP, Protocol.UDP) for port in (80, 81, 443, 444)),
    (Protocol.ICMP, 0, None),
    (Protocol.ICMP, 0, IcmpMatch(3, 1)),
]


def _verdicts(policies: PolicySet) -> Iterator[bool]:
    evaluator = Evaluator(policies)
    for source in policies.endpoints:
        for destination in policies.endpoints:
            for family in (4, 6):
                for asked in _ASKED:
                    decision = evaluator.decide(Connection(source, destination, *asked, family=family))
                    yield decision.verdict is Verdict.ALLOW


def _without_rule(policies: PolicySet, place: Place) -> PolicySet:
    def stripped(policy: Policy) -> Policy:
        if policy.name != place.policy:
            return policy
        rules = rules_of(policy, place.direction)
        left = (*rules[: place.number], *rules[place.number + 1 :])
        return policy._replace(ingress=left) if place.direction is Direction.INGRESS else policy._replace(egress=left)

    return policies._replace(policies=tuple(map(stripped, policies.policies)))


@_SETTINGS
@given(policy_sets())
def test_a_rule_that_is_reported_as_shadowed_has_no_effect(policies: PolicySet) -> None:
    for found in list(shadowed_rules(policies))[:2]:
        assert list(_verdicts(_without_rule(policies, found.place))) == list(_verdicts(policies)), found


@_SETTINGS
@given(policy_sets())
def test_a_rule_that_is_reported_as_futile_has_no_effect(policies: PolicySet) -> None:
    for place, _ in list(futile_rules(policies))[:2]:
        assert list(_verdicts(_without_rule(policies, place))) == list(_verdicts(policies)), place


@_SETTINGS
@given(policy_sets())
def test_a_policy_that_is_reported_as_never_consulted_has_no_effect(policies: PolicySet) -> None:
    for found in list(unheard_policies(policies))[:2]:
        left = tuple(
            policy
            if policy.name != found.policy
            else policy._replace(ingress=None)
            if found.direction is Direction.INGRESS
            else policy._replace(egress=None)
            for policy in policies.policies
        )
        assert list(_verdicts(policies._replace(policies=left))) == list(_verdicts(policies)), found


@_SETTINGS
@given(policy_sets(), st.data())
def test_a_rule_that_stands_twice_in_a_policy_is_reported(policies: PolicySet, data: st.DataObject) -> None:
    having = [policy for policy in policies.policies if rules_of(policy, Direction.INGRESS)]
    if not having:
        return
    policy = data.draw(st.sampled_from(having))
    rules = rules_of(policy, Direction.INGRESS)
    first = rules[0]
    matches_nothing = first.ports == () and not first.icmp and not first.named_ports
    is_nobody = first.peers is not None and not (first.peers.endpoints or first.peers.prefixes)
    twice = policy._replace(ingress=(*rules, first))
    changed = tuple(twice if known is policy else known for known in policies.policies)
    found = {shadowed.place for shadowed in shadowed_rules(policies._replace(policies=changed))}
    is_reported = Place(policy.name, Direction.INGRESS, len(rules)) in found
    if first.action != "log":
        assert is_reported is not (matches_nothing or is_nobody)
