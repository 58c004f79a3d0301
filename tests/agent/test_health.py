"""Endpoints that fail netctl's own checks, in a running watch: no new connections, and a grace for those there are."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import dns.message
import dns.query
import pytest

from tests.agent.watcher import WATCHED, watching
from tests.e2e.host import HOST, build, is_hairpin
from tests.e2e.lab import Lab
from tests.e2e.offering import ask, connected, datagrams, offering, question, spread
from tests.e2e.process import netctl
from tests.e2e.rules import rules
from tests.support.namespaces import Namespaces, call_in, ip_json, wait_until

pytestmark = pytest.mark.xdist_group("services")

VIP = "10.96.0.10"
SIX = "fd96::10"
CHECK = "checks: [{http: /healthz, interval: 200ms, timeout: 30s}]"


def declared(check: str = CHECK, drain: str = "", ends: str = "endpoints: {labels: {app: web}}") -> str:
    return f"""
stack: shop
subnets: {{vips: {{cidr: [10.96.0.0/24, "fd96::/64"]}}}}
networks:
  front:
    subnet: {{cidr: [10.10.0.0/24, "fd10::/64"]}}
    attach:
      - {{netns: "${{a}}", address: [10.10.0.20, "fd10::20"], labels: {{app: web}}}}
      - {{netns: "${{b}}", address: [10.10.0.21, "fd10::21"], labels: {{app: web}}}}
  back:
    subnet: {{cidr: [10.20.0.0/24, "fd20::/64"]}}
    attach: [{{netns: "${{c}}", address: [10.20.0.30, "fd20::30"]}}]
services:
  web:
    port: [8000, 80, 80/udp]
    vip: [{VIP}, "{SIX}"]
    publish: ["8080:80"]
    {ends}
    {check}
    {drain}
"""


class Doctor:
    """Says over HTTP how an endpoint is."""

    def __init__(self, listener: socket.socket) -> None:
        self.status = "200 OK"
        self.asked = 0
        self._listener = listener
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.settimeout(5)
                connection.recv(1000)
                connection.sendall(f"HTTP/1.1 {self.status}\r\nContent-Length: 0\r\n\r\n".encode())
            self.asked += 1

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextmanager
def doctors(lab: Lab, labels: str, port: int = 8000) -> Iterator[dict[str, Doctor]]:
    """One in each namespace."""
    with ExitStack() as stack:
        found = {}
        for label in labels:
            listener = call_in(
                lab[label], lambda: socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
            )
            found[label] = Doctor(listener)
            stack.callback(found[label].close)
        yield found


@pytest.fixture
def lab(netns: Namespaces, tmp_path: Path) -> Lab:
    lab = Lab(netns, tmp_path)
    build(lab)
    (lab.directory / WATCHED).parent.mkdir()
    lab.names["node1"] = lab["h"]
    return lab


def backends(lab: Lab, family: int = 4) -> set[str]:
    """The addresses that connections to the virtual address go to now."""
    listed = json.loads(lab.run("h", "nft", "-j", "list", "map", "inet", "netctl-shop", f"backends{family}"))
    (found,) = [entry["map"] for entry in listed["nftables"] if "map" in entry]
    return {target["concat"][0] for _, target in found.get("elem", ())}


def test_who_fails_its_check_gets_no_new_connections_until_it_is_well(lab: Lab) -> None:
    with offering(lab, "ab"), doctors(lab, "ab") as well, watching(lab, declared(), host="") as watcher:
        assert set(spread(lab, "c", VIP, count=40)) == {"a", "b"}
        with connected(lab, "c", VIP) as one, datagrams(lab, "c", SIX) as flow:
            old, udp = question(one).server, question(flow).server
            for label in {old, udp}:
                well[label].status = "503 Busy"
            left = {"a", "b"} - {old, udp}
            watcher.await_said("^left out", times=2 * len({old, udp}), timeout=60)
            if left:
                assert set(spread(lab, "c", VIP, count=20)) == left
                assert question(flow).server in left
            else:
                with pytest.raises(ConnectionRefusedError):
                    ask(lab, "c", VIP)
            assert question(one).server == old, "it keeps the connections that it has"
            for doctor in well.values():
                doctor.status = "200 OK"
            watcher.await_said("^taken in again", times=2 * len({old, udp}), timeout=60)
        assert set(spread(lab, "c", VIP, count=40)) == {"a", "b"}
        assert set(spread(lab, "out", HOST[4], 8080, count=40)) == {"a", "b"}


def test_health_changes_elements_alone_and_nothing_is_compiled(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    with doctors(lab, "ab") as well, watching(lab, declared(), host="") as watcher:
        before = rules(lab["h"])
        well["a"].status = "500 Broken"
        watcher.await_said("^left out", times=2, timeout=60)
        wait_until(lambda: backends(lab) == {"10.10.0.21"} and backends(lab, 6) == {"fd10::21"}, timeout=60)
        assert rules(lab["h"]) == before
        assert not watcher.said("^(reloaded|looking|repaired)")
        assert {entry["endpoint"] for entry in watcher.status()["left_out"]} == {"10.10.0.20", "fd10::20"}
        # Who plans meanwhile is told what the watch has found.
        monkeypatch.setenv("NETCTL_STATE_DIR", str(lab.directory / "state"))
        lab.demand_done(declared(), "h")
        path = lab.directory / WATCHED
        traced = netctl("trace", "-f", path, "--netns", lab["h"], lab["c"], VIP, "80", directory=lab.directory)
        notes = [line for line in traced.out.splitlines() if line.startswith("Note: ")]
        assert notes == [f"Note: {VIP} leaves this endpoint out: http /healthz: status 500."]
        # What was changed for health is what is kept from now on.
        lab.run("h", "nft", "flush", "map", "inet", "netctl-shop", "backends4")
        wait_until(lambda: backends(lab) == {"10.10.0.21"}, timeout=60)


DRAIN = "drain: 1s"


def rewritten(lab: Lab, text: str) -> None:
    """The watched file replaced, as editors do."""
    Path(lab.write(text, "watched/new")).rename(lab.directory / WATCHED)


def cut_off(connection: socket.socket) -> bool:
    """Whether a connection has ended for the client."""
    try:
        return not question(connection)
    except (OSError, ValueError):
        return True


@pytest.mark.parametrize("left", ["endpoints: [{other}]", "endpoints: {{labels: {{app: nobody}}}}"])
@pytest.mark.parametrize("family", [4, 6])
def test_connections_to_who_is_removed_are_cut_when_their_grace_is_over(lab: Lab, left: str, family: int) -> None:
    vip = {4: VIP, 6: SIX}[family]
    with offering(lab, "ab"), watching(lab, declared("", DRAIN), host="") as watcher, connected(lab, "c", vip) as one:
        old = question(one).server
        other = {"a": "10.10.0.21, 'fd10::21'", "b": "10.10.0.20, 'fd10::20'"}[old]
        with connected(lab, "c", {"a": "10.10.0.20", "b": "10.10.0.21"}[old]) as direct:
            assert question(direct).server == old
            rewritten(lab, declared("", DRAIN, left.format(other=other)))
            assert watcher.await_said("^connections .* are cut", timeout=60)["connections"] >= 1
            assert cut_off(one)
            assert question(direct).server == old, "what was not made by the virtual address is nobody's business"


def test_connections_to_who_is_removed_go_on_for_their_grace(lab: Lab) -> None:
    long = "drain: 1h"
    with offering(lab, "ab"), watching(lab, declared("", long), host="") as watcher, connected(lab, "c", VIP) as one:
        old = question(one).server
        rewritten(lab, declared("", long, "endpoints: {labels: {app: nobody}}"))
        watcher.await_said("^reloaded", timeout=60)
        with pytest.raises(ConnectionRefusedError):
            ask(lab, "c", VIP)
        assert question(one).server == old


def test_connections_to_who_fails_its_check_have_the_same_grace(lab: Lab) -> None:
    with (
        offering(lab, "ab"),
        doctors(lab, "ab") as well,
        watching(lab, declared(drain=DRAIN), host="") as watcher,
        connected(lab, "c", VIP) as one,
        connected(lab, "out", HOST[4], 8080) as two,
    ):
        for connection in (one, two):
            well[question(connection).server].status = "404 Gone"
        watcher.await_said("^left out", times=2, timeout=60)
        watcher.await_said("^connections .* are cut", timeout=60)
        wait_until(lambda: cut_off(one) and cut_off(two), timeout=60)


def test_connections_that_a_former_watch_has_left_are_cut_too(lab: Lab) -> None:
    lab.apply(declared(""), "h")
    with offering(lab, "ab"), connected(lab, "c", VIP) as one:
        other = {"a": "10.10.0.21", "b": "10.10.0.20"}[question(one).server]
        lab.apply(declared("", "", f"endpoints: [{other}, 'fd10::20']"), "h")
        assert question(one).server, "applied once, nothing is cut"
        with (
            watching(lab, declared("", DRAIN, f"endpoints: [{other}, 'fd10::20']"), host="") as watcher,
            connected(lab, "c", VIP) as kept,
        ):
            watcher.await_said("^connections .* are cut", timeout=60)
            assert cut_off(one)
            assert question(kept)


def test_ports_that_send_frames_back_are_kept_so(lab: Lab) -> None:
    with watching(lab, declared(""), host="") as watcher:
        assert [is_hairpin(lab, label) for label in "abc"] == [True, True, False]
        index = lab.link("a", "eth0")["link_index"]
        port = next(link["ifname"] for link in ip_json(lab["h"], "link", "show") if link["ifindex"] == index)
        lab.run("h", "bridge", "link", "set", "dev", port, "hairpin", "off")
        wait_until(lambda: is_hairpin(lab, "a"), timeout=60)
        lab.ip("h", f"link set {port} nomaster")
        wait_until(lambda: is_member(lab, index) and is_hairpin(lab, "a"), timeout=60)
        watcher.await_done(declared(""), "h", timeout=60)
        assert not watcher.said("^looking")


def is_member(lab: Lab, index: int) -> bool:
    """Whether a link of the host is a port of a bridge."""
    return any(port["ifindex"] == index for port in json.loads(lab.run("h", "bridge", "-j", "link", "show")))


def test_names_of_who_fails_its_check_go_also_where_nothing_is_balanced(lab: Lab) -> None:
    text = declared("checks: [{http: /healthz, interval: 200ms, timeout: 30s}]")
    text = "\n".join(line for line in text.splitlines() if not line.strip().startswith(("vip:", "publish:")))
    with doctors(lab, "ab") as well, watching(lab, text, "--dns", "127.0.0.1:0", host="") as watcher:
        port = int(watcher.await_said("^serving DNS")["port"])
        wait_until(lambda: named(port) == {"10.10.0.20", "10.10.0.21"}, timeout=60)
        well["a"].status = "500 Broken"
        wait_until(lambda: named(port) == {"10.10.0.21"}, timeout=60)
        assert not watcher.said("bug")


def named(port: int) -> set[str]:
    """The addresses that the watch's DNS gives the service."""
    query = dns.message.make_query("web.shop.svc.cluster.local.", "A")
    reply = dns.query.udp(query, "127.0.0.1", timeout=60, port=port)
    return {str(data) for found in reply.answer for data in found}
