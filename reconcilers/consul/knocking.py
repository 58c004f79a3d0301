"""Whether there is an agent, found out without what speaks HTTP: on most hosts without Consul that is all."""

import socket

from netctl.system.namespaces import inside


def listens(netns: str, address: str, port: int, timeout: float) -> bool:
    """Whether something accepts connections there. Raises BackendError where the namespace cannot be entered.

    *address* is an IPv4 address in digits; *timeout* is in seconds.
    """
    with inside(netns), socket.socket() as knocking:
        knocking.settimeout(timeout)
        return knocking.connect_ex((address, port)) == 0
