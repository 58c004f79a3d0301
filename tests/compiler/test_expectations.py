"""An expectation holds exactly where every connection that it speaks of is decided as it says."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netctl.compiler.checks.expectations import Proving
from netctl.compiler.policies import resolve_policies
from netctl.compiler.questions import Questions
from netctl.compiler.topology import resolve
from netctl.policy.evaluate import Evaluator
from netctl.policy.model import Connection, Protocol
from tests.compiler.stacks import PLACES, stack_of

_CIDRS = ["10.0.0.0/24", "10.0.0.0/28", "10.0.0.16/28", "10.0.0.0/16", "10.9.0.0/24", "10.9.0.128/25", "0.0.0.0/0"]

_cidrs = st.sampled_from(
    [
        *({"cidr": cidr} for cidr in _CIDRS),
        {"cidr": "10.0.0.0/16", "except": ["10.0.0.16/28"]},
        {"cidr": "0.0.0.0/0", "except": ["10.9.0.0/24"]},
    ]
)
_selectors = _cidrs | st.sampled_from([{"any": True}, {"labels": {"app": "a"}}, {"network": "n"}, {"network": "m"}])
_rules = st.builds(
    lambda peer, port, action: {"peer": peer, **({"ports": port} if port else {}), "action": action},
    _selectors,
    st.sampled_from([None, 80, "80-90", "http", "udp"]),
    st.sampled_from(["allow", "allow", "deny"]),
)
_policies = st.dictionaries(
    st.sampled_from("abc"),
    st.tuples(_selectors, st.none() | st.lists(_rules, max_size=3), st.none() | st.lists(_rules, max_size=3)),
    max_size=3,
)
_expectations = st.fixed_dictionaries(
    {
        "from": _selectors,
        "to": _selectors,
        "port": st.sampled_from(["80/tcp", "81/tcp", "http"]),
        "verdict": st.sampled_from(["allow", "deny"]),
    }
)


def _declared(policies: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    def rules(found: list[dict[str, Any]] | None, key: str) -> list[dict[str, Any]] | None:
        return (
            None
            if found is None
            else [{key: rule["peer"], **{k: v for k, v in rule.items() if k != "peer"}} for rule in found]
        )

    attach = [
        {"netns": "a", "address": "10.0.0.5", "labels": {"app": "a"}, "ports": {"http": 80}},
        {"netns": "b", "address": "10.0.0.20", "ports": {"http": 81}},
    ]
    return {
        "networks": {
            "n": {"subnet": {"cidr": "10.0.0.0/24"}, "attach": attach},
            "m": {"subnet": {"cidr": "10.1.0.0/24"}, "attach": [{"netns": "c", "ports": {"http": 80}}]},
        },
        "policies": {
            name: {"applies_to": applies, "ingress": rules(incoming, "from"), "egress": rules(outgoing, "to")}
            for name, (applies, incoming, outgoing) in policies.items()
        },
        "expect": [expected],
    }


def _has(selector: dict[str, Any], address: str, name: str) -> bool:
    """Whether a selector means an end."""
    if "cidr" in selector:
        own = ip_address(address)
        holes = map(ip_network, selector.get("except", ()))
        return own in ip_network(selector["cidr"]) and not any(own in hole for hole in holes)
    if "any" in selector:
        return True
    return name == "n/a" if "labels" in selector else name.startswith(selector["network"] + "/")


_OUTSIDE = sorted(
    {str(network[at]) for network in map(ip_network, _CIDRS) for at in (0, 1, network.num_addresses // 2, -2, -1)}
)
"""Addresses within every piece that the CIDRs cut one another into."""


@settings(max_examples=200, deadline=None)
@given(_policies, _expectations)
def test_what_is_not_reported_holds_for_every_end_and_what_is_does_not(
    policies: dict[str, Any], expected: dict[str, Any]
) -> None:
    stack = stack_of(_declared(policies, expected))
    topology = resolve(stack)
    resolution = resolve_policies(topology, PLACES)
    evaluator, proving = Evaluator(resolution.policies), Proving(resolution, topology)
    broken = list(proving.broken(stack.expect[0]))
    asked = list(proving.questions.connections(stack.expect[0]))
    assert len(asked) == len(set(asked))
    assert set(broken) == {one for one in asked if evaluator.decide(one).verdict != expected["verdict"]}
    if broken:
        return
    endpoints = resolution.policies.endpoints
    owners = {end.addresses[0]: name for name, end in endpoints.items()}
    ends = {address: owners.get(address, "") for address in [*owners, *_OUTSIDE]}
    for source, source_name in ends.items():
        for destination, name in ends.items():
            is_named = expected["port"] == "http"
            if source == destination or not (source_name or name) or (is_named and not name):
                continue
            if _has(expected["from"], source, source_name) and _has(expected["to"], destination, name):
                port = endpoints[name].ports["http"].first if is_named else int(expected["port"].partition("/")[0])
                one = Connection(source, destination, Protocol.TCP, port)
                assert evaluator.decide(one).verdict == expected["verdict"], one


def _ends(**expected: Any) -> set[tuple[str, str, int]]:
    """Source, destination and family of what an expectation in a stack of two families speaks of."""
    attach = [
        {"netns": "a", "address": ["10.0.0.5", "fd00::5"]},
        {"netns": "b", "address": ["10.0.0.6", "fd00::6"], "ports": {"http": 80}},
        {"netns": "b", "interface": "eth1", "address": ["10.0.0.7", "fd00::7"], "default_route": False},
    ]
    networks = {
        "n": {"subnet": {"cidr": ["10.0.0.0/24", "fd00::/64"]}, "attach": attach},
        "six": {"subnet": {"cidr": "fd01::/64"}, "attach": [{"netns": "c", "address": "fd01::5"}]},
        "four": {"subnet": {"cidr": "10.4.0.0/24"}, "attach": [{"netns": "d", "address": "10.4.0.5"}]},
    }
    stack = stack_of({"networks": networks, "expect": [{"verdict": "allow", **expected}]})
    questions = Questions(resolve_policies(resolve(stack), PLACES))
    return {(one.source, one.destination, one.family) for one in questions.connections(stack.expect[0])}


def test_endpoints_are_asked_about_by_each_family_that_both_have_but_not_within_a_namespace() -> None:
    found = _ends(**{"from": {"network": "n"}, "to": {"network": "n"}, "port": 80})
    pairs = {("n/a", "n/b"), ("n/a", "n/b/eth1"), ("n/b", "n/a"), ("n/b/eth1", "n/a")}
    assert found == {(*pair, family) for pair in pairs for family in (4, 6)}


def test_a_named_port_is_asked_of_those_that_have_it() -> None:
    assert _ends(**{"from": {"network": "four"}, "to": {"network": "n"}, "port": "http"}) == {("four/d", "n/b", 4)}


def test_ends_without_addresses_of_one_family_are_asked_about_once() -> None:
    assert _ends(**{"from": {"network": "four"}, "to": {"network": "six"}, "port": 80}) == {("four/d", "six/c", 4)}


def test_everything_outside_is_stood_for_by_addresses_that_packets_can_have() -> None:
    found = _ends(**{"from": {"any": True}, "to": {"network": "six"}, "port": 80})
    assert {source for source, _, _ in found if "/" not in source} == {"2000::1"}
    found = _ends(**{"from": {"any": True}, "to": {"network": "four"}, "port": 80})
    assert {source for source, _, _ in found if "/" not in source} == {"1.0.0.1"}


def test_a_prefix_of_unusual_addresses_alone_is_stood_for_by_one_of_them() -> None:
    found = _ends(**{"from": {"cidr": "169.254.0.0/16"}, "to": {"network": "four"}, "port": 80})
    assert found == {("169.254.0.1", "four/d", 4)}


def _balanced(to: dict[str, Any], port: Any = 80, source: dict[str, Any] | None = None) -> tuple[set[Any], set[Any]]:
    """What an expectation about a service's front speaks of, and which of it is denied."""
    attach = [
        {"netns": "a", "address": ["10.0.0.5", "fd00::5"]},
        {"netns": "b", "address": ["10.0.0.6", "fd00::6"], "labels": {"app": "b"}, "ports": {"http": 80}},
        {"netns": "c", "address": ["10.0.0.7", "fd00::7"], "labels": {"app": "b", "own": "c"}, "ports": {"http": 80}},
    ]
    declared = {
        "hosts": {"h": {"id": 1, "address": "192.0.2.1"}},
        "subnets": {"vips": {"cidr": ["10.96.0.0/24", "fd96::/64"]}},
        "networks": {"n": {"subnet": {"cidr": ["10.0.0.0/24", "fd00::/64"]}, "attach": attach}},
        "services": {
            "b": {
                "endpoints": {"labels": {"app": "b"}},
                "port": [80, "53/udp"],
                "vip": ["10.96.0.9", "fd96::9"],
                "publish": "8080:80",
            }
        },
        "policies": {
            "c": {"applies_to": {"labels": {"own": "c"}}, "ingress": []},
            "h": {"applies_to": {"host": "h"}, "ingress": []},
        },
        "expect": [{"from": source or {"cidr": "198.51.100.0/24"}, "to": to, "port": port, "verdict": "allow"}],
    }
    stack = stack_of(declared)
    topology = resolve(stack)
    proving = Proving(resolve_policies(topology, PLACES), topology)
    return tuple(  # type: ignore[return-value]  # of two
        {(one.source, one.destination, one.port, one.family) for one in found(stack.expect[0])}
        for found in (proving.questions.connections, proving.broken)
    )


_NEAR = {"network": "n"}


def test_an_expectation_about_a_virtual_address_is_one_about_the_endpoints_behind_it() -> None:
    asked, denied = _balanced({"cidr": "10.96.0.0/16"}, source={"cidr": "10.0.0.5/32"})
    behind = {("n/a", name, 80, 4) for name in ("n/b", "n/c")}
    # Of the rest of the prefix, addresses that lead nowhere are asked about, too.
    assert {one for one in asked if "/" in one[1]} == behind
    assert "10.96.0.9" not in {destination for _, destination, _, _ in asked}
    assert denied == {("n/a", "n/c", 80, 4)}


@pytest.mark.parametrize(
    ("address", "port", "found"),
    [
        ("10.96.0.9/32", "53/udp", {("n/b", 53, 4), ("n/c", 53, 4)}),
        ("10.96.0.9/32", "http", {("n/b", 80, 4), ("n/c", 80, 4)}),
        ("fd96::9/128", 80, {("n/b", 80, 6), ("n/c", 80, 6)}),
        ("10.96.0.9/32", 81, set()),
    ],
)
def test_it_is_about_its_family_and_the_ports_of_its_service(address: str, port: Any, found: set[Any]) -> None:
    asked, _ = _balanced({"cidr": address}, port, {"host": "h"})
    assert {one[1:] for one in asked} == found


def test_an_expectation_about_a_published_port_of_a_host_is_one_about_the_endpoints_that_get_it() -> None:
    asked, denied = _balanced({"host": "h"}, 8080)
    assert asked == {("198.51.100.1", name, 80, 4) for name in ("n/b", "n/c")}
    assert denied == {("198.51.100.1", "n/c", 80, 4)}


def test_an_expectation_about_any_other_port_of_the_host_is_one_about_the_host() -> None:
    for port in (80, "8080/udp"):
        asked, denied = _balanced({"host": "h"}, port)
        assert asked == denied == {("198.51.100.1", "host/h", port if port == 80 else 8080, 4)}


def test_endpoints_that_are_meant_anyway_are_asked_about_once() -> None:
    asked, _ = _balanced({"any": True}, 80, _NEAR)
    assert ("n/a", "n/b", 80, 4) in asked
    assert ("n/a", "n/b", 80, 6) in asked
