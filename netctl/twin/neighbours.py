"""The kernel's table of neighbours, which all network namespaces of a machine share: 1,024 entries by default.

Who talks to everybody on a link needs an entry for everybody, and is needed one by everybody. Where hundreds do in one
machine, packets are lost for want of entries, as they would not be on machines of their own. So only so many talk at a
time, and their entries are dropped before the next ones do.
"""

import fcntl
import socket
import struct
from collections.abc import Collection, Iterable, Mapping, Sequence

from netctl.errors import BackendError
from netctl.policy.model import Endpoint
from netctl.system.namespaces import inside
from netctl.twin.trials import Trial

AT_ONCE = 200
"""Pairs on one link that talk at a time: each is two entries, and others use the table, too."""
_GET_FLAGS, _SET_FLAGS, _NOARP = 0x8913, 0x8914, 0x80
"""SIOCGIFFLAGS and SIOCSIFFLAGS of <linux/sockios.h>, IFF_NOARP of <linux/if.h>."""
_FLAGS = struct.Struct("16sH14x")


def rounds(trials: Sequence[Trial], endpoints: Mapping[str, Endpoint], spanning: Collection[str]) -> list[list[int]]:
    """The positions of the trials, in rounds none of which needs more entries than there are.

    *spanning* are the networks of which all hosts share one segment.
    """
    found: list[list[int]] = [[]]
    pairs: set[tuple[str, str, int]] = set()
    near: list[tuple[int, tuple[str, str, int]]] = []
    for at, trial in enumerate(trials):
        asked = trial.connection
        if _share_a_link(endpoints.get(asked.source), endpoints.get(asked.destination), spanning):
            near.append((at, (asked.source, asked.destination, asked.family)))
        else:
            found[0].append(at)
    for at, pair in sorted(near, key=lambda entry: entry[1]):
        if pair not in pairs and len(pairs) >= AT_ONCE:
            pairs.clear()
            found.append([])
        pairs.add(pair)
        found[-1].append(at)
    return found


def forget(namespaces: Iterable[str]) -> None:
    """Drop the neighbours that the interfaces of these namespaces know. Raises BackendError.

    The kernel drops those of an interface that is told to ask for none; it is told at once to ask for them again.
    """
    for netns in namespaces:
        with inside(netns), socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as opened:
            for _, name in socket.if_nameindex():
                if name != "lo":
                    _forget_on(opened, name)


def _forget_on(opened: socket.socket, interface: str) -> None:
    try:
        name, flags = _FLAGS.unpack(fcntl.ioctl(opened, _GET_FLAGS, _FLAGS.pack(interface.encode(), 0)))
        fcntl.ioctl(opened, _SET_FLAGS, _FLAGS.pack(name, flags | _NOARP))
        fcntl.ioctl(opened, _SET_FLAGS, _FLAGS.pack(name, flags))
    except OSError as error:
        raise BackendError(f"the neighbours of {interface} cannot be dropped: {error.strerror}") from None


def _share_a_link(one: Endpoint | None, other: Endpoint | None, spanning: Collection[str]) -> bool:
    """Whether two attachments are on one segment."""
    if one is None or other is None or not (one.netns and other.netns) or one.network != other.network:
        return False
    return one.host == other.host or one.network in spanning
