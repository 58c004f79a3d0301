"""Cutting the connections that endpoints keep after they have left: their grace is over.

What tracking knows of a connection is removed. The client's next packet then belongs to none, and is translated to
another endpoint, which resets it, or refused.
"""

import socket
from collections.abc import Sequence
from contextlib import closing

from netctl.engine.flows import Left
from reconcilers.nftables.sockets import netfilter_socket
from reconcilers.nftables.tracking import Flow, Target, forget, packed, tracked

_FAMILIES = {4: int(socket.AF_INET), 6: int(socket.AF_INET6)}
_PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP, "sctp": socket.IPPROTO_SCTP}


def cut(netns: str, timeout: float, left: Sequence[Left]) -> int:
    """Remove what is tracked of these connections; how many there were. Raises BackendError."""
    removed = 0
    kinds: dict[tuple[int, str], list[_Cut]] = {}
    for one in left:
        kinds.setdefault((one.family, one.protocol), []).append(_Cut(one))
    with closing(netfilter_socket(netns)) as connection:
        connection.settimeout(timeout)
        for (family, protocol), cuts in sorted(kinds.items()):
            flows = tracked(connection, _FAMILIES[family], _PROTOCOLS[protocol])
            doomed = [flow for flow in flows if any(cut.means(flow) for cut in cuts)]
            for flow in doomed:
                forget(connection, _FAMILIES[family], flow)
            removed += len(doomed)
    return removed


class _Cut:
    """Connections that are to be cut, as tracking knows them."""

    def __init__(self, left: Left) -> None:
        self._address = packed(left.address) if left.address else b""
        self._port = left.port
        self._gone = _targets(left.gone)
        self._kept = None if left.kept is None else _targets(left.kept)

    def means(self, flow: Flow) -> bool:
        """Whether a flow is one of them."""
        address, port = flow.destination
        if port != self._port or (self._address and address != self._address) or not flow.is_translated:
            return False
        return flow.answering in self._gone if self._kept is None else flow.answering not in self._kept


def _targets(targets: frozenset[tuple[str, int]]) -> frozenset[Target]:
    return frozenset((packed(address), port) for address, port in targets)
