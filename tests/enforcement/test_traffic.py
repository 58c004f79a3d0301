"""Compiled policies, by real packets: TCP, UDP, SCTP and ICMP, over IPv4 and IPv6, between all kinds of ends."""

from collections.abc import Iterable

import pytest

from netctl.policy.model import Action, Failsafe, IcmpMatch, PortRange, Protocol
from netctl.twin.probe import Answer
from tests.enforcement.lab import EVERYTHING, FAMILIES, OTHER, PING, PORT, SERVICES, Lab, names_of, policy, rule

ALL = names_of(EVERYTHING)
TCP = (Protocol.TCP, PORT)
UDP = (Protocol.UDP, PORT)
SCTP = (Protocol.SCTP, PORT)
MOST = (TCP, UDP, SCTP)


def nothing(pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], set[str]]:
    """None of the pairs reaches one another."""
    return {pair: set() for pair in pairs}


pytestmark = pytest.mark.parametrize("family", FAMILIES)


def test_without_policies_everything_reaches_everything(lab: Lab, family: int) -> None:
    lab.apply()
    ends = ("a1", "a2", "b1", "host", "outside")
    pairs = [(one, other) for one in ends for other in ends if one != other]
    pairs.remove(("host", "outside"))
    assert lab.reach(pairs, family) == dict.fromkeys(pairs, ALL)


def test_ingress_is_judged_from_the_same_bridge_another_the_host_and_outside(lab: Lab, family: int) -> None:
    pairs = [(source, "a1") for source in ("a2", "b1", "host", "outside")]
    lab.apply(policy("a1", ingress=[rule("a2", services=MOST)]))
    assert lab.reach(pairs, family) == {**nothing(pairs), ("a2", "a1"): names_of(MOST)}
    lab.apply(policy("a1", ingress=[rule("b1", "host", services=[TCP, PING])]))
    some = names_of([TCP, PING])
    assert lab.reach(pairs, family) == {**nothing(pairs), ("b1", "a1"): some, ("host", "a1"): some}
    lab.apply(policy("a1", ingress=[rule(prefixes=("192.0.2.0/24", "2001:db8::/32"))]))
    assert lab.reach(pairs, family) == {**nothing(pairs), ("outside", "a1"): ALL}


def test_egress_is_judged_to_the_same_bridge_another_the_host_and_outside(lab: Lab, family: int) -> None:
    pairs = [("a1", target) for target in ("a2", "b1", "host", "outside")]
    lab.apply(policy("a1", egress=[rule("a2", services=MOST)]))
    assert lab.reach(pairs, family) == {**nothing(pairs), ("a1", "a2"): names_of(MOST)}
    lab.apply(policy("a1", egress=[rule("b1", "host", services=[TCP, PING])]))
    some = names_of([TCP, PING])
    assert lab.reach(pairs, family) == {**nothing(pairs), ("a1", "b1"): some, ("a1", "host"): some}
    lab.apply(policy("a1", egress=[rule(prefixes=("192.0.2.0/24", "2001:db8::/32"))]))
    assert lab.reach(pairs, family) == {**nothing(pairs), ("a1", "outside"): ALL}


def test_both_ends_have_to_allow_it_and_who_is_not_selected_stays_open(lab: Lab, family: int) -> None:
    lab.apply(
        policy("a1", name="out", egress=[rule("a2", services=[TCP, UDP])]),
        policy("a2", name="in", ingress=[rule("a1", services=[TCP, SCTP])]),
    )
    pairs = [("a1", "a2"), ("a2", "a1"), ("b1", "a1"), ("b1", "a2")]
    assert lab.reach(pairs, family) == {
        ("a1", "a2"): names_of([TCP]),
        ("a2", "a1"): ALL,
        ("b1", "a1"): ALL,
        ("b1", "a2"): set(),
    }


def test_a_host_s_own_traffic_is_judged_and_forwarded_traffic_is_not(lab: Lab, family: int) -> None:
    lab.apply(policy("host", ingress=[rule("a1", services=[TCP])], egress=[rule("a2", services=[UDP, PING])]))
    pairs = [("a1", "host"), ("a2", "host"), ("outside", "host"), ("host", "a1"), ("host", "a2"), ("a1", "b1")]
    assert lab.reach(pairs, family) == {
        ("a1", "host"): names_of([TCP]),
        ("a2", "host"): set(),
        ("outside", "host"): set(),
        ("host", "a1"): set(),
        ("host", "a2"): names_of([UDP, PING]),
        ("a1", "b1"): ALL,
    }


def test_between_an_endpoint_and_the_host_both_have_to_allow_it(lab: Lab, family: int) -> None:
    lab.apply(
        policy("host", name="host", ingress=[rule(services=[TCP, UDP])], egress=[rule(services=[TCP, UDP])]),
        policy("a1", name="a1", ingress=[rule(services=[TCP, SCTP])], egress=[rule(services=[UDP, SCTP])]),
    )
    pairs = [("a1", "host"), ("host", "a1")]
    assert lab.reach(pairs, family) == {("a1", "host"): names_of([UDP]), ("host", "a1"): names_of([TCP])}


def test_failsafe_ports_of_the_host_stay_open_and_no_others(lab: Lab, family: int) -> None:
    lab.failsafe = Failsafe((PortRange(Protocol.TCP, 80, 80),), (PortRange(Protocol.UDP, 70, 90),))
    lab.apply(policy("host", "a1", ingress=[], egress=[]))
    pairs = [("outside", "host"), ("host", "b1"), ("outside", "a1")]
    assert lab.reach(pairs, family) == {
        ("outside", "host"): names_of([TCP]),
        ("host", "b1"): names_of([UDP]),
        ("outside", "a1"): set(),
    }


def test_the_host_talks_to_itself_whatever_its_policies(lab: Lab, family: int) -> None:
    lab.apply(policy("host", ingress=[], egress=[]))
    loopback = {4: "127.0.0.1", 6: "::1"}[family]
    assert lab.answers_at("host", loopback, TCP) is Answer.ANSWERED
    assert lab.answers_at("host", lab.address("host", family, "outside"), UDP) is Answer.ANSWERED


def test_an_address_of_the_host_that_is_an_endpoint_s_is_judged(lab: Lab, family: int) -> None:
    service = lab.endpoints["host"]._replace(
        name="service/db", kind="address", addresses=(lab.address("host", 4, "a1"), lab.address("host", 6, "a1"))
    )
    lab.endpoints = {**lab.endpoints, service.name: service}
    lab.apply(policy("service/db", ingress=[rule("a1", services=[TCP])], egress=[]))
    pairs = [("a1", "host"), ("a2", "host"), ("host", "a1"), ("b1", "host")]
    assert lab.reach(pairs, family) == {
        ("a1", "host"): names_of([TCP]),
        ("a2", "host"): set(),
        ("host", "a1"): set(),
        ("b1", "host"): ALL,
    }


def test_the_first_rule_that_matches_decides_and_a_tier_passes_on_what_it_says_so_of(lab: Lab, family: int) -> None:
    lab.apply(
        policy(
            "a1",
            name="first",
            tier="security",
            ingress=[rule("b1", action=Action.DENY), rule(services=[TCP, UDP, PING], action=Action.PASS), rule("host")],
        ),
        policy("a1", name="second", ingress=[rule("a2", services=[TCP]), rule("b1")]),
    )
    pairs = [("a2", "a1"), ("b1", "a1"), ("host", "a1")]
    assert lab.reach(pairs, family) == {
        ("a2", "a1"): names_of([TCP]),
        ("b1", "a1"): set(),
        ("host", "a1"): names_of([(Protocol.TCP, OTHER), SCTP]),
    }


def test_what_the_last_tier_passes_on_is_allowed(lab: Lab, family: int) -> None:
    lab.apply(policy("a1", ingress=[rule("a2", action=Action.PASS)]))
    assert lab.reach([("a2", "a1"), ("b1", "a1")], family) == {("a2", "a1"): ALL, ("b1", "a1"): set()}


def test_icmp_is_told_apart_by_type_and_code(lab: Lab, family: int) -> None:
    echo = {4: 8, 6: 128}[family]
    for matches, reached in (
        ((IcmpMatch(echo),), True),
        ((IcmpMatch(echo, 0), IcmpMatch(3)), True),
        ((IcmpMatch(echo, 1),), False),
        ((IcmpMatch(13), IcmpMatch(3)), False),
    ):
        lab.apply(policy("a1", ingress=[rule(icmp=matches)]))
        assert lab.reach([("a2", "a1")], family) == {("a2", "a1"): names_of([PING]) if reached else set()}


def test_a_refusal_by_the_destination_comes_back_though_it_may_send_nothing(lab: Lab, family: int) -> None:
    closed = ((Protocol.TCP, 9), (Protocol.UDP, 9))
    lab.apply(policy("a2", egress=[], ingress=[rule("a1")]))
    answers = lab.answers([("a1", "a2", service) for service in (*closed, *SERVICES)], family)
    assert [answers["a1", "a2", service] for service in closed] == [Answer.REFUSED, Answer.REFUSED]
    assert {answers["a1", "a2", service] for service in SERVICES} == {Answer.ANSWERED}


def test_who_may_send_and_receive_nothing_is_found_by_its_neighbours_all_the_same(lab: Lab, family: int) -> None:
    lab.apply(policy("a1", ingress=[], egress=[]))
    assert lab.reach([("a2", "a1"), ("a1", "host"), ("host", "a1")], family, [PING]) == {
        ("a2", "a1"): set(),
        ("a1", "host"): set(),
        ("host", "a1"): set(),
    }
    for one, other in (("a2", "a1"), ("a1", "host")):
        assert lab.neighbour(one, lab.address(other, family, one)) in {"REACHABLE", "DELAY", "STALE", "PROBE"}


def test_what_staged_policies_would_drop_passes_and_is_counted(lab: Lab, family: int) -> None:
    staged = policy("a1", name="trial", ingress=[rule("a2", services=[TCP])], staged=True)
    strict = [rule(services=[UDP], action=Action.DENY), rule(action=Action.PASS)]
    for policies, denied in (
        ([staged], set()),
        ([policy("a1", name="trial", tier="security", ingress=strict, staged=True)], set()),
        (
            [
                policy("a1", name="trial", tier="security", ingress=strict, staged=True),
                policy("a1", ingress=[rule("a2", services=[TCP, UDP])]),
            ],
            {(Protocol.TCP, OTHER), SCTP, PING},
        ),
    ):
        lab.apply(*policies)
        before = lab.counted("staged-")
        assert lab.reach([("a2", "a1")], family, [TCP]) == {("a2", "a1"): names_of([TCP])}
        assert lab.counted("staged-") == before
        assert lab.reach([("a2", "a1")], family) == {("a2", "a1"): ALL - names_of(denied)}
        assert lab.counted("staged-") > before
