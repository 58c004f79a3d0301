"""The nfnetlink socket: single requests, dumps, transactions, multicast.

The kernel answers within the system call that asks, so that all it has to say of a transaction is queued when ``send``
returns. An error comes with the sequence number of the message that caused it.
"""

import errno
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from netctl.errors import BackendError
from reconcilers.nftables import uapi
from reconcilers.nftables.attributes import number, parse
from reconcilers.nftables.messages import (
    Envelope,
    Interrupted,
    Refusal,
    Reply,
    Request,
    RequestError,
    error_in,
    message,
    refused,
    split,
    transaction,
    unprivileged,
)
from reconcilers.nftables.sockets import netfilter_socket
from reconcilers.nftables.uapi import Flag, Message

_RECEIVE = 1 << 18
_BUFFER = 8 << 20
_GENERATION_ID = 1


class Connection:
    """A socket in one network namespace, opened on entering."""

    def __init__(self, netns: str = "", timeout: float = 30.0, groups: Sequence[int] = ()) -> None:
        self.netns = netns
        self.timeout = timeout
        self._groups = groups
        self._sequence = int(time.time()) & 0xFFFFFFF
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        self._socket = netfilter_socket(self.netns)
        try:
            self._configure(self._socket)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket, if it is open."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def get(self, kind: Message, family: int = 0, payload: bytes = b"") -> Reply | None:
        """The kernel's reply to a single request; None where there is no such object."""
        sequence = self._send(kind, family, payload, Flag.REQUEST)
        try:
            return next(self._replies(sequence, kind, dump=False), None)
        except RequestError as error:
            if error.errno == errno.ENOENT:
                return None
            raise

    def dump(self, kind: Message, family: int = 0, payload: bytes = b"") -> Iterator[Reply]:
        """All objects that match; nothing where their container does not exist.

        Raises Interrupted where they changed meanwhile.
        """
        sequence = self._send(kind, family, payload, Flag.REQUEST | Flag.DUMP)
        try:
            yield from self._replies(sequence, kind, dump=True)
        except RequestError as error:
            if error.errno != errno.ENOENT:
                raise

    def generation(self) -> int:
        """The number of the rule set's present generation; every transaction, whoever's, raises it."""
        reply = self.get(Message.GETGEN)
        return number(parse(reply.payload)[_GENERATION_ID]) if reply else 0

    def commit(self, requests: Sequence[Request], generation: int | None = None) -> list[Refusal]:
        """Send one transaction: nothing where it took effect, else why none of it did.

        With *generation*, it is refused with ERESTART where that is no longer the present one.
        """
        first = self._reserve(len(requests) + 2)
        batch = transaction(requests, first, generation)
        self._make_room(len(batch))
        try:
            self._open.send(batch)
        except OSError as error:
            return [Refusal(None, error.errno or errno.EIO)]
        return self._refusals(requests, first)

    def receive(self) -> Iterator[Reply]:
        """Multicast messages, until the connection is closed. Raises Interrupted where some were lost."""
        self._open.settimeout(None)
        while True:
            for _, reply in split(self._received("nftables' events")):
                yield Reply(reply.type & 0xFF, reply.family, reply.payload)

    def queued(self) -> Iterator[tuple[int, Reply]]:
        """The multicast messages that have arrived, each with the port of its author. Raises Interrupted where some
        were lost.
        """
        self._open.settimeout(0)
        try:
            while True:
                chunk = self._received("nftables' events")
                author = int.from_bytes(chunk[12:16], sys.byteorder)
                for _, reply in split(chunk):
                    yield author, Reply(reply.type & 0xFF, reply.family, reply.payload)
        except BlockingIOError:
            return
        except Interrupted:
            for (
                _
            ) in self._queued():  # until the queue is empty, the kernel drops what is new, and does not say so again
                pass
            raise

    @property
    def port(self) -> int:
        """The number that the kernel names as the author of this connection's transactions."""
        return int(self._open.getsockname()[0])

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._open.fileno()

    @property
    def _open(self) -> socket.socket:
        if self._socket is None:
            raise BackendError("the connection to nftables is not open")
        return self._socket

    def _configure(self, opened: socket.socket) -> None:
        opened.settimeout(self.timeout)
        for option in (uapi.NETLINK_CAP_ACK, uapi.NETLINK_EXT_ACK):
            opened.setsockopt(uapi.SOL_NETLINK, option, 1)
        _enlarge(opened, uapi.SO_RCVBUFFORCE, socket.SO_RCVBUF, _BUFFER)
        opened.bind((0, 0))
        try:
            for group in self._groups:
                opened.setsockopt(uapi.SOL_NETLINK, uapi.NETLINK_ADD_MEMBERSHIP, group)
        except PermissionError:
            raise unprivileged() from None

    def _reserve(self, count: int) -> int:
        """The first of *count* sequence numbers that no other request has, so that a late answer is known as such."""
        first = self._sequence + 1
        self._sequence += count
        return first

    def _send(self, kind: Message, family: int, payload: bytes, flags: int) -> int:
        sequence = self._reserve(1)
        self._open.send(message(kind, family, payload, flags, sequence))
        return sequence

    def _replies(self, sequence: int, kind: Message, *, dump: bool) -> Iterator[Reply]:
        attempt = f"read nftables ({kind.name})"
        deadline = time.monotonic() + self.timeout
        interrupted = False
        while time.monotonic() < deadline:
            for envelope, reply in split(self._received(attempt)):
                if envelope.sequence != sequence:
                    continue
                interrupted |= bool(envelope.flags & Flag.DUMP_INTR)
                if reply.type in {uapi.NLMSG_DONE, uapi.NLMSG_ERROR}:
                    code, detail = error_in(envelope, reply)
                    if code:
                        raise refused(attempt, code, detail)
                    if interrupted:
                        raise Interrupted
                    return
                yield Reply(reply.type & 0xFF, reply.family, reply.payload)
                if not dump:
                    return
        raise BackendError(f"{attempt}: no end within {self.timeout:g} s")

    def _received(self, attempt: str) -> bytes:
        try:
            return self._open.recv(_RECEIVE)
        except TimeoutError:
            raise BackendError(f"{attempt}: no answer within {self.timeout:g} s") from None
        except BlockingIOError:
            raise
        except OSError as error:
            raise refused(attempt, error.errno or errno.EIO) from None

    def _make_room(self, length: int) -> None:
        """A send buffer that holds the transaction: netlink takes it in one piece."""
        if self._open.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) < 2 * length:
            _enlarge(self._open, uapi.SO_SNDBUFFORCE, socket.SO_SNDBUF, 2 * length)

    def _refusals(self, requests: Sequence[Request], first: int) -> list[Refusal]:
        """What the kernel has queued about a transaction. Its acknowledgement is that of the last request."""
        found: list[Refusal] = []
        acknowledged = False
        for envelope, reply in self._queued():
            code, detail = error_in(envelope, reply)
            place = envelope.sequence - first - 1
            acknowledged |= place == len(requests) - 1
            if code:
                found.append(Refusal(requests[place] if 0 <= place < len(requests) else None, code, detail))
        if not found and not acknowledged:
            return [Refusal(None, errno.ENOMSG, "the kernel did not acknowledge the transaction")]
        return found

    def _queued(self) -> Iterator[tuple[Envelope, Reply]]:
        """All that is queued. Where some was lost, the rest."""
        self._open.settimeout(0)
        try:
            while True:
                with suppress(Interrupted):
                    yield from split(self._received("read the kernel's answer"))
        except BlockingIOError:
            return
        finally:
            self._open.settimeout(self.timeout)


def _enlarge(opened: socket.socket, forced: int, plain: int, length: int) -> None:
    """Set a buffer's size in bytes; without CAP_NET_ADMIN, as far as the system allows."""
    try:
        opened.setsockopt(socket.SOL_SOCKET, forced, length)
    except PermissionError:
        opened.setsockopt(socket.SOL_SOCKET, plain, length)
