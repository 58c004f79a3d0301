"""The kernel's own events, by netlink multicast."""

import errno
import socket
from collections.abc import Iterator

from netctl.engine.protocol import Context
from netctl.engine.resource import Key
from reconcilers.kernel.namespaces import inside

_SOL_NETLINK, _ADD_MEMBERSHIP = 270, 1
_GROUPS = (1, 3, 5, 9, 7, 11, 8, 19)
"""RTNLGRP_LINK, NEIGH, IPV4_IFADDR, IPV6_IFADDR, IPV4_ROUTE, IPV6_ROUTE, IPV4_RULE, IPV6_RULE."""


def watch_events(context: Context) -> Iterator[frozenset[Key]]:
    """One empty set for each burst of notifications: something changed, look at everything.

    An overrun (ENOBUFS) means that notifications were lost, and asks for the same.
    """
    with inside(context.netns):
        source = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    with source:
        for group in _GROUPS:
            source.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)
        while True:
            _await_burst(source)
            yield frozenset()


def _await_burst(source: socket.socket) -> None:
    """Block for a notification, then take all that have arrived."""
    try:
        source.setblocking(True)
        source.recv(1 << 16)
        source.setblocking(False)
        while source.recv(1 << 16):
            pass
    except BlockingIOError:
        return
    except OSError as error:
        if error.errno != errno.ENOBUFS:
            raise
