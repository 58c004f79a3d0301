"""Flows of UDP that connection tracking goes on sending where they no longer belong.

A translation is decided once for a connection, and kept for as long as it goes on. TCP connections end, but a client
that goes on sending datagrams is translated to an endpoint that is gone for ever. So what tracking knows of them is
removed when their frontend leads elsewhere, or nowhere; their next datagram is translated anew.
"""

import socket
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from typing import NamedTuple

from netctl.kinds.nftables import Table
from reconcilers.nftables.attributes import attribute, parse
from reconcilers.nftables.messages import RequestError, error_in, split
from reconcilers.nftables.sockets import netfilter_socket
from reconcilers.nftables.uapi import NLMSG_DONE, NLMSG_ERROR, Flag

_CTNETLINK = 1
_GET, _DELETE = 1, 2
"""IPCTNL_MSG_CT_… of linux/netfilter/nfnetlink_conntrack.h, whose attributes follow."""
_ORIGINAL, _REPLY, _ZONE = 1, 2, 18
_IP, _PROTOCOL = 1, 2
_SOURCE = {int(socket.AF_INET): 1, int(socket.AF_INET6): 3}
_DESTINATION = {int(socket.AF_INET): 2, int(socket.AF_INET6): 4}
_NUMBER, _SOURCE_PORT, _DESTINATION_PORT = 1, 2, 3
_UDP = socket.IPPROTO_UDP
_PORT = ("inet_service",)
_NESTED = 0x8000
_HEADER = struct.Struct("=IHHII")
_GENMSG = struct.Struct(">BBH")
_RECEIVE = 1 << 18
_ENOENT = 2

Target = tuple[bytes, int]
"""An address and a port."""


class Front(NamedTuple):
    """Where clients send to; the address is empty for every one of the host."""

    family: int
    address: bytes
    port: int


class Flow(NamedTuple):
    """What is tracked: where the client sent, who answers, and how the kernel knows it."""

    destination: Target
    answering: Target
    identity: bytes


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
            stale = [flow for flow in _flows(connection, family) if _is_stale(flow, family, changed, had)]
            for flow in stale:
                _delete(connection, family, flow)
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
                found.setdefault(front, set()).add((socket.inet_pton(_family(address), address), int(port)))
    return {front: frozenset(targets) for front, targets in found.items()}


def _maps(table: Table | None) -> dict[str, frozenset[str]]:
    """The elements of the maps that destinations are translated by: those of an address and a port."""
    return {entry.name: entry.elements for entry in (table.sets if table else ()) if entry.data[1:] == _PORT}


def _front(element: str) -> Front | None:
    """Of ``10.96.0.1 . udp . 53 . 0x00000000 : 10.10.0.1 . 53`` where it is sent to; None for another protocol."""
    if "udp . " not in element:
        return None
    key, _, target = element.partition(" : ")
    *address, protocol, port, _ = key.split(" . ")
    if protocol != "udp":
        return None
    family = _family(target)
    return Front(family, socket.inet_pton(family, address[0]) if address else b"", int(port))


def _family(address: str) -> int:
    return int(socket.AF_INET6 if ":" in address else socket.AF_INET)


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
    if flow.answering == flow.destination:  # from before the port was published
        return published not in had
    return flow.answering in had.get(published, frozenset()) - changed[published]


def _flows(connection: socket.socket, family: int) -> Iterator[Flow]:
    """The tracked flows of UDP."""
    for payload in _exchange(connection, _GET, family, b"", Flag.DUMP):
        attributes = parse(payload)
        original = _tuple(attributes[_ORIGINAL], family)
        if original is not None:
            answering = _tuple(attributes[_REPLY], family, answering=True)
            zone = attribute(_ZONE, attributes[_ZONE]) if _ZONE in attributes else b""
            identity = attribute(_ORIGINAL | _NESTED, attributes[_ORIGINAL]) + zone
            if answering is not None:
                yield Flow(original, answering, identity)


def _tuple(raw: bytes, family: int, *, answering: bool = False) -> Target | None:
    """The destination of one direction, or its source; None for another protocol than UDP."""
    parts = parse(raw)
    protocol = parse(parts[_PROTOCOL])
    if protocol[_NUMBER][0] != _UDP:
        return None
    address = parse(parts[_IP])[(_SOURCE if answering else _DESTINATION)[family]]
    return address, int.from_bytes(protocol[_SOURCE_PORT if answering else _DESTINATION_PORT], "big")


def _delete(connection: socket.socket, family: int, flow: Flow) -> None:
    try:
        list(_exchange(connection, _DELETE, family, flow.identity, Flag.ACK))
    except RequestError as error:
        if error.errno != _ENOENT:  # it has ended by itself
            raise


def _exchange(connection: socket.socket, kind: int, family: int, payload: bytes, flags: int) -> Iterator[bytes]:
    """The payloads of the kernel's replies. Raises RequestError."""
    length = _HEADER.size + _GENMSG.size + len(payload)
    header = _HEADER.pack(length, _CTNETLINK << 8 | kind, Flag.REQUEST | flags, 1, 0)
    connection.send(header + _GENMSG.pack(family, 0, 0) + payload)
    while True:
        for envelope, reply in split(connection.recv(_RECEIVE)):
            if reply.type in {NLMSG_DONE, NLMSG_ERROR}:
                code, detail = error_in(envelope, reply)
                if code:
                    raise RequestError("read or remove tracked flows", code, detail)
                return
            yield reply.payload


def changed_tables(pairs: Iterable[tuple[object, object]]) -> Iterator[tuple[Table | None, Table | None]]:
    """Of attributes before and after, those of tables."""
    for before, after in pairs:
        if isinstance(before, Table) or isinstance(after, Table):
            yield (before if isinstance(before, Table) else None), (after if isinstance(after, Table) else None)
