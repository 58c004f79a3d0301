"""The evaluator agrees with a plain reading of what policies mean, for one connection and for all pairs at once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netctl.engine.resource import Origin
from netctl.errors import UsageError
from netctl.policy.evaluate import Evaluator, evaluate
from netctl.policy.matrix import Service, reachable
from netctl.policy.model import (
    Action,
    Connection,
    Direction,
    Endpoint,
    Failsafe,
    IcmpMatch,
    Peers,
    Policy,
    PolicySet,
    PortRange,
    Protocol,
    Rule,
)
from netctl.policy.verdicts import Reason, Verdict
from tests.policy.generated import DEFAULT_ACTIONS, connections, has_family, policy_sets, rules, services
from tests.policy.reference import allows
from tests.policy.stacks import resolved

_SETTINGS = settings(max_examples=80, deadline=None)

TCP_80 = (PortRange(Protocol.TCP, 80, 80),)


def _rule(action: Action = Action.ALLOW, peers: Peers | None = None, line: int = 0) -> Rule:
    return Rule(action, peers, None, (), (), Origin("policies.p", "stack.yaml", line))


def _policy(
    name: str, selected: str, ingress: tuple[Rule, ...] | None, tier: str = "default", *, staged: bool = False
) -> Policy:
    return Policy(name, tier, staged, frozenset({selected}), ingress, None, Origin(f"policies.{name}", "stack.yaml", 9))


def _set(*policies: Policy) -> PolicySet:
    ends = [
        Endpoint("n/a", "attachment", "x", "n", ("10.0.0.1", "fd00::1"), {}, netns="a"),
        Endpoint(
            "n/b", "attachment", "x", "n", ("10.0.0.2",), {}, {"http": PortRange(Protocol.TCP, 80, 80)}, netns="b"
        ),
        Endpoint("m/b", "attachment", "x", "m", ("10.1.0.2",), {}, netns="b"),
        Endpoint("host/x", "host", "x", "", ("192.0.2.1", "10.0.0.254"), {}),
        Endpoint("host/y", "host", "y", "", ("192.0.2.2", "10.0.0.254"), {}),
    ]
    failsafe = Failsafe((PortRange(Protocol.TCP, 22, 22),), ())
    return PolicySet({end.name: end for end in sorted(ends)}, policies, ("early", "default"), failsafe)


def _asked(source: str = "n/a", destination: str = "n/b", port: int = 80, family: int = 4) -> Connection:
    return Connection(source, destination, Protocol.TCP, port, family=family)


@_SETTINGS
@given(policy_sets(), services, st.sampled_from([4, 6]))
def test_every_verdict_is_that_of_the_reference(
    policies: PolicySet, service: tuple[Protocol, int, IcmpMatch | None], family: int
) -> None:
    evaluator = Evaluator(policies)
    for source in policies.endpoints:
        for destination in policies.endpoints:
            asked = Connection(source, destination, *service, family=family)
            assert (evaluator.decide(asked).verdict is Verdict.ALLOW) is allows(policies, asked), asked


@_SETTINGS
@given(policy_sets(), services, st.sampled_from([4, 6]), st.booleans())
def test_the_matrix_is_every_verdict_on_its_own(
    policies: PolicySet, service: tuple[Protocol, int, IcmpMatch | None], family: int, staged: bool
) -> None:
    evaluator = Evaluator(policies, staged=staged)
    rows = reachable(evaluator, Service(*service, family))
    assert set(rows) == {name for name, end in policies.endpoints.items() if has_family(end, family)}
    for source, row in rows.items():
        asked = [Connection(source, name, *service, family=family) for name in rows if name != source]
        assert row == {ask.destination for ask in asked if evaluator.decide(ask).verdict is Verdict.ALLOW}
    some, others = frozenset(sorted(rows)[:2]), frozenset(sorted(rows)[1:4])
    part = reachable(evaluator, Service(*service, family), some, others)
    assert part == {name: row & others for name, row in rows.items() if name in some}


@_SETTINGS
@given(st.data())
def test_another_rule_that_allows_denies_nothing_that_was_allowed(data: st.DataObject) -> None:
    policies = data.draw(policy_sets(DEFAULT_ACTIONS))
    asked = data.draw(connections(policies))
    governing = [index for index, policy in enumerate(policies.policies) if policy.ingress is not None]
    if not governing:
        return
    index = data.draw(st.sampled_from(governing))
    policy = policies.policies[index]
    more = data.draw(rules(sorted(policies.endpoints), policies.endpoints, DEFAULT_ACTIONS))
    at = data.draw(st.integers(0, len(policy.ingress or ())))
    longer = (*(policy.ingress or ())[:at], more, *(policy.ingress or ())[at:])
    changed = [*policies.policies[:index], policy._replace(ingress=longer), *policies.policies[index + 1 :]]
    after = evaluate(policies._replace(policies=tuple(changed)), asked).verdict
    assert (evaluate(policies, asked).verdict, after) != (Verdict.ALLOW, Verdict.DENY)


@_SETTINGS
@given(st.data())
def test_the_order_of_policies_and_rules_that_only_allow_changes_nothing(data: st.DataObject) -> None:
    policies = data.draw(policy_sets(DEFAULT_ACTIONS))
    asked = data.draw(connections(policies))
    shuffled = [
        policy._replace(
            ingress=policy.ingress and tuple(data.draw(st.permutations(policy.ingress))),
            egress=policy.egress and tuple(data.draw(st.permutations(policy.egress))),
        )
        for policy in data.draw(st.permutations(policies.policies))
    ]
    shuffled.sort(key=lambda policy: policies.tiers.index(policy.tier))
    other = policies._replace(policies=tuple(shuffled))
    assert evaluate(policies, asked).verdict is evaluate(other, asked).verdict


@_SETTINGS
@given(st.data())
def test_a_decision_names_what_decided_and_all_that_was_consulted(data: st.DataObject) -> None:
    policies = data.draw(policy_sets())
    decision = evaluate(policies, data.draw(connections(policies)))
    for side in (decision.egress, decision.ingress):
        if side is None:
            continue
        consulted = [step.policy for step in side.steps]
        assert consulted == [policy for policy in policies.policies if policy in consulted], "in order, each once"
        if side.reason in {Reason.RULE, Reason.NO_RULE, Reason.PASSED}:
            assert side.policy in consulted
            assert side.policy is not None
            assert not side.policy.staged
        if side.reason is Reason.RULE:
            assert side.rule in [step.rule for step in side.steps if step.policy == side.policy]
    if decision.verdict is Verdict.DENY and decision.egress:
        assert decision.deciding
        assert decision.deciding.verdict is Verdict.DENY


def test_without_policies_everything_is_open() -> None:
    decision = evaluate(_set(), _asked())
    assert (decision.verdict, decision.reason, decision.origin) == (Verdict.ALLOW, Reason.OPEN, None)


def test_a_verdict_names_the_line_of_the_rule_that_decided() -> None:
    rules = (_rule(Action.DENY, Peers(frozenset({"m/b"})), 4), _rule(line=5))
    decision = evaluate(_set(_policy("p", "n/b", rules)), _asked())
    assert (decision.verdict, decision.reason) == (Verdict.ALLOW, Reason.RULE)
    assert decision.origin == Origin("policies.p", "stack.yaml", 5)
    assert decision.deciding
    assert (decision.deciding.direction, decision.deciding.endpoint) == (Direction.INGRESS, "n/b")


def test_where_no_rule_matches_the_policy_is_named() -> None:
    decision = evaluate(_set(_policy("p", "n/b", ())), _asked())
    assert (decision.verdict, decision.reason) == (Verdict.DENY, Reason.NO_RULE)
    assert decision.origin == Origin("policies.p", "stack.yaml", 9)


def test_a_tier_that_passes_leaves_it_to_the_next_and_the_last_one_allows() -> None:
    passing = _policy("early", "n/b", (_rule(Action.PASS),), "early")
    assert evaluate(_set(passing), _asked()).reason is Reason.PASSED
    assert evaluate(_set(passing), _asked()).verdict is Verdict.ALLOW
    assert evaluate(_set(passing, _policy("p", "n/b", ())), _asked()).verdict is Verdict.DENY


def test_a_tier_without_a_match_denies_whatever_later_tiers_say() -> None:
    early = _policy("early", "n/b", (), "early")
    assert evaluate(_set(early, _policy("p", "n/b", (_rule(),))), _asked()).verdict is Verdict.DENY


def test_a_rule_that_logs_decides_nothing_and_is_reported() -> None:
    logs = _rule(Action.LOG, line=4)
    decision = evaluate(_set(_policy("p", "n/b", (logs, _rule(line=5)))), _asked())
    assert decision.verdict is Verdict.ALLOW
    assert decision.ingress
    assert decision.ingress.steps[0].logged == (logs,)
    assert evaluate(_set(_policy("p", "n/b", (logs,))), _asked()).verdict is Verdict.DENY


def test_a_staged_policy_is_consulted_and_decides_nothing_until_it_is_in_force() -> None:
    policies = _set(_policy("p", "n/b", (), staged=True))
    decision = evaluate(policies, _asked())
    assert (decision.verdict, decision.reason) == (Verdict.ALLOW, Reason.OPEN)
    assert decision.ingress
    assert [step.policy.name for step in decision.ingress.steps] == ["p"]
    assert Evaluator(policies, staged=True).decide(_asked()).verdict is Verdict.DENY


def test_no_policy_closes_a_failsafe_port_of_a_host_and_only_of_a_host() -> None:
    policies = _set(_policy("h", "host/x", ()), _policy("p", "n/b", ()))
    assert evaluate(policies, _asked(destination="host/x", port=22)).reason is Reason.FAILSAFE
    assert evaluate(policies, _asked(destination="host/x", port=23)).verdict is Verdict.DENY
    assert evaluate(policies, _asked(destination="n/b", port=22)).verdict is Verdict.DENY


def test_what_stays_within_a_namespace_is_seen_by_no_policy() -> None:
    policies = _set(_policy("p", "n/b", ()))
    assert evaluate(policies, _asked("m/b", "n/b")).reason is Reason.ITSELF
    assert evaluate(policies, _asked("n/b", "n/b")).verdict is Verdict.ALLOW


def test_a_family_that_one_end_has_not_got_connects_nothing() -> None:
    decision = evaluate(_set(), _asked(family=6))
    assert (decision.verdict, decision.reason) == (Verdict.DENY, Reason.NO_ADDRESS)


def test_an_end_may_be_an_address_of_an_endpoint_or_of_nobody() -> None:
    only_a = _policy("p", "n/b", (_rule(peers=Peers(frozenset({"n/a"}))),))
    from_outside = _policy("p", "n/b", (_rule(peers=Peers(prefixes=("198.51.100.0/24",))),))
    assert evaluate(_set(only_a), _asked("10.0.0.1", "10.0.0.2")).verdict is Verdict.ALLOW
    assert evaluate(_set(only_a), _asked("198.51.100.7")).verdict is Verdict.DENY
    assert evaluate(_set(from_outside), _asked("198.51.100.7")).verdict is Verdict.ALLOW
    decision = evaluate(_set(), _asked("n/a", "198.51.100.7"))
    assert decision.ingress
    assert decision.ingress.reason is Reason.OUTSIDE


@pytest.mark.parametrize(
    ("text", "message", "advice"),
    [
        ("n/aa", "'n/aa' is neither an endpoint of the stack nor an address", "Did you mean 'n/a'?"),
        ("zzz", "'zzz' is neither", "An endpoint is named like"),
        ("10.0.0.254", "address 10.0.0.254 is that of host/x and host/y", "Name one of them"),
    ],
)
def test_an_end_that_is_nothing_or_several_things_is_refused(text: str, message: str, advice: str) -> None:
    with pytest.raises(UsageError) as caught:
        evaluate(_set(), _asked(text))
    assert message in caught.value.message
    assert advice in caught.value.advice


def test_a_named_port_is_that_of_the_destination_in_both_directions() -> None:
    named = Rule(Action.ALLOW, None, (), (), (("n/b", TCP_80),), Origin(""))
    policies = _set(Policy("p", "default", False, frozenset({"n/a", "n/b"}), (named,), (named,), Origin("")))
    assert evaluate(policies, _asked(port=80)).verdict is Verdict.ALLOW
    assert evaluate(policies, _asked(port=81)).verdict is Verdict.DENY
    assert evaluate(policies, _asked("n/b", "n/a")).verdict is Verdict.DENY


@pytest.mark.parametrize(
    ("match", "message", "family", "verdict"),
    [
        (IcmpMatch(8), None, 4, "allow"),
        (IcmpMatch(8, 0), None, 4, "allow"),
        (IcmpMatch(8, 1), None, 4, "deny"),
        (IcmpMatch(8, 0), IcmpMatch(8), 4, "allow"),
        (IcmpMatch(3, 1), IcmpMatch(3, 1), 4, "allow"),
        (IcmpMatch(3, 1), IcmpMatch(3, 2), 4, "deny"),
    ],
)
def test_icmp_is_told_apart_by_type_and_code(
    match: IcmpMatch, message: IcmpMatch | None, family: int, verdict: str
) -> None:
    rule = Rule(Action.ALLOW, None, (), (match,), (), Origin(""))
    asked = Connection("n/a", "n/b", Protocol.ICMP, 0, message, family)
    assert evaluate(_set(_policy("p", "n/b", (rule,))), asked).verdict == verdict


def test_who_is_masqueraded_is_seen_as_its_host_from_another_host() -> None:
    hosts = _policy("h", "host/y", (_rule(peers=Peers(frozenset({"host/x"}))),))
    policies = _set(hosts)
    assert evaluate(policies, _asked(destination="host/y")).verdict is Verdict.DENY
    ends = {name: end._replace(masqueraded=end.kind == "attachment") for name, end in policies.endpoints.items()}
    hidden = policies._replace(endpoints=ends)
    decision = evaluate(hidden, _asked(destination="host/y"))
    assert decision.verdict is Verdict.ALLOW
    assert decision.ingress
    assert decision.ingress.peer == "host/x"
    assert (
        evaluate(hidden._replace(inside={"x": ("192.0.2.0/24",)}), _asked(destination="host/y")).verdict is Verdict.DENY
    )


def test_an_address_elsewhere_sees_the_source_itself() -> None:
    elsewhere = Endpoint("service/s/10.9.9.9", "address", "", "", ("10.9.9.9",), {})
    policies = _set(_policy("p", elsewhere.name, (_rule(peers=Peers(frozenset({"n/a"}))),)))
    ends = {name: end._replace(masqueraded=True) for name, end in policies.endpoints.items()}
    policies = policies._replace(endpoints={**ends, elsewhere.name: elsewhere})
    assert evaluate(policies, _asked(destination=elsewhere.name)).verdict is Verdict.ALLOW
    near = elsewhere._replace(host="x")
    assert evaluate(
        policies._replace(endpoints={**ends, near.name: near}), _asked(destination=near.name)
    ).verdict is Verdict.ALLOW  # fmt: skip


def test_the_matrix_takes_a_named_port_for_what_it_is_on_each_endpoint() -> None:
    other = (PortRange(Protocol.TCP, 81, 81),)
    named = Rule(Action.ALLOW, None, (), (), (("n/a", other), ("n/b", TCP_80)), Origin(""))
    policies = _set(Policy("p", "default", False, frozenset({"n/a", "n/b"}), (named,), None, Origin("")))
    rows = reachable(Evaluator(policies), Service(Protocol.TCP, 80))
    assert {name for name in ("n/a", "n/b") if name in rows["host/x"]} == {"n/b"}
    rows = reachable(Evaluator(policies), Service(Protocol.TCP, 81))
    assert {name for name in ("n/a", "n/b") if name in rows["host/x"]} == {"n/a"}


def test_many_endpoints_are_governed_by_what_governs_each_alone() -> None:
    ends = {f"n/{n}": Endpoint(f"n/{n}", "attachment", "", "n", (f"10.0.0.{n}",), {}) for n in range(1, 200)}
    policies = tuple(
        Policy(
            f"p{n}", "default", False, frozenset(name for name in ends if int(name[2:]) % n == 0), (), None, Origin("")
        )
        for n in range(2, 9)
    )
    many = _set()._replace(endpoints=ends, policies=policies)
    evaluator = Evaluator(many)
    for name in ends:
        alone = Evaluator(many).governing(name, Direction.INGRESS)
        assert evaluator.governing(name, Direction.INGRESS) == alone
        assert [policy.name for tier in alone for policy, _ in tier] == [
            policy.name for policy in policies if name in policy.selected
        ]


TWO_HOSTS = """
stack: shop
hosts: {n1: {id: 1, address: 192.0.2.11}, n2: {id: 2, address: 192.0.2.12}}
networks:
  near: {hosts: [n1], subnet: {cidr: [10.1.0.0/24, "fd01::/64"]}, attach: [{netns: a}]}
  far: {hosts: [n2], subnet: {cidr: [10.2.0.0/24, "fd02::/64"]}, attach: [{netns: b}]}
policies:
  b: {applies_to: {network: far}, ingress: [{from: [{host: n1}, {host: n2}, {cidr: "fd01::/64"}]%s}]}
"""


@pytest.mark.parametrize("source", ["host/n1", "near/a"])
def test_a_host_is_not_recognised_by_an_address_that_is_not_declared(source: str) -> None:
    evaluator = Evaluator(resolved(TWO_HOSTS % "").policies)
    found = {family: evaluator.decide(_asked(source, "far/b", family=family)) for family in (4, 6)}
    assert {family: one.verdict for family, one in found.items()} == {4: Verdict.ALLOW, 6: Verdict.DENY}
    assert found[6].ingress is not None
    assert found[6].ingress.peer == "an address of host/n1 that is not declared"
    assert "far/b" not in reachable(evaluator, Service(Protocol.TCP, 80, family=6))[source]


def test_its_own_endpoints_see_the_address_of_their_bridge() -> None:
    assert evaluate(resolved(TWO_HOSTS % "").policies, _asked("host/n2", "far/b", family=6)).verdict is Verdict.ALLOW


def test_what_is_allowed_from_everywhere_is_allowed_from_an_address_that_is_not_declared() -> None:
    everywhere = '{cidr: "::/0", except: ["fd00::/8"]}'
    policies = resolved(TWO_HOSTS % f", ports: 22}}, {{from: {everywhere}, ports: 80").policies
    assert evaluate(policies, _asked("host/n1", "far/b", family=6)).verdict is Verdict.ALLOW
