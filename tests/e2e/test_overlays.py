"""Overlays carry real packets: every backend and mode, both families, to the last byte of the MTU."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from netctl.engine.change import Action
from tests.e2e.lab import Lab, keys
from tests.e2e.traffic import Wire, broadcast, demand_all_pairs, demand_mtu, reaches, transfer
from tests.e2e.underlay import ADDRESS, ENDPOINTS, HOSTS, OUTSIDE, build, on, stack
from tests.support.namespaces import ip_json

pytestmark = pytest.mark.xdist_group("overlays")

NEAR = HOSTS[:3]
DUAL = 'subnet: {cidr: [10.42.0.0/16, "fd42::/48"], per_host: [24, 64]}'
ONE_SPACE = 'subnet: {cidr: [10.44.0.0/16, "fd44::/64"]}'


class Ground(NamedTuple):
    lab: Lab
    wire: Wire


@pytest.fixture(scope="module")
def prepared(shared_lab: Callable[[], Lab]) -> Ground:
    lab = shared_lab()
    wire = build(lab)
    lab.remember(*HOSTS, *ENDPOINTS)
    return Ground(lab, wire)


@pytest.fixture
def ground(prepared: Ground) -> Iterator[Ground]:
    """Three hosts on a link, one behind a router; what a test applies goes afterwards, without a trace."""
    prepared.wire.count()
    yield prepared
    prepared.lab.destroy("shop", *HOSTS)
    prepared.lab.demand_as_before()


class Case(NamedTuple):
    overlay: str
    families: tuple[int, ...]
    mtu: int
    underlay: int = 4
    encapsulated: bool = True


CASES = {
    "vxlan routed": Case(f"backend: vxlan\nvni: 42\n{DUAL}", (4, 6), 1450),
    "vxlan routed over IPv6": Case(f"backend: vxlan\nvni: 42\n{DUAL}", (4, 6), 1430, 6),
    "vxlan bridged": Case(f"backend: vxlan\nmode: bridged\nvni: 44\n{ONE_SPACE}", (4, 6), 1450),
    "vxlan bridged over IPv6": Case(f"backend: vxlan\nmode: bridged\nvni: 44\n{ONE_SPACE}", (4, 6), 1430, 6),
    "host-gw": Case("backend: host-gw\nsubnet: {cidr: 10.42.0.0/16, per_host: 24}", (4,), 1500, 4, encapsulated=False),
    "host-gw over IPv6": Case(
        'backend: host-gw\nsubnet: {cidr: "fd42::/48", per_host: 64}', (6,), 1500, 6, encapsulated=False
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_every_endpoint_reaches_every_other(ground: Ground, case: Case) -> None:
    lab, wire = ground
    text = stack(case.overlay, hosts=NEAR, family=case.underlay)
    lab.apply_all(text, NEAR)
    demand_all_pairs(lab, on(NEAR), case.families)
    for family in case.families:
        demand_mtu(lab, "a", "b", case.mtu, family)
    seen = wire.count()
    assert (seen["vxlan"] > 0) is case.encapsulated
    assert (seen["fragments"], seen["fragments6"]) == (0, 0)


def test_a_declared_mtu_is_kept_to(ground: Ground) -> None:
    text = stack(f"vni: 42\nmtu: 1300\n{DUAL}", hosts=NEAR)
    ground.lab.apply_all(text, NEAR)
    for family in (4, 6):
        demand_mtu(ground.lab, "a", "c", 1300, family)


def test_a_bridged_overlay_is_one_segment(ground: Ground) -> None:
    lab = ground.lab
    lab.apply_all(stack(CASES["vxlan bridged"].overlay, hosts=NEAR), NEAR)
    others = [label for label in on(NEAR) if label != "a"]
    assert broadcast(lab["a"], "10.44.255.255", [lab[label] for label in others]) == [b"to all"] * 3
    for label in others:
        lab.run(label, "ping", "-c1", "-W5", lab.address("a"))
        neighbours = lab.run(label, "ip", "neighbour", "show", lab.address("a"))
        assert lab.link("a", "eth0")["address"] in neighbours, "the peer's own MAC, so no router in between"


def test_a_routed_overlay_broadcasts_on_a_host_only(ground: Ground) -> None:
    lab = ground.lab
    lab.apply_all(stack(CASES["vxlan routed"].overlay, hosts=NEAR), NEAR)
    assert broadcast(lab["a"], "10.42.1.255", [lab["a2"]]) == [b"to all"]
    with pytest.raises(TimeoutError):
        broadcast(lab["a"], "255.255.255.255", [lab["b"]], wait=0.3)


def test_an_endpoint_that_goes_to_another_host_of_a_bridged_overlay_keeps_its_address(ground: Ground) -> None:
    lab = ground.lab
    here = stack(CASES["vxlan bridged"].overlay, hosts=NEAR).replace('"${a}",', '"${a}", address: 10.44.3.3,')
    lab.apply_all(here, NEAR)
    demand_all_pairs(lab, on(NEAR))
    there = here.replace("address: 10.44.3.3, hosts: [n1]", "address: 10.44.3.3, hosts: [n2]")
    assert there != here
    lab.apply_all(there, NEAR)
    for other in ("b", "c", "a2"):  # the first packet of its own tells where it is now
        assert reaches(lab["a"], lab.address(other))
        assert reaches(lab[other], "10.44.3.3")


DIRECT = f"vni: 42\ndirect_routing: true\n{DUAL}"


def test_peers_on_the_same_link_are_routed_to_and_the_one_behind_a_router_is_tunnelled_to(ground: Ground) -> None:
    lab, wire = ground
    hosts = ("n1", "n2", "n4")
    plans = lab.apply_all(stack(DIRECT, hosts=hosts), hosts)
    neighbours = {key for key in keys(plans["n1"], Action.CREATE) if key.startswith(("neighbour/", "fdb/"))}
    assert len([key for key in neighbours if key.startswith("fdb/")]) == 2, "of n2 too, whose IPv6 has no other way"
    assert not any("10.42.2.0" in key for key in neighbours)
    assert any("10.42.4.0" in key for key in neighbours)
    near = ip_json(lab["n1"], "route", "show", "10.42.2.0/24")[0]
    assert (near["dev"], near["gateway"]) == ("eth0", ADDRESS[4]["n2"])
    assert ip_json(lab["n1"], "route", "show", "10.42.4.0/24")[0]["dev"] == "nc-pods-vxlan"

    demand_all_pairs(lab, on(hosts), (4, 6))
    wire.count()
    before = lab.link("n1", "nc-pods-vxlan")["stats64"]["tx"]["packets"]
    assert reaches(lab["a"], lab.address("b"), "-c", "5", "-i", "0.01")
    transfer(lab["a"], lab["b"], lab.address("b"))
    assert wire.count()["vxlan"] == 0
    assert lab.link("n1", "nc-pods-vxlan")["stats64"]["tx"]["packets"] == before
    assert reaches(lab["a"], lab.address("d"), "-c", "5", "-i", "0.01")
    assert wire.count()["vxlan"] == 10, "five requests and five answers"
    assert lab.link("n1", "nc-pods-vxlan")["stats64"]["tx"]["packets"] == before + 5
    demand_mtu(lab, "a", "b", 1450)
    demand_mtu(lab, "a", "d", 1450)
    assert wire.count()["fragments"] == 0


def test_over_ipv6_the_same_holds_for_the_other_family(ground: Ground) -> None:
    lab, wire = ground
    hosts = ("n1", "n2", "n4")
    lab.apply_all(stack(DIRECT, hosts=hosts, family=6), hosts)
    demand_all_pairs(lab, on(hosts), (4, 6))
    wire.count()
    assert reaches(lab["a"], lab.address("b", 6), "-c", "5", "-i", "0.01")
    assert wire.count()["vxlan"] == 0
    assert reaches(lab["a"], lab.address("d", 6), "-c", "5", "-i", "0.01")
    assert wire.count()["vxlan"] == 10


def test_traffic_that_leaves_an_overlay_takes_the_hosts_address_and_within_it_keeps_its_own(ground: Ground) -> None:
    lab = ground.lab
    lab.apply_all(stack(CASES["vxlan routed"].overlay, hosts=NEAR), NEAR)
    assert transfer(lab["b"], lab["wire"], OUTSIDE[4]) == ADDRESS[4]["n2"]
    assert transfer(lab["b"], lab["wire"], OUTSIDE[6]) == ADDRESS[6]["n2"]


@pytest.mark.parametrize("overlay", ["vxlan routed", "vxlan bridged", "host-gw"])
def test_nothing_leaves_or_enters_an_internal_overlay(ground: Ground, overlay: str) -> None:
    lab = ground.lab
    lab.apply_all(stack(f"internal: true\n{CASES[overlay].overlay}", hosts=NEAR), NEAR)
    demand_all_pairs(lab, on(NEAR))
    bridge = lab.address("n1", 4, "nc-pods")
    assert not lab.run("a", "ip", "route", "show", "default")
    lab.ip("a", f"route add default via {bridge}")
    lab.ip("wire", f"route add {lab.address('a')}/32 via {ADDRESS[4]['n1']}")
    assert reaches(lab["a"], bridge)
    assert not reaches(lab["a"], OUTSIDE[4], wait=0.3)
    assert not reaches(lab["wire"], lab.address("a"), wait=0.3)
    lab.ip("wire", f"route del {lab.address('a')}/32")


@pytest.mark.parametrize("overlay", ["vxlan routed", "vxlan bridged", "host-gw"])
def test_hosts_and_endpoints_reach_each_other(ground: Ground, overlay: str) -> None:
    lab = ground.lab
    lab.apply_all(stack(CASES[overlay].overlay, hosts=NEAR), NEAR)
    for host in NEAR:
        assert reaches(lab["a"], lab.address(host, 4, "nc-pods"))
    assert reaches(lab["n1"], lab.address("b"))
    assert reaches(lab["n1"], lab.address("a"))


@pytest.fixture
def hardened(ground: Ground) -> Iterator[Ground]:
    """Hosts that forward nothing that they do not know, and drop what comes in by another way than back."""
    lab = ground.lab
    strict = [f"net.ipv4.conf.{scope}.rp_filter" for scope in ("all", "default", "eth0")]
    for host in HOSTS:
        lab.run(host, "iptables-nft", "-P", "FORWARD", "DROP")
        lab.run(host, "ip6tables-nft", "-P", "FORWARD", "DROP")
        lab.run(host, "sysctl", "-qw", *(f"{name}=1" for name in strict))
    yield ground
    lab.destroy("shop", *HOSTS)
    for host in HOSTS:
        lab.run(host, "nft", "flush", "ruleset")
        lab.run(host, "sysctl", "-qw", *(f"{name}=0" for name in strict))


@pytest.mark.parametrize("overlay", ["vxlan routed", "vxlan bridged", "host-gw", "direct routing"])
def test_overlays_work_on_hosts_with_a_firewall_and_strict_source_checks(hardened: Ground, overlay: str) -> None:
    lab = hardened.lab
    hosts = ("n1", "n2", "n4") if overlay == "direct routing" else NEAR
    text = stack(DIRECT if overlay == "direct routing" else CASES[overlay].overlay, hosts=hosts)
    lab.apply_all(text, hosts)
    demand_all_pairs(lab, on(hosts), (4,) if overlay == "host-gw" else (4, 6))
    assert transfer(lab["b"], lab["wire"], OUTSIDE[4]) == ADDRESS[4]["n2"]


def test_what_an_overlay_is_made_of(ground: Ground) -> None:
    """Nothing but what is needed: three entries for a peer, and the device's own."""
    plan = ground.lab.plan(stack("vni: 42\nsubnet: {cidr: 10.42.0.0/16, per_host: 24}", hosts=NEAR), "n1")
    made = keys(plan, Action.CREATE)
    assert len([key for key in made if "10.42.2.0" in key]) == 2
    assert len([key for key in made if key.startswith("fdb/")]) == 2
