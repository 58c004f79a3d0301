"""A decision in words names what decided, and where it is declared."""

import pytest

from netctl.policy.evaluate import evaluate
from netctl.policy.explanation import because, spelled_port
from netctl.policy.model import Connection, Protocol
from tests.policy.stacks import resolved

STACK = """\
stack: s
hosts: {x: {id: 1, address: 192.0.2.1}}
networks:
  n:
    subnet: {cidr: 10.0.0.0/24}
    attach: [{netns: a}, {netns: b, labels: {app: b}}, {netns: c, labels: {app: c}}]
  six: {subnet: {cidr: "fd00::/64"}, attach: [{netns: d}]}
tiers: {early: {order: 1}}
policies:
  early:
    tier: early
    applies_to: {labels: {app: b}}
    ingress:
      - {ports: 22, action: deny}
      - {action: pass}
  late:
    applies_to: {labels: {app: b}}
    ingress: [{ports: 80}]
  extra: {applies_to: {labels: {app: b}}, ingress: []}
  passing: {tier: early, applies_to: {labels: {app: c}}, ingress: [{action: pass}]}
  host: {applies_to: {host: x}, ingress: []}
"""


@pytest.mark.parametrize(
    ("destination", "port", "words"),
    [
        ("n/b", 22, "policy 'early' denies it (<stdin>:14: deny from anyone, ports 22/tcp)"),
        ("n/b", 80, "policy 'late' allows it (<stdin>:18: allow from anyone, ports 80/tcp)"),
        ("n/b", 81, "no ingress rule of policies 'extra' (<stdin>:19), 'late' (<stdin>:16) allows it"),
        ("n/c", 80, "policy 'passing' passes it on (<stdin>:20: pass from anyone), and no later tier denies it"),
        ("host/x", 22, "its port is a failsafe port"),
        ("host/x", 23, "no ingress rule of policy 'host' (<stdin>:21) allows it"),
        ("n/a", 80, "the two are one, or in one network namespace, which nothing leaves"),
        ("six/d", 80, "the two have no addresses of one family"),
        ("203.0.113.7", 80, "no policy governs it"),
    ],
)
def test_a_decision_is_put_into_words(destination: str, port: int, words: str) -> None:
    decision = evaluate(resolved(STACK).policies, Connection("n/a", destination, Protocol.TCP, port))
    assert because(decision) == words


def test_a_port_is_spelled_as_in_a_stack_and_ipv6_is_said() -> None:
    assert spelled_port(Connection("a", "b", Protocol.UDP, 53)) == "53/udp"
    assert spelled_port(Connection("a", "b", Protocol.ICMP, family=6)) == "icmp over IPv6"
