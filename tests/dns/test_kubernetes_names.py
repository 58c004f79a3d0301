"""The cases of the Kubernetes specification of DNS-based service discovery, the stack in the namespace's place."""

from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from tests.dns.serving import Served, serving

STACK = """
stack: default
networks:
  pods:
    subnet: {cidr: [10.4.0.0/24, "2001:db8::/64"]}
    attach:
      - {netns: pet, address: [10.4.0.10, "2001:db8::10"], labels: {app: hl}}
      - {netns: pet, interface: eth1, address: [10.4.0.2, "2001:db8::2"], labels: {app: hl}, default_route: false}
services:
  web: {vip: 10.3.0.1, port: 9000, ports: {https: 443, dns: 53/udp}, endpoints: [10.4.0.10]}
  web6: {vip: "2001:db8:1::1", ports: {https: 443}, endpoints: ["2001:db8::10"]}
  dual: {vip: [10.3.0.9, "2001:db8:1::9"], ports: {https: 443}, endpoints: [10.4.0.10, "2001:db8::10"]}
  empty: {vip: 10.3.0.2, ports: {https: 443}, endpoints: []}
  hl:
    port: 9000
    ports: {https: 443, metrics: 9100}
    endpoints: [10.4.0.10, 10.4.0.2, 10.4.0.3, "2001:db8::30", {address: 10.4.0.4, weight: 0}]
  hl0: {ports: {https: 443}, endpoints: []}
  both: {ports: {https: 443}, endpoints: [10.4.0.3]}
  portless: {endpoints: [10.4.0.7]}
  ext: {external: www.example.com}
  literal: {external: 192.0.2.80}
"""
ZONE = "svc.cluster.local."


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(STACK, tmp_path_factory.mktemp("dns")) as server:
        yield server


def test_the_version_of_the_schema_is_told(served: Served) -> None:
    assert served.find("dns-version.cluster.local.", "TXT") == {'"1.1.0"'}


def test_a_service_with_a_virtual_address_has_that(served: Served) -> None:
    assert served.find(f"web.default.{ZONE}") == {"10.3.0.1"}
    assert served.find(f"WEB.Default.{ZONE}") == {"10.3.0.1"}
    assert served.find(f"web6.default.{ZONE}", "AAAA") == {"2001:db8:1::1"}
    assert served.rcode(f"web6.default.{ZONE}") == "NODATA"
    assert served.find(f"dual.default.{ZONE}") == {"10.3.0.9"}
    assert served.find(f"dual.default.{ZONE}", "AAAA") == {"2001:db8:1::9"}
    assert served.find(f"empty.default.{ZONE}") == {"10.3.0.2"}


def test_ports_with_a_name_have_a_record_and_others_none(served: Served) -> None:
    assert served.find(f"_dns._udp.web.default.{ZONE}", "SRV") == {f"0 100 53 web.default.{ZONE}"}
    assert served.find(f"_https._tcp.web.default.{ZONE}", "SRV") == {f"0 100 443 web.default.{ZONE}"}
    for wrong in ("_9000._tcp", "_dns._tcp", "_x._tcp"):
        assert served.rcode(f"{wrong}.web.default.{ZONE}", "SRV") == "NXDOMAIN"
    assert served.rcode(f"_tcp.web.default.{ZONE}", "SRV") == "NODATA"


def test_an_address_has_the_name_of_its_service(served: Served) -> None:
    assert served.find("1.0.3.10.in-addr.arpa.", "PTR") == {f"web.default.{ZONE}"}
    for address in ("9.0.3.10.in-addr.arpa.", f"{reverse('2001:db8:1::9')}"):
        assert served.find(address, "PTR") == {f"dual.default.{ZONE}"}


def test_a_headless_service_has_its_endpoints_that_take_connections(served: Served) -> None:
    assert served.find(f"hl.default.{ZONE}") == {"10.4.0.10", "10.4.0.2", "10.4.0.3"}
    assert served.find(f"hl.default.{ZONE}", "AAAA") == {"2001:db8::30"}
    assert served.rcode(f"hl0.default.{ZONE}") == "NXDOMAIN"
    assert served.rcode(f"hl0.default.{ZONE}", "AAAA") == "NXDOMAIN"
    assert served.find(f"portless.default.{ZONE}") == {"10.4.0.7"}


def test_an_endpoint_has_the_name_that_it_was_given_or_one_of_its_address(served: Served) -> None:
    assert served.find(f"pet.hl.default.{ZONE}") == {"10.4.0.10", "10.4.0.2"}
    assert served.find(f"10-4-0-3.hl.default.{ZONE}") == {"10.4.0.3"}
    assert served.rcode(f"nobody.hl.default.{ZONE}") == "NXDOMAIN"
    assert served.find("10.0.4.10.in-addr.arpa.", "PTR") == {f"pet.hl.default.{ZONE}"}
    assert served.find("3.0.4.10.in-addr.arpa.", "PTR") == {
        f"10-4-0-3.{service}.default.{ZONE}" for service in ("hl", "both")
    }
    assert served.find(reverse("2001:db8::30"), "PTR") == {f"2001-db8--30.hl.default.{ZONE}"}


def test_a_port_of_a_headless_service_leads_to_each_endpoint_whose_addresses_come_with_it(served: Served) -> None:
    reply = served.ask(f"_metrics._tcp.hl.default.{ZONE}", "SRV")
    (records,) = reply.answer
    targets = {str(data.target) for data in records}
    assert targets == {f"{name}.hl.default.{ZONE}" for name in ("pet", "10-4-0-3", "2001-db8--30")}
    assert {data.port for data in records} == {9100}
    assert {str(found.name) for found in reply.additional} == targets


def test_an_external_service_is_an_alias_and_has_nothing_below_it(served: Served) -> None:
    for type_ in ("CNAME", "A", "AAAA"):
        reply = served.ask(f"ext.default.{ZONE}", type_)
        assert [str(data) for found in reply.answer for data in found] == ["www.example.com."]
    assert served.rcode(f"foo.ext.default.{ZONE}") == "NXDOMAIN"
    assert served.rcode(f"literal.default.{ZONE}", "CNAME") == "NODATA"
    assert served.find(f"literal.default.{ZONE}") == {"192.0.2.80"}


@pytest.mark.parametrize(
    "name",
    ["x.default", "x.ghost", "ghost", "a.b.c.web.default", "10-4-0-3.default"],
)
def test_what_is_not_there_does_not_exist(served: Served, name: str) -> None:
    assert served.rcode(f"{name}.{ZONE}") == "NXDOMAIN"


def test_what_has_names_below_it_exists_without_records(served: Served) -> None:
    for name in (f"default.{ZONE}", ZONE, f"_tcp.hl.default.{ZONE}"):
        assert served.rcode(name) == "NODATA"
    assert served.rcode("foo.cluster.local.", "NS") == "NXDOMAIN"
    assert served.rcode("10-4-0-3.default.pod.cluster.local.") == "NXDOMAIN"


def test_the_zone_has_its_own_records(served: Served) -> None:
    assert served.rcode("cluster.local.", "SOA") == "ANSWER"
    assert served.find("cluster.local.", "NS") == {"ns.dns.cluster.local."}


def test_the_server_that_a_zone_names_exists(served: Served) -> None:
    for zone in ("cluster.local.", "consul.", "1.0.3.10.in-addr.arpa."):
        [server] = served.find(zone, "NS")
        assert served.rcode(server) == served.rcode(server.partition(".")[2]) == "NODATA"


def test_dig_finds_the_same_over_tcp_and_udp(served: Served) -> None:
    for transport in ("+tcp", "+notcp"):
        assert set(served.dig("+short", transport, f"hl.default.{ZONE}")) == {"10.4.0.10", "10.4.0.2", "10.4.0.3"}
        assert served.dig("+short", transport, "-x", "10.3.0.1") == [f"web.default.{ZONE}"]
        assert served.dig("+short", transport, "SRV", f"_dns._udp.web.default.{ZONE}") == [
            f"0 100 53 web.default.{ZONE}"
        ]
    searched = ["+search", "+domain=svc.cluster.local", "+ndots=5", "+short"]
    assert served.dig(*searched, "web.default") == ["10.3.0.1"]


def reverse(address: str) -> str:
    return ip_address(address).reverse_pointer + "."
