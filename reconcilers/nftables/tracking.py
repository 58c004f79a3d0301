"""What connection tracking knows of translated connections: it is listed, and removed, by ctnetlink."""

import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

from reconcilers.nftables.attributes import attribute, parse
from reconcilers.nftables.messages import RequestError, error_in, split
from reconcilers.nftables.uapi import NLMSG_DONE, NLMSG_ERROR, Flag

_CTNETLINK = 1
_GET, _DELETE = 1, 2
"""IPCTNL_MSG_CT_… of linux/netfilter/nfnetlink_conntrack.h, whose attributes follow."""
_ORIGINAL, _REPLY, _ZONE = 1, 2, 18
_IP, _PROTOCOL = 1, 2
_SOURCE = {int(socket.AF_INET): 1, int(socket.AF_INET6): 3}
_DESTINATION = {int(socket.AF_INET): 2, int(socket.AF_INET6): 4}
_NUMBER, _SOURCE_PORT, _DESTINATION_PORT = 1, 2, 3
_NESTED = 0x8000
_HEADER = struct.Struct("=IHHII")
_GENMSG = struct.Struct(">BBH")
_RECEIVE = 1 << 18
_ENOENT = 2

Target = tuple[bytes, int]
"""An address and a port."""


class Flow(NamedTuple):
    """What is tracked: where the client sent, who answers, and how the kernel knows it."""

    destination: Target
    answering: Target
    identity: bytes

    @property
    def is_translated(self) -> bool:
        """Whether somebody else answers than was asked."""
        return self.answering != self.destination


def packed(address: str) -> bytes:
    """An address as the kernel writes it."""
    return socket.inet_pton(family_of(address), address)


def family_of(address: str) -> int:
    """AF_INET or AF_INET6."""
    return int(socket.AF_INET6 if ":" in address else socket.AF_INET)


def tracked(connection: socket.socket, family: int, protocol: int) -> Iterator[Flow]:
    """The flows of a protocol, by its number. Raises RequestError."""
    for payload in _exchange(connection, _GET, family, b"", Flag.DUMP):
        attributes = parse(payload)
        original = _tuple(attributes[_ORIGINAL], family, protocol)
        if original is not None:
            answering = _tuple(attributes[_REPLY], family, protocol, answering=True)
            zone = attribute(_ZONE, attributes[_ZONE]) if _ZONE in attributes else b""
            identity = attribute(_ORIGINAL | _NESTED, attributes[_ORIGINAL]) + zone
            if answering is not None:
                yield Flow(original, answering, identity)


def forget(connection: socket.socket, family: int, flow: Flow) -> None:
    """Remove what is tracked of a flow; its next packet is translated anew. Raises RequestError."""
    try:
        list(_exchange(connection, _DELETE, family, flow.identity, Flag.ACK))
    except RequestError as error:
        if error.errno != _ENOENT:  # it has ended by itself
            raise


def _tuple(raw: bytes, family: int, protocol: int, *, answering: bool = False) -> Target | None:
    """The destination of one direction, or its source; None for another protocol."""
    parts = parse(raw)
    numbers = parse(parts[_PROTOCOL])
    if numbers[_NUMBER][0] != protocol:
        return None
    address = parse(parts[_IP])[(_SOURCE if answering else _DESTINATION)[family]]
    return address, int.from_bytes(numbers[_SOURCE_PORT if answering else _DESTINATION_PORT], "big")


def _exchange(connection: socket.socket, kind: int, family: int, payload: bytes, flags: int) -> Iterator[bytes]:
    """The payloads of the kernel's replies. Raises RequestError."""
    length = _HEADER.size + _GENMSG.size + len(payload)
    header = _HEADER.pack(length, _CTNETLINK << 8 | kind, Flag.REQUEST | flags, 1, 0)
    connection.send(header + _GENMSG.pack(family, 0, 0) + payload)
    while True:
        for envelope, reply in split(connection.recv(_RECEIVE)):
            if reply.type in {NLMSG_DONE, NLMSG_ERROR}:
                code, detail = error_in(envelope, reply)
                if code:
                    raise RequestError("read or remove tracked flows", code, detail)
                return
            yield reply.payload
