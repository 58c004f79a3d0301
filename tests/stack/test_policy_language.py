"""Services, policies and expectations as they are written: what is accepted, how it is spelled, and what is not."""

import pytest

from netctl.stack.policy_models import AttachmentSelector, Policy, ServiceEndpoint
from tests.stack.declaring import At, loaded, only, places


def _policy(body: str) -> Policy:
    return loaded(f"stack: s\npolicies:\n  p: {{applies_to: {{any: true}}, {body}}}\n").stack.policies["p"]


def _rule_error(body: str) -> str:
    return only(f"stack: s\npolicies:\n  p: {{applies_to: {{any: true}}, ingress: [{{{body}}}]}}\n").message


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("80", "80/tcp"),
        ("'80'", "80/tcp"),
        ("080", "80/tcp"),
        ("80/udp", "80/udp"),
        ("8000-8010", "8000-8010/tcp"),
        ("8000-8010/sctp", "8000-8010/sctp"),
        ("80-80", "80/tcp"),
        ("1-65535", "1-65535/tcp"),
        ("udp", "udp"),
        ("icmp", "icmp"),
        ("http", "http"),
        ("http/udp", "http/udp"),
        ("serve-81-tcp", "serve-81-tcp"),
        ("8080-alt", "8080-alt"),
    ],
)
def test_a_port_has_one_spelling(written: str, canonical: str) -> None:
    assert (_policy(f"ingress: [{{ports: {written}}}]").ingress or [])[0].ports == [canonical]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("70000", "policies.p.ingress[0].ports: port 70000 is not from 1 to 65535."),
        ("[80, 70000/udp]", "policies.p.ingress[0].ports[1]: port 70000 is not from 1 to 65535."),
        ("0", "port 0 is not from 1 to 65535"),
        ("80-70000", "port 70000 is not from 1 to 65535"),
        ("99999999999999999999999", "port 99999999999999999999 is not from 1 to 65535"),
        ("90-80", "the range 90-80 ends before it begins"),
        ("80/tpc", "'tpc' is not a protocol with ports; they are tcp, udp and sctp, as in 80/tcp"),
        ("80/icmp", "ICMP has no ports"),
        ("http/icmp", "ICMP has no ports"),
        ("80/", "'' is not a protocol"),
        ("-80", "'-80' is neither a port such as 80"),
        ("Http", "'Http' is neither"),
        ("1.5", "'1.5' is neither"),
        ("[]", "has 0 entries, but must have at least 1"),
        ("{}", "must be a port, a range of ports, a protocol or a port's name, not a mapping"),
    ],
)
def test_a_port_that_is_none_is_named(written: str, message: str) -> None:
    assert message in _rule_error(f"ports: {written}")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{}", "policies.p.ingress[0].from: a selector needs a key such as 'service', 'labels' or 'any: true'."),
        ("[{any: true}, {service: }]", "policies.p.ingress[0].from[1]: a selector needs a key"),
        ("[]", "has 0 entries, but must have at least 1"),
        ("{any: false}", "policies.p.ingress[0].from.any must be `true`, not `false`."),
        ("{cidr: 10.0.0.1/8}", "'10.0.0.1/8' has host bits set; the prefix is 10.0.0.0/8"),
        ("{cidr: 10.0.0.0/8, except: [11.0.0.0/8]}", "'except' 11.0.0.0/8 is not within 10.0.0.0/8"),
        ("{cidr: [10.0.0.0/8, 'fd00::/8'], except: 'fe00::/16'}", "is not within 10.0.0.0/8 or fd00::/8"),
        ("{service: a, except: 10.0.0.0/8}", "'except' 10.0.0.0/8 is not within any `cidr`"),
        ("{expr: 'app == web'}", "expected a value in quotes, not 'web', at column 8 of the expression"),
        ("{expr: ''}", "at column 1 of the expression"),
        ("{expr: 5}", "policies.p.ingress[0].from.expr must be an expression, not `5`"),
        ("{pod: x}", "'pod' is not a key of policies.p.ingress[0].from"),
        ("web", "policies.p.ingress[0].from must be a mapping, not the text 'web'."),
    ],
)
def test_a_selector_that_is_none_is_named(written: str, message: str) -> None:
    assert message in _rule_error(f"from: {written}")


def test_a_direction_has_its_own_other_side() -> None:
    found = only("stack: s\npolicies:\n  p: {applies_to: {any: true}, ingress: [{to: {any: true}}]}\n")
    assert places([found]) == [At("NC111", 3, 43)]
    assert found.advice == "The keys are 'from', 'ports', 'icmp' and 'action'."


def test_a_mistake_in_an_expression_is_placed_at_its_value() -> None:
    found = only('stack: s\npolicies:\n  p:\n    applies_to: {expr: "app = 1"}\n    ingress: []\n')
    assert places([found]) == [At("NC115", 4, 24)]
    assert "'=' means nothing (did you mean '=='?), at column 5 of the expression" in found.message


def test_an_absent_direction_is_not_an_empty_one() -> None:
    assert (_policy("ingress: []").ingress, _policy("ingress: []").egress) == ([], None)
    assert _policy("egress: ").egress is None


def test_one_selector_may_stand_for_a_list_and_defaults_are_calico_s() -> None:
    policy = _policy("ingress: [{from: {service: a}, ports: 80, icmp: {type: 8}}]")
    assert [selector.any for selector in policy.applies_to] == [True]
    assert (policy.tier, policy.order, policy.staged) == ("default", 1000, False)
    assert policy.ingress
    assert policy.ingress[0].action == "allow"
    assert policy.ingress[0].icmp
    assert (policy.ingress[0].icmp[0].type, policy.ingress[0].icmp[0].code) == (8, None)


def test_a_service_lists_addresses_or_selects_attachments() -> None:
    services = loaded(
        "stack: s\nservices:\n  a: {port: [80, 53/udp], endpoints: [10.0.0.1, {address: 10.0.0.2, weight: 2}]}\n"
        "  b: {endpoints: {labels: {app: 5}}, ports: {http: 80, range: 90-99/udp}}\n"
    ).stack.services
    assert services["a"].port == ["80/tcp", "53/udp"]
    assert services["a"].endpoints == ["10.0.0.1", ServiceEndpoint(address="10.0.0.2", host=None, weight=2)]
    assert services["b"].endpoints == AttachmentSelector(labels={"app": "5"}, expr=None)
    assert services["b"].ports == {"http": "80/tcp", "range": "90-99/udp"}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("endpoints: {}", "a selector of endpoints needs the keys 'labels' or 'expr', or 'containers' alone."),
        ("endpoints: [10.0.0.300]", "services.a.endpoints[0]: '10.0.0.300' is not an IPv4 or IPv6 address."),
        ("endpoints: [5]", "services.a.endpoints[0] must be an address, not `5`."),
        ("endpoints: [{weight: 1}]", "services.a.endpoints[0] lacks the key 'address'."),
        ("endpoints: {labels: {a: b}, hosts: x}", "'hosts' is not a key of services.a.endpoints."),
        ("endpoints: x", "services.a.endpoints must be a list or a mapping, not the text 'x'."),
        ("endpoints: [], port: 80-90", "services.a.port: '80-90' is a range, and one port is wanted."),
        ("endpoints: [], ports: {tcp: 80}", "'tcp' is a protocol and cannot be the name of a port"),
        ("endpoints: [], ports: {'80': 80}", "'80' is neither"),
        ("endpoints: [], ports: {http: udp}", "services.a.ports.http: 'udp' is not a port such as 80"),
        ("port: 80", "services.a: a service needs 'endpoints', or 'external'."),
    ],
)
def test_a_mistake_in_a_service_is_put_into_words(written: str, message: str) -> None:
    assert message in only(f"stack: s\nservices:\n  a: {{{written}}}\n").message


@pytest.mark.parametrize(
    ("port", "message"),
    [
        ("udp", "expect[0].port: 'udp' is any port, and one port is wanted, such as 80/udp."),
        ("80-90", "expect[0].port: '80-90' is a range, and one port is wanted."),
        ("70000", "expect[0].port: port 70000 is not from 1 to 65535."),
    ],
)
def test_an_expectation_is_about_one_port(port: str, message: str) -> None:
    text = f"stack: s\nexpect: [{{from: {{any: true}}, to: {{any: true}}, port: {port}, verdict: allow}}]\n"
    assert only(text).message == message


def test_failsafe_ports_are_numbers_or_protocols() -> None:
    stack = loaded("stack: s\nfailsafe: {ingress: [22, 8300-8302/udp, icmp]}\n").stack
    assert stack.failsafe
    assert stack.failsafe.ingress == ["22/tcp", "8300-8302/udp", "icmp"]
    assert "is not a port such as 80" in only("stack: s\nfailsafe: {egress: [ssh]}\n").message


def test_an_attachment_has_named_ports_and_is_guarded_against_spoofing_unless_it_declines() -> None:
    text = "stack: s\nnetworks:\n  n: {attach: [{netns: a, ports: {http: 80}}, {netns: b, anti_spoofing: false}]}\n"
    first, second = loaded(text).stack.networks["n"].attach  # type: ignore[union-attr]  # a bridge
    assert (first.ports, first.anti_spoofing) == ({"http": "80/tcp"}, True)  # type: ignore[union-attr]  # a namespace
    assert second.anti_spoofing is False  # type: ignore[union-attr]  # a namespace
