"""Traces for people."""

import re

import pytest

from netctl.report.paint import Paint
from netctl.report.trace_text import traces_text
from tests.path.tracing import HOSTS, OVERLAY, SHOP
from tests.path.tracing import tracer as tracer_of
from tests.policy.stacks import loaded

ALLOWED = """\
front/web -> back/db, 5432/tcp: allowed
  policy 'db-from-web' allows it (<stdin>:19: allow from network front, ports 5432/tcp)
  <stdin>:19 | - {from: [{network: front}], ports: [5432/tcp]}

Egress of front/web: allow, no policy governs it

Ingress of back/db: allow
  policy db-from-web, tier default                                    <stdin>:13
    allow from network back, ports 5432/tcp   no match: another peer  <stdin>:16
    allow from network front, ports 22/tcp    no match: another port  <stdin>:17
    log from network front, ports 5432/tcp    matches, logs, goes on  <stdin>:18
    allow from network front, ports 5432/tcp  matches and decides     <stdin>:19
    deny from anyone, ports 5432/tcp          not reached             <stdin>:20

Path of 10.10.0.20 -> 10.20.0.10: it is delivered
  netns web  route    default via 10.10.0.1 dev eth0           <stdin>:4
             veth     eth0 -> nc-front-web                     <stdin>:4
  host       bridge   nc-front: port nc-front-web -> the host  <stdin>:4
             route    10.20.0.0/24 dev nc-back                 <stdin>:5
             bridge   nc-back: the host -> port nc-back-db     <stdin>:5
             veth     nc-back-db -> eth0                       <stdin>:5
  netns db   deliver  10.20.0.10, which is on eth0

Answers 10.20.0.10 -> 10.10.0.20: they return"""


def printed(text: str, source: str, destination: str, port: str = "5432") -> str:
    return traces_text(tracer_of(text).trace(source, destination, port), loaded(text).line)


def test_an_allowed_connection_is_told_whole() -> None:
    assert printed(SHOP, "web", "back/db", "sql") == ALLOWED


def test_a_denial_names_the_policy_whose_rules_all_do_not_match() -> None:
    text = printed(SHOP, "web", "back/db", "80")
    assert text.startswith(
        "front/web -> back/db, 80/tcp: denied\n"
        "  no ingress rule of policy 'db-from-web' (<stdin>:13) allows it\n"
        "  <stdin>:13 | db-from-web:\n"
    )
    assert "would take, were it allowed\n" in text
    assert "no match: another peer, another port" in text


def test_what_is_allowed_and_does_not_arrive_says_where_it_ends_first() -> None:
    head = printed(SHOP.replace("back:\n", "back:\n    isolated: true\n"), "web", "back/db").partition("\n\n")[0]
    assert "5432/tcp: allowed, but it does not arrive\n" in head
    assert head.endswith(
        "  host: networks.back is isolated: nothing is forwarded from nc-front to nc-back\n  <stdin>:5 | back:"
    )


def test_answers_that_do_not_return_are_followed_to_where_they_go() -> None:
    network = "networks: {front: {hosts: [n1], subnet: {cidr: 10.10.0.0/24}, nat: none, attach: [{netns: web}]}}\n"
    text = printed(network + OVERLAY, "web", "b", "80")
    assert "80/tcp: allowed, but answers do not return\n" in text
    assert "  n2: what follows is not declared\n" in text
    answers = text.partition("\nAnswers ")[2]
    assert ": they do not return\n" in answers
    assert "masquerade" not in answers


def test_several_connections_are_told_one_after_the_other() -> None:
    heads = re.findall(r"^.* -> .*: allowed$", printed(SHOP, "web", "db"), re.MULTILINE)
    assert heads == ["front/web -> back/db, 5432/tcp: allowed", "front/web -> back/spare, 5432/tcp: allowed"]


def test_policies_that_come_too_late_and_staged_ones_are_named() -> None:
    tiers = "tiers: {first: {order: 1}}\n"
    more = """
  gate: {tier: first, applies_to: {service: db}, ingress: [{from: [{network: front}], action: deny}]}
  trial: {staged: true, tier: first, order: 1, applies_to: {service: db}, ingress: []}
"""
    text = printed(SHOP + more + tiers, "web", "back/db")
    assert "policy trial, tier first" in text
    assert "staged, decides nothing" in text
    assert "not consulted, since it is decided: db-from-web" in text


def test_a_destination_that_sees_the_host_in_the_source_s_place_is_said_to() -> None:
    assert "Ingress of host/n2 (which sees host/n1): allow" in printed(
        SHOP.replace("front: {", "front: {hosts: [n1], ") + HOSTS, "web", "n2"
    )


@pytest.mark.parametrize("enabled", [True, False])
def test_colour_is_only_where_it_is_wanted(enabled: bool) -> None:
    text = traces_text(tracer_of(SHOP).trace("web", "spare", "80"), loaded(SHOP).line, Paint(enabled=enabled))
    assert ("\x1b[31mdenied\x1b[0m" in text) is enabled
