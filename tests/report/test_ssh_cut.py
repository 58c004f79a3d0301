"""Whether a plan would cut the connection that it is run over."""

import pytest

from netctl.engine.facts import LinkFact
from netctl.engine.resource import Attributes, Desired, Key, Live
from netctl.kinds.address import Address, address_key
from netctl.kinds.link import Bridge, Port, link_key, port_key
from netctl.kinds.route import Route, route_key
from netctl.kinds.rule import Rule, rule_key
from netctl.report.ssh_cut import Connection, parse_connection, ssh_warnings
from tests.report.plans import have, plan_of, want

CONNECTION = Connection("198.51.100.7", "192.0.2.11")
LINKS = {
    "eth0": LinkFact("eth0", "", 1500, ("192.0.2.11/24", "2001:db8::11/64")),
    "br0": LinkFact("br0", "bridge", 1500, ("10.0.0.1/24",)),
}


def warned(desired: list[Desired], live: list[Live], connection: Connection | None = CONNECTION) -> list[str]:
    return ssh_warnings(plan_of(desired, live), LINKS, connection)


def declared(key: Key, attributes: Attributes) -> Desired:
    return want(key, attributes, "networks.lan", 1)


DEFAULT, SPECIFIC = route_key("0.0.0.0/0"), route_key("198.51.100.0/24")
ETH0, ADDRESS = link_key("eth0"), address_key("eth0", "192.0.2.11/24")
TURNED_AWAY = Rule(4, 5, source="192.0.2.0/24", action="blackhole")

CUTS: dict[str, tuple[list[Desired], list[Live]]] = {
    "the link is deleted": ([], [have(ETH0, Bridge("", "eth0"))]),
    "the link is taken down": ([declared(ETH0, Bridge("", "eth0", up=False))], [have(ETH0, Bridge("", "eth0"))]),
    "the link gets another mtu": (
        [declared(ETH0, Bridge("", "eth0", mtu=9000))],
        [have(ETH0, Bridge("", "eth0", mtu=1500))],
    ),
    "the interface becomes a port": ([declared(port_key("eth0"), Port("", "eth0", "nc-lan"))], []),
    "the address is deleted": ([], [have(ADDRESS, Address("", "eth0", "192.0.2.11/24"))]),
    "the route back is deleted": ([], [have(DEFAULT, Route("", "0.0.0.0/0", gateway="192.0.2.1"))]),
    "the route back is changed": (
        [declared(DEFAULT, Route("", "0.0.0.0/0", gateway="192.0.2.2"))],
        [have(DEFAULT, Route("", "0.0.0.0/0", gateway="192.0.2.1"))],
    ),
    "a closer route is made": ([declared(SPECIFIC, Route("", "198.51.100.0/24", type="blackhole"))], []),
    "a rule drops the replies": ([declared(rule_key(TURNED_AWAY), TURNED_AWAY)], []),
}


@pytest.mark.parametrize("case", CUTS)
def test_a_cut_is_announced_when(case: str) -> None:
    found = warned(*CUTS[case])
    assert len(found) == 1
    assert found[0].startswith("this would cut the SSH connection from 198.51.100.7")


HARMLESS: dict[str, tuple[list[Desired], list[Live]]] = {
    "another link is deleted": ([], [have(link_key("br0"), Bridge("", "br0"))]),
    "a link of that name in another namespace is deleted": ([], [have(link_key("eth0", "web"), Bridge("web", "eth0"))]),
    "the link is brought up": ([declared(ETH0, Bridge("", "eth0"))], [have(ETH0, Bridge("", "eth0", up=False))]),
    "another address of it is deleted": (
        [],
        [have(address_key("eth0", "192.0.2.12/24"), Address("", "eth0", "192.0.2.12/24"))],
    ),
    "a route elsewhere is made": (
        [declared(route_key("10.9.0.0/16"), Route("", "10.9.0.0/16", gateway="192.0.2.1"))],
        [],
    ),
    "a default route in another table is made": (
        [declared(route_key("0.0.0.0/0", 100), Route("", "0.0.0.0/0", table=100, gateway="192.0.2.9"))],
        [],
    ),
    "a new interface is attached": ([declared(port_key("eth9"), Port("", "eth9", "nc-lan"))], []),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_nothing_is_said_when(case: str) -> None:
    assert warned(*HARMLESS[case]) == []


def test_a_client_on_the_same_segment_does_not_depend_on_the_default_route() -> None:
    near = Connection("192.0.2.77", "192.0.2.11")
    assert warned([], [have(DEFAULT, Route("", "0.0.0.0/0", gateway="192.0.2.1"))], near) == []
    assert warned([declared(DEFAULT, Route("", "0.0.0.0/0", gateway="192.0.2.1"))], [], near) == []


def test_ipv6_is_understood() -> None:
    over6 = Connection("2001:db8:9::7", "2001:db8::11")
    key = route_key("::/0", metric=1024)
    assert len(warned([], [have(key, Route("", "::/0", metric=1024, gateway="2001:db8::1"))], over6)) == 1
    assert warned([], [have(DEFAULT, Route("", "0.0.0.0/0", gateway="192.0.2.1"))], over6) == []


def test_without_a_connection_or_with_one_to_another_machine_nothing_is_said() -> None:
    cut = CUTS["the link is deleted"]
    assert warned(*cut, None) == []
    assert warned(*cut, Connection("198.51.100.7", "203.0.113.1")) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("198.51.100.7 50022 192.0.2.11 22", CONNECTION),
        ("2001:db8::7 1 fe80::1%eth0 2222", Connection("2001:db8::7", "fe80::1", 2222)),
        ("198.51.100.7 50022 192.0.2.11 ssh", None),
        ("", None),
        ("198.51.100.7 50022", None),
        ("a b c d", None),
    ],
)
def test_the_variable_of_sshd_is_parsed(text: str, expected: Connection | None) -> None:
    assert parse_connection(text) == expected
