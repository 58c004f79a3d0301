"""Virtual addresses and published ports, by real connections."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise

import pytest

from netctl.cli import plan as plan_command
from netctl.engine.change import Action
from tests.e2e.host import HOST, ROUTER, build, is_hairpin
from tests.e2e.lab import Lab, keys
from tests.e2e.offering import ask, connected, datagrams, offering, question, spread
from tests.e2e.rules import rules
from tests.support.namespaces import run_in, wait_until

pytestmark = pytest.mark.xdist_group("services")

# The host tells a sender of its own at once, without a message of ICMP.
REFUSED = {"c": ConnectionRefusedError, "h": PermissionError}
VIP = {4: "10.96.0.10", 6: "fd96::10"}


@pytest.fixture(scope="module")
def prepared(shared_lab: Callable[[], Lab]) -> Lab:
    lab = shared_lab()
    build(lab)
    # As on hosts where neither Docker nor a policy has bridges hand frames to the firewall; in a new namespace they do.
    lab.run("h", "sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0", "net.bridge.bridge-nf-call-ip6tables=0")
    lab.remember("h")
    return lab


@pytest.fixture
def lab(prepared: Lab) -> Iterator[Lab]:
    """A host, the outside, three endpoints; what a test applies goes afterwards, without a trace."""
    yield prepared
    prepared.destroy("shop", "h")
    prepared.demand_as_before()


def declared(web: str = "", more: str = "", front: str = "") -> str:
    """A stack with *a* and *b* on one network, *c* on another; the service *web* is *a* and *b*, unless given."""
    web = web or "endpoints: {labels: {app: web}}"
    return f"""
stack: shop
subnets: {{vips: {{cidr: [10.96.0.0/24, "fd96::/64"]}}}}
networks:
  front:
    subnet: {{cidr: [10.10.0.0/24, "fd10::/64"]}}
    {front}
    attach:
      - {{netns: "${{a}}", address: [10.10.0.20, "fd10::20"], labels: {{app: web}}}}
      - {{netns: "${{b}}", address: [10.10.0.21, "fd10::21"], labels: {{app: web}}}}
  back:
    subnet: {{cidr: [10.20.0.0/24, "fd20::/64"]}}
    attach: [{{netns: "${{c}}", address: [10.20.0.30, "fd20::30"]}}]
services:
  web: {{port: [80, 80/udp], vip: [10.96.0.10, "fd96::10"], {web}}}
{more}
"""


@pytest.mark.parametrize("family", [4, 6])
def test_connections_to_a_virtual_address_spread_over_the_endpoints(lab: Lab, family: int) -> None:
    lab.apply(declared(), "h")
    with offering(lab, "ab"):
        found = spread(lab, "c", VIP[family])
        assert ask(lab, "c", VIP[family]).client == lab.address("c", family)
    assert set(found) == {"a", "b"}
    assert min(found.values()) > 12, found


def test_connections_spread_by_weight_and_none_go_where_it_is_nought(lab: Lab) -> None:
    web = "endpoints: [{address: 10.10.0.20, weight: 9}, 10.10.0.21, {address: 10.20.0.30, weight: 0}]"
    lab.apply(declared(web).replace(', "fd96::10"]', "]"), "h")
    with offering(lab, "abc"):
        found = spread(lab, "c", VIP[4], count=200)
    assert set(found) == {"a", "b"}
    assert 5 <= found["b"] <= 45, found


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("front", ["", "isolated: true"])
def test_an_endpoint_reaches_its_own_service_and_its_neighbours_over_the_virtual_address(
    lab: Lab, family: int, front: str
) -> None:
    lab.apply(declared(front=front), "h")
    with offering(lab, "ab"):
        assert set(spread(lab, "a", VIP[family])) == {"a", "b"}


@pytest.mark.parametrize("family", [4, 6])
def test_an_endpoint_reaches_itself_and_its_neighbours_also_where_the_bridge_hands_frames_to_the_firewall(
    lab: Lab, family: int
) -> None:
    policies = "policies: {web: {applies_to: {service: web}, ingress: [{ports: [80, 80/udp]}]}}"
    lab.apply(declared(more=policies), "h")
    with offering(lab, "ab"):
        assert set(spread(lab, "a", VIP[family])) == {"a", "b"}
        seen = set()
        for _ in range(40):
            with datagrams(lab, "a", VIP[family]) as flow:
                seen.add(question(flow).server)
        assert seen == {"a", "b"}
    # Only where it is needed: its bridge sends nothing back to who is no endpoint.
    lab.apply(declared('endpoints: [10.10.0.21, "fd10::21"]', policies), "h")
    assert [is_hairpin(lab, label) for label in "abc"] == [False, True, False]


@pytest.mark.parametrize("family", [4, 6])
def test_the_host_itself_reaches_a_service_whose_address_it_has_no_other_route_to(lab: Lab, family: int) -> None:
    lab.apply(declared(), "h")
    lab.ip("h", f"route del default via {ROUTER[family]}")
    try:
        with offering(lab, "ab"):
            assert set(spread(lab, "h", VIP[family])) == {"a", "b"}
    finally:
        lab.ip("h", f"route add default via {ROUTER[family]}")


@pytest.mark.parametrize("family", [4, 6])
def test_datagrams_of_one_flow_go_to_one_endpoint(lab: Lab, family: int) -> None:
    lab.apply(declared(), "h")
    with offering(lab, "ab"):
        seen = set()
        for _ in range(20):
            with datagrams(lab, "c", VIP[family]) as flow:
                first = question(flow).server
                assert {question(flow).server for _ in range(3)} == {first}
                seen.add(first)
    assert seen == {"a", "b"}


def test_a_client_that_is_remembered_stays_at_its_endpoint_until_it_has_been_away_too_long(lab: Lab) -> None:
    lab.apply(declared("affinity: {client_ip: 1s}, endpoints: {labels: {app: web}}"), "h")
    with offering(lab, "ab"):
        # Within a second all go to one; after one of silence, to either.
        stays = [set(spread(lab, "c", VIP[4], count=10)) for _ in range(12) if _nobody_is_remembered(lab)]
        assert all(len(went) == 1 for went in stays), stays
        assert any(one != other for one, other in pairwise(stays)), "it went to the same endpoint every time"


def _nobody_is_remembered(lab: Lab) -> bool:
    listed = ["nft", "list", "map", "inet", "netctl-shop", "affinity4"]
    return wait_until(lambda: "elements" not in run_in(lab["h"], listed).stdout, what="the client is forgotten")


def test_a_published_port_leads_outsiders_to_the_service_and_shows_it_their_address(lab: Lab) -> None:
    lab.apply(declared("endpoints: {labels: {app: web}}, publish: ['8080:80', '8080:80/udp']"), "h")
    with offering(lab, "ab"):
        for family in (4, 6):
            assert set(spread(lab, "out", HOST[family], 8080)) == {"a", "b"}
            assert ask(lab, "out", HOST[family], 8080).client == ROUTER[family]
            assert set(spread(lab, "h", HOST[family], 8080)) == {"a", "b"}
            with datagrams(lab, "out", HOST[family], 8080) as flow:
                assert question(flow).server in {"a", "b"}
        assert set(spread(lab, "a", "10.10.0.1", 8080)) == {"a", "b"}


def test_a_port_that_another_stack_publishes_is_told_of(lab: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    def told(text: str) -> list[tuple[str, str]]:
        assert plan_command.run(plan_command.Options(file=[lab.write(text)], netns=lab["h"])) == 0
        return re.findall(
            r"NC334\S* port (\S+) of this host is published by stack '(\S+)', too", capfd.readouterr().err
        )

    def other(publish: str) -> str:
        return f"stack: other\nservices: {{s: {{port: [80, 80/udp], publish: {publish}, endpoints: [10.10.0.20]}}}}"

    shop = declared("endpoints: {labels: {app: web}}, publish: ['8080:80', '8081:80/udp']")
    lab.apply(shop, "h")
    assert not told(shop)
    assert not told(other("['8081:80', '8080:80/udp']"))
    assert told(other("['8080:80', '8081:80']")) == [("8080/tcp", "shop")]
    lab.apply(other("['8081:80/udp']"), "h")
    assert told(shop) == [("8081/udp", "other")]
    lab.destroy("other", "h")


@pytest.mark.parametrize("client", ["c", "h"])
@pytest.mark.parametrize("family", [4, 6])
def test_a_service_without_endpoints_and_a_port_that_is_no_services_refuse_at_once(
    lab: Lab, client: str, family: int
) -> None:
    lab.apply(declared("endpoints: {labels: {app: nobody}}"), "h")
    for port in (80, 81):
        with pytest.raises(ConnectionRefusedError):
            ask(lab, client, VIP[family], port)
        with datagrams(lab, client, VIP[family], port) as flow, pytest.raises(REFUSED[client]):
            question(flow)


def test_policies_judge_the_endpoint_behind_a_virtual_address(lab: Lab) -> None:
    policies = """
policies:
  only-from-c: {applies_to: {service: web}, ingress: [{from: [{network: back}], ports: [80]}]}
"""
    lab.apply(declared(more=policies), "h")
    with offering(lab, "ab"):
        assert set(spread(lab, "c", VIP[4])) == {"a", "b"}
        with pytest.raises(TimeoutError), connected(lab, "a", VIP[4], patience=1):
            pass
    back = "policies: {none: {applies_to: {network: back}, egress: [{to: [{cidr: 10.96.0.0/24}]}]}}"
    lab.apply(declared(more=back), "h")
    with offering(lab, "ab"), pytest.raises(TimeoutError), connected(lab, "c", VIP[4], patience=1):
        pass


def test_an_endpoint_that_goes_keeps_its_connections_and_gets_no_new_ones(lab: Lab) -> None:
    lab.apply(declared(), "h")
    with offering(lab, "ab"), connected(lab, "c", VIP[4]) as one:
        old = question(one).server
        other = {"a": "10.10.0.21", "b": "10.10.0.20"}[old]
        lab.apply(declared(f"endpoints: [{other}]").replace(', "fd96::10"]', "]"), "h")
        assert old not in spread(lab, "c", VIP[4], count=20)
        assert question(one).server == old
        lab.apply(declared("endpoints: {labels: {app: nobody}}"), "h")
        assert question(one).server == old


def test_one_more_service_is_a_matter_of_elements_alone(lab: Lab) -> None:
    ends = "[{address: 10.10.0.20, weight: 2}, 10.10.0.21]"
    more = f"  api: {{port: 8000, vip: auto, publish: ['8000:8000'], endpoints: {ends}}}"
    web = "endpoints: {labels: {app: web}}, publish: ['8080:80']"
    lab.apply(declared(web), "h")
    before = rules(lab["h"])
    plan = lab.apply(declared(web, more), "h")
    assert keys(plan, Action.UPDATE) == {"table/inet netctl-shop"}
    assert rules(lab["h"]) == before


@pytest.mark.parametrize("family", [4, 6])
def test_a_flow_of_datagrams_leaves_an_endpoint_that_goes_also_the_last_one(lab: Lab, family: int) -> None:
    lab.apply(declared("endpoints: {labels: {app: web}}, publish: ['8080:80/udp']"), "h")
    fronts = [("c", VIP[family], 80), ("out", HOST[family], 8080)]
    with offering(lab, "ab"), ExitStack() as stack:
        flows = [stack.enter_context(datagrams(lab, *front)) for front in fronts]
        for flow in flows:
            old = question(flow).server
            left = {"a": '[10.10.0.21, "fd10::21"]', "b": '[10.10.0.20, "fd10::20"]'}[old]
            lab.apply(declared(f"endpoints: {left}, publish: ['8080:80/udp']"), "h")
            assert question(flow).server == {"a": "b", "b": "a"}[old]
        lab.apply(declared("endpoints: {labels: {app: nobody}}"), "h")
        with pytest.raises(ConnectionRefusedError):
            question(flows[0])


def test_a_flow_of_datagrams_from_before_the_port_was_published_is_translated(lab: Lab) -> None:
    lab.apply(declared(), "h")
    with offering(lab, "ab"), datagrams(lab, "out", HOST[4], 8080) as flow:
        with pytest.raises(ConnectionRefusedError):
            question(flow)
        lab.apply(declared("endpoints: {labels: {app: web}}, publish: ['8080:80/udp']"), "h")
        assert question(flow).server in {"a", "b"}
