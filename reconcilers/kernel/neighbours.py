"""Neighbours and VXLAN forwarding entries on the wire: the kernel has one message for both."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from netctl.kinds.neighbour import FLOOD_MAC, FdbEntry, Neighbour
from netctl.kinds.route import PROTOCOL
from reconcilers.kernel import wire
from reconcilers.kernel.rtnetlink import Request, Rtnetlink, messages

NDA_DST, NDA_LLADDR, NDA_IFINDEX, NDA_PROTOCOL = 1, 2, 8, 12
NTF_SELF, NTF_PROXY, NTF_EXT_LEARNED = 0x02, 0x08, 0x10
NUD_NOARP, NUD_PERMANENT = 0x40, 0x80
_FEW = 32
"""Up to so many devices are asked for one by one; above that one dump of all costs less."""


class NeighbourRow(NamedTuple):
    """One neighbour or forwarding entry as the kernel tells it."""

    ifindex: int
    address: str
    mac: str
    state: int
    flags: int
    protocol: int


def dump_neighbours(socket: Rtnetlink, indexes: Iterable[int]) -> Iterator[NeighbourRow]:
    """The IPv4 and IPv6 neighbours on the devices with these indexes."""
    wanted = frozenset(indexes)
    filters = [wire.number(NDA_IFINDEX, index) for index in sorted(wanted)] if len(wanted) <= _FEW else [b""]
    for family in (wire.AF_INET, wire.AF_INET6):
        for chosen in filters:
            for chunk in socket.dump(wire.RTM_GETNEIGH, wire.NDMSG.pack(family, 0, 0, 0, 0) + chosen):
                yield from (row for row in read_neighbours(chunk) if row.ifindex in wanted)


def dump_fdb(socket: Rtnetlink, indexes: Iterable[int]) -> Iterator[NeighbourRow]:
    """The devices' own forwarding entries (``self``), not those of a bridge they are ports of."""
    wanted = frozenset(indexes)
    for index in sorted(wanted) if len(wanted) <= _FEW else [0]:
        for chunk in socket.dump(wire.RTM_GETNEIGH, wire.NDMSG.pack(wire.AF_BRIDGE, index, 0, 0, 0)):
            yield from (row for row in read_neighbours(chunk) if row.ifindex in wanted and row.flags & NTF_SELF)


def read_neighbours(chunk: bytes) -> Iterator[NeighbourRow]:
    """The entries in a received chunk."""
    for kind, start, end in messages(chunk):
        if kind == wire.RTM_NEWNEIGH:
            _, index, state, flags, _ = wire.NDMSG.unpack_from(chunk, start)
            found = wire.attributes(chunk, start + wire.NDMSG.size, end)
            yield NeighbourRow(
                index,
                wire.read_address(found.get(NDA_DST)),
                wire.read_mac(found.get(NDA_LLADDR)),
                state,
                flags,
                wire.read_number(found.get(NDA_PROTOCOL)),
            )


def decode_neighbour(row: NeighbourRow, link: str) -> Neighbour:
    """The attributes of a neighbour, in canonical form."""
    return Neighbour(link, row.address, row.mac, bool(row.state & NUD_PERMANENT))


def decode_fdb(row: NeighbourRow, link: str) -> FdbEntry:
    """The attributes of a forwarding entry, in canonical form."""
    return FdbEntry(link, row.mac, row.address, bool(row.state & NUD_PERMANENT))


def set_neighbour(neighbour: Neighbour, ifindex: int) -> Request:
    """Make a permanent neighbour, or change it."""
    body = (
        wire.NDMSG.pack(wire.family_of(neighbour.address), ifindex, NUD_PERMANENT, 0, 0)
        + wire.attribute(NDA_DST, wire.write_address(neighbour.address))
        + wire.attribute(NDA_LLADDR, wire.write_mac(neighbour.mac or FLOOD_MAC))
        + wire.attribute(NDA_PROTOCOL, bytes([PROTOCOL]))
    )
    return Request(wire.RTM_NEWNEIGH, wire.NLM_F_CREATE | wire.NLM_F_REPLACE, body)


def delete_neighbour(neighbour: Neighbour, ifindex: int) -> Request:
    """Delete a neighbour."""
    address = wire.attribute(NDA_DST, wire.write_address(neighbour.address))
    return Request(wire.RTM_DELNEIGH, 0, wire.NDMSG.pack(wire.family_of(neighbour.address), ifindex, 0, 0, 0) + address)


def set_fdb(entry: FdbEntry, ifindex: int) -> Request:
    """Make a permanent forwarding entry, or point it elsewhere. `FLOOD_MAC` may have several, so one is added."""
    flags = wire.NLM_F_CREATE | (wire.NLM_F_APPEND if entry.mac == FLOOD_MAC else wire.NLM_F_REPLACE)
    return Request(wire.RTM_NEWNEIGH, flags, _encode_fdb(entry, ifindex, NUD_PERMANENT))


def delete_fdb(entry: FdbEntry, ifindex: int) -> Request:
    """Delete a forwarding entry; of a `FLOOD_MAC` the one for its destination."""
    return Request(wire.RTM_DELNEIGH, 0, _encode_fdb(entry, ifindex, 0))


def _encode_fdb(entry: FdbEntry, ifindex: int, state: int) -> bytes:
    return (
        wire.NDMSG.pack(wire.AF_BRIDGE, ifindex, state, NTF_SELF | NTF_EXT_LEARNED, 0)
        + wire.attribute(NDA_LLADDR, wire.write_mac(entry.mac))
        + (wire.attribute(NDA_DST, wire.write_address(entry.destination)) if entry.destination else b"")
    )
