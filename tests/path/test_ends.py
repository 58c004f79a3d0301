"""What FROM, TO and PORT may be."""

import pytest

from netctl.errors import DeclarationError, UsageError
from netctl.policy.verdicts import Verdict
from tests.path.tracing import HOSTS, SHOP, trace, tracer

PUBLISHED = """
stack: shop
hosts: {n1: {id: 1, address: 192.0.2.11}}
networks:
  front:
    subnet: {cidr: 10.10.0.0/24}
    attach:
      - {netns: web, labels: {app: web}}
      - {netns: api, labels: {app: web, tier: api}}
services:
  web: {port: 80, endpoints: {labels: {app: web}}, publish: "8080:80"}
policies:
  host: {applies_to: {host: n1}, ingress: []}
  api: {applies_to: {labels: {tier: api}}, ingress: []}
"""
TWICE = SHOP.replace("front: {", "front: {hosts: [n1, n2], ") + HOSTS


@pytest.mark.parametrize("name", ["front/web", "web", "10.10.0.20"])
def test_an_endpoint_is_meant_by_its_name_the_end_of_it_and_its_address(name: str) -> None:
    assert trace(SHOP, name, "spare").source == "front/web"


def test_a_service_means_each_of_its_endpoints_even_if_one_is_called_like_it() -> None:
    found = tracer(SHOP).trace("web", "db", "5432")
    assert [each.destination for each in found] == ["back/db", "back/spare"]
    assert [each.destination for each in tracer(SHOP).trace("web", "service/db", "5432")] == ["back/db", "back/spare"]
    assert [each.destination for each in tracer(SHOP).trace("web", "back/db", "5432")] == ["back/db"]


def test_a_virtual_address_stands_for_the_endpoints_behind_it() -> None:
    found = tracer(SHOP.replace("  db: {", "  db: {vip: 10.96.0.5, ")).trace("web", "10.96.0.5", "5432")
    assert [each.destination for each in found] == ["back/db", "back/spare"]


def test_no_endpoint_of_a_service_is_traced_to_itself() -> None:
    found = tracer(SHOP).trace("db", "db", "5432")
    assert [(each.source, each.destination) for each in found] == [("back/db", "back/spare"), ("back/spare", "back/db")]


def test_a_host_is_meant_by_its_name() -> None:
    assert trace(SHOP + HOSTS, "n1", "host/n2").source == "host/n1"


def test_what_is_on_several_hosts_is_ambiguous_without_one() -> None:
    with pytest.raises(UsageError, match="'web' may be front/web@n1 or front/web@n2"):
        trace(TWICE, "web", "spare")
    assert trace(TWICE, "web@n2", "n1").source == "front/web@n2"


@pytest.mark.parametrize(
    ("wrong", "advice"),
    [
        ("\udcff", "named like frontend/web"),
        ("wbe", "Did you mean front/web?"),
        ("front/wb", "Did you mean front/web?"),
        ("xyzzy", "named like frontend/web"),
    ],
)
def test_an_unknown_name_gets_the_nearest_known_one(wrong: str, advice: str) -> None:
    with pytest.raises(UsageError, match="is no endpoint, service or host") as caught:
        trace(SHOP, wrong, "spare")
    assert advice in caught.value.advice


def test_two_strangers_are_nothing_to_the_stack() -> None:
    with pytest.raises(UsageError, match="neither end is of the stack"):
        trace(SHOP + HOSTS, "198.51.100.1", "198.51.100.2")


@pytest.mark.parametrize(
    ("port", "meant"), [("80", ("tcp", 80)), ("53/udp", ("udp", 53)), ("sql", ("tcp", 5432)), ("icmp", ("icmp", 0))]
)
def test_a_port_is_a_number_a_name_of_the_destination_s_or_icmp(port: str, meant: tuple[str, int]) -> None:
    connection = trace(SHOP, "web", "back/db", port).decision.connection
    assert (connection.protocol.value, connection.port) == meant


@pytest.mark.parametrize("port", ["80-90", "udp", "0", "http", "80/xyz"])
def test_what_is_not_one_port_of_the_destination_is_refused(port: str) -> None:
    with pytest.raises(UsageError):
        trace(SHOP, "web", "back/db", port)


def test_the_family_is_the_one_that_both_have_ipv4_first() -> None:
    text = SHOP.replace("cidr: 10.10.0.0/24", 'cidr: [10.10.0.0/24, "fd00:10::/64"]')
    assert trace(text, "web", "spare").decision.connection.family == 4
    assert trace(text, "web", "2001:db8::1").decision.connection.family == 6
    assert trace(text, "2001:db8::1", "web").decision.connection.family == 6


def test_ends_without_a_common_family_have_no_path() -> None:
    found = trace(SHOP, "web", "spare", "80", 6)
    assert (found.path, found.connects) == (None, False)


def test_a_stack_with_mistakes_is_refused() -> None:
    with pytest.raises(DeclarationError):
        tracer(SHOP.replace("10.20.0.11", "10.10.0.20"))


def test_why_an_expectation_does_not_hold_can_be_traced() -> None:
    expected = "expect: [{from: {network: front}, to: {network: back}, port: 80, verdict: allow}]\n"
    assert trace(f"{SHOP}{expected}", "web", "spare", "80").decision.verdict is Verdict.DENY


@pytest.mark.parametrize("family", [None, 4])
def test_a_port_that_a_host_has_published_means_the_endpoints_that_get_its_connections(family: int | None) -> None:
    found = tracer(PUBLISHED).trace("192.0.2.77", "n1", "8080", family)
    asked = [(one.decision.connection.destination, one.decision.connection.port) for one in found]
    assert asked == [("front/api", 80), ("front/web", 80)]
    assert [one.decision.verdict for one in found] == [Verdict.DENY, Verdict.ALLOW]
    assert found[0].remarks[-1] == "n1 has published 8080: connections to it go to port 80/tcp of this endpoint."


def test_any_other_port_of_the_host_is_its_own() -> None:
    (own,) = tracer(PUBLISHED).trace("192.0.2.77", "n1", "8081")
    (also,) = tracer(PUBLISHED).trace("192.0.2.77", "192.0.2.11", "8080/udp")
    assert {one.destination for one in (own, also)} == {"host/n1"}
