"""The way of a packet, worked out from the declaration."""

from itertools import permutations
from pathlib import Path as File

import pytest

from netctl.path import Tracer
from netctl.path.steps import Arrival, Delivered, Entered, Masqueraded
from netctl.policy.verdicts import Reason
from netctl.stack.loader import load
from tests.path.tracing import HOSTS, OVERLAY, SHOP, path, steps, trace

EXAMPLES = sorted((File(__file__).parents[2] / "examples").glob("*.yaml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_between_all_endpoints_of_an_example_what_arrives_is_what_the_policies_are_said_to_see(example: File) -> None:
    stack = load([str(example)])
    tracer = Tracer(stack.stack, stack)
    delivered = 0
    for source, destination in permutations(tracer.endpoints, 2):
        [found] = tracer.trace(source, destination, "80")
        if found.path is None or found.path.arrival is not Arrival.DELIVERED:
            continue
        delivered += 1
        end = found.path.steps[-1]
        assert isinstance(end, Delivered)
        assert end.address in tracer.endpoints[destination].addresses
        if found.decision.reason is not Reason.ITSELF and found.decision.ingress is not None:
            seen = found.decision.ingress.peer
            assert found.path.received.source in tracer.endpoints[seen].addresses, (source, destination)
    assert delivered or example.stem in {"policy-routing", "edge-site", "two-bridges", "consul-mesh"}


def test_endpoints_of_one_bridge_do_not_trouble_the_host() -> None:
    assert steps(SHOP, "back/db", "spare")[1:] == [
        "netns db | veth | eth0 -> nc-back-db",
        "host | bridge | nc-back: port nc-back-db -> port nc-back-spare",
        "host | veth | nc-back-spare -> eth0",
        "netns spare | deliver | 10.20.0.11, which is on eth0",
    ]


def test_what_leaves_the_stack_is_masqueraded_and_lost_from_sight() -> None:
    assert steps(SHOP, "web", "203.0.113.1")[3:] == [
        "host | route | a route of the host's own",
        "host | masquerade | source 10.10.0.20 becomes the address of the interface that it leaves by",
        "host | leave | what follows is not declared",
    ]


def test_without_nat_the_source_stays() -> None:
    text = SHOP.replace("front: {", "front: {nat: none, ")
    assert not any(isinstance(step, Masqueraded) for step in path(text, "web", "203.0.113.1").steps)


def test_a_stranger_comes_in_by_an_interface_of_the_host_s() -> None:
    assert steps(SHOP, "203.0.113.1", "web")[:2] == [
        "host | enter | by an interface of the host's own",
        "host | route | 10.10.0.0/24 dev nc-front",
    ]


def test_an_internal_network_has_no_way_out_and_none_in() -> None:
    text = SHOP.replace("front: {", "front: {internal: true, ")
    out = trace(text, "web", "back/db")
    assert out.path is not None
    assert out.path.arrival is Arrival.DROPPED
    assert out.remarks == ("network 'front' is internal, so its endpoints have no default route.",)
    into = steps(text, "back/db", "web")[-1]
    assert into == "host | drop | networks.front is internal: nothing is forwarded from nc-back to nc-front"


def test_a_namespace_that_declines_the_default_route_reaches_its_own_network_only() -> None:
    text = SHOP.replace("{netns: web,", "{netns: web, default_route: false,")
    assert path(text, "web", "back/db").arrival is Arrival.DROPPED
    assert trace(text, "web", "back/db").remarks == (
        "On network 'front' the namespace declines the default route ('default_route: false').",
    )
    assert path(text, "web", "10.10.0.1").arrival is Arrival.DELIVERED


def test_an_address_that_nobody_is_attached_with_is_beyond_the_bridge() -> None:
    assert steps(SHOP, "web", "10.20.0.99")[-1] == (
        "host | leave | by nc-back: the stack attaches nobody to nc-back who has 10.20.0.99"
    )


def test_a_namespace_on_two_networks_sends_by_the_one_that_is_nearer_and_it_is_said() -> None:
    text = SHOP.replace("attach: [{netns: web, address: 10.10.0.20}]", "attach: [{netns: web}, {netns: db}]")
    text = text.replace("{netns: db,", "{netns: db, interface: eth1, default_route: false,")
    found = trace(text, "front/db", "spare")
    assert found.path is not None
    assert "eth1 -> nc-ba" in steps(text, "front/db", "spare")[1]
    assert "by eth1, its interface on network 'back'" in found.remarks[0]


def test_one_namespace_s_own_addresses_are_delivered_within_it() -> None:
    text = SHOP.replace("{netns: web, address: 10.10.0.20}", "{netns: db}")
    text = text.replace("{netns: db,", "{netns: db, interface: eth1, default_route: false,")
    assert [line.split(" | ")[1] for line in steps(text, "front/db", "back/db/eth1")] == ["deliver"]


ROUTES = """
routes:
  - {to: 198.51.100.0/24, type: blackhole}
  - {to: 198.51.100.128/25, via: 10.20.0.10}
  - {to: 203.0.113.0/24, nexthops: [{via: 10.20.0.10}, {via: 10.20.0.11}]}
  - {to: 192.0.2.0/24, via: 10.20.0.10, metric: 20}
  - {to: 192.0.2.0/24, via: 10.20.0.11, metric: 10}
  - {to: default, via: 10.20.0.11, table: 77}
"""


def test_the_longest_prefix_wins_then_the_least_metric() -> None:
    assert steps(SHOP + ROUTES, "web", "198.51.100.1")[-1] == "host | drop | the route is of type blackhole"
    assert "host | route | 198.51.100.128/25 via 10.20.0.10 dev nc-back" in steps(
        SHOP + ROUTES, "web", "198.51.100.129"
    )
    assert "host | route | 192.0.2.0/24 via 10.20.0.11 dev nc-back" in steps(SHOP + ROUTES, "web", "192.0.2.1")


def test_of_several_next_hops_the_first_is_followed_and_it_is_said() -> None:
    text = SHOP + ROUTES
    route = "host | route | 203.0.113.0/24 via 10.20.0.10 dev nc-back (first of 2 next hops)"
    assert route in steps(text, "web", "203.0.113.1")
    assert trace(text, "web", "203.0.113.1").remarks == (
        "The route to 203.0.113.0/24 has 2 next hops; the path follows the first.",
    )


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("from: 10.10.0.0/24, table: 77", "host | route | default via 10.20.0.11 dev nc-back table 77"),
        ("iif: nc-front, table: 77", "host | route | default via 10.20.0.11 dev nc-back table 77"),
        ("from: 10.10.1.0/24, table: 77", "host | route | 192.0.2.0/24 via 10.20.0.11 dev nc-back"),
        ("iif: nc-back, table: 77", "host | route | 192.0.2.0/24 via 10.20.0.11 dev nc-back"),
        ("mark: 7, table: 77", "host | route | 192.0.2.0/24 via 10.20.0.11 dev nc-back"),
        (
            "to: 192.0.2.0/25, action: prohibit",
            "host | drop | a policy-routing rule of priority 100 is of type prohibit",
        ),
    ],
)
def test_rules_choose_the_table(rule: str, expected: str) -> None:
    assert expected in steps(f"{SHOP}{ROUTES}rules:\n  - {{priority: 100, {rule}}}\n", "web", "192.0.2.1")


def test_what_a_namespace_does_with_what_is_sent_by_it_is_its_own_affair() -> None:
    assert steps(SHOP + ROUTES, "web", "192.0.2.1")[-1] == (
        "netns spare | leave | 'spare' is the next hop; that it forwards, and where to, is not declared"
    )


def test_a_declared_default_route_is_not_the_way_to_another_host_s_own_address_but_a_nearer_one_is() -> None:
    text = SHOP.replace("front: {", "front: {hosts: [n1], ").replace("back:\n", "back:\n    hosts: [n1]\n") + HOSTS
    default = text + "routes: [{to: default, via: 10.20.0.10, hosts: [n1]}]\n"
    assert steps(default, "web", "n2")[3:] == [
        "n1 | route | a route of the host's own, dev eth0",
        "n1 | masquerade | source 10.10.0.20 becomes 192.0.2.11",
        "n1 | underlay | eth0 -> n2 (192.0.2.12)",
        "n2 | deliver | 192.0.2.12, which is on eth0",
    ]
    nearer = default.replace("to: default", "to: 192.0.2.12/32")
    assert steps(nearer, "web", "n2")[3:5] == [
        "n1 | route | 192.0.2.12/32 via 10.20.0.10 dev nc-back",
        "n1 | masquerade | source 10.10.0.20 becomes 10.20.0.1",
    ]


def test_an_answer_goes_to_whoever_masqueraded_and_is_not_masqueraded_itself() -> None:
    found = trace(OVERLAY, "a", "n2")
    assert found.answer is not None
    assert found.connects
    assert (found.answer.sent.source, found.answer.sent.destination) == ("192.0.2.12", "192.0.2.11")
    assert not any(isinstance(step, Masqueraded) for step in found.answer.steps)


def test_an_answer_to_the_outside_leaves() -> None:
    found = trace(SHOP, "203.0.113.1", "web")
    assert found.answer is not None
    assert found.answer.arrival is Arrival.LEFT
    assert found.connects


def test_a_network_gets_answers_from_an_overlay_s_other_hosts_behind_its_host_and_not_as_itself() -> None:
    network = "networks: {front: {hosts: [n1], subnet: {cidr: 10.10.0.0/24}, attach: [{netns: web}]}}\n"
    hidden = trace(network + OVERLAY, "web", "b")
    assert hidden.connects
    network = network.replace("cidr: 10.10.0.0/24}", "cidr: 10.10.0.0/24}, nat: none")
    found = trace(network + OVERLAY, "web", "b")
    assert found.path is not None
    assert found.path.arrival is Arrival.DELIVERED
    assert not found.is_answered
    assert not found.connects
    assert trace(network + OVERLAY, "web", "a").is_answered


def test_a_fence_holds_off_what_comes_by_an_interface_that_is_not_declared() -> None:
    text = SHOP.replace("front: {", "front: {internal: true, ")
    assert steps(text, "203.0.113.1", "web")[-1] == (
        "host | drop | networks.front is internal: nothing is forwarded from outside to nc-front"
    )


def test_a_static_address_of_a_service_is_on_the_network_that_the_service_names() -> None:
    text = SHOP.replace("services:\n", "services:\n  old: {network: back, port: 1, endpoints: [10.20.0.77]}\n")
    found = trace(text, "web", "old")
    assert steps(text, "web", "old")[-1] == "host | deliver | 10.20.0.77, which is on nc-back"
    assert found.answer is not None
    assert [type(step) for step in found.answer.steps[:1]] == [Entered]
    assert found.connects


POINT = """
stack: points
networks:
  lan:
    driver: macvlan
    parent: eth0
    mode: bridge
    subnet: {cidr: 192.0.2.0/24, gateway: 192.0.2.1}
    attach:
      - {netns: one, address: 192.0.2.101, hosts: [n1]}
      - {netns: two, address: 192.0.2.102, hosts: [n1]}
      - {netns: far, address: 192.0.2.103, hosts: [n2]}
"""


@pytest.mark.parametrize("destination", ["two", "far", "n2"])
def test_macvlans_reach_one_another_and_other_hosts_over_the_parent_s_segment(destination: str) -> None:
    found = steps(POINT + HOSTS, "one", destination)
    assert "over the segment of eth0" in found[1]
    assert " | deliver | " in found[2]


def test_macvlans_of_mode_private_do_not_reach_one_another_on_a_host() -> None:
    text = (POINT + HOSTS).replace("mode: bridge", "mode: private")
    assert path(text, "one", "two").arrival is Arrival.DROPPED
    assert path(text, "one", "far").arrival is Arrival.DELIVERED


def test_a_macvlan_does_not_reach_its_own_host() -> None:
    assert steps(POINT + HOSTS, "one", "n1")[-1].endswith("| drop | a macvlan does not reach its parent's own host")


def test_a_stranger_reaches_a_macvlan_without_its_host() -> None:
    assert [line.split(" | ")[0] for line in steps(POINT + HOSTS, "198.51.100.1", "one")] == ["n1, netns one"] * 2


def test_a_macvlan_sends_to_the_outside_by_a_router_that_is_not_declared() -> None:
    assert steps(POINT + HOSTS, "one", "198.51.100.1")[-1] == (
        "n1, netns one | leave | by eth0: 192.0.2.1 is beyond what the stack declares"
    )


def test_a_network_on_another_host_is_known_to_no_route_without_an_overlay() -> None:
    text = SHOP.replace("front: {", "front: {hosts: [n1], ").replace("back:\n", "back:\n    hosts: [n2]\n") + HOSTS
    found = trace(text, "web", "back/db", "5432")
    assert found.path is not None
    assert found.path.arrival is Arrival.LEFT
    assert not found.connects


def test_a_static_address_of_a_service_sends_from_the_network_that_it_is_on() -> None:
    text = SHOP + "  ext: {applies_to: {network: front}, ingress: []}\n"
    text = text.replace("services:\n", "services:\n  old: {network: back, port: 1, endpoints: [10.20.0.77]}\n")
    assert steps(text, "old", "spare")[:2] == [
        "host | enter | by nc-back",
        "host | bridge | nc-back: another port -> port nc-back-spare",
    ]
    assert steps(text, "old", "web")[:2] == ["host | enter | by nc-back", "host | route | 10.10.0.0/24 dev nc-front"]


LEGS = """
stack: pods
hosts:
  n1: {id: 1, address: 192.0.2.11, interface: eth0}
  n2: {id: 2, address: 192.0.2.12, interface: eth0}
  n3: {id: 3, address: 192.0.2.13, interface: eth0}
subnets: {pods: {cidr: 10.42.0.0/16, per_host: 24}}
overlays:
  pods: {vni: 42, mtu: 1400, subnet: pods, attach: [{netns: job, hosts: [n3], address: 10.42.3.10}]}
networks:
  boxes:
    provider: docker
    overlay: pods
    hosts: [n1, n2]
    attach:
      - {container: web, hosts: [n1], address: 10.42.1.20}
      - {container: near, hosts: [n1], address: 10.42.1.21}
      - {container: db, hosts: [n2], address: 10.42.2.20}
"""


@pytest.mark.parametrize(
    ("source", "destination", "last"),
    [
        ("boxes/web", "boxes/db", "n2 | deliver | 10.42.2.20, which is on nc-boxes"),
        ("boxes/web", "boxes/near", "n1 | deliver | 10.42.1.21, which is on nc-boxes"),
        ("boxes/db", "job", "n3, netns job | deliver | 10.42.3.10, which is on eth0"),
        ("job", "boxes/web", "n1 | deliver | 10.42.1.20, which is on nc-boxes"),
        ("n1", "boxes/web", "n1 | deliver | 10.42.1.20, which is on nc-boxes"),
        ("n2", "boxes/web", "n1 | deliver | 10.42.1.20, which is on nc-boxes"),
        ("boxes/web", "n1", "n1 | deliver | 192.0.2.11, which is on eth0"),
    ],
)
def test_containers_on_the_leg_of_an_overlay_are_reached_and_answer(source: str, destination: str, last: str) -> None:
    assert steps(LEGS, source, destination)[-1] == last
    assert trace(LEGS, source, destination).connects


def test_from_the_leg_of_an_overlay_the_world_is_masqueraded() -> None:
    assert [line.split(" | ")[1] for line in steps(LEGS, "boxes/web", "198.51.100.9")] == [
        "enter", "route", "masquerade", "leave",
    ]  # fmt: skip
