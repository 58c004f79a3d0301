"""Answers on ports inside network namespaces: TCP connections are accepted, UDP datagrams and SCTP INITs are answered.

One thread serves all of them. A kernel without SCTP answers nothing itself, so that raw sockets do it.
"""

import socket
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from selectors import EVENT_READ, DefaultSelector
from threading import Thread
from types import TracebackType
from typing import NamedTuple, Self

from netctl.errors import BackendError
from netctl.policy.model import Protocol
from netctl.system.namespaces import inside
from netctl.twin.packets import read_sctp, sctp_init_ack

_BACKLOG = 1024
_RECEIVE = 4096
_TAG = 0x6E657463
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_V6ONLY = (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)

Answering = Callable[[socket.socket], None]


class Responder(NamedTuple):
    """A port that answers, on every address of a namespace, IPv4 and IPv6."""

    netns: str
    protocol: Protocol
    """TCP, UDP or SCTP."""
    port: int


class Responders:
    """Answers for as long as it is entered. Raises BackendError on entering where a port is taken."""

    def __init__(self, responders: Iterable[Responder]) -> None:
        self._responders = sorted(set(responders))
        self._stack = ExitStack()
        self._selector = DefaultSelector()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(self._selector.close)
            self._open(stack)
            waking, awake = socket.socketpair()
            for end in (waking, awake):
                stack.callback(end.close)
            self._selector.register(awake, EVENT_READ, None)
            thread = Thread(target=self._serve, name="responders")
            thread.start()
            stack.callback(thread.join)
            stack.callback(waking.close)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _open(self, stack: ExitStack) -> None:
        ports: dict[str, set[int]] = {}
        for responder in self._responders:
            if responder.protocol is Protocol.SCTP:
                ports.setdefault(responder.netns, set()).add(responder.port)
                continue
            for family in _FAMILIES:
                self._register(stack, *_opened(responder, family))
        for netns, numbers in ports.items():
            for family in _FAMILIES:
                self._register(stack, _raw(netns, family), _answer_sctp(numbers, family))

    def _register(self, stack: ExitStack, opened: socket.socket, answer: Answering) -> None:
        stack.callback(opened.close)
        self._selector.register(opened, EVENT_READ, answer)

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                # A prober that has gone, or a namespace that goes, is no error of the others.
                with suppress(OSError):
                    key.data(key.fileobj)


def _opened(responder: Responder, family: int) -> tuple[socket.socket, Answering]:
    is_tcp = responder.protocol is Protocol.TCP
    with inside(responder.netns):
        opened = socket.socket(_FAMILIES[family], socket.SOCK_STREAM if is_tcp else socket.SOCK_DGRAM)
    opened.setblocking(False)
    try:
        if family == 6:
            opened.setsockopt(*_V6ONLY)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(is_tcp))
        opened.bind(("", responder.port))
        if is_tcp:
            opened.listen(_BACKLOG)
    except OSError as error:
        opened.close()
        name = f"{responder.port}/{responder.protocol}"
        raise BackendError(
            f"cannot answer on {name} in '{responder.netns}': {error.strerror}", "end what listens there"
        ) from None
    return opened, _accept if is_tcp else _echo


def _raw(netns: str, family: int) -> socket.socket:
    with inside(netns):
        opened = socket.socket(_FAMILIES[family], socket.SOCK_RAW, socket.IPPROTO_SCTP)
    opened.setblocking(False)
    return opened


def _accept(listening: socket.socket) -> None:
    connection, _ = listening.accept()
    connection.close()


def _echo(opened: socket.socket) -> None:
    content, peer = opened.recvfrom(_RECEIVE)
    opened.sendto(content, peer)


def _answer_sctp(ports: set[int], family: int) -> Answering:
    def answer(opened: socket.socket) -> None:
        received, peer = opened.recvfrom(_RECEIVE)
        init = read_sctp(received, family)
        if init is not None and init.asks and init.destination in ports:
            opened.sendto(sctp_init_ack(init, _TAG), (peer[0], 0))

    return answer
