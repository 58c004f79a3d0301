"""Hosts join and leave an overlay: the others' entries change by that one host's, and their traffic goes on."""

from collections.abc import Callable, Iterator

import pytest

from netctl.engine.change import Action
from tests.e2e.lab import Lab, describe, keys
from tests.e2e.traffic import demand_all_pairs, never_interrupted, reaches
from tests.e2e.underlay import ADDRESS, ENDPOINTS, HOSTS, build, on, stack

pytestmark = pytest.mark.xdist_group("membership")

TWO, THREE = HOSTS[:2], HOSTS[:3]
ROUTED = 'vni: 42\nsubnet: {cidr: [10.42.0.0/16, "fd42::/48"], per_host: [24, 64]}'
BRIDGED = 'vni: 44\nmode: bridged\nsubnet: {cidr: [10.44.0.0/16, "fd44::/64"]}'
HOST_GATEWAY = "backend: host-gw\nsubnet: {cidr: 10.42.0.0/16, per_host: 24}"
DIRECT = f"direct_routing: true\n{ROUTED}"


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


def _vtep(lab: Lab, host: str) -> str:
    return str(lab.link(host, "nc-pods-vxlan")["address"])


def _claim(keys: set[str]) -> set[str]:
    """The keys without those of claims, which stand beside a route over an interface that is not the stack's."""
    return {key for key in keys if " table " not in key}


@pytest.mark.parametrize("overlay", [ROUTED, BRIDGED, HOST_GATEWAY, DIRECT], ids=["routed", "bridged", "gw", "direct"])
def test_only_the_entries_of_the_host_that_joins_or_leaves_change(lab: Lab, overlay: str) -> None:
    two, three = stack(overlay, hosts=TWO), stack(overlay, hosts=THREE)
    lab.apply_all(two, TWO)
    with never_interrupted(lab["a"], lab.address("b")) as pinging:
        joined = lab.apply_all(three, THREE)
        assert reaches(lab["c"], lab.address("a"))
        pinging.wait_for_more()
        expected = _entries_of_n3(lab, overlay)
        for host in TWO:
            assert keys(joined[host], Action.CREATE) >= expected
            assert _claim(keys(joined[host], Action.CREATE)) == expected
            assert set(joined[host].count()) == {Action.CREATE}

        left = lab.apply_all(two, TWO)
        pinging.wait_for_more()
        for host in TWO:
            assert _claim(keys(left[host], Action.DELETE)) == expected
            assert set(left[host].count()) == {Action.DELETE}
    lab.destroy("shop", "n3")
    lab.demand_as_before("n3", "c")
    demand_all_pairs(lab, on(TWO))


def _entries_of_n3(lab: Lab, overlay: str) -> set[str]:
    """What a peer has of the host n3."""
    if overlay is HOST_GATEWAY:
        return {"route/10.42.3.0/24"}
    if overlay is BRIDGED:
        return {f"fdb/nc-pods-vxlan 00:00:00:00:00:00 {ADDRESS[4]['n3']}"}
    vtep = _vtep(lab, "n3")
    tunnelled = {f"fdb/nc-pods-vxlan {vtep}", "route/fd42:0:0:3::/64", "neighbour/nc-pods-vxlan fd42:0:0:3::"}
    own = {"route/10.42.3.0/24"} if overlay is DIRECT else {"route/10.42.3.0/24", "neighbour/nc-pods-vxlan 10.42.3.0"}
    return tunnelled | own


def test_a_host_that_left_is_reached_by_nobody_and_comes_back_as_it_was(lab: Lab) -> None:
    two, three = stack(ROUTED, hosts=TWO), stack(ROUTED, hosts=THREE)
    first = lab.apply_all(three, THREE)
    address = lab.address("c")
    lab.apply_all(two, TWO)
    assert not reaches(lab["a"], address, wait=0.3), "n3 itself still has everything"
    lab.apply_all(three, TWO)
    assert reaches(lab["a"], address)
    assert lab.address("c") == address
    lab.destroy("shop", *THREE)
    again = lab.apply_all(three, THREE)
    assert {host: describe(plan) for host, plan in again.items()} == {
        host: describe(plan) for host, plan in first.items()
    }


def test_a_host_that_changes_its_underlay_address_is_followed(lab: Lab) -> None:
    lab.apply_all(stack(ROUTED, hosts=THREE), THREE)
    moved = stack(ROUTED, hosts=THREE).replace("192.0.2.13", "192.0.2.33")
    lab.ip("n3", "address add 192.0.2.33/24 dev eth0")
    with never_interrupted(lab["a"], lab.address("b")):
        plans = lab.apply_all(moved, THREE)
    assert describe(plans["n1"]) == [f"update kernel/fdb/nc-pods-vxlan {_vtep(lab, 'n3')}"]
    demand_all_pairs(lab, on(THREE), (4, 6))
    lab.destroy("shop", "n3")
    lab.ip("n3", "address del 192.0.2.33/24 dev eth0")


def test_what_the_kernel_drops_with_the_underlays_link_is_put_back(lab: Lab) -> None:
    text = stack(DIRECT, hosts=THREE)
    lab.apply_all(text, THREE)
    lab.ip("n3", "link set eth0 down", "link set eth0 up", f"address replace {ADDRESS[6]['n3']}/64 dev eth0")
    lab.ip("n3", "route add default via 192.0.2.1", "route add default via 2001:db8:1::1")
    for host in TWO:
        lab.demand_done(text, host)
    assert describe(lab.apply(text, "n3")) == ["create kernel/route/10.42.1.0/24", "create kernel/route/10.42.2.0/24"]
    demand_all_pairs(lab, on(THREE))
