"""Hundreds of packets at once, and which of them arrived, known without waiting for those that did not.

All that a packet does between namespaces of one machine happens on the processor that it was sent from, one packet
after another. What is sent on the loopback interface of the same processor afterwards queues up behind it, at every
link that it passes: when enough of that has come back, nothing is on its way any more, and what has not arrived by
then never will.
"""

import errno
import os
import socket
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from types import TracebackType
from typing import NamedTuple, Self

from netctl.policy.model import Protocol
from netctl.system.namespaces import inside
from netctl.twin.packets import ECHO, echo_request, read_sctp, sctp_init, transport

_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_ICMP = {4: socket.IPPROTO_ICMP, 6: socket.IPPROTO_ICMPV6}
_ROUNDS = 256
"""More than the links that a packet and its answer pass, neighbours looked up on the way."""
_SO_RCVBUFFORCE = 33
_BUFFER = 1 << 24


class Shot(NamedTuple):
    """A packet that asks for a port, or for an echo."""

    netns: str
    address: str
    protocol: Protocol
    port: int = 0
    source: str = ""
    """The address that it is sent from; empty for the one that the kernel chooses."""

    @property
    def family(self) -> int:
        """Of its addresses."""
        return 6 if ":" in self.address else 4


class Range:
    """Namespaces in which arrivals are seen. Nothing may listen in them."""

    def __init__(self, netns: Iterable[str], udp_ports: Sequence[int]) -> None:
        self._netns = list(netns)
        self._ports = udp_ports
        self._stack = ExitStack()
        self._udp: list[socket.socket] = []
        self._sctp: dict[int, list[socket.socket]] = {4: [], 6: []}
        self._senders: dict[tuple[str, Protocol, int, str], socket.socket] = {}
        self._numbers = count(1)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._stack = stack
            for netns in self._netns:
                for family in _FAMILIES:
                    self._udp += [self._opened(netns, family, socket.SOCK_DGRAM, 0, "", port) for port in self._ports]
                    self._sctp[family].append(self._opened(netns, family, socket.SOCK_RAW, socket.IPPROTO_SCTP))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def fire(self, shots: Sequence[Shot]) -> list[bool]:
        """Whether each of the shots has arrived; of TCP and ICMP, whether it was answered as well."""
        numbers = [next(self._numbers) % 0xFFFF + 1 for _ in shots]
        with _one_processor(), ExitStack() as stack:
            connecting = self._connect(shots, stack)
            for place, shot in enumerate(shots):
                if shot.protocol is not Protocol.TCP:
                    self._send(shot, numbers[place])
            self._let_arrive()
            seen = {place for place, opened in connecting.items() if _error(opened) == errno.ECONNREFUSED}
            arrived = set(self._arrived())
        return [place in seen or number in arrived for place, number in enumerate(numbers)]

    def _connect(self, shots: Sequence[Shot], stack: ExitStack) -> Mapping[int, socket.socket]:
        by_netns: defaultdict[str, list[int]] = defaultdict(list)
        for place, shot in enumerate(shots):
            if shot.protocol is Protocol.TCP:
                by_netns[shot.netns].append(place)
        opened: dict[int, socket.socket] = {}
        for netns, places in by_netns.items():
            with inside(netns):
                for place in places:
                    opened[place] = stack.enter_context(
                        socket.socket(_FAMILIES[shots[place].family], socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
                    )
        for place, one in opened.items():
            if shots[place].source:
                one.bind((shots[place].source, 0))
            with suppress(OSError):  # it is looked for afterwards
                one.connect((shots[place].address, shots[place].port))
        return opened

    def _send(self, shot: Shot, number: int) -> None:
        sender = self._sender(shot)
        if shot.protocol is Protocol.UDP:
            content, port = number.to_bytes(2, "big"), shot.port
        elif shot.protocol is Protocol.SCTP:
            content, port = sctp_init(50000 + number % 10000, shot.port, number), 0
        else:
            content, port = echo_request(shot.family, number, 1), 0
        # The kernel refuses to send what has no route, or what the host's own policies deny it to send.
        with suppress(OSError):
            sender.sendto(content, (shot.address, port))

    def _sender(self, shot: Shot) -> socket.socket:
        key = (shot.netns, shot.protocol, shot.family, shot.source)
        if key not in self._senders:
            is_udp = shot.protocol is Protocol.UDP
            kind = socket.SOCK_DGRAM if is_udp else socket.SOCK_RAW
            number = {Protocol.UDP: 0, Protocol.SCTP: socket.IPPROTO_SCTP}.get(shot.protocol, _ICMP[shot.family])
            self._senders[key] = self._opened(shot.netns, shot.family, kind, number, shot.source)
        return self._senders[key]

    def _opened(
        self, netns: str, family: int, kind: socket.SocketKind, protocol: int, source: str = "", port: int = 0
    ) -> socket.socket:
        with inside(netns):
            opened = self._stack.enter_context(socket.socket(_FAMILIES[family], kind, protocol))
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        if family == 6 and kind == socket.SOCK_DGRAM:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind((source, port))
        return opened

    def _let_arrive(self) -> None:
        """Return when nothing is on its way any more."""
        with inside(self._netns[0]):
            looping = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with looping:
            looping.settimeout(10)
            looping.bind(("127.0.0.1", 0))
            for _ in range(_ROUNDS):
                looping.sendto(b"", looping.getsockname())
                looping.recv(1)

    def _arrived(self) -> Iterator[int]:
        """The numbers of what has arrived."""
        for one in self._udp:
            yield from (int.from_bytes(content, "big") for content in _received(one))
        for family, sockets in self._sctp.items():
            for one in sockets:
                found = (read_sctp(content, family) for content in _received(one))
                yield from (init.initiate for init in found if init is not None and init.asks)
        for (_, protocol, family, _), one in self._senders.items():
            for content in _received(one):
                message = transport(content, family)
                if protocol is Protocol.ICMP and message[0] == ECHO[family][1]:
                    yield int.from_bytes(message[4:6], "big")


@contextmanager
def _one_processor() -> Iterator[None]:
    """The calling thread on one processor."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _error(opened: socket.socket) -> int:
    return opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def _received(opened: socket.socket) -> Iterator[bytes]:
    while True:
        try:
            yield opened.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            continue  # an error that came back for what was sent
