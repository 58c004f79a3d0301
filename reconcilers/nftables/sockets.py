"""Netfilter's netlink sockets."""

import socket

from netctl.errors import BackendError
from netctl.system.namespaces import inside
from reconcilers.nftables.uapi import NETLINK_NETFILTER


def netfilter_socket(netns: str) -> socket.socket:
    """A netlink socket of the namespace *netns*, or of the caller's own where it is empty.

    Raises BackendError where there is no such namespace, PrivilegeError where it may not be entered.
    """
    with inside(netns):
        try:
            return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
        except OSError as error:
            reason = f"this kernel has no nfnetlink: {error.strerror}"
            raise BackendError(reason, "it is needed for nftables") from None
