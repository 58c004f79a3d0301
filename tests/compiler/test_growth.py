"""Work grows with the stack and no faster: judged by counting calls, which no other load on the machine changes."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from netctl.compiler import compile_stack
from tests.compiler.stacks import PLACES, stack_of


def _hosts(count: int) -> dict[str, Any]:
    return {f"node{n}": {"id": n, "address": f"10.200.{n // 250}.{n % 250 + 1}"} for n in range(1, count + 1)}


def _overlay(count: int) -> dict[str, Any]:
    subnet = {"cidr": "10.0.0.0/9", "per_host": 24}
    return {"hosts": _hosts(count), "overlays": {"pods": {"vni": 1, "subnet": subnet}}}


def _networks(count: int) -> dict[str, Any]:
    subnets = {f"s{n}": {"cidr": f"10.{n // 256}.{n % 256}.0/24"} for n in range(count)}
    attach = [{"netns": "app", "default_route": False}]
    networks = {
        f"n{n}": {"subnet": f"s{n}", "attach": [{**attach[0], "interface": f"eth{n}"}], "isolated": n % 2 == 0}
        for n in range(count)
    }
    return {"subnets": subnets, "networks": networks}


def _attachments(count: int) -> dict[str, Any]:
    attach = [{"netns": f"x{n}"} for n in range(count)]
    return {"networks": {"n": {"subnet": {"cidr": "10.0.0.0/16"}, "attach": attach}}}


def _attachments_of_hosts(count: int) -> dict[str, Any]:
    attach = [{"netns": "x", "hosts": [f"node{n}"]} for n in range(1, count + 1)]
    flat = {"vni": 1, "mode": "bridged", "subnet": {"cidr": "10.0.0.0/16"}, "attach": attach}
    return {"hosts": _hosts(count), "overlays": {"flat": flat}}


def _bridges_of_hosts(count: int) -> dict[str, Any]:
    one = {"subnet": "s", "interface_name": "br0"}
    return {
        "hosts": _hosts(count),
        "subnets": {"s": {"cidr": "10.0.0.0/24"}},
        "networks": {f"n{n}": {**one, "hosts": [f"node{n}"]} for n in range(1, count + 1)},
    }


def _routes(count: int) -> dict[str, Any]:
    routes = [{"to": f"172.16.{n // 256}.{n % 256}", "via": f"10.0.{n % 256}.9"} for n in range(count)]
    return {**_networks(256), "routes": routes}


def _policies(count: int) -> dict[str, Any]:
    attach = [{"netns": f"x{n}", "labels": {"app": f"a{n}"}, "ports": {"http": 80}} for n in range(count)]
    policies = {
        f"p{n}": {
            "applies_to": {"labels": {"app": f"a{n}"}},
            "ingress": [{"from": {"expr": f"app in {{'a{n + 1}', 'a{n + 2}'}}"}, "ports": ["http", 443]}],
        }
        for n in range(count)
    }
    expect = [
        {"from": {"labels": {"app": f"a{n + 1}"}}, "to": {"labels": {"app": f"a{n}"}}, "port": 443, "verdict": "allow"}
        for n in range(count - 2)
    ]
    networks = {"n": {"subnet": {"cidr": "10.0.0.0/16"}, "attach": attach}}
    return {"networks": networks, "policies": policies, "expect": expect}


@pytest.mark.parametrize(
    "declare", [_overlay, _networks, _attachments, _attachments_of_hosts, _bridges_of_hosts, _routes, _policies]
)
def test_twice_the_declarations_are_at_most_twice_the_work(declare: Callable[[int], dict[str, Any]]) -> None:
    assert _calls(declare(800)) < 2.2 * _calls(declare(400))


def _calls(declared: dict[str, Any]) -> int:
    """How many functions, C's included, compiling calls."""
    stack = stack_of(declared)
    host = "node1" if stack.hosts else None
    counted = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        compile_stack(stack, PLACES, host, None)
    finally:
        sys.setprofile(before)
    return counted
