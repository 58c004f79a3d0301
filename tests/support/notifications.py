"""What the kernel tells its listeners: every change to the network of a namespace, whoever makes it.

A change by rtnetlink or nfnetlink is multicast before its request is acknowledged. So a program that has finished, and
of which no notification has come, has changed nothing. It may still have asked for what was so already, of which the
kernel says nothing: `tests.support.tracing` sees that too.
"""

import errno
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from tests.support.namespaces import call_in, wait_for_addresses

NETLINK_ROUTE = 0
NETLINK_NETFILTER = 12
SOL_NETLINK = 270
NETLINK_ADD_MEMBERSHIP = 1
SO_RCVBUFFORCE = 33
NFNLGRP_NFTABLES = 7
BUFFER = 256 * 1024 * 1024

# The kernel's linkwatch reports a carrier's change at most once a second (net/core/link_watch.c).
LINKWATCH = 1.1

_OBJECTS = {
    16: "LINK",
    20: "ADDR",
    24: "ROUTE",
    28: "NEIGH",
    32: "RULE",
    36: "QDISC",
    40: "TCLASS",
    44: "TFILTER",
    48: "ACTION",
    52: "PREFIX",
    64: "NEIGHTBL",
    68: "NDUSEROPT",
    72: "ADDRLABEL",
    80: "NETCONF",
    84: "MDB",
    88: "NSID",
    92: "STATS",
    96: "CACHEREPORT",
    100: "CHAIN",
    104: "NEXTHOP",
    108: "LINKPROP",
    112: "VLAN",
}
_NUD_NOARP, _NUD_PERMANENT = 0x40, 0x80


class Notification(NamedTuple):
    """One multicast message: ``RTM_NEWROUTE``, or ``NFT 6`` (numbered by ``enum nf_tables_msg_types``)."""

    name: str
    strings: tuple[str, ...]
    """Printable text in it, such as interfaces' names, which tells a reader what it is about."""
    payload: bytes

    def __repr__(self) -> str:
        return f"<{self.name} {' '.join(self.strings) or self.payload[:24].hex()}>"


@contextmanager
def netlink_writes(ns: str, quiet: float = LINKWATCH) -> Iterator[list[Notification]]:
    """A list that holds, on leaving, a notification of every change made in *ns* meanwhile.

    Waits beforehand until the kernel has nothing left to say of earlier changes: no address is tentative, and nothing
    has come for *quiet* seconds. Neighbours that the kernel resolves by itself are left out. Sysctls are reported for
    what RTM_NEWNETCONF covers (forwarding, rp_filter, proxy_neigh) only.
    """
    received: list[Notification] = []
    with ExitStack() as stack:
        sockets = [stack.enter_context(listener) for listener in call_in(ns, _listeners)]
        _settle(ns, sockets, quiet)
        yield received
        for listener in sockets:
            received += [message for message in _drain(listener) if not _resolved(message)]


def _listeners() -> list[socket.socket]:
    route = _listener(NETLINK_ROUTE)
    group = 1
    while _join(route, group):
        group += 1
    nftables = _listener(NETLINK_NETFILTER)
    _join(nftables, NFNLGRP_NFTABLES)
    return [route, nftables]


def _listener(protocol: int) -> socket.socket:
    listener = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
    listener.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    listener.bind((0, 0))
    return listener


def _join(listener: socket.socket, group: int) -> bool:
    """False where the kernel has no such group: they are numbered without a gap."""
    try:
        listener.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return False
    return True


def _settle(ns: str, sockets: list[socket.socket], quiet: float) -> None:
    wait_for_addresses(ns)
    while ready := select.select(sockets, [], [], quiet)[0]:
        for listener in ready:
            list(_drain(listener))


def _drain(listener: socket.socket) -> Iterator[Notification]:
    """What has arrived. Raises OSError (ENOBUFS) where the kernel had to drop some of it."""
    while True:
        try:
            datagram = listener.recv(1 << 20)
        except BlockingIOError:
            return
        yield from _messages(datagram, listener.proto)


def _messages(datagram: bytes, protocol: int) -> Iterator[Notification]:
    """The messages of a datagram (linux/netlink.h, ``struct nlmsghdr``)."""
    offset = 0
    while offset < len(datagram):
        length, kind = struct.unpack_from("=IH", datagram, offset)
        payload = datagram[offset + 16 : offset + length]
        yield Notification(_name(protocol, kind), _strings(payload), payload)
        offset += (length + 3) & ~3


def _name(protocol: int, kind: int) -> str:
    if protocol == NETLINK_NETFILTER:
        return f"NFT {kind & 0xFF}"
    verb = ("NEW", "DEL", "GET", "SET")[kind & 3]
    return f"RTM_{verb}{_OBJECTS.get(kind & ~3, kind)}"


def _strings(payload: bytes) -> tuple[str, ...]:
    words = (word.decode("ascii") for word in payload.split(b"\0") if len(word) > 1 and word.isascii())
    return tuple(word for word in words if word.isprintable())


def _resolved(message: Notification) -> bool:
    """True for a neighbour in a state that the kernel gives to those it resolves (``struct ndmsg``)."""
    if message.name not in {"RTM_NEWNEIGH", "RTM_DELNEIGH"}:
        return False
    state = struct.unpack_from("=H", message.payload, 8)[0]
    return not state & (_NUD_NOARP | _NUD_PERMANENT)
