"""Servers that say who they are and whom they see, and clients that ask: over TCP and UDP, in namespaces."""

import socket
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

from tests.e2e.lab import Lab
from tests.support.namespaces import call_in

_PATIENCE = 5.0


class Answer(NamedTuple):
    """Who answered, and the client's address as he saw it."""

    server: str
    client: str


@contextmanager
def offering(lab: Lab, labels: Iterable[str], port: int = 80, udp: bool = True) -> Iterator[None]:
    """In each namespace, both families: a TCP server that answers each line, and a UDP one that answers datagrams."""
    with ExitStack() as stack:
        for label in labels:
            listener = stack.enter_context(call_in(lab[label], lambda: _listening(port)))
            stack.callback(_stop, _started(_accepting, listener, label), listener)
            if udp:
                inbox = stack.enter_context(call_in(lab[label], lambda: _bound(port)))
                stack.callback(_stop, _started(_echoing, inbox, label), inbox)
        yield


def ask(lab: Lab, client: str, address: str, port: int = 80) -> Answer:
    """Who answers a new TCP connection. Raises OSError where nobody does."""
    with connected(lab, client, address, port) as connection:
        return question(connection)


@contextmanager
def connected(
    lab: Lab, client: str, address: str, port: int = 80, patience: float = _PATIENCE
) -> Iterator[socket.socket]:
    """A TCP connection from a namespace."""
    with call_in(lab[client], lambda: socket.create_connection((address, port), timeout=patience)) as connection:
        yield connection


def question(connection: socket.socket) -> Answer:
    """Who answers on a connection, or to datagrams on a connected socket."""
    connection.sendall(b"who?\n")
    server, client = connection.recv(200).decode().split()
    return Answer(server, client)


@contextmanager
def datagrams(lab: Lab, client: str, address: str, port: int = 80) -> Iterator[socket.socket]:
    """A connected UDP socket in a namespace: one flow, for as long as it is open."""

    def make() -> socket.socket:
        outbox = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        outbox.settimeout(_PATIENCE)
        outbox.connect((address, port))
        return outbox

    with call_in(lab[client], make) as outbox:
        yield outbox


def spread(lab: Lab, client: str, address: str, port: int = 80, count: int = 60) -> Counter[str]:
    """How many of so many new connections went to whom."""

    def all_of_them() -> Counter[str]:
        found: Counter[str] = Counter()
        for _ in range(count):
            with socket.create_connection((address, port), timeout=_PATIENCE) as connection:
                found[question(connection).server] += 1
        return found

    return call_in(lab[client], all_of_them)


def _listening(port: int) -> socket.socket:
    return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=100)


def _bound(port: int) -> socket.socket:
    inbox = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    inbox.bind(("::", port))
    return inbox


def _started(work: object, held: socket.socket, label: str) -> threading.Thread:
    assert callable(work)
    thread = threading.Thread(target=work, args=(held, label), daemon=True)
    thread.start()
    return thread


def _stop(thread: threading.Thread, held: socket.socket) -> None:
    """Wakes the thread up: by the end of the listener, or a datagram to oneself that is none."""
    with suppress(OSError):
        held.shutdown(socket.SHUT_RDWR)
    thread.join(_PATIENCE)


def _accepting(listener: socket.socket, label: str) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_answering, args=(connection, label), daemon=True).start()


def _answering(connection: socket.socket, label: str) -> None:
    with connection:
        try:
            while connection.recv(100):
                connection.sendall(f"{label} {_plain(connection.getpeername()[0])}".encode())
        except OSError:
            return


def _echoing(inbox: socket.socket, label: str) -> None:
    while True:
        try:
            got, peer = inbox.recvfrom(100)
        except OSError:
            return
        if not got:
            return
        inbox.sendto(f"{label} {_plain(peer[0])}".encode(), peer)


def _plain(address: str) -> str:
    return address.removeprefix("::ffff:")
