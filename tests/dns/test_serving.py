"""How the server behaves: Consul's names, sizes, forwarding, rubbish, a declaration that changes."""

import random
import signal
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from netctl.agent.dns.responder import Responder
from tests.dns.serving import Served, serving
from tests.support.namespaces import Namespaces, call_in, ip, run_in, wait_until

STACK = """
stack: shop
dns: {consul: consul}
hosts: {node1: {id: 1, address: 192.0.2.11}}
services:
  db:
    port: 5432
    tags: [primary, Ü, "TOO-LONG", "", a.b]
    endpoints: [{address: 10.0.0.1, host: node1}, {address: 10.0.0.2, host: node1, weight: 7}]
  six: {port: 5436, ports: {LONG-PORT: 80, LONGER-PORT: 81}, register: false, endpoints: ["2001:db8::5"]}
  many: {ports: {http: 80}, register: false, endpoints: [MANY]}
  ext: {external: target.example}
  chain: {external: link.shop.svc.cluster.local}
  link: {external: db.shop.svc.cluster.local}
  ring: {external: ring.shop.svc.cluster.local}
"""
for word, stands_for in {
    "TOO-LONG": "ü" * 40,
    "LONG-PORT": "p" * 62,
    "LONGER-PORT": "p" * 63,
    "MANY": ", ".join(f"10.9.0.{last}" for last in range(1, 101)),
}.items():
    STACK = STACK.replace(word, stands_for)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(STACK, tmp_path_factory.mktemp("dns")) as server:
        yield server


def test_consuls_names_lead_to_endpoints(served: Served) -> None:
    for prefix in ("db.service", "db.service.dc1", "primary.db.service", "_db._tcp.service", "_db._primary.service"):
        name = f"{prefix}.consul."
        assert served.find(name) == {"10.0.0.1", "10.0.0.2"}
        assert served.find(name, "SRV") == {
            "1 1 5432 0a000001.addr.dc1.consul.",
            "1 7 5432 0a000002.addr.dc1.consul.",
        }
    assert served.find("0a000002.addr.dc1.consul.") == {"10.0.0.2"}
    assert served.find("six.service.consul.", "AAAA") == {"2001:db8::5"}
    assert served.find("node1.node.consul.") == {"192.0.2.11"}
    assert served.rcode("six.service.consul.") == "NODATA"
    assert served.rcode("db.service.dc9.consul.") == "NXDOMAIN"
    assert {found.ttl for found in served.ask("db.service.consul.").answer} == {0}


def test_a_further_port_has_a_name_in_consul_where_no_service_bears_it(tmp_path: Path) -> None:
    text = """
stack: shop
services:
  db: {ports: {sql: 5432, admin: 100, stat: 200}, endpoints: [10.0.0.1]}
  db-admin: {port: 9, endpoints: [10.0.0.2]}
"""
    with serving(text, tmp_path) as server:
        found = {name: server.find(f"{name}.service.consul.", "SRV") for name in ("db", "db-admin", "db-stat")}
    assert found == {
        "db": {"1 1 5432 0a000001.addr.dc1.consul."},
        "db-admin": {"1 1 9 0a000002.addr.dc1.consul."},
        "db-stat": {"1 1 200 0a000001.addr.dc1.consul."},
    }


def test_a_large_reply_is_truncated_over_udp_and_whole_over_tcp(served: Served) -> None:
    name = "many.shop.svc.cluster.local."
    for size in (0, 900):
        reply = served.ask(name, size=size)
        assert reply.flags & dns.flags.TC
        assert len(reply.to_wire()) <= max(512, size)
    assert len(served.ask(name, tcp=True).answer[0]) == 100
    assert len([line for line in served.dig("+short", name) if line]) == 100


def test_over_tcp_there_is_as_much_as_a_message_holds(tmp_path: Path) -> None:
    addresses = [f"10.{number // 256}.{number % 256}.1" for number in range(4200)]
    many = f"stack: shop\nservices: {{many: {{ports: {{http: 80}}, endpoints: [{', '.join(addresses)}]}}}}"
    with serving(many, tmp_path) as server:
        for size in (0, 1232):
            query = dns.message.make_query("many.shop.svc.cluster.local.", "A", use_edns=0 if size else False)
            reply = dns.query.tcp(query, "127.0.0.1", timeout=30, port=server.port)
            assert 65_500 < len(reply.to_wire()) < 65_536
            assert {str(address) for address in reply.answer[0]} < set(addresses)
        assert server.ask("_http._tcp.many.shop.svc.cluster.local.", "SRV", tcp=True).answer


def test_aliases_come_before_what_they_lead_to(served: Served) -> None:
    for _ in range(4):  # whoever takes the first address of several gets another one each time
        one, two, found = served.ask("chain.shop.svc.cluster.local.").answer
        assert (str(one[0]), str(two[0])) == ("link.shop.svc.cluster.local.", "db.shop.svc.cluster.local.")
        assert {str(address) for address in found} == {"10.0.0.1", "10.0.0.2"}
    first = Counter(str(served.ask("chain.shop.svc.cluster.local.").answer[2][0]) for _ in range(20))
    assert first == {"10.0.0.1": 10, "10.0.0.2": 10}
    assert served.ask("ring.shop.svc.cluster.local.").rcode() == dns.rcode.NOERROR


def test_a_reply_comes_from_the_address_that_was_asked(netns: Namespaces, tmp_path: Path) -> None:
    space = netns("dns", loopback=True)
    ip(space, "address add 192.0.2.53/32 dev lo", "address add fd00::53/128 dev lo nodad")
    asked = [("127.0.0.1", "192.0.2.53"), ("192.0.2.53", "127.0.0.1"), ("::1", "fd00::53"), ("fd00::53", "::1")]
    every = ("--listen", "[::]:5353")
    with resolving("192.0.2.1", within=space) as upstream:
        text = _with(f"upstream: '127.0.0.1:{upstream}'")
        with serving(text, tmp_path, *every, listen="0.0.0.0:5353", within=space) as server:
            assert server.process.stderr is not None
            assert server.process.stderr.readline() == "Serving DNS at :: port 5353.\n"
            for client, address in asked:
                for name, tcp in [("six.shop.svc.cluster.local", "+notcp"), ("www.example", "+notcp"), (".", "+tcp")]:
                    dig = ["dig", "-b", client, f"@{address}", "-p", "5353", "+tries=1", "+time=30", tcp, name, "AAAA"]
                    assert f"SERVER: {address}#5353" in run_in(space, dig).stdout


def test_a_port_has_a_record_where_its_name_can_be_a_label(served: Served) -> None:
    [found] = served.ask(f"_{'p' * 62}._tcp.six.shop.svc.cluster.local.", "SRV").answer
    assert found[0].port == 80
    assert served.find("six.shop.svc.cluster.local.", "AAAA") == {"2001:db8::5"}


def test_addresses_come_in_turns(served: Served) -> None:
    first = Counter(str(served.ask("db.service.consul.").answer[0][0]) for _ in range(20))
    assert first == {"10.0.0.1": 10, "10.0.0.2": 10}


def test_edns_is_answered_and_a_later_version_refused(served: Served) -> None:
    assert served.ask("db.service.consul.", size=4096).edns == 0
    assert served.ask("db.service.consul.").edns == -1
    assert any("status: BADVERS" in line for line in served.dig("+edns=1", "+noednsneg", "db.service.consul"))


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["example.com"], "REFUSED"),
        (["-c", "CH", "version.bind", "TXT"], "REFUSED"),
        (["+opcode=UPDATE", "cluster.local"], "NOTIMP"),
        (["+tcp", "IXFR=1", "cluster.local"], "REFUSED"),
    ],
)
def test_what_is_not_for_it_is_refused(served: Served, arguments: list[str], status: str) -> None:
    lines = served.dig(*arguments, "+comments")
    assert any(f"status: {status}" in line or "Transfer failed" in line for line in lines), lines


def test_ten_thousand_random_packets_kill_nothing(served: Served) -> None:
    chance = random.Random(53)
    query = dns.message.make_query("db.service.consul.", "SRV").to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outbox:
        outbox.connect(("127.0.0.1", served.port))
        for number in range(10_000):
            if number % 3:
                packet = bytearray(query)
                for _ in range(chance.randint(1, 6)):
                    packet[chance.randrange(len(packet))] = chance.randrange(256)
                packet = packet[: chance.randint(0, len(packet))] if number % 2 else packet
            else:
                packet = bytearray(chance.randbytes(chance.randint(0, 600)))
            outbox.send(packet)
            if number % 100 == 0:
                assert served.find("db.service.consul.") == {"10.0.0.1", "10.0.0.2"}
    for rubbish in (b"", b"\0", b"\0\0", b"\0\5abc", b"\xff\xff" + bytes(100), struct.pack(">H", 12) + bytes(12)):
        with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
            connection.sendall(rubbish)
    assert served.ask("db.service.consul.", tcp=True).answer
    assert served.process.poll() is None


def test_a_responder_gets_over_whatever_comes() -> None:
    responder, chance = Responder(), random.Random(35)
    for _ in range(20_000):
        packet = chance.randbytes(chance.randint(0, 80))
        reply = responder.answer(packet)
        assert reply is None or isinstance(reply, bytes)
    assert dns.message.from_wire(responder.answer(dns.message.make_query("a.", "A").to_wire())).rcode() == 2  # type: ignore[arg-type]


def test_other_names_are_asked_for_upstream_and_stub_domains_of_their_own_resolvers(tmp_path: Path) -> None:
    with resolving("192.0.2.1") as upstream, resolving("192.0.2.2") as stub:
        keys = f"upstream: ['127.0.0.1:1', '127.0.0.1:{upstream}'], stubs: {{corp.example: '127.0.0.1:{stub}'}}"
        with serving(_with(keys), tmp_path) as server:
            for tcp in (False, True):
                assert str(server.ask("www.example.", tcp=tcp).answer[0][0]) == "192.0.2.1"
                assert str(server.ask("a.corp.example.", tcp=tcp).answer[0][0]) == "192.0.2.2"
                alias, found = server.ask("ext.shop.svc.cluster.local.", tcp=tcp).answer
                assert (str(alias[0]), str(found[0])) == ("target.example.", "192.0.2.1")
            assert server.find("db.service.consul.") == {"10.0.0.1", "10.0.0.2"}
            assert server.ask("db.service.consul.").flags & dns.flags.RA


def test_of_an_alias_into_a_zone_the_zone_speaks_and_not_the_resolvers_upstream(tmp_path: Path) -> None:
    aliases = """
  across: {external: db.service.consul}
  further: {external: across.shop.svc.cluster.local}
  gone: {external: nothere.shop.svc.cluster.local}
  lost: {external: nothere.service.consul}
  empty: {external: six.service.consul}
  stubbed: {external: a.inner.cluster.local}
"""
    with resolving("192.0.2.1") as upstream, resolving("192.0.2.2") as stub:
        keys = f"upstream: '127.0.0.1:{upstream}', stubs: {{inner.cluster.local: '127.0.0.1:{stub}'}}"
        with serving(_with(keys).rstrip() + aliases, tmp_path) as server:
            for tcp in (False, True):
                across = server.ask("across.shop.svc.cluster.local.", tcp=tcp).answer
                assert [str(found.name) for found in across] == ["across.shop.svc.cluster.local.", "db.service.consul."]
                assert {str(address) for address in across[1]} == {"10.0.0.1", "10.0.0.2"}
                assert [found.ttl for found in across] == [5, 0]
                further = server.ask("further.shop.svc.cluster.local.", "SRV", tcp=tcp)
                assert [len(found) for found in further.answer] == [1, 1, 2]
                assert {str(found.name) for found in further.additional} == {
                    "0a000001.addr.dc1.consul.",
                    "0a000002.addr.dc1.consul.",
                }
                _, found = server.ask("stubbed.shop.svc.cluster.local.", tcp=tcp).answer
                assert str(found[0]) == "192.0.2.2"
            for name, rcode, origin in [
                ("gone", dns.rcode.NXDOMAIN, "cluster.local."),
                ("lost", dns.rcode.NXDOMAIN, "consul."),
                ("empty", dns.rcode.NOERROR, "consul."),
            ]:
                reply = server.ask(f"{name}.shop.svc.cluster.local.")
                [alias], [soa] = reply.answer, reply.authority
                assert (reply.rcode(), alias.rdtype, str(soa.name)) == (rcode, dns.rdatatype.CNAME, origin)


def test_a_resolver_that_refuses_leaves_it_to_the_next_one(tmp_path: Path) -> None:
    with resolving("192.0.2.1") as knowing, resolving("", dns.rcode.REFUSED) as refusing:
        both = (
            f"upstream: ['127.0.0.1:{refusing}', '127.0.0.1:{knowing}'], stubs: {{a.example: '127.0.0.1:{refusing}'}}"
        )
        with serving(_with(both), tmp_path) as server:
            for tcp in (False, True):
                assert str(server.ask("www.example.", tcp=tcp).answer[0][0]) == "192.0.2.1"
                assert server.ask("a.example.", tcp=tcp).rcode() == dns.rcode.REFUSED


def test_nobody_upstream_is_a_failure_of_the_server(tmp_path: Path) -> None:
    with serving(_with("upstream: '127.0.0.1:1'"), tmp_path) as server:
        assert server.ask("www.example.").rcode() == dns.rcode.SERVFAIL


def test_the_zone_and_the_ttl_are_the_stacks(tmp_path: Path) -> None:
    with serving(_with("zone: Stage.Example., ttl: 77", consul="false"), tmp_path) as server:
        (found,) = server.ask("db.shop.svc.stage.example.").answer
        assert found.ttl == 77
        assert server.ask("db.service.consul.").rcode() == dns.rcode.REFUSED


def test_a_changed_declaration_is_read_at_a_hangup_and_a_wrong_one_is_not(tmp_path: Path) -> None:
    with serving(STACK, tmp_path) as server:
        assert server.find("db.service.consul.") == {"10.0.0.1", "10.0.0.2"}
        (tmp_path / "stack.yaml").write_text(STACK.replace("10.0.0.1,", "10.0.0.3,"), encoding="utf-8")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: server.find("db.service.consul.") == {"10.0.0.3", "10.0.0.2"}, what="the change is served")
        assert server.process.stderr is not None
        assert "Read the declaration again" in server.process.stderr.readline()
        (tmp_path / "stack.yaml").write_text("stack: [", encoding="utf-8")
        server.process.send_signal(signal.SIGHUP)
        while "former declaration" not in server.process.stderr.readline():
            pass
        assert server.find("db.service.consul.") == {"10.0.0.3", "10.0.0.2"}


def _with(keys: str, consul: str = "consul") -> str:
    return STACK.replace("dns: {consul: consul}", f"dns: {{consul: {consul}, {keys}}}")


@contextmanager
def resolving(address: str, rcode: dns.rcode.Rcode = dns.rcode.NOERROR, *, within: str = "") -> Iterator[int]:
    """The port of a resolver that has one address for every name, or none, over UDP and TCP."""
    listener, inbox = call_in(within, _bound) if within else _bound()
    with listener, inbox:
        port = listener.getsockname()[1]
        threads = [
            threading.Thread(target=work, args=(held, address, rcode), daemon=True)
            for work, held in ((_resolve_datagrams, inbox), (_resolve_connections, listener))
        ]
        for thread in threads:
            thread.start()
        yield port
        inbox.sendto(b"", inbox.getsockname())
        listener.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(30)


def _bound() -> tuple[socket.socket, socket.socket]:
    """A listener for TCP, and a socket for UDP at the same port."""
    while True:
        listener = socket.create_server(("127.0.0.1", 0))
        inbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            inbox.bind(listener.getsockname())
        except OSError:  # somebody has it for UDP
            listener.close()
            inbox.close()
        else:
            return listener, inbox


def _resolved(query: bytes, address: str, rcode: dns.rcode.Rcode) -> bytes:
    asked = dns.message.from_wire(query)
    reply = dns.message.make_response(asked)
    reply.set_rcode(rcode)
    if address:
        reply.answer.append(dns.rrset.from_text(asked.question[0].name, 60, "IN", "A", address))
    return reply.to_wire()


def _resolve_datagrams(inbox: socket.socket, address: str, rcode: dns.rcode.Rcode) -> None:
    while True:
        query, client = inbox.recvfrom(2000)
        if not query:
            return
        inbox.sendto(_resolved(query, address, rcode), client)


def _resolve_connections(listener: socket.socket, address: str, rcode: dns.rcode.Rcode) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            (length,) = struct.unpack(">H", connection.recv(2))
            reply = _resolved(connection.recv(length), address, rcode)
            connection.sendall(struct.pack(">H", len(reply)) + reply)
