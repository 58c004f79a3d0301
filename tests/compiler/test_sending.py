"""The address that a host sends from is that of the link that leads to the destination."""

from io import BytesIO

import pytest

from netctl.compiler.policies.sending import sources
from netctl.compiler.topology import resolve
from netctl.stack.loader import load

STACK = """
stack: shop
hosts:
  n1: {{id: 1, address: 192.0.2.11}}
  n2: {{id: 2, address: 192.0.2.12}}
networks:
  front: {{hosts: [n1], subnet: {{cidr: [10.10.0.0/24, "fd10::/64"]}}}}
  lan: {{driver: macvlan, parent: eth0, subnet: {{cidr: 192.0.2.0/24}}}}
overlays:
  pods: {overlay}
"""
FRONT = {("10.10.0.0/24", "10.10.0.1"), ("fd10::/64", "fd10::1")}
BEYOND = ("0.0.0.0/0", "192.0.2.11")
BLOCK = ("10.42.1.0/24", "10.42.1.1")
BLOCK6 = ("fd42:0:0:1::/64", "fd42:0:0:1::1")
BOTH = 'subnet: {cidr: [10.42.0.0/16, "fd42::/48"], per_host: [24, 64]}'
POOL = "subnet: {cidr: 10.42.0.0/16, per_host: 24}"


@pytest.mark.parametrize(
    ("overlay", "links"),
    [
        (f"{{vni: 42, {POOL}}}", {BLOCK, ("10.42.0.0/16", "10.42.1.0")}),
        (f"{{vni: 42, direct_routing: true, {POOL}}}", {BLOCK}),
        (f"{{vni: 42, direct_routing: true, {BOTH}}}", {BLOCK, BLOCK6, ("fd42::/48", "fd42:0:0:1::")}),
        (f"{{backend: host-gw, {POOL}}}", {BLOCK}),
        ("{vni: 42, mode: bridged, subnet: {cidr: 10.42.0.0/16}}", {("10.42.0.0/16", "10.42.0.1")}),
    ],
    ids=["tunnel", "direct", "direct but for the other family", "host-gw", "bridged"],
)
def test_it_is_the_bridge_s_the_tunnel_s_or_else_the_declared_one(overlay: str, links: set[tuple[str, str]]) -> None:
    found = sources(resolve(load(["-"], stdin=BytesIO(STACK.format(overlay=overlay).encode())).stack))["n1"]
    assert set(found) == links | FRONT | {BEYOND}


def test_the_narrowest_prefix_comes_first() -> None:
    text = STACK.format(overlay=f"{{vni: 42, {POOL}}}")
    (*_, tunnel, last) = sources(resolve(load(["-"], stdin=BytesIO(text.encode())).stack))["n1"]
    assert (tunnel, last) == (("10.42.0.0/16", "10.42.1.0"), BEYOND)


def test_a_stack_without_hosts_has_none() -> None:
    text = "stack: shop\nnetworks: {front: {subnet: {cidr: 10.10.0.0/24}}}\n"
    assert sources(resolve(load(["-"], stdin=BytesIO(text.encode())).stack)) == {}
