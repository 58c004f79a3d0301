"""The kernel's own events, by netlink multicast."""

import errno
import socket
from collections.abc import Iterator

from netctl.engine.protocol import Context
from netctl.engine.resource import Key
from netctl.system.namespaces import inside

_SOL_NETLINK, _ADD_MEMBERSHIP = 270, 1
_GROUPS = (1, 3, 5, 9, 7, 11, 8, 19, 24, 25)
"""RTNLGRP_LINK, NEIGH, IPV4_IFADDR, IPV6_IFADDR, IPV4_ROUTE, IPV6_ROUTE, IPV4_RULE, IPV6_RULE, IPV4_NETCONF,
IPV6_NETCONF."""


def watch_events(context: Context) -> Iterator[frozenset[Key]]:
    """One empty set for each burst of notifications: something changed, look at everything.

    Subscribed by the time that this returns, so that nothing that happens during the first look is missed. An overrun
    (ENOBUFS) means that notifications were lost, and asks for the same. Raises BackendError for a missing namespace.
    """
    return _bursts(_subscribed(context.netns))


def _subscribed(netns: str) -> socket.socket:
    with inside(netns):
        source = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    # What no request caused is multicast to all but port 0: that of a socket without an address of its own.
    source.bind((0, 0))
    for group in _GROUPS:
        source.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)
    return source


def _bursts(source: socket.socket) -> Iterator[frozenset[Key]]:
    with source:
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
