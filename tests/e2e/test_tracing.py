"""What ``netctl trace`` says of a path is what the kernel does: routes, forwarding entries, and a packet on its way."""

from collections.abc import Callable, Iterator

import pytest

from netctl.path.steps import Arrival, Dropped, Encapsulated, Left, Masqueraded
from tests.e2e import host, underlay
from tests.e2e.kernel_path import KernelPath, traced
from tests.e2e.lab import Lab
from tests.e2e.traffic import reaches

pytestmark = pytest.mark.xdist_group("tracing")

HOSTS = ("n1", "n2")
BRIDGES = """
stack: shop
networks:
  front:
    subnet: {cidr: [10.10.0.0/24, "fd00:10::/64"]}
    attach: [{netns: "${a}"}, {netns: "${b}"}]
  back:
    subnet: {cidr: [10.20.0.0/24, "fd00:20::/64"]}
    attach: [{netns: "${c}"}]
"""
DUAL = 'subnet: {cidr: [10.42.0.0/16, "fd42::/48"], per_host: [24, 64]}'
ONE_SPACE = 'subnet: {cidr: [10.44.0.0/16, "fd44::/64"]}'
OVERLAYS = {
    "vxlan routed, IPv4": (f"vni: 42\nmtu: 1400\n{DUAL}", 4, 4),
    "vxlan routed, IPv6": (f"vni: 42\n{DUAL}", 6, 4),
    "vxlan routed over IPv6, IPv4": (f"vni: 42\n{DUAL}", 4, 6),
    "vxlan bridged, IPv4": (f"mode: bridged\nvni: 44\n{ONE_SPACE}", 4, 4),
    "vxlan bridged, IPv6": (f"mode: bridged\nvni: 44\n{ONE_SPACE}", 6, 4),
    "host-gw, IPv4": ("backend: host-gw\nsubnet: {cidr: 10.42.0.0/16, per_host: 24}", 4, 4),
    "host-gw, IPv6": ('backend: host-gw\nsubnet: {cidr: "fd42::/48", per_host: 64}', 6, 6),
}


@pytest.fixture(scope="module")
def one_host(shared_lab: Callable[[], Lab]) -> Lab:
    lab = shared_lab()
    host.build(lab)
    return lab


@pytest.fixture
def machine(one_host: Lab) -> Iterator[Lab]:
    """A host with a router before it; what a test applies goes afterwards, without a trace."""
    yield one_host
    one_host.destroy("shop", "h")
    one_host.demand_as_before()


@pytest.fixture(scope="module")
def two_hosts(shared_lab: Callable[[], Lab]) -> Lab:
    lab = shared_lab()
    underlay.build(lab)
    lab.remember(*HOSTS, "a", "a2", "b")
    return lab


@pytest.fixture
def ground(two_hosts: Lab) -> Iterator[Lab]:
    """Hosts on one link; what a test applies goes afterwards, without a trace."""
    yield two_hosts
    two_hosts.destroy("shop", *HOSTS)
    two_hosts.demand_as_before()


def overlay(declared: str, family: int = 4) -> str:
    """A stack with the overlay on two hosts, whose underlay interface is declared."""
    text = underlay.stack(declared, hosts=HOSTS, family=family)
    return text.replace('"}', '", interface: eth0}')


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(("source", "destination"), [("a", "b"), ("a", "c")], ids=["same bridge", "two bridges"])
def test_a_path_within_a_host_is_the_kernel_s(machine: Lab, source: str, destination: str, family: int) -> None:
    machine.apply(BRIDGES, "h")
    trace = traced(machine, BRIDGES, machine[source], machine[destination], family)
    assert trace.path is not None
    assert trace.path.arrival is Arrival.DELIVERED
    assert trace.connects
    kernel = KernelPath(machine, trace.path)
    kernel.demand_agreement(machine[destination], source_at_end=machine.address(source, family))


@pytest.mark.parametrize("family", [4, 6])
def test_a_path_to_the_outside_is_the_kernel_s_as_far_as_it_is_declared(machine: Lab, family: int) -> None:
    machine.apply(BRIDGES, "h")
    trace = traced(machine, BRIDGES, machine["a"], host.OUTSIDE[family])
    assert trace.path is not None
    assert [type(step) for step in trace.path.steps[-2:]] == [Masqueraded, Left]
    assert trace.connects
    KernelPath(machine, trace.path).demand_agreement(machine["out"], source_at_end=host.HOST[family])


@pytest.mark.parametrize("family", [4, 6])
def test_a_path_to_the_host_s_own_address_is_the_kernel_s(machine: Lab, family: int) -> None:
    address = {4: "10.20.0.1", 6: "fd00:20::1"}[family]
    machine.apply(BRIDGES, "h")
    trace = traced(machine, BRIDGES, machine["a"], address)
    assert trace.path is not None
    assert trace.path.arrival is Arrival.DELIVERED
    assert trace.connects
    KernelPath(machine, trace.path).demand_agreement(machine["h"], source_at_end=machine.address("a", family))


@pytest.mark.parametrize("rights", ["isolated", "internal"])
def test_where_a_fence_ends_a_path_the_kernel_drops(machine: Lab, rights: str) -> None:
    text = BRIDGES.replace("back:\n", f"back:\n    {rights}: true\n")
    machine.apply(text, "h")
    trace = traced(machine, text, machine["a"], machine["c"])
    assert trace.path is not None
    assert isinstance(trace.path.steps[-1], Dropped)
    assert f"networks.back is {rights}" in trace.path.steps[-1].reason
    assert not trace.connects
    assert not reaches(machine["a"], trace.path.sent.destination, wait=0.3)
    assert reaches(machine["a"], "10.10.0.1")


@pytest.mark.parametrize(("declared", "family", "under"), OVERLAYS.values(), ids=OVERLAYS.keys())
def test_a_path_between_hosts_is_the_kernel_s(ground: Lab, declared: str, family: int, under: int) -> None:
    text = overlay(declared, under)
    ground.apply_all(text, HOSTS)
    trace = traced(ground, text, ground["a"], ground["b"], family)
    assert trace.path is not None
    assert trace.path.arrival is Arrival.DELIVERED
    assert trace.connects
    assert any(isinstance(step, Encapsulated) for step in trace.path.steps) is ("vni" in declared)
    kernel = KernelPath(ground, trace.path)
    kernel.demand_agreement(ground["b"], source_at_end=ground.address("a", family))


def test_a_path_out_of_an_overlay_takes_the_host_s_address_to_another_host_and_to_the_outside(ground: Lab) -> None:
    text = overlay(f"vni: 42\n{DUAL}")
    ground.apply_all(text, HOSTS)
    to_peer = traced(ground, text, ground["a"], "n2")
    assert to_peer.path is not None
    assert to_peer.path.received.source == underlay.ADDRESS[4]["n1"]
    KernelPath(ground, to_peer.path).demand_agreement(ground["n2"], source_at_end=underlay.ADDRESS[4]["n1"])
    away = traced(ground, text, ground["a"], underlay.OUTSIDE[4])
    assert away.path is not None
    assert away.path.arrival is Arrival.LEFT
    KernelPath(ground, away.path).demand_agreement(ground["wire"], source_at_end=underlay.ADDRESS[4]["n1"])


@pytest.mark.parametrize("family", [4, 6])
def test_a_path_from_the_outside_is_the_kernel_s_from_where_it_enters(machine: Lab, family: int) -> None:
    machine.apply(BRIDGES, "h")
    prefix = {4: "10.20.0.0/24", 6: "fd00:20::/64"}[family]
    machine.ip("out", f"route add {prefix} via {host.HOST[family]}")
    try:
        trace = traced(machine, BRIDGES, host.ROUTER[family], machine["c"])
        assert trace.path is not None
        assert trace.path.arrival is Arrival.DELIVERED
        assert trace.connects
        kernel = KernelPath(machine, trace.path)
        kernel.demand_agreement(machine["c"], source_at_end=host.ROUTER[family], sender=machine["out"])
    finally:
        machine.ip("out", f"route delete {prefix}")


def test_answers_that_a_trace_sees_go_astray_do_not_come(ground: Lab) -> None:
    front = 'networks: {front: {hosts: [n1], subnet: {cidr: 10.10.0.0/24}, nat: none, attach: [{netns: "${a2}"}]}}\n'
    text = overlay(f"vni: 42\n{DUAL}").replace('      - {netns: "${a2}", hosts: [n1]}\n', "") + front
    ground.apply_all(text, HOSTS)
    trace = traced(ground, text, ground["a2"], ground["b"])
    assert trace.path is not None
    assert (trace.path.arrival, trace.is_answered) == (Arrival.DELIVERED, False)
    assert not reaches(ground["a2"], ground.address("b"), wait=0.3)
    near = traced(ground, text, ground["a2"], ground["a"])
    assert near.connects
    assert reaches(ground["a2"], ground.address("a"))


def test_a_static_route_through_an_endpoint_is_followed_to_where_the_stack_ends(machine: Lab) -> None:
    text = """
stack: shop
networks:
  near: {subnet: {cidr: 10.31.0.0/24}, attach: [{netns: "${a}"}]}
  far:
    subnet: {cidr: 10.32.0.0/24}
    nat: none
    attach: [{netns: "${c}", address: 10.32.0.9, default_route: false, anti_spoofing: false}]
routes: [{to: 172.31.0.0/16, via: 10.32.0.9}]
"""
    machine.apply(text, "h")
    machine.ip("c", "address add 172.31.5.5/32 dev lo")
    try:
        trace = traced(machine, text, machine["a"], "172.31.5.5")
        assert trace.path is not None
        assert trace.path.received.source == "10.32.0.1"
        assert isinstance(last := trace.path.steps[-1], Left)
        assert last.at.netns == machine["c"]
        KernelPath(machine, trace.path).demand_agreement(machine["c"], source_at_end="10.32.0.1")
    finally:
        machine.ip("c", "address delete 172.31.5.5/32 dev lo")
