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
import dns.rrset
import pytest

from netctl.agent.dns.responder import Responder
from tests.dns.serving import Served, serving
from tests.support.namespaces import wait_until

STACK = """
stack: shop
dns: {consul: consul}
hosts: {node1: {id: 1, address: 192.0.2.11}}
services:
  db:
    port: 5432
    tags: [primary]
    endpoints: [{address: 10.0.0.1, host: node1}, {address: 10.0.0.2, host: node1, weight: 7}]
  six: {port: 5436, register: false, endpoints: ["2001:db8::5"]}
  many: {ports: {http: 80}, register: false, endpoints: [MANY]}
  ext: {external: target.example}
""".replace("MANY", ", ".join(f"10.9.0.{last}" for last in range(1, 101)))


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


def test_a_large_reply_is_truncated_over_udp_and_whole_over_tcp(served: Served) -> None:
    name = "many.shop.svc.cluster.local."
    for size in (0, 900):
        reply = served.ask(name, size=size)
        assert reply.flags & dns.flags.TC
        assert len(reply.to_wire()) <= max(512, size)
    assert len(served.ask(name, tcp=True).answer[0]) == 100
    assert len([line for line in served.dig("+short", name) if line]) == 100


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
        with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
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
def resolving(address: str) -> Iterator[int]:
    """The port of a resolver that has one address for every name, over UDP and TCP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as inbox:
            inbox.bind(("127.0.0.1", port))
            threads = [
                threading.Thread(target=work, args=(held, address), daemon=True)
                for work, held in ((_resolve_datagrams, inbox), (_resolve_connections, listener))
            ]
            for thread in threads:
                thread.start()
            yield port
            inbox.sendto(b"", ("127.0.0.1", port))
            listener.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(5)


def _resolved(query: bytes, address: str) -> bytes:
    asked = dns.message.from_wire(query)
    reply = dns.message.make_response(asked)
    reply.answer.append(dns.rrset.from_text(asked.question[0].name, 60, "IN", "A", address))
    return reply.to_wire()


def _resolve_datagrams(inbox: socket.socket, address: str) -> None:
    while True:
        query, client = inbox.recvfrom(2000)
        if not query:
            return
        inbox.sendto(_resolved(query, address), client)


def _resolve_connections(listener: socket.socket, address: str) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            (length,) = struct.unpack(">H", connection.recv(2))
            reply = _resolved(connection.recv(length), address)
            connection.sendall(struct.pack(">H", len(reply)) + reply)
