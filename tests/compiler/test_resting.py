"""Endpoints that are not healthy: who is left out of virtual addresses, by whom it was told, and what that changes."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from netctl.compiler.compile import Compiled, compile_stack
from netctl.compiler.resting import Subject
from netctl.engine.facts import ContainerFact, ContainerNetworkFact, EngineFacts, Facts
from netctl.kinds.nftables import Table, table_key
from netctl.stack.models import Stack
from tests.compiler.stacks import PLACES, stack_of

STACK = """
stack: shop
subnets: {vips: {cidr: [10.96.0.0/24, "fd96::/64"]}}
networks: {front: {subnet: {cidr: [10.10.0.0/24, "fd10::/64"]}}}
services:
  web:
    port: [80, 53/udp]
    vip: [10.96.0.1, "fd96::1"]
    publish: ["8080:80"]
    endpoints: [10.10.0.2, 10.10.0.3, "fd10::2"]
  many: {port: 80, vip: 10.96.0.2, endpoints: [MANY]}
  kept: {port: 80, vip: 10.96.0.3, affinity: {client_ip: 1h}, endpoints: [10.10.0.2, 10.10.0.3]}
  heavy:
    port: 80
    vip: 10.96.0.4
    endpoints: [{address: 10.10.0.2, weight: 7}, 10.10.0.3, {address: 10.10.0.4, weight: 0}]
""".replace("MANY", ", ".join(f"10.10.0.{last}" for last in range(2, 14)))
SUBJECTS = [
    *(Subject("web", address) for address in ("10.10.0.2", "10.10.0.3", "fd10::2")),
    *(Subject("many", f"10.10.0.{last}") for last in range(2, 14)),
    *(Subject(name, address) for name in ("kept", "heavy") for address in ("10.10.0.2", "10.10.0.3")),
]


def _compiled(text: str, facts: Facts | None) -> Compiled:
    return compile_stack(_stack(text), PLACES, None, facts)


@cache
def _stack(text: str) -> Stack:
    return stack_of(YAML(typ="safe").load(text))


def _failing(*subjects: Subject) -> Facts:
    return Facts(failed_checks={f"shop:{name}:{address}": "connection refused" for name, address in subjects})


def _table(found: Compiled) -> Table:
    table = found.resources[table_key("shop")].attributes
    assert isinstance(table, Table)
    return table


def _backends(found: Compiled, address: str, name: str = "backends4") -> set[str]:
    elements = next(entry.elements for entry in _table(found).sets if entry.name == name)
    return {
        element.partition(" : ")[2].partition(" . ")[0] for element in elements if element.startswith(f"{address} .")
    }


def test_who_fails_a_check_is_left_out_and_said_to_be() -> None:
    found = _compiled(STACK, _failing(Subject("web", "10.10.0.2")))
    assert _backends(found, "10.96.0.1") == {"10.10.0.3"}
    assert "10.10.0.2" in _backends(found, "10.96.0.2"), "it may be well as another service"
    (warning,) = found.diagnostics
    assert (warning.code, str(warning.position and warning.position.file)) == ("NC361", "services.web")
    assert "10.10.0.2 of service 'web' gets no new connections: connection refused" in warning.message


def test_a_service_of_which_nobody_is_well_keeps_its_address_and_refuses() -> None:
    ends = [Subject("web", address) for address in ("10.10.0.2", "10.10.0.3", "fd10::2")]
    found = _compiled(STACK, _failing(*ends))
    assert not _backends(found, "10.96.0.1")
    assert "10.96.0.1" in next(entry.elements for entry in _table(found).sets if entry.name == "vips4")


@settings(max_examples=50)
@given(st.sets(st.sampled_from(SUBJECTS)), st.sets(st.sampled_from(SUBJECTS)))
def test_following_health_makes_the_same_table_as_compiling_anew(one: set[Subject], other: set[Subject]) -> None:
    before, after = _compiled(STACK, _failing(*one)), _compiled(STACK, _failing(*other))
    assert before.balanced is not None
    assert after.balanced is not None
    followed = before.balanced.without(before.balanced.seen(_failing(*other)))
    assert (followed.fronts, followed.resting) == (after.balanced.fronts, after.balanced.resting)
    assert followed.table(_table(before), before.balanced) == _table(after)
    differing = {key for key in before.resources if before.resources[key] != after.resources[key]}
    assert differing <= {table_key("shop")}


REGISTERED = """
stack: shop
consul: {}
networks: {front: {subnet: {cidr: 10.10.0.0/24}}}
services:
  web: {port: 80, publish: ["8080:80"], endpoints: [10.10.0.2, {address: 10.10.0.3, id: own}], register: REGISTER}
"""


def test_consul_is_asked_only_for_a_stack_that_registers_what_it_balances() -> None:
    asked: list[str] = []

    def complaints() -> Mapping[str, str]:
        asked.append("")
        return {"own": "in maintenance", "shop:web:10.10.0.3": "of another instance", "other:web:10.10.0.2": "x"}

    facts = Facts(complaints=complaints)
    found = _compiled(REGISTERED.replace("REGISTER", "true"), facts)
    assert [warning.message.partition(": ")[2] for warning in found.diagnostics] == ["in maintenance"]
    assert asked
    asked.clear()
    assert not _compiled(REGISTERED.replace("REGISTER", "false"), facts).diagnostics
    assert not asked


def test_nobody_is_left_out_because_consul_cannot_be_read() -> None:
    assert not _compiled(REGISTERED.replace("REGISTER", "true"), Facts()).diagnostics


CONTAINERS = """
stack: shop
consul: {}
networks:
  front:
    provider: docker
    subnet: {cidr: 10.10.0.0/24, range: [10.10.0.128/25]}
    attach: [{container: one, address: 10.10.0.2}, {container: two, address: 10.10.0.3}]
services:
  web: {port: 80, publish: ["8080:80"], endpoints: {containers: {labels: {app: web}}}}
"""


@pytest.mark.parametrize(
    ("two", "reason"),
    [
        ({"running": True, "health": "healthy"}, ""),
        ({"running": True}, ""),
        ({"running": True, "health": "unhealthy"}, "container two is unhealthy"),
        ({"running": True, "health": "starting"}, "container two has not been found healthy yet"),
        ({"running": False}, "its container does not run"),
    ],
)
def test_containers_are_as_well_as_docker_says(two: dict[str, Any], reason: str) -> None:
    networks = {"shop_front": ("10.10.0.2",)}, {"shop_front": ("10.10.0.3",) if two["running"] else ()}
    containers = {
        "one": ContainerFact("one", {"app": "web"}, networks[0], True),
        "two": ContainerFact("two", {"app": "web"}, networks[1], **two),
    }
    engine = EngineFacts(containers, {"shop_front": ContainerNetworkFact("shop_front", "bridge", ("10.10.0.0/24",))})
    found = _compiled(CONTAINERS, Facts(engine=lambda: engine))
    instances = {key.id for key in found.resources if key.system == "consul"}
    assert instances == {"shop:web:10.10.0.2", *(["shop:web:10.10.0.3"] if two["running"] else [])}
    left_out = [item.message.partition(": ")[2] for item in found.diagnostics if item.code == "NC361"]
    assert left_out == ([reason] if reason else [])


def test_docker_is_asked_about_health_only_where_the_stack_has_a_network_of_its() -> None:
    text = """
stack: shop
hosts: {h1: {id: 1, address: 192.0.2.1}, h2: {id: 2, address: 192.0.2.2}}
networks: {front: {provider: docker, hosts: [h2], subnet: {cidr: 10.10.0.0/24}, attach: [{container: web}]}}
services: {web: {port: 80, vip: 10.96.0.1, endpoints: [10.20.0.2]}}
"""
    asked = {host: compile_stack(_stack(text), PLACES, host, None).balanced for host in ("h1", "h2")}
    assert {host: found and found.told_by for host, found in asked.items()} == {"h1": set(), "h2": {"docker"}}
