"""Bridge networks on one host: who reaches whom, and under which address."""

from collections.abc import Callable, Iterator
from ipaddress import ip_address, ip_network

import pytest

from netctl.engine.change import Action
from tests.e2e.host import HOST, OUTSIDE, ROUTER, build
from tests.e2e.lab import Lab, keys
from tests.e2e.traffic import demand_all_pairs, demand_mtu, reaches, transfer
from tests.support.namespaces import ip_json

pytestmark = pytest.mark.xdist_group("networks")


@pytest.fixture(scope="module")
def prepared(shared_lab: Callable[[], Lab]) -> Lab:
    lab = shared_lab()
    build(lab)
    return lab


@pytest.fixture
def lab(prepared: Lab) -> Iterator[Lab]:
    """A host, the outside, three endpoints; what a test applies goes afterwards, without a trace."""
    yield prepared
    prepared.destroy("shop", "h")
    prepared.demand_as_before()


ONE = """
stack: shop
networks:
  front:
    subnet: {cidr: [10.10.0.0/24, "fd10::/64"], reserved: [10.10.0.200]}
    attach: [{netns: "${a}"}, {netns: "${b}"}, {netns: "${c}"}]
"""

TWO = """
stack: shop
networks:
  front:
    subnet: {cidr: [10.10.0.0/24, "fd10::/64"]}
    attach: [{netns: "${a}"}, {netns: "${b}"}]
  back:
    subnet: {cidr: [10.20.0.0/24, "fd20::/64"]}
    attach: [{netns: "${c}"}]
"""


def test_endpoints_on_one_bridge_reach_each_other_and_the_gateway(lab: Lab) -> None:
    lab.apply(ONE, "h")
    demand_all_pairs(lab, "abc", (4, 6))
    demand_mtu(lab, "a", "b", 1500)
    demand_mtu(lab, "a", "b", 1500, 6)
    for gateway in ("10.10.0.1", "fd10::1"):
        assert reaches(lab["a"], gateway)


@pytest.mark.parametrize("order", ["abc", "cba", "bca"])
def test_an_endpoint_keeps_its_address_whoever_comes_and_goes(lab: Lab, order: str) -> None:
    """There are three addresses for three endpoints, so that their hashes meet more often than not."""
    frame = (
        "stack: shop\nnetworks: {front: {subnet: {cidr: 10.10.0.0/24, range: [10.10.0.50-10.10.0.52]}, attach: [%s]}}"
    )

    def attached(labels: str) -> str:
        return frame % ", ".join(f'{{netns: "${{{label}}}"}}' for label in labels)

    for count in (1, 2, 3):
        before = {label: lab.address(label) for label in order[: count - 1]}
        plan = lab.apply(attached(order[:count]), "h")
        assert not keys(plan, Action.DELETE)
        assert {label: lab.address(label) for label in before} == before
    kept = lab.address(order[2])
    lab.apply(attached(order[2]), "h")
    assert lab.address(order[2]) == kept


def test_endpoints_on_two_bridges_reach_each_other_under_their_own_addresses(lab: Lab) -> None:
    lab.apply(TWO, "h")
    demand_all_pairs(lab, "abc", (4, 6))


@pytest.mark.parametrize("family", [4, 6])
def test_masqueraded_endpoints_are_seen_outside_under_the_hosts_address(lab: Lab, family: int) -> None:
    lab.apply(TWO, "h")
    for endpoint in "ac":
        assert reaches(lab[endpoint], OUTSIDE[family])
        assert transfer(lab[endpoint], lab["out"], OUTSIDE[family]) == HOST[family]
        assert transfer(lab[endpoint], lab["out"], ROUTER[family]) == HOST[family]


@pytest.mark.parametrize("family", [4, 6])
def test_without_nat_the_outside_sees_the_endpoint_and_can_call_it(lab: Lab, family: int) -> None:
    lab.apply(TWO.replace("  front:", "  front:\n    nat: none"), "h")
    address = lab.address("a", family)
    lab.ip("out", f"route add {address} via {HOST[family]}")
    assert transfer(lab["a"], lab["out"], OUTSIDE[family]) == address
    assert transfer(lab["out"], lab["a"], address, source=OUTSIDE[family]) == OUTSIDE[family]
    assert transfer(lab["c"], lab["out"], OUTSIDE[family]) == HOST[family], "the other network is masqueraded still"
    lab.ip("out", f"route del {address} via {HOST[family]}")


def test_an_isolated_network_reaches_the_outside_but_no_other_network(lab: Lab) -> None:
    lab.apply(TWO.replace("  front:", "  front:\n    isolated: true"), "h")
    demand_all_pairs(lab, "ab", (4, 6))
    for family in (4, 6):
        assert reaches(lab["a"], OUTSIDE[family])
        assert reaches(lab["c"], OUTSIDE[family])
        assert not reaches(lab["a"], lab.address("c", family), wait=0.3)
        assert not reaches(lab["c"], lab.address("a", family), wait=0.3)


def test_nothing_leaves_or_enters_an_internal_network(lab: Lab) -> None:
    lab.apply(TWO.replace("  front:", "  front:\n    internal: true"), "h")
    demand_all_pairs(lab, "ab", (4, 6))
    assert not lab.run("a", "ip", "route", "show", "default")
    lab.ip("a", "route add default via 10.10.0.1", "route add default via fd10::1")
    for family in (4, 6):
        address = lab.address("a", family)
        lab.ip("out", f"route add {address} via {HOST[family]}")
        for target in (OUTSIDE[family], lab.address("c", family)):
            assert not reaches(lab["a"], target, wait=0.3)
        for source in ("out", "c"):
            assert not reaches(lab[source], address, wait=0.3)
        assert reaches(lab["h"], address)
        lab.ip("out", f"route del {address} via {HOST[family]}")


def test_a_network_without_a_subnet_is_a_segment_for_addresses_of_the_users_own(lab: Lab) -> None:
    lab.apply('stack: shop\nnetworks: {plain: {attach: [{netns: "${a}"}, {netns: "${b}"}]}}', "h")
    for label, address in (("a", "10.99.0.1/24"), ("b", "10.99.0.2/24")):
        lab.ip(label, f"address add {address} dev eth0")
    demand_all_pairs(lab, "ab")


def test_a_declared_mtu_holds_for_the_bridge_and_its_endpoints(lab: Lab) -> None:
    lab.apply(ONE.replace("  front:", "  front:\n    mtu: 1400"), "h")
    demand_mtu(lab, "a", "b", 1400)
    demand_mtu(lab, "a", "b", 1400, 6)


def test_an_endpoint_on_two_networks_has_one_default_route(lab: Lab) -> None:
    lab.apply(
        """
stack: shop
networks:
  front: {subnet: {cidr: 10.10.0.0/24}, attach: [{netns: "${a}"}, {netns: "${b}"}]}
  back:
    subnet: {cidr: 10.20.0.0/24}
    attach: [{netns: "${a}", interface: eth1, default_route: false}, {netns: "${c}"}]
""",
        "h",
    )
    assert transfer(lab["a"], lab["c"], lab.address("c")) == lab.address("a", interface="eth1")
    assert transfer(lab["b"], lab["c"], lab.address("c")) == lab.address("b")
    assert [route["dev"] for route in ip_json(lab["a"], "route", "show", "default")] == ["eth0"]


def test_what_an_attachment_declares_is_what_the_endpoint_gets(lab: Lab) -> None:
    lab.apply(
        """
stack: shop
networks:
  front:
    subnet: {cidr: [10.10.0.0/24, "fd10::/64"], gateway: [10.10.0.254, "fd10::fe"]}
    interface_name: br-front
    attach:
      - {netns: "${a}", interface: net0, address: [10.10.0.7, "fd10::7"], mac: "02:00:00:00:00:07", mtu: 1400,
         host_interface: to-a}
      - {netns: "${b}", address: 10.10.0.8}
""",
        "h",
    )
    link = lab.link("a", "net0")
    assert (link["address"], link["mtu"]) == ("02:00:00:00:00:07", 1400)
    assert lab.link("h", "to-a")["master"] == "br-front"
    assert lab.address("a", 4, "net0") == "10.10.0.7"
    assert lab.address("a", 6, "net0") == "fd10::7"
    assert lab.address("b") == "10.10.0.8"
    assert ip_json(lab["a"], "route", "show", "default")[0]["gateway"] == "10.10.0.254"
    assert reaches(lab["b"], "10.10.0.7")
    assert transfer(lab["a"], lab["out"], OUTSIDE[6]) == HOST[6]


def test_assigned_addresses_are_free_ones_of_the_range_and_stay(lab: Lab) -> None:
    text = ONE.replace(
        "reserved: [10.10.0.200]", 'range: [10.10.0.16/29, "fd10::100-fd10::103"], reserved: [10.10.0.17]'
    )
    lab.apply(text, "h")
    found = {label: (lab.address(label), lab.address(label, 6)) for label in "abc"}
    assert len(set(found.values())) == 3
    for four, six in found.values():
        assert ip_address(four) in ip_network("10.10.0.16/29")
        assert four != "10.10.0.17"
        assert 0x100 <= int(ip_address(six)) & 0xFFFF <= 0x103
    demand_all_pairs(lab, "abc", (4, 6))


def test_assigned_addresses_are_the_same_again(lab: Lab) -> None:
    text = ONE.replace("10.10.0.0/24", "10.8.0.0/14")

    def addresses(labels: str) -> dict[str, tuple[str, str]]:
        return {label: (lab.address(label), lab.address(label, 6)) for label in labels}

    lab.apply(text, "h")
    found = addresses("abc")
    lab.destroy("shop", "h")
    lab.apply(text, "h")
    assert addresses("abc") == found
    lab.apply(text.replace('{netns: "${a}"}, ', ""), "h")
    assert addresses("bc") == {label: found[label] for label in "bc"}


@pytest.fixture
def wired(lab: Lab) -> Iterator[Lab]:
    """Two machines on a wire, of which one end is the host's interface ``port0``."""
    if "wired" not in lab.names:
        lab.add("wired")
    lab.join("wired", "eth0", "h", "port0")
    lab.ip("wired", "address add 10.10.0.200/24 dev eth0", "address add fd10::200/64 dev eth0")
    lab.remember("h")
    yield lab
    lab.destroy("shop", "h")
    lab.demand_as_before("h")
    lab.ip("h", "link delete port0")
    lab.remember("h")


def test_hosts_on_an_attached_wire_reach_the_endpoints(wired: Lab) -> None:
    wired.apply(ONE.replace("attach: [", "attach: [{interface: port0}, "), "h")
    assert wired.link("h", "port0")["master"] == "nc-front"
    demand_all_pairs(wired, ("a", "b", "wired"), (4, 6))
    assert reaches(wired["wired"], "10.10.0.1")
    wired.apply(ONE, "h")
    assert "master" not in wired.link("h", "port0")
    assert not reaches(wired["wired"], wired.address("a"), wait=0.3)


def test_an_attached_interface_that_was_down_and_a_port_of_another_bridge_goes_back_there(wired: Lab) -> None:
    wired.ip("h", "link add br0 type bridge", "link set port0 master br0", "link set port0 down")
    wired.remember("h")
    wired.apply(ONE.replace("attach: [", "attach: [{interface: port0}, "), "h")
    demand_all_pairs(wired, ("a", "wired"))
    wired.destroy("shop", "h")
    wired.demand_as_before("h")
    wired.ip("h", "link delete br0", "link set port0 up")
    wired.remember("h")


MACVLAN = """
stack: shop
networks:
  lan:
    driver: macvlan
    parent: eth0
    subnet: {cidr: [192.0.2.0/24, "2001:db8:1::/64"], gateway: [192.0.2.1, "2001:db8:1::1"], reserved: [192.0.2.10]}
    attach: [{netns: "${a}"}, {netns: "${b}", address: [192.0.2.77, "2001:db8:1::77"]}]
"""


def test_macvlan_endpoints_reach_each_other_and_the_wire(lab: Lab) -> None:
    lab.apply(MACVLAN, "h")
    demand_all_pairs(lab, "ab", (4, 6))
    for family in (4, 6):
        assert transfer(lab["a"], lab["out"], ROUTER[family]) == lab.address("a", family)
        lab.ip("out", f"route add {lab.address('a', family)} dev eth0")
        assert transfer(lab["a"], lab["out"], OUTSIDE[family]) == lab.address("a", family)
        assert reaches(lab["out"], lab.address("b", family))
        lab.ip("out", f"route del {lab.address('a', family)} dev eth0")


def test_private_macvlan_endpoints_reach_the_wire_only(lab: Lab) -> None:
    lab.apply(MACVLAN.replace("parent: eth0", "parent: eth0\n    mode: private"), "h")
    assert not reaches(lab["a"], "192.0.2.77", wait=0.3)
    assert reaches(lab["a"], ROUTER[4])
    assert reaches(lab["b"], ROUTER[6])


def test_a_passthru_macvlan_has_its_parents_mac_address_and_leaves_it_alone(lab: Lab) -> None:
    def parents_mac() -> str:
        return str(ip_json(lab["h"], "link", "show", "eth0")[0]["address"])

    before = parents_mac()
    only = MACVLAN.replace("parent: eth0", "parent: eth0\n    mode: passthru").replace('{netns: "${a}"}, ', "")
    lab.apply(only, "h")
    assert ip_json(lab["b"], "link", "show", "eth0")[0]["address"] == before
    assert reaches(lab["b"], ROUTER[4])
    lab.destroy("shop", "h")
    assert parents_mac() == before


def test_a_macvlan_changes_its_mode_in_place(lab: Lab) -> None:
    lab.apply(MACVLAN, "h")
    plan = lab.apply(MACVLAN.replace("parent: eth0", "parent: eth0\n    mode: private"), "h")
    assert keys(plan, Action.UPDATE) == {f"link/{lab['a']}/eth0", f"link/{lab['b']}/eth0"}
    assert not keys(plan, Action.REPLACE)
    assert not reaches(lab["a"], "192.0.2.77", wait=0.3)
    lab.apply(MACVLAN, "h")
    demand_all_pairs(lab, "ab", (4, 6))
