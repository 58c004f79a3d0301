"""What follows a connection's first packet: answers, errors, fragments, and policies that come when it is there."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from secrets import token_hex
from struct import pack

import pytest

from netctl.compiler.enforcement.spoofing import link_local
from netctl.policy.model import Action, Protocol
from tests.enforcement.lab import ATTACHED, FAMILIES, PING, PORT, WAIT, Lab, names_of, policy, rule
from tests.support.namespaces import call_in, ip_json

TCP, UDP = (Protocol.TCP, PORT), (Protocol.UDP, PORT)
SOCKETS = {4: socket.AF_INET, 6: socket.AF_INET6}
FREE = 7000
PATIENCE = 30.0
"""Seconds for what is to arrive, on a busy machine."""


class Talk:
    """A connection between two, over which lines are sent both ways."""

    def __init__(self, lab: Lab, client: str, server: str, family: int, kind: socket.SocketKind) -> None:
        address = ATTACHED[server].addresses[family]
        self.client = call_in(lab.netns[client], lambda: socket.socket(SOCKETS[family], kind))
        self.server = call_in(lab.netns[server], lambda: socket.socket(SOCKETS[family], kind))
        self.server.bind((address, FREE))
        for one in (self.client, self.server):
            one.settimeout(PATIENCE)
        if kind is socket.SOCK_STREAM:
            self.server.listen()
            self.client.connect((address, FREE))
            listening = self.server
            self.server, _ = listening.accept()
            self.server.settimeout(PATIENCE)
            listening.close()
        else:
            self.client.connect((address, FREE))
            self.client.send(b"hello")
            _, peer = self.server.recvfrom(100)
            self.server.connect(peer)

    def close(self) -> None:
        self.client.close()
        self.server.close()


def passes(sender: socket.socket, receiver: socket.socket, patience: float = PATIENCE) -> bool:
    """Whether what one end sends arrives at the other."""
    word = token_hex(4).encode()
    sender.send(word)
    receiver.settimeout(patience)
    try:
        return receiver.recv(100) == word
    except TimeoutError:
        return False


@contextmanager
def talk(lab: Lab, client: str, server: str, family: int, kind: socket.SocketKind) -> Iterator[Talk]:
    found = Talk(lab, client, server, family, kind)
    try:
        yield found
    finally:
        found.close()


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_policy_cuts_the_connections_that_it_no_longer_allows(lab: Lab, family: int, kind: socket.SocketKind) -> None:
    everyone = policy("a1", ingress=[rule()])
    lab.apply(everyone)
    with talk(lab, "a2", "a1", family, kind) as near, talk(lab, "a1", "b1", family, kind) as away:
        for one in (near, away):
            assert passes(one.client, one.server)
            assert passes(one.server, one.client)
        lab.apply(policy("a1", ingress=[rule("b1")]))
        assert not passes(near.client, near.server, 0.7)
        # a1 asked for this one itself: its ingress is not what judges it, nor what the answers to it are judged by.
        assert passes(away.client, away.server)
        assert passes(away.server, away.client)
        lab.apply(policy("a1", egress=[rule("a2")]))
        assert not passes(away.client, away.server, 0.7)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_connection_goes_on_when_the_policy_allows_it_again(lab: Lab, family: int) -> None:
    lab.apply(policy("a1", ingress=[rule()]))
    with talk(lab, "a2", "a1", family, socket.SOCK_STREAM) as near:
        lab.apply(policy("a1", ingress=[]))
        near.client.send(b"late")
        near.server.settimeout(0.5)
        with pytest.raises(TimeoutError):
            near.server.recv(100)
        lab.apply(policy("a1", ingress=[rule("a2")]))
        near.server.settimeout(PATIENCE)
        assert near.server.recv(100) == b"late"


@pytest.mark.parametrize("family", FAMILIES)
def test_fragments_are_judged_as_the_packet_that_they_are_of(lab: Lab, family: int) -> None:
    lab.apply(policy("a1", ingress=[rule("a2", services=[(Protocol.UDP, FREE)])]))
    address = (ATTACHED["a1"].addresses[family], FREE)
    with (
        call_in(lab.netns["a1"], lambda: socket.socket(SOCKETS[family], socket.SOCK_DGRAM)) as server,
        call_in(lab.netns["a2"], lambda: socket.socket(SOCKETS[family], socket.SOCK_DGRAM)) as friend,
        call_in(lab.netns["b1"], lambda: socket.socket(SOCKETS[family], socket.SOCK_DGRAM)) as stranger,
    ):
        server.bind(address)
        server.settimeout(PATIENCE)
        stranger.sendto(b"s" * 5000, address)
        friend.sendto(b"f" * 5000, address)
        assert server.recv(8000) == b"f" * 5000
        stranger.sendto(b"s" * 5000, address)
        server.settimeout(0.5)
        with pytest.raises(TimeoutError):
            server.recv(8000)


def test_packets_that_connection_tracking_takes_for_invalid_are_judged_as_well(lab: Lab) -> None:
    """A TCP segment with flags that make no sense: whom the policy allows reaches the endpoint, nobody else does."""
    lab.apply(policy("a1", ingress=[rule("a2", services=[TCP])]))
    lab.host.nft(
        "table inet seen { chain c { type filter hook postrouting priority 10; "
        "oifname nc-a ip saddr 10.1.0.3 tcp flags == 0x0 counter; "
        "oifname nc-a ip saddr 10.2.0.2 tcp flags == 0x0 counter; }; }"
    )
    for name in ("a2", "b1"):
        call_in(lab.netns[name], lambda: _send_null_segment(ATTACHED["a1"].addresses[4]))
    counters = [
        part["counter"]["packets"]
        for entry in lab.host.objects()
        if entry.get("rule", {}).get("table") == "seen"
        for part in entry["rule"]["expr"]
        if "counter" in part
    ]
    lab.host.nft("delete table inet seen")
    assert counters == [1, 0]


def _send_null_segment(address: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
        raw.sendto(pack("!HHIIBBHHH", 4000, PORT, 1, 0, 0x50, 0, 100, 0, 0), (address, 0))


def test_endpoints_do_not_reach_one_another_behind_their_policies_back_by_link_local_addresses(lab: Lab) -> None:
    target = link_local(ATTACHED["a1"].mac)
    gateway = _link_local_of(lab, "nc-a")

    def attempts() -> list[bool]:
        pairs = [("a2", target), ("a1", link_local(ATTACHED["a2"].mac)), ("a1", gateway)]
        return [call_in(lab.netns[name], partial(_connects, address)) for name, address in pairs]

    lab.apply()
    assert attempts() == [True, True, True]
    lab.apply(policy("a1", ingress=[rule()]))
    assert attempts() == [False, True, True]
    lab.apply(policy("a1", egress=[rule()]))
    assert attempts() == [True, False, False]


def _connects(address: str) -> bool:
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as opened:
        opened.settimeout(WAIT)
        try:
            opened.connect((address, PORT, 0, socket.if_nametoindex("eth0")))
        except TimeoutError:
            return False
        return True


def _link_local_of(lab: Lab, link: str) -> str:
    (found,) = ip_json(lab.netns["host"], "-6", "address", "show", link, "scope", "link")
    return next(str(entry["local"]) for entry in found["addr_info"] if entry)


def test_a_logging_rule_tells_its_policy_and_goes_on_and_a_staged_policy_tells_what_it_would_drop(lab: Lab) -> None:
    audit, trial = f"audit-{token_hex(4)}", f"trial-{token_hex(4)}"
    lab.apply(
        policy("a1", name=trial, tier="first", staged=True, ingress=[rule("b1"), rule("a2", services=[PING])]),
        policy("a1", name=audit, ingress=[rule(services=[TCP], action=Action.LOG), rule("a2")]),
    )
    with _kernel_log() as log:
        assert lab.reach([("a2", "a1"), ("b1", "a1")], 4, [TCP, UDP, PING]) == {
            ("a2", "a1"): names_of([TCP, UDP, PING]),
            ("b1", "a1"): set(),
        }
        lines = os.read(log, 1 << 16).decode().splitlines()
        with suppress(BlockingIOError):
            while True:
                lines.append(os.read(log, 1 << 16).decode())
    told = {(part, word) for line in lines for part in (audit, trial) if part in line for word in line.split()}
    assert {word for part, word in told if part == audit} >= {"SRC=10.1.0.3", "SRC=10.2.0.2", "PROTO=TCP"}
    assert not {"PROTO=UDP", "PROTO=ICMP"} & {word for part, word in told if part == audit}
    assert {word for part, word in told if part == trial} >= {"SRC=10.1.0.3", "PROTO=TCP", "PROTO=UDP"}
    assert not {"SRC=10.2.0.2", "PROTO=ICMP"} & {word for part, word in told if part == trial}


@contextmanager
def _kernel_log() -> Iterator[int]:
    """The kernel's log from now on, with what other network namespaces log in it."""
    setting = Path("/proc/sys/net/netfilter/nf_log_all_netns")
    before = setting.read_text(encoding="ascii")
    log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    try:
        os.lseek(log, 0, os.SEEK_END)
        setting.write_text("1", encoding="ascii")
        yield log
    finally:
        setting.write_text(before, encoding="ascii")
        os.close(log)
