"""Flows of UDP that connection tracking goes on sending where they no longer belong.

A translation is decided once for a connection, and kept for as long as it goes on. TCP connections end, but a client
that goes on sending datagrams is translated to an endpoint that is gone for ever. So what tracking knows of them is
removed when their frontend leads elsewhere, or nowhere; their next datagram is translated anew.
"""

import socket
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from typing import NamedTuple

from netctl.kinds.nftables import Table
from reconcilers.nftables.sockets import netfilter_socket
from reconcilers.nftables.tracking import Flow, Target, family_of, forget, packed, tracked

_PORT = ("inet_service",)


class Front(NamedTuple):
    """Where clients send to; the address is empty for every one of the host."""

    family: int
    address: bytes
    port: int


def forget_stale(netns: str, timeout: float, before: Table | None, after: Table | None) -> int:
    """How many flows were removed because of what changed between two tables. Raises RequestError."""
    moved = _moved(before, after)
    had, has = _targets(before, moved), _targets(after, moved)
    changed = {front: has.get(front, frozenset()) for front in moved if had.get(front) != has.get(front)}
    if not changed:
        return 0
    removed = 0
    with closing(netfilter_socket(netns)) as connection:
        connection.settimeout(timeout)
        for family in sorted({front.family for front in changed}):
            flows = tracked(connection, family, socket.IPPROTO_UDP)
            stale = [flow for flow in flows if _is_stale(flow, family, changed, had)]
            for flow in stale:
                forget(connection, family, flow)
            removed += len(stale)
    return removed


def _moved(before: Table | None, after: Table | None) -> set[Front]:
    """Where datagrams are sent to of which an element differs. Most elements are the same, and there may be many."""
    old, new = _maps(before), _maps(after)
    return {
        front
        for name in old.keys() | new.keys()
        for element in old.get(name, frozenset()) ^ new.get(name, frozenset())
        if (front := _front(element)) is not None
    }


def _targets(table: Table | None, fronts: Collection[Front]) -> dict[Front, frozenset[Target]]:
    """Where a table has the datagrams translated to that are sent to *fronts*."""
    found: dict[Front, set[Target]] = {}
    for elements in _maps(table).values() if fronts else ():
        for element in elements:
            front = _front(element)
            if front is not None and front in fronts:
                address, _, port = element.partition(" : ")[2].partition(" . ")
                found.setdefault(front, set()).add((packed(address), int(port)))
    return {front: frozenset(targets) for front, targets in found.items()}


def _maps(table: Table | None) -> dict[str, frozenset[str]]:
    """The elements of the maps that destinations are translated by: those of an address and a port."""
    sets = table.sets if table else ()
    return {entry.name: entry.elements for entry in sets if entry.data and entry.data[1:] == _PORT}


def _front(element: str) -> Front | None:
    """Of ``10.96.0.1 . udp . 53 . 0x00000000 : 10.10.0.1 . 53`` where it is sent to; None for another protocol."""
    if "udp . " not in element:
        return None
    key, _, target = element.partition(" : ")
    *address, protocol, port, _ = key.split(" . ")
    if protocol != "udp":
        return None
    return Front(family_of(target), packed(address[0]) if address else b"", int(port))


def _is_stale(
    flow: Flow, family: int, changed: Mapping[Front, frozenset[Target]], had: Mapping[Front, frozenset[Target]]
) -> bool:
    address, port = flow.destination
    virtual = Front(family, address, port)
    if virtual in changed:
        return flow.answering not in changed[virtual]
    published = Front(family, b"", port)
    if published not in changed:
        return False
    if not flow.is_translated:  # from before the port was published
        return published not in had
    return flow.answering in had.get(published, frozenset()) - changed[published]


def changed_tables(pairs: Iterable[tuple[object, object]]) -> Iterator[tuple[Table | None, Table | None]]:
    """Of attributes before and after, those of tables."""
    for before, after in pairs:
        if isinstance(before, Table) or isinstance(after, Table):
            yield (before if isinstance(before, Table) else None), (after if isinstance(after, Table) else None)
