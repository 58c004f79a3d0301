"""Whether the policies that a plan puts in force would cut the connection that it is run over."""

import pytest

from netctl.kinds.nftables import table_key
from netctl.report.ssh_cut import Connection
from netctl.report.ssh_policies import policy_warnings
from tests.policy.stacks import resolved
from tests.report.plans import have, plan_of, table, want

KEY = table_key("shop")
FIRST = plan_of([want(KEY, table("10.1.0.0/24"), "networks.web", 1)], [])
NOTHING = plan_of([want(KEY, table("10.1.0.0/24"), "networks.web", 1)], [have(KEY, table("10.1.0.0/24"))])
STACK = """
stack: shop
hosts:
  node1: {id: 1, address: 192.0.2.11, labels: {role: edge}}
  node2: {id: 2, address: 192.0.2.12}
networks:
  web: {subnet: {cidr: 10.1.0.0/24}, attach: [{netns: a, address: 10.1.0.9, hosts: [node1]}]}
services:
  admin: {endpoints: [{address: 192.0.2.99, host: node1}], port: 2222}
"""
NONE = "policies: {host: {applies_to: {host: node1}, ingress: []}}"
CLIENT, SERVER = "198.51.100.7", "192.0.2.11"


def warned(declared: str, connection: Connection | None, host: str = "node1") -> list[str]:
    return policy_warnings(FIRST, resolved(STACK + declared).policies, host, connection)


@pytest.mark.parametrize(
    ("declared", "connection"),
    [
        (NONE, Connection(CLIENT, SERVER, 2222)),
        (f"{NONE}\nfailsafe: {{ingress: [443]}}", Connection(CLIENT, SERVER)),
        (NONE, Connection("2001:db8:9::7", "2001:db8::11", 2222)),  # an address of the host that is not declared
        (
            "policies: {host: {applies_to: {any: true}, ingress: [{from: {cidr: 203.0.113.0/24}}]}}",
            Connection(CLIENT, SERVER, 2222),
        ),
        ("policies: {admin: {applies_to: {service: admin}, ingress: []}}", Connection(CLIENT, "192.0.2.99", 2222)),
        ("policies: {a: {applies_to: {network: web}, egress: []}}", Connection("10.1.0.9", SERVER)),
    ],
    ids=["another port", "failsafe list", "IPv6", "another source", "address of a service", "from an endpoint"],
)
def test_a_cut_is_announced(declared: str, connection: Connection) -> None:
    (found,) = warned(declared, connection)
    assert found.startswith(f"this would cut the SSH connection from {connection.client} that netctl runs over: no ")


def test_the_policy_is_named() -> None:
    (found,) = warned(NONE, Connection(CLIENT, SERVER, 2222))
    assert found.endswith("no ingress rule of policy 'host' (<stdin>:10) allows it")


@pytest.mark.parametrize(
    ("declared", "connection"),
    [
        (NONE, Connection(CLIENT, SERVER)),
        (NONE, None),
        ("", Connection(CLIENT, SERVER)),
        ("policies: {host: {applies_to: {host: node1}, staged: true, ingress: []}}", Connection(CLIENT, SERVER, 2222)),
        ("policies: {host: {applies_to: {host: node1}, egress: []}}", Connection(CLIENT, SERVER, 2222)),
        ("policies: {host: {applies_to: {host: node2}, ingress: []}}", Connection(CLIENT, SERVER, 2222)),
        (
            "policies: {host: {applies_to: {host: node1}, ingress: [{from: {cidr: 198.51.100.0/24}, ports: [2222]}]}}",
            Connection(CLIENT, SERVER, 2222),
        ),
    ],
    ids=["failsafe port", "no connection", "no policies", "staged", "only egress", "another host", "allowed"],
)
def test_nothing_is_said_of_what_stays(declared: str, connection: Connection | None) -> None:
    assert warned(declared, connection) == []


def test_nothing_is_said_where_no_table_changes() -> None:
    policies = resolved(STACK + NONE).policies
    assert policy_warnings(NOTHING, policies, "node1", Connection(CLIENT, SERVER, 2222)) == []
    assert policy_warnings(FIRST, None, "node1", Connection(CLIENT, SERVER, 2222)) == []


def test_a_client_whose_address_several_endpoints_have_is_no_error() -> None:
    shared = "  other: {endpoints: [192.0.2.12, 192.0.2.99], port: 80}\n"
    assert len(warned(shared + NONE, Connection("192.0.2.99", SERVER, 2222))) == 1
