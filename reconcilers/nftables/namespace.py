"""Sockets inside a named network namespace, which is never created here.

A socket keeps the namespace that it was opened in; ``setns`` acts on the calling thread alone.
"""

import ctypes
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from netctl.errors import BackendError, PrivilegeError
from reconcilers.nftables.uapi import NETLINK_NETFILTER

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def netfilter_socket(netns: str) -> socket.socket:
    """A netlink socket of the namespace *netns*, or of the caller's own where it is empty.

    Raises BackendError where there is no such namespace, PrivilegeError where it may not be entered.
    """
    if not netns:
        return _netlink()
    with _descriptor("/proc/thread-self/ns/net", netns) as home, _descriptor(f"/run/netns/{netns}", netns) as there:
        _enter(there, netns)
        try:
            return _netlink()
        finally:
            _enter(home, netns)


def _netlink() -> socket.socket:
    try:
        return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
    except OSError as error:
        raise BackendError(f"this kernel has no nfnetlink: {error.strerror}", "it is needed for nftables") from None


@contextmanager
def _descriptor(path: str, netns: str) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise BackendError(f"there is no network namespace '{netns}'", f"make it: ip netns add {netns}") from None
    except PermissionError:
        raise PrivilegeError(f"{path} may not be opened", "run as root") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _enter(descriptor: int, netns: str) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET):
        reason = os.strerror(ctypes.get_errno())
        raise PrivilegeError(
            f"cannot enter network namespace '{netns}': {reason}", "it needs CAP_SYS_ADMIN: run as root"
        )
