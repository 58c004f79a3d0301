"""The framing of nfnetlink: requests, replies, transactions, errors."""

import errno
import os
from collections.abc import Iterator, Sequence
from struct import Struct
from typing import NamedTuple

from netctl.errors import BackendError, PrivilegeError
from reconcilers.nftables import uapi
from reconcilers.nftables.attributes import parse, text, u32
from reconcilers.nftables.uapi import Flag, Message

_HEADER = Struct("=IHHII")
_GENMSG = Struct(">BBH")
_ERROR = Struct("=i")
_BODY = _HEADER.size + _GENMSG.size
_SUBSYSTEM = uapi.NFNL_SUBSYS_NFTABLES << 8


class Reply(NamedTuple):
    """One message of the kernel's."""

    type: int
    """A `Message`, or NLMSG_ERROR or NLMSG_DONE."""
    family: int
    payload: bytes
    """Its attributes."""


class Envelope(NamedTuple):
    """What a message's header says of it."""

    sequence: int
    flags: int


class Request(NamedTuple):
    """One message of a transaction."""

    message: Message
    family: int
    payload: bytes
    flags: int = 0
    cause: int = 0
    """The number of the change that it is sent for."""
    what: object = ""
    """What it is about; its text is made only when it is refused."""


class Refusal(NamedTuple):
    """An error that the kernel gave for one request, or (without one) for the transaction as a whole."""

    request: Request | None
    errno: int
    message: str = ""
    """The kernel's own (NLMSGERR_ATTR_MSG), where it gives one."""

    @property
    def answer(self) -> str:
        """``EBUSY (Device or resource busy)``, and the kernel's own message."""
        return named(self.errno) + (f": {self.message}" if self.message else "")


class RequestError(BackendError):
    """The kernel refused a single request or a dump."""

    def __init__(self, attempt: str, number: int, message: str = "") -> None:
        super().__init__(f"{attempt}: {Refusal(None, number, message).answer}")
        self.errno = number


class Interrupted(Exception):  # noqa: N818 - nothing is wrong: what was being read has changed, read it again
    """The objects changed while they were dumped, or answers were lost."""


def message(type_: int, family: int, payload: bytes, flags: int, sequence: int, *, resource: int = 0) -> bytes:
    """One message with its headers; *type_* is a `Message`, or that of a batch with its subsystem as *resource*."""
    subsystem = 0 if resource else _SUBSYSTEM
    header = _HEADER.pack(_BODY + len(payload), subsystem | type_, flags, sequence, 0)
    return header + _GENMSG.pack(family, 0, resource) + payload


def transaction(requests: Sequence[Request], first: int, generation: int | None) -> bytes:
    """A batch that takes effect as a whole or not at all; it uses ``len(requests) + 2`` sequence numbers."""
    guard = b"" if generation is None else u32(uapi.NFNL_BATCH_GENID, generation)
    subsystem = uapi.NFNL_SUBSYS_NFTABLES
    parts = [message(uapi.NFNL_MSG_BATCH_BEGIN, 0, guard, Flag.REQUEST, first, resource=subsystem)]
    last = len(requests) - 1
    for place, request in enumerate(requests):
        flags = int(Flag.REQUEST) | request.flags | (int(Flag.ACK) if place == last else 0)
        parts.append(message(request.message, request.family, request.payload, flags, first + 1 + place))
    end = first + 1 + len(requests)
    parts.append(message(uapi.NFNL_MSG_BATCH_END, 0, b"", Flag.REQUEST, end, resource=subsystem))
    return b"".join(parts)


def split(received: bytes) -> Iterator[tuple[Envelope, Reply]]:
    """The messages in one datagram."""
    start, end = 0, len(received)
    while start + _HEADER.size <= end:
        length, type_, flags, sequence, _ = _HEADER.unpack_from(received, start)
        plain = type_ in {uapi.NLMSG_ERROR, uapi.NLMSG_DONE}
        body = start + (_HEADER.size if plain else _BODY)
        family = 0 if plain else received[start + _HEADER.size]
        yield Envelope(sequence, flags), Reply(type_, family, received[body : start + length])
        start += (length + 3) & ~3


def error_in(envelope: Envelope, reply: Reply) -> tuple[int, str]:
    """The errno in an NLMSG_ERROR or NLMSG_DONE (0 for success), and the kernel's message."""
    if len(reply.payload) < _ERROR.size:
        return 0, ""
    number = -_ERROR.unpack_from(reply.payload)[0]
    # With NETLINK_CAP_ACK only the header of the refused request comes back, before the attributes.
    start = _ERROR.size + (_HEADER.size if reply.type == uapi.NLMSG_ERROR else 0)
    details = parse(reply.payload, start) if envelope.flags & Flag.ACK_TLVS else {}
    return number, text(details.get(uapi.NLMSGERR_ATTR_MSG, b""))


def refused(attempt: str, number: int, detail: str = "") -> Exception:
    """The exception for the errno that a request which reads was answered with."""
    if number in {errno.EPERM, errno.EACCES}:
        return unprivileged()
    if number in {errno.EINTR, errno.EAGAIN, errno.ENOBUFS}:
        return Interrupted()
    return RequestError(attempt, number, detail)


def unprivileged() -> PrivilegeError:
    """The error for want of the capability that every request to nftables needs, reading included."""
    return PrivilegeError("nftables can neither be read nor changed without CAP_NET_ADMIN", "run as root")


def named(number: int) -> str:
    """``EBUSY (Device or resource busy)``."""
    return f"{errno.errorcode.get(number, f'errno {number}')} ({os.strerror(number)})"
