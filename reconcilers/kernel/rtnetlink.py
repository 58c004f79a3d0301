"""A route netlink socket: dumps, and requests by the batch.

Many requests go in one send. Only the last asks for an acknowledgement; an error comes back with its own request's
sequence number regardless, so each answer is matched to its request.
"""

import errno
import socket
import sys
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import NamedTuple

from netctl.errors import BackendError
from netctl.system.namespaces import inside
from reconcilers.kernel.wire import (
    HEADER,
    NLM_F_ACK,
    NLM_F_ACK_TLVS,
    NLM_F_CAPPED,
    NLM_F_DUMP,
    NLM_F_DUMP_INTR,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    attributes,
    read_text,
)

_SOL_NETLINK, _CAP_ACK, _EXT_ACK, _GET_STRICT_CHK = 270, 10, 11, 12
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33
_BUFFER = 8 << 20
_REQUESTS_A_SEND = 256
_BYTES_A_SEND = 96 << 10
_EMPTY = frozenset({0, errno.ENOENT})
"""How a dump may end: a routing table that does not exist has no routes."""
_EXTACK_MESSAGE = 1


class Request(NamedTuple):
    """One request, without the header."""

    type: int
    flags: int
    body: bytes


class KernelError(NamedTuple):
    """The kernel's answer to a request that it refused."""

    errno: int
    message: str = ""

    def __str__(self) -> str:
        name = errno.errorcode.get(self.errno, str(self.errno))
        return f"{name} ({self.message})" if self.message else name


class Rtnetlink:
    """A socket in one network namespace."""

    def __init__(self, netns: str = "", timeout: float = 30.0) -> None:
        with inside(netns):
            self.socket = opened_socket()
        self.socket.settimeout(timeout)
        for option in (_CAP_ACK, _EXT_ACK, _GET_STRICT_CHK):
            self.socket.setsockopt(_SOL_NETLINK, option, 1)
        self._enlarge()
        self._sequence = 0

    @property
    def port(self) -> int:
        """The number that the kernel names as the author of what is changed by this socket."""
        return int(self.socket.getsockname()[0])

    def close(self) -> None:
        """Release the socket."""
        self.socket.close()

    def _enlarge(self) -> None:
        for forced, plain in ((_SO_SNDBUFFORCE, socket.SO_SNDBUF), (_SO_RCVBUFFORCE, socket.SO_RCVBUF)):
            try:
                self.socket.setsockopt(socket.SOL_SOCKET, forced, _BUFFER)
            except PermissionError:
                self.socket.setsockopt(socket.SOL_SOCKET, plain, _BUFFER)

    def dump(self, kind: int, body: bytes) -> list[bytes]:
        """The answer to a dump request, as received: chunks of whole messages. See `messages`.

        A dump that the kernel's state changed under is asked for again, for as long as a call may take: while a
        thousand new links look for duplicates of their addresses, every dump of addresses is disturbed. Raises
        BackendError.
        """
        give_up = monotonic() + (self.socket.gettimeout() or 0)
        while monotonic() < give_up:
            chunks = self._dump_once(kind, body)
            if chunks is not None:
                return chunks
        raise BackendError("the kernel's tables change faster than they can be read", "try again when it is quieter")

    def _dump_once(self, kind: int, body: bytes) -> list[bytes] | None:
        self._sequence += 1
        header = HEADER.pack(HEADER.size + len(body), kind, NLM_F_REQUEST | NLM_F_DUMP, self._sequence, 0)
        self._send(header + body)
        chunks: list[bytes] = []
        seen = 0
        while True:
            chunk = self._receive()
            _, answer, flags, sequence, _ = HEADER.unpack_from(chunk)
            if sequence != self._sequence:
                continue
            if answer == NLMSG_ERROR:
                raise BackendError(f"reading from the kernel failed: {_error(chunk, 0, flags)}")
            chunks.append(chunk)
            done = self._done(chunk)
            # An interruption is told once, by the first message of the chunk that comes after it.
            seen |= flags if done is None else flags | done
            if done is not None:
                return None if seen & NLM_F_DUMP_INTR else chunks

    def _done(self, chunk: bytes) -> int | None:
        """The flags of the NLMSG_DONE that ends the dump, where *chunk* ends with it. Raises BackendError."""
        offset = _last(chunk)
        _, kind, flags, _, _ = HEADER.unpack_from(chunk, offset)
        if kind != NLMSG_DONE:
            return None
        code = -int.from_bytes(chunk[offset + 16 : offset + 20], sys.byteorder, signed=True)
        if code not in _EMPTY:
            raise BackendError(f"reading from the kernel failed: {KernelError(code)}")
        return int(flags)

    def transact(self, requests: Sequence[Request]) -> list[KernelError | None]:
        """Send the requests in order; what the kernel said to each, None where it was done."""
        results: list[KernelError | None] = [None] * len(requests)
        start = 0
        while start < len(requests):
            start = self._transact_some(requests, start, results)
        return results

    def _transact_some(self, requests: Sequence[Request], start: int, results: list[KernelError | None]) -> int:
        parts: list[bytes] = []
        first = self._sequence + 1
        size, end = 0, start
        while end < len(requests) and end - start < _REQUESTS_A_SEND and size < _BYTES_A_SEND:
            kind, flags, body = requests[end]
            length = HEADER.size + len(body)
            self._sequence += 1
            parts.append(HEADER.pack(length, kind, flags | NLM_F_REQUEST, self._sequence, 0))
            parts.append(body)
            size += length
            end += 1
        kind, flags, body = requests[end - 1]
        parts[-2] = HEADER.pack(HEADER.size + len(body), kind, flags | NLM_F_REQUEST | NLM_F_ACK, self._sequence, 0)
        self._send(b"".join(parts))
        self._collect(first, start, results)
        return end

    def _collect(self, first: int, start: int, results: list[KernelError | None]) -> None:
        """Receive until the last request of a send is answered."""
        while True:
            chunk = self._receive()
            offset = 0
            while offset + HEADER.size <= len(chunk):
                length, kind, flags, sequence, _ = HEADER.unpack_from(chunk, offset)
                if kind == NLMSG_ERROR and first <= sequence <= self._sequence:
                    results[start + sequence - first] = _error(chunk, offset, flags)
                    if sequence == self._sequence:
                        return
                offset += (length + 3) & ~3

    def ask(self, request: Request) -> bytes | KernelError:
        """The kernel's one answer to a request that is not a dump."""
        self._sequence += 1
        header = HEADER.pack(HEADER.size + len(request.body), request.type, request.flags | 1, self._sequence, 0)
        self._send(header + request.body)
        while True:
            chunk = self._receive()
            _, kind, flags, sequence, _ = HEADER.unpack_from(chunk)
            if sequence == self._sequence:
                return (_error(chunk, 0, flags) or KernelError(0)) if kind == NLMSG_ERROR else chunk

    def _send(self, message: bytes) -> None:
        try:
            self.socket.send(message)
        except TimeoutError:
            raise BackendError("the kernel did not take a request in time") from None

    def _receive(self) -> bytes:
        try:
            return self.socket.recv(1 << 20)
        except TimeoutError:
            raise BackendError("the kernel did not answer in time") from None


def opened_socket() -> socket.socket:
    """A route netlink socket of the calling thread's namespace. Raises BackendError."""
    try:
        return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    except OSError as error:
        raise BackendError(
            f"the kernel gives no netlink socket: {error.strerror}", "is the limit of open files (ulimit -n) too low?"
        ) from None


def messages(chunk: bytes) -> Iterator[tuple[int, int, int]]:
    """The whole messages of a received chunk: type, and where the body starts and ends."""
    offset, size = 0, len(chunk)
    unpack = HEADER.unpack_from
    while offset + 16 <= size:
        length, kind, _, _, _ = unpack(chunk, offset)
        if length < 16 or offset + length > size:
            return
        yield kind, offset + 16, offset + length
        offset += (length + 3) & ~3


def _last(chunk: bytes) -> int:
    """Where the last message of a received chunk starts."""
    offset, size = 0, len(chunk)
    while True:
        following = offset + ((int.from_bytes(chunk[offset : offset + 4], sys.byteorder) + 3) & ~3)
        if following <= offset or following + HEADER.size > size:
            return offset
        offset = following


def _error(chunk: bytes, offset: int, flags: int) -> KernelError | None:
    """The refusal in an NLMSG_ERROR message; None for an acknowledgement."""
    length = int.from_bytes(chunk[offset : offset + 4], sys.byteorder)
    code = -int.from_bytes(chunk[offset + 16 : offset + 20], sys.byteorder, signed=True)
    if code == 0:
        return None
    message = ""
    if flags & NLM_F_ACK_TLVS:
        echoed = (
            HEADER.size if flags & NLM_F_CAPPED else int.from_bytes(chunk[offset + 20 : offset + 24], sys.byteorder)
        )
        found = attributes(chunk, offset + 20 + ((echoed + 3) & ~3), offset + length)
        message = read_text(found.get(_EXTACK_MESSAGE))
    return KernelError(code, message)
