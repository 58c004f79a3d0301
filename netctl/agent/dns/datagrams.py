"""UDP at one address. Where that stands for every address of the machine, a reply comes from the one that was asked:
a client takes none from another.
"""

import socket
import struct
from collections.abc import Callable
from typing import Any

from netctl.agent.dns.responder import Address

_IP_PKTINFO = 8
"""From linux/in.h; the socket module has no name for it before Python 3.14."""
_IPV4, _IPV6 = struct.Struct("=i4s4s"), struct.Struct("=16si")
"""``in_pktinfo``: interface, local address, address in the header; ``in6_pktinfo``: address, interface."""
_LINK_LOCAL = b"\xfe\x80"
_BUFFER = 4 << 20


class Datagrams:
    """A socket that does not wait. `receive` and `send` are as `socket.recvfrom` and `socket.sendto`."""

    def __init__(self, address: Address) -> None:
        """Raises OSError."""
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = inbox = socket.socket(family, socket.SOCK_DGRAM)
        try:
            inbox.setblocking(False)
            inbox.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            if family == socket.AF_INET6:
                inbox.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # as asyncio does for TCP
            inbox.bind(address)
            self.receive: Callable[[int], tuple[bytes, Any]] = inbox.recvfrom
            self.send: Callable[[bytes, Any], int] = inbox.sendto
            if address[0] in {"0.0.0.0", "::"}:
                self._answer_from_where_it_came(family)
        except OSError:
            inbox.close()
            raise

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

    def _answer_from_where_it_came(self, family: int) -> None:
        if family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            self.socket.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        self.receive, self.send = self._receive, self._send

    def _receive(self, most: int) -> tuple[bytes, Any]:
        message, ancillary, _, client = self.socket.recvmsg(most, socket.CMSG_SPACE(_IPV6.size))
        return message, (client, [_reversed(*entry) for entry in ancillary])

    def _send(self, reply: bytes, sender: Any) -> int:
        client, ancillary = sender
        return self.socket.sendmsg([reply], ancillary, 0, client)


def _reversed(level: int, type_: int, where: bytes) -> tuple[int, int, bytes]:
    """Where a datagram came to, as the reply is told to come from. By which interface is for the routes to say."""
    if level == socket.IPPROTO_IP:
        _, local, _ = _IPV4.unpack(where)
        return level, type_, _IPV4.pack(0, local, bytes(4))
    address, interface = _IPV6.unpack(where)
    return level, type_, _IPV6.pack(address, interface if address.startswith(_LINK_LOCAL) else 0)
