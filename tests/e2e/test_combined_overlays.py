"""Several overlays, and networks beside them, on the same hosts."""

from collections.abc import Callable, Iterator

import pytest

from tests.e2e.lab import Lab
from tests.e2e.traffic import demand_all_pairs, reaches, transfer
from tests.e2e.underlay import ADDRESS, ENDPOINTS, HOSTS, OUTSIDE, build
from tests.support.namespaces import ip_json

pytestmark = pytest.mark.xdist_group("membership")

NEAR = HOSTS[:3]
DECLARED = "stack: shop\nhosts:\n" + "".join(
    f"  {host}: {{id: {host[1]}, address: {ADDRESS[4][host]}, interface: eth0}}\n" for host in NEAR
)


@pytest.fixture(scope="module")
def prepared(shared_lab: Callable[[], Lab]) -> Lab:
    lab = shared_lab()
    build(lab)
    lab.remember(*HOSTS, *ENDPOINTS)
    return lab


@pytest.fixture
def lab(prepared: Lab) -> Iterator[Lab]:
    yield prepared
    prepared.destroy("shop", *HOSTS)
    prepared.demand_as_before()


@pytest.mark.parametrize(
    "second",
    [
        "{vni: 42, port: 8472, subnet: {cidr: 10.43.0.0/16, per_host: 24}}",
        "{vni: 43, subnet: {cidr: 10.43.0.0/16, per_host: 24}}",
        "{vni: 43, mode: bridged, subnet: {cidr: 10.43.0.0/16}}",
        "{backend: host-gw, subnet: {cidr: 10.43.0.0/16, per_host: 24}}",
    ],
    ids=["one VNI on two ports", "two VNIs on one port", "routed and bridged", "vxlan and host-gw"],
)
def test_endpoints_of_two_overlays_reach_each_other_under_their_own_addresses(lab: Lab, second: str) -> None:
    second = second.replace("}}", '}, attach: [{netns: "${a2}", hosts: [n1]}, {netns: "${c}", hosts: [n3]}]}')
    text = f"""{DECLARED}
overlays:
  one:
    vni: 42
    subnet: {{cidr: 10.42.0.0/16, per_host: 24}}
    attach: [{{netns: "${{a}}", hosts: [n1]}}, {{netns: "${{b}}", hosts: [n2]}}]
  two: {second}
"""
    lab.apply_all(text, NEAR)
    demand_all_pairs(lab, ("a", "a2", "b", "c"))
    assert transfer(lab["c"], lab["wire"], OUTSIDE[4]) == ADDRESS[4]["n3"]


@pytest.mark.parametrize("backend", ["vni: 42", "vni: 42, direct_routing: true", "backend: host-gw"])
def test_an_isolated_overlay_is_closed_to_a_network_beside_it_on_every_host(lab: Lab, backend: str) -> None:
    text = f"""{DECLARED}
overlays:
  pods:
    {backend.replace(", ", chr(10) + "    ")}
    isolated: true
    subnet: {{cidr: 10.42.0.0/16, per_host: 24}}
    attach: [{{netns: "${{a}}", hosts: [n1]}}, {{netns: "${{b}}", hosts: [n2]}}]
networks:
  front: {{hosts: [n1], subnet: {{cidr: 10.10.0.0/24}}, attach: [{{netns: "${{a2}}"}}]}}
"""
    lab.apply_all(text, NEAR)
    demand_all_pairs(lab, "ab")
    for label in ("a", "b", "a2"):
        assert reaches(lab[label], OUTSIDE[4])
    for label in "ab":
        assert not reaches(lab["a2"], lab.address(label), wait=0.3)
        assert not reaches(lab[label], lab.address("a2"), wait=0.3)


def test_an_overlay_on_some_hosts_only_is_on_no_other(lab: Lab) -> None:
    text = f"""{DECLARED}
overlays:
  pods:
    vni: 42
    hosts: [n1, n3]
    subnet: {{cidr: 10.42.0.0/16, per_host: 24}}
    attach: [{{netns: "${{a}}", hosts: [n1]}}, {{netns: "${{c}}", hosts: [n3]}}]
"""
    plans = lab.apply_all(text, NEAR)
    demand_all_pairs(lab, "ac")
    assert not list(plans["n2"].changes)
    assert len(ip_json(lab["n1"], "route", "show", "dev", "nc-pods-vxlan")) == 1


@pytest.mark.parametrize(
    ("overlay", "hidden_by"),
    [
        ("{vni: 42, subnet: {cidr: 10.42.0.0/16, per_host: 24}", "10.42.1.0"),
        ("{vni: 42, mode: bridged, subnet: {cidr: 10.42.0.0/16}", "10.42.0.1"),
        ("{vni: 42, direct_routing: true, subnet: {cidr: 10.42.0.0/16, per_host: 24}", ADDRESS[4]["n1"]),
        ("{backend: host-gw, subnet: {cidr: 10.42.0.0/16, per_host: 24}", ADDRESS[4]["n1"]),
    ],
    ids=["routed", "bridged", "direct routing", "host-gw"],
)
def test_a_network_reaches_an_overlays_endpoints_here_as_itself_and_elsewhere_as_its_host(
    lab: Lab, overlay: str, hidden_by: str
) -> None:
    text = f"""{DECLARED}
overlays:
  pods: {overlay}, attach: [{{netns: "${{a}}", hosts: [n1]}}, {{netns: "${{b}}", hosts: [n2]}}]}}
networks:
  front: {{subnet: {{cidr: 10.10.0.0/24}}, attach: [{{netns: "${{a2}}", hosts: [n1]}}]}}
"""
    lab.apply_all(text, NEAR)
    assert transfer(lab["a2"], lab["a"], lab.address("a")) == lab.address("a2")
    assert transfer(lab["a2"], lab["b"], lab.address("b")) == hidden_by
    assert transfer(lab["a"], lab["b"], lab.address("b")) == lab.address("a")
