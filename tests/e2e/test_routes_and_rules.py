"""Static routes and policy-routing rules: packets take the way that they declare."""

import socket
from collections.abc import Callable, Iterator

import pytest

from netctl.engine.change import Action
from tests.e2e.host import HOST, OUTSIDE, build
from tests.e2e.lab import Lab, describe, keys
from tests.e2e.traffic import reaches, transfer
from tests.support.namespaces import call_in, ip_json

pytestmark = pytest.mark.xdist_group("routes")

NETWORKS = """
stack: shop
networks:
  front:
    nat: none
    subnet: {cidr: [10.10.0.0/24, "fd10::/64"]}
    attach:
      - {netns: "${a}", address: [10.10.0.10, "fd10::10"]}
      - {netns: "${b}", address: [10.10.0.11, "fd10::11"], anti_spoofing: false}
      - {netns: "${c}", address: [10.10.0.12, "fd10::12"], anti_spoofing: false}
"""
BEHIND = {4: "198.51.100.1", 6: "2001:db8:b::1"}
"""An address beyond the endpoints b and c, which are routers."""


@pytest.fixture(scope="module")
def prepared(shared_lab: Callable[[], Lab]) -> Lab:
    lab = shared_lab()
    build(lab)
    for router in "bc":
        lab.ip(router, *(f"address add {address} dev lo" for address in BEHIND.values()))
    lab.ip("out", "route add 10.10.0.0/24 via 192.0.2.10", "route add fd10::/64 via 2001:db8:1::10")
    lab.remember("b", "c")
    return lab


@pytest.fixture
def lab(prepared: Lab) -> Iterator[Lab]:
    yield prepared
    prepared.destroy("shop", "h")
    prepared.demand_as_before()


def _arrived(lab: Lab, label: str) -> int:
    """Packets that an endpoint's interface has received so far."""
    return int(lab.link(label, "eth0")["stats64"]["rx"]["packets"])


def _takes(lab: Lab, source: str, target: str, router: str, *, bound: str = "") -> bool:
    """Whether echo requests from *source* are answered, and by *router*."""
    assert reaches(lab[source], target, source=bound)
    before = _arrived(lab, router)
    return reaches(lab[source], target, "-c", "3", "-i", "0.01", source=bound) and _arrived(lab, router) >= before + 3


@pytest.mark.parametrize("family", [4, 6])
def test_a_route_through_an_endpoint_is_taken_and_within_the_networks_device(lab: Lab, family: int) -> None:
    via = {4: "10.10.0.11", 6: "fd10::11"}[family]
    lab.apply(f'{NETWORKS}routes: [{{to: "{BEHIND[family]}", via: "{via}"}}]', "h")
    assert ip_json(lab["h"], f"-{family}", "route", "get", BEHIND[family])[0]["dev"] == "nc-front"
    assert _takes(lab, "h", BEHIND[family], "b")
    assert _takes(lab, "a", BEHIND[family], "b")


@pytest.mark.parametrize("family", [4, 6])
def test_an_endpoint_that_may_not_forward_sends_from_its_own_addresses_alone(lab: Lab, family: int) -> None:
    via = {4: "10.10.0.11", 6: "fd10::11"}[family]
    guarded = NETWORKS.replace(", anti_spoofing: false", "")
    lab.apply(f'{guarded}routes: [{{to: "{BEHIND[family]}", via: "{via}"}}]', "h")
    assert reaches(lab["h"], via)
    assert not reaches(lab["h"], BEHIND[family], wait=1)


@pytest.mark.parametrize("family", [4, 6])
def test_the_lower_metric_wins_until_its_route_is_gone(lab: Lab, family: int) -> None:
    b, c = {4: ("10.10.0.11", "10.10.0.12"), 6: ("fd10::11", "fd10::12")}[family]
    both = f"""
  - {{to: "{BEHIND[family]}", via: "{c}", metric: 200}}
  - {{to: "{BEHIND[family]}", via: "{b}", metric: 100}}
"""
    lab.apply(f"{NETWORKS}routes:{both}", "h")
    assert _takes(lab, "h", BEHIND[family], "b")
    plan = lab.apply(f"{NETWORKS}routes:{both.rpartition('  -')[0]}", "h")
    assert set(plan.count()) == {Action.DELETE}
    assert _takes(lab, "h", BEHIND[family], "c")


@pytest.mark.parametrize("family", [4, 6])
def test_several_next_hops_share_the_traffic(lab: Lab, family: int) -> None:
    b, c = {4: ("10.10.0.11", "10.10.0.12"), 6: ("fd10::11", "fd10::12")}[family]
    lab.run("h", "sysctl", "-qw", f"net.ipv{family}.fib_multipath_hash_policy=1")
    lab.apply(
        f'{NETWORKS}routes: [{{to: "{BEHIND[family]}", nexthops: [{{via: "{b}", weight: 2}}, {{via: "{c}"}}]}}]', "h"
    )
    before = {router: _arrived(lab, router) for router in "bc"}
    _send_flows(lab["h"], BEHIND[family])
    counts = {router: _arrived(lab, router) - before[router] for router in "bc"}
    assert min(counts.values()) > 10, counts
    assert counts["b"] > counts["c"]


def _send_flows(ns: str, target: str) -> None:
    """Send a datagram to each of many ports, so that each is a flow of its own."""
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    with call_in(ns, lambda: socket.socket(family, socket.SOCK_DGRAM)) as sender:
        for port in range(20000, 20120):
            sender.sendto(b"flow", (target, port))


@pytest.mark.parametrize("kind", ["blackhole", "unreachable", "prohibit"])
def test_nothing_passes_a_route_that_forbids(lab: Lab, kind: str) -> None:
    routes = "\n".join(f'  - {{to: "{address}", type: {kind}}}' for address in OUTSIDE.values())
    for address in OUTSIDE.values():
        assert reaches(lab["h"], address)
    lab.apply(f"{NETWORKS}routes:\n{routes}", "h")
    for address in OUTSIDE.values():
        assert not reaches(lab["h"], address, wait=0.3)
        assert not reaches(lab["a"], address, wait=0.3)
    lab.apply(NETWORKS, "h")
    assert reaches(lab["a"], OUTSIDE[4])


def test_a_route_over_a_foreign_device_is_recognised_again(lab: Lab) -> None:
    routes = 'routes: [{to: 198.51.100.128/25, via: 192.0.2.1}, {to: "2001:db8:c::/48", dev: eth0}]'
    lab.ip("out", "address add 198.51.100.129/32 dev lo")
    lab.apply(f"stack: shop\n{routes}", "h")
    assert reaches(lab["h"], "198.51.100.129")
    lab.ip("h", "route del 198.51.100.128/25")
    assert describe(lab.apply(f"stack: shop\n{routes}", "h")) == ["create kernel/route/198.51.100.128/25"]
    lab.apply(f"stack: shop\n{routes}".replace("192.0.2.1}", "192.0.2.1, mtu: 1400}"), "h")
    assert ip_json(lab["h"], "route", "get", "198.51.100.129")[0]["metrics"][0]["mtu"] == 1400
    lab.ip("out", "address del 198.51.100.129/32 dev lo")


def test_stacks_with_routes_to_one_destination_in_different_tables_do_not_see_each_other(lab: Lab) -> None:
    def declared(stack: str, table: int) -> str:
        ways = (f"{{to: {to}, via: 192.0.2.1, table: {table}}}" for to in ("10.98.0.0/16", "10.99.0.0/16"))
        return f"stack: {stack}\nroutes: [{', '.join(ways)}]"

    texts = [declared("one", 254), declared("two", 301), declared("three", 302)]
    for text in texts:
        lab.apply(text, "h")
    for text in texts:
        lab.demand_done(text, "h")
    lab.destroy("two", "h")
    for text in (texts[0], texts[2]):
        lab.demand_done(text, "h")
    lab.destroy("one", "h")
    lab.destroy("three", "h")


DIRECT = '{to: "10.0.0.1/32", dev: eth0}', '{to: "fd99::1/128", dev: eth0}', "{to: 10.77.0.0/16, dev: eth0, table: 7}"
THROUGH = (
    "{to: 10.98.0.0/16, via: 10.0.0.1}", '{to: "fd98::/64", via: "fd99::1", dev: eth0}',
    "{to: 10.97.0.0/16, via: 10.77.0.1, table: 7}", "{to: 10.96.0.0/16, nexthops: [{via: 10.0.0.1}, {via: 192.0.2.1}]}",
)  # fmt: skip


@pytest.mark.parametrize("order", [(*DIRECT, *THROUGH), (*THROUGH, *DIRECT)], ids=["first", "last"])
def test_a_gateway_may_be_reached_by_another_declared_route_wherever_it_is_declared(
    lab: Lab, order: tuple[str, ...]
) -> None:
    lab.apply("stack: shop\nroutes:\n" + "".join(f"  - {route}\n" for route in order), "h")


@pytest.mark.parametrize("family", [4, 6])
def test_a_rule_sends_one_sources_packets_another_way(lab: Lab, family: int) -> None:
    """By source, all that the endpoint b sends goes to c; the others take the main table's way."""
    a, b, c = {4: ("10.10.0.10", "10.10.0.11", "10.10.0.12"), 6: ("fd10::10", "fd10::11", "fd10::12")}[family]
    target = OUTSIDE[family]
    lab.ip("c", f"address add {target} dev lo")
    text = f"""{NETWORKS}
routes: [{{to: default, via: "{c}", table: 100}}]
rules: [{{priority: 1000, from: "{b}", table: 100}}]
"""
    lab.apply(text, "h")
    assert _takes(lab, "b", target, "c")
    assert transfer(lab["b"], lab["c"], target) == b
    assert transfer(lab["a"], lab["out"], target) == a
    plan = lab.apply(text.replace(f'from: "{b}"', f'from: "{a}"'), "h")
    assert len(keys(plan, Action.CREATE)) == 1
    assert len(keys(plan, Action.DELETE)) == 1
    assert transfer(lab["a"], lab["c"], target) == a
    assert transfer(lab["b"], lab["out"], target) == b
    lab.ip("c", f"address del {target} dev lo")


def test_rules_select_by_destination_mark_and_interface_and_can_forbid(lab: Lab) -> None:
    text = f"""{NETWORKS}
rules:
  - {{priority: 900, to: {OUTSIDE[4]}, iif: nc-front, action: prohibit}}
  - {{priority: 910, mark: 0x10, mask: 0xf0, action: blackhole}}
  - {{priority: 920, to: "{OUTSIDE[6]}", action: unreachable}}
"""
    lab.apply(text, "h")
    assert not reaches(lab["a"], OUTSIDE[4], wait=0.3)
    assert reaches(lab["h"], OUTSIDE[4])
    assert not reaches(lab["h"], OUTSIDE[4], "-m", "16", wait=0.3)
    assert reaches(lab["h"], OUTSIDE[4], "-m", "32")
    assert not reaches(lab["a"], OUTSIDE[6], wait=0.3)
    assert not reaches(lab["h"], OUTSIDE[6], wait=0.3)


def test_a_preferred_source_is_the_stacks_own_address(lab: Lab) -> None:
    routes = f"routes: [{{to: {OUTSIDE[4]}, via: 192.0.2.1, source: 10.10.0.1}}]"
    lab.apply(f"{NETWORKS}{routes}", "h")
    assert transfer(lab["h"], lab["out"], OUTSIDE[4]) == "10.10.0.1"
    lab.apply(NETWORKS, "h")
    assert transfer(lab["h"], lab["out"], OUTSIDE[4]) == HOST[4]
