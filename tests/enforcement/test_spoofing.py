"""What an attachment sends under another's address or MAC does not arrive, and what it needs to send at first does."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from netctl.compiler.enforcement.spoofing import link_local
from netctl.policy.model import Protocol
from tests.enforcement.frames import (
    BROADCAST,
    ETH_ARP,
    ETH_IP,
    ETH_IP6,
    arp_reply,
    ethernet,
    mac,
    router_advertisement,
    send,
    tagged,
    udp,
)
from tests.enforcement.lab import ATTACHED, FAMILIES, GATEWAYS, OUTSIDE, Lab
from tests.support.namespaces import call_in, ip, ip_json, run_in, wait_until

A1, A2 = ATTACHED["a1"], ATTACHED["a2"]
STOLEN = {4: "10.1.0.99", 6: "fd01::99"}
OTHER_MAC = "02:00:00:00:0f:0f"


def arrives(lab: Lab, frame: bytes, at: str = "a2", sender: str = "a1") -> bool:
    """Whether the frame that one sends is seen by the interface of another: nothing of it is known before."""
    with captured(lab.netns[at]) as capture:
        send(lab.netns[sender], frame)
        # A frame that is good goes after it, so that its absence is no question of time.
        good = ethernet(ATTACHED[sender].mac, BROADCAST, ETH_ARP, arp_reply(*[(ATTACHED[sender].mac, "0.0.0.0")] * 2))
        good = good[:14] + good[14:].ljust(46, b"\1")
        send(lab.netns[sender], good)
        seen = []
        while (received := capture.recv(2048))[:60] != good[:60]:
            seen.append(received)
    return any(received[6:60].startswith(frame[6:60]) or received[14:60] == frame[18:64] for received in seen)


@contextmanager
def captured(ns: str) -> Iterator[socket.socket]:
    def opening() -> socket.socket:
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        opened.bind(("eth0", 3))
        opened.settimeout(10)
        return opened

    with call_in(ns, opening) as capture:
        yield capture


@pytest.fixture
def guarded(own_lab: Lab) -> Lab:
    own_lab.apply()
    return own_lab


FRAMES: dict[str, tuple[Callable[[], bytes], bool]] = {
    "its own IPv4": (lambda: ethernet(A1.mac, A2.mac, ETH_IP, udp(A1.addresses[4], A2.addresses[4], 9)), True),
    "its own IPv6": (lambda: ethernet(A1.mac, A2.mac, ETH_IP6, udp(A1.addresses[6], A2.addresses[6], 9)), True),
    "its link-local address": (
        lambda: ethernet(A1.mac, A2.mac, ETH_IP6, udp(link_local(A1.mac), link_local(A2.mac), 9)),
        True,
    ),
    "its own ARP": (lambda: _arp(A1.mac, A1.mac, A1.addresses[4]), True),
    "an ARP probe": (lambda: _arp(A1.mac, A1.mac, "0.0.0.0"), True),
    "to a multicast group": (
        lambda: ethernet(A1.mac, "01:00:5e:00:00:fb", ETH_IP, udp(A1.addresses[4], "224.0.0.251", 5353)),
        True,
    ),
    "another's IPv4": (lambda: ethernet(A1.mac, A2.mac, ETH_IP, udp(STOLEN[4], A2.addresses[4], 9)), False),
    "the gateway's IPv4": (
        lambda: ethernet(A1.mac, A2.mac, ETH_IP, udp(GATEWAYS["nc-a"][4], A2.addresses[4], 9)),
        False,
    ),
    "another's IPv6": (lambda: ethernet(A1.mac, A2.mac, ETH_IP6, udp(STOLEN[6], A2.addresses[6], 9)), False),
    "another's link-local address": (
        lambda: ethernet(A1.mac, A2.mac, ETH_IP6, udp("fe80::99", A2.addresses[6], 9)),
        False,
    ),
    "another's MAC": (lambda: ethernet(OTHER_MAC, A2.mac, ETH_IP, udp(A1.addresses[4], A2.addresses[4], 9)), False),
    "the gateway's address by ARP": (lambda: _arp(A1.mac, A1.mac, GATEWAYS["nc-a"][4]), False),
    "another's MAC by ARP": (lambda: _arp(A1.mac, A2.mac, A1.addresses[4]), False),
    "DHCP's sender to anything but DHCP": (
        lambda: ethernet(A1.mac, BROADCAST, ETH_IP, udp("0.0.0.0", "255.255.255.255", 68)),
        False,
    ),
    "a router advertisement": (
        lambda: ethernet(A1.mac, "33:33:00:00:00:01", ETH_IP6, router_advertisement(link_local(A1.mac))),
        False,
    ),
    "anything in a VLAN": (
        lambda: tagged(ethernet(A1.mac, A2.mac, ETH_IP, udp(A1.addresses[4], A2.addresses[4], 9)), 0),
        False,
    ),
    "no IP at all": (lambda: ethernet(A1.mac, A2.mac, 0x88B5, bytes(64)), False),
}


def _arp(sender: str, claimed: str, address: str) -> bytes:
    return ethernet(sender, A2.mac, ETH_ARP, arp_reply((claimed, address), (A2.mac, A2.addresses[4])))


def test_frames_of_its_own_pass_and_others_do_not(guarded: Lab) -> None:
    assert {name: arrives(guarded, frame()) for name, (frame, _) in FRAMES.items()} == {
        name: passes for name, (_, passes) in FRAMES.items()
    }


def test_without_the_guard_all_of_them_would_arrive(own_lab: Lab) -> None:
    own_lab.endpoints = {name: end._replace(anti_spoofing=name != "a1") for name, end in own_lab.endpoints.items()}
    own_lab.apply()
    assert {name: arrives(own_lab, frame()) for name, (frame, _) in FRAMES.items()} == dict.fromkeys(FRAMES, True)
    stranger = (OTHER_MAC, "10.1.0.9")
    assert not arrives(own_lab, ethernet(OTHER_MAC, A1.mac, ETH_ARP, arp_reply(stranger, stranger)), "a1", "a2")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_stolen_address_reaches_nobody_and_its_own_still_everybody(guarded: Lab, family: int) -> None:
    ns = guarded.netns["a1"]
    length = 24 if family == 4 else 64
    ip(ns, f"address add {STOLEN[family]}/{length} dev eth0" + (" nodad" if family == 6 else ""))
    assert not _pings(ns, A2.addresses[family], STOLEN[family])
    # It has asked for its neighbour under the stolen address, and waits for an answer to that first.
    wait_until(lambda: _pings(ns, A2.addresses[family], A1.addresses[family]), what="its own address is answered")
    assert _pings(ns, OUTSIDE[family], A1.addresses[family])
    assert not _pings(ns, OUTSIDE[family], STOLEN[family])


def test_who_changes_its_mac_reaches_nobody(guarded: Lab) -> None:
    ip(guarded.netns["a1"], f"link set eth0 address {OTHER_MAC}")
    assert not _pings(guarded.netns["a1"], A2.addresses[4], A1.addresses[4])
    ip(guarded.netns["a1"], f"link set eth0 address {A1.mac}")
    assert _pings(guarded.netns["a1"], A2.addresses[4], A1.addresses[4])


def test_a_neighbour_cache_is_not_poisoned(guarded: Lab) -> None:
    gateway = GATEWAYS["nc-a"][4]
    assert guarded.answers_at("a2", gateway, (Protocol.ICMP, 0)) == "answered"
    before = _neighbour_mac(guarded.netns["a2"], gateway)
    run_in(guarded.netns["a2"], ["sysctl", "-qw", "net.ipv4.conf.eth0.arp_accept=1"])
    frame = ethernet(A1.mac, A2.mac, ETH_ARP, arp_reply((A1.mac, gateway), (A2.mac, A2.addresses[4])))
    assert not arrives(guarded, frame)
    assert _neighbour_mac(guarded.netns["a2"], gateway) == before
    assert mac(before) != mac(A1.mac)


def test_dhcp_is_asked_from_no_address_yet(guarded: Lab) -> None:
    frame = ethernet(A1.mac, BROADCAST, ETH_IP, udp("0.0.0.0", "255.255.255.255", 67))
    assert arrives(guarded, frame)


def test_duplicate_addresses_are_detected(guarded: Lab) -> None:
    run_in(guarded.netns["a1"], ["sysctl", "-qw", "net.ipv6.conf.eth0.dad_transmits=1"])
    ip(guarded.netns["a1"], f"address add {A2.addresses[6]}/64 dev eth0")

    def failed() -> bool:
        return bool(ip_json(guarded.netns["a1"], "-6", "address", "show", "dadfailed"))

    wait_until(failed, what="the address of a2 is found to be taken")


def _pings(ns: str, target: str, source: str) -> bool:
    found = run_in(ns, ["ping", "-c", "1", "-W", "1", "-I", source, target], check=False)
    return found.returncode == 0


def _neighbour_mac(ns: str, address: str) -> str:
    (found,) = ip_json(ns, "neighbour", "show", "to", address)
    return str(found["lladdr"])
