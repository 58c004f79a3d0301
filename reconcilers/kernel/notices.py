"""The socket that the kernel's notifications come in by, of every namespace that is known here by a number."""

import errno
import socket
import sys
from collections.abc import Iterator
from select import POLLIN, poll

from netctl.system.namespaces import inside
from reconcilers.kernel.rtnetlink import opened_socket

_SOL_NETLINK, _ADD_MEMBERSHIP, _LISTEN_ALL_NSID = 270, 1, 8
_SO_RCVBUFFORCE = 33
_BUFFER = 32 << 20
_GROUPS = (1, 3, 5, 9, 7, 11, 8, 19, 24, 25)
"""RTNLGRP_LINK, NEIGH, IPV4_IFADDR, IPV6_IFADDR, IPV4_ROUTE, IPV6_ROUTE, IPV4_RULE, IPV6_RULE, IPV4_NETCONF,
IPV6_NETCONF."""
_AT_A_TIME = 4096
"""So many are taken before what they say is looked at."""


class Overrun(Exception):  # noqa: N818 - what was lost is read anew
    """Notifications were lost."""


class Notices:
    """Listens from when it is made. Raises BackendError for a missing namespace."""

    def __init__(self, netns: str) -> None:
        with inside(netns):
            self.socket = opened_socket()
        # What no request caused is multicast to all but port 0: that of a socket without an address of its own.
        self.socket.bind((0, 0))
        self.socket.setblocking(False)
        try:
            self.socket.setsockopt(_SOL_NETLINK, _LISTEN_ALL_NSID, 1)
            self.socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        except PermissionError:  # then only of this namespace, and with less room
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        for group in _GROUPS:
            self.socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)

    def take(self) -> Iterator[tuple[int | None, bytes]]:
        """What has arrived: the number of the namespace (None: the one listened in), and messages. Raises Overrun."""
        for _ in range(_AT_A_TIME):
            try:
                chunk, ancillary, _, _ = self.socket.recvmsg(1 << 16, 64)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._discard()
                raise Overrun from None
            yield _namespace(ancillary), chunk

    def is_waiting(self) -> bool:
        """Whether there is something to take."""
        if self.socket.fileno() < 0:
            return False
        polled = poll()
        polled.register(self.socket, POLLIN)
        return bool(polled.poll(0))

    def _discard(self) -> None:
        """Empty the queue: until it is, the kernel drops what is new, and does not say so again."""
        while True:
            try:
                self.socket.recv(1 << 16)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise

    def close(self) -> None:
        """Stop listening."""
        self.socket.close()


def _namespace(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    for level, kind, value in ancillary:
        if (level, kind) == (_SOL_NETLINK, _LISTEN_ALL_NSID):
            return int.from_bytes(value[:4], sys.byteorder, signed=True)
    return None
