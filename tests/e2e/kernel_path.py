"""A traced path held against the kernel: its routes, its neighbours and forwarding entries, and a packet on its way."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple
from uuid import uuid4

from netctl.path import Trace, Tracer
from netctl.path.steps import (
    At,
    Carried,
    Crossed,
    Decapsulated,
    Encapsulated,
    Entered,
    Masqueraded,
    Path,
    Routed,
    Step,
    Switched,
)
from netctl.stack.loader import load
from tests.e2e.lab import Lab
from tests.e2e.traffic import reaches
from tests.support.namespaces import call_in, ip_json, run_in

PORT = 4711
_UPLINK = "eth0"
_PATIENCE = 5.0
_ALL_PROTOCOLS = 0x0003
"""ETH_P_ALL of linux/if_ether.h."""


class Interface(NamedTuple):
    """An interface that a path leads over, and the source that the packet has there."""

    ns: str
    name: str
    source: str


def traced(lab: Lab, text: str, source: str, destination: str, family: int | None = None) -> Trace:
    """The one trace of a UDP packet between what *source* and *destination* name."""
    loaded = load([lab.write(text)])
    [found] = Tracer(loaded.stack, loaded).trace(source, destination, f"{PORT}/udp", family)
    return found


class KernelPath:
    """A path among the namespaces of a lab, in which a stack without hosts is on ``h``."""

    def __init__(self, lab: Lab, path: Path) -> None:
        self._lab = lab
        self._path = path

    def namespace(self, at: At) -> str:
        """The namespace that stands for a host's, or for an attached one."""
        return at.netns or self._lab[at.host or "h"]

    def demand_agreement(self, receiver: str, *, source_at_end: str, sender: str = "") -> None:
        """Fail unless the kernel takes the traced path, to a *receiver* who sees the packet come from an address.

        The *sender* is needed where the path begins outside.
        """
        start, target = sender or self.namespace(self._path.steps[0].at), self._path.sent.destination
        assert reaches(start, target), "the first packets have neighbours and MAC addresses learned"
        arrived = ""
        for step in self._path.steps:
            self._compare(step, arrived)
            arrived = _arrived_by(step, arrived)
        self._demand_packet_everywhere(start, receiver, source_at_end)

    def _compare(self, step: Step, arrived: str) -> None:
        match step:
            case Routed():
                self._compare_route(step, arrived)
            case Crossed():
                self._compare_pair(step)
            case Switched() if step.egress not in {"", step.bridge}:
                self._compare_port(step)
            case Encapsulated():
                self._compare_tunnel(step)
            case _:
                pass

    def _compare_route(self, step: Routed, arrived: str) -> None:
        packet = self._path.sent
        asked = ["from", packet.source, "iif", arrived] if arrived else []
        [got] = ip_json(self.namespace(step.at), f"-{packet.family}", "route", "get", packet.destination, *asked)
        if step.destination:
            assert (got["dev"], got.get("gateway", "")) == (step.interface, step.gateway), step
        else:
            assert got["dev"] == (step.interface or _UPLINK), step

    def _compare_pair(self, step: Crossed) -> None:
        here = ip_json(self.namespace(step.at), "link", "show", "dev", step.interface)[0]
        there = ip_json(self.namespace(step.to), "link", "show", "dev", step.peer)[0]
        assert (here["link_index"], there["link_index"]) == (there["ifindex"], here["ifindex"]), step
        assert step.mtu in {None, here["mtu"]}, step

    def _compare_port(self, step: Switched) -> None:
        ns = self.namespace(step.at)
        shown = self._lines(ns, "bridge", "fdb", "show", "br", step.bridge)
        learned = [line for line in shown if line.startswith(f"{step.mac} ") and "self" not in line]
        assert [line.split()[2] for line in learned] == [step.egress], (step, shown)

    def _compare_tunnel(self, step: Encapsulated) -> None:
        ns = self.namespace(step.at)
        device = ip_json(ns, "-d", "link", "show", "dev", step.interface)[0]["linkinfo"]["info_data"]
        local = device.get("local") or device.get("local6")
        assert (device["id"], device["port"], local) == (step.vni, step.port, step.source), step
        entries = self._lines(ns, "bridge", "fdb", "show", "dev", step.interface)
        mac = "00:00:00:00:00:00" if step.flooded else step.mac
        assert any(line.startswith(f"{mac} dst {step.destination} ") for line in entries), (step, entries)
        if not step.flooded:
            neighbours: list[dict[str, Any]] = ip_json(ns, "neighbour", "show", "dev", step.interface)
            assert step.mac in {entry["lladdr"] for entry in neighbours}, step

    def _demand_packet_everywhere(self, sender: str, receiver: str, source_at_end: str) -> None:
        """Send a datagram, and see it on every interface of the path, and come out at the end."""
        packet = self._path.sent
        payload = uuid4().bytes
        kind = socket.AF_INET6 if packet.family == 6 else socket.AF_INET
        with ExitStack() as stack:
            watched = [(interface, stack.enter_context(_watching(interface))) for interface in self._interfaces()]
            inbox = stack.enter_context(call_in(receiver, lambda: socket.socket(kind, socket.SOCK_DGRAM)))
            inbox.settimeout(_PATIENCE)
            inbox.bind((packet.destination, PORT))
            outbox = stack.enter_context(call_in(sender, lambda: socket.socket(kind, socket.SOCK_DGRAM)))
            outbox.sendto(payload, (packet.destination, PORT))
            got, peer = inbox.recvfrom(100)
            assert (got, peer[0]) == (payload, source_at_end)
            for interface, tap in watched:
                address = socket.inet_pton(kind, interface.source) if interface.source else b""
                assert address in _frame_with(tap, payload, interface), f"from another address on {interface}"

    def _interfaces(self) -> Iterator[Interface]:
        """Every interface that the path names, with the source that the packet has there."""
        source = self._path.sent.source
        for step in self._path.steps:
            match step:
                case Crossed(at, one, to, other):
                    yield Interface(self.namespace(at), one, source)
                    yield Interface(self.namespace(to), other, source)
                case Switched(at, bridge, ingress, egress) if bridge in {ingress, egress}:
                    yield Interface(self.namespace(at), bridge, source)
                case Masqueraded():
                    source = step.after
                case Encapsulated(at, interface) | Decapsulated(at, interface):
                    yield Interface(self.namespace(at), interface, source)
                case Carried(at, interface, to, _):
                    yield Interface(self.namespace(at), interface, source)
                    yield Interface(self.namespace(to), interface, source)
                case _:
                    continue

    def _lines(self, ns: str, *argv: str) -> list[str]:
        return run_in(ns, list(argv)).stdout.splitlines()


def _arrived_by(step: Step, before: str) -> str:
    """The interface by which the packet came into the namespace that it is in."""
    match step:
        case Switched(_, bridge, _, egress) if egress == bridge:
            return bridge
        case Decapsulated(_, interface):
            return interface
        case Entered(_, interface):
            return interface or _UPLINK
        case Carried():
            return _UPLINK
        case Crossed(_, _, _, peer):
            return peer
        case _:
            return before


def _watching(interface: Interface) -> socket.socket:
    tap = call_in(interface.ns, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_PROTOCOLS)))
    tap.settimeout(_PATIENCE)
    tap.bind((interface.name, _ALL_PROTOCOLS))
    return tap


def _frame_with(tap: socket.socket, payload: bytes, interface: Interface) -> bytes:
    """The frame that has the payload. Raises AssertionError where none comes."""
    try:
        while payload not in (frame := tap.recv(4096)):
            pass
    except TimeoutError as error:
        raise AssertionError(f"the packet was not seen on {interface}") from error
    return frame
