"""Neighbours and VXLAN forwarding entries on the wire: the kernel has one message for both."""

from collections.abc import Callable, Iterable, Iterator

from netctl.kinds.neighbour import FLOOD_MAC, FdbEntry, Neighbour
from netctl.kinds.route import PROTOCOL
from reconcilers.kernel import wire
from reconcilers.kernel.rows import RowReader
from reconcilers.kernel.rtnetlink import Request, Rtnetlink

NDA_DST, NDA_LLADDR, NDA_IFINDEX, NDA_PROTOCOL = 1, 2, 8, 12
NTF_SELF, NTF_PROXY, NTF_EXT_LEARNED = 0x02, 0x08, 0x10
NUD_REACHABLE, NUD_STALE, NUD_PERMANENT = 0x02, 0x04, 0x80
_FEW = 32
"""Up to so many devices are asked for one by one; above that one dump of all costs less."""


Row = tuple[int, int, int, int, int, bytes, bytes, bytes]
"""An entry as the kernel tells it: family, interface index, state, flags, type; address, MAC, protocol (or empty).

A plain tuple, since there may be tens of thousands.
"""


def dump_neighbours(socket: Rtnetlink, indexes: Iterable[int]) -> Iterator[Row]:
    """The IPv4 and IPv6 neighbours on the devices with these indexes."""
    wanted = frozenset(indexes)
    filters = [wire.number(NDA_IFINDEX, index) for index in sorted(wanted)] if len(wanted) <= _FEW else [b""]
    reader = _row_reader()
    for family in (wire.AF_INET, wire.AF_INET6):
        for chosen in filters:
            for chunk in socket.dump(wire.RTM_GETNEIGH, wire.NDMSG.pack(family, 0, 0, 0, 0) + chosen):
                yield from [row for row in reader.read(chunk) if row[1] in wanted]


def dump_fdb(socket: Rtnetlink, indexes: Iterable[int]) -> Iterator[Row]:
    """The devices' own forwarding entries (``self``), not those of a bridge they are ports of."""
    wanted = frozenset(indexes)
    reader = _row_reader()
    for index in sorted(wanted) if len(wanted) <= _FEW else [0]:
        for chunk in socket.dump(wire.RTM_GETNEIGH, wire.NDMSG.pack(wire.AF_BRIDGE, index, 0, 0, 0)):
            yield from [row for row in reader.read(chunk) if row[1] in wanted and row[3] & NTF_SELF]


def entry_reader(kind: int) -> Callable[[bytes], Iterator[Row]]:
    """Reads the neighbours and forwarding entries in the messages of a *kind* (RTM_NEWNEIGH, RTM_DELNEIGH)."""
    return _row_reader(kind).read


def _row_reader(kind: int = wire.RTM_NEWNEIGH) -> RowReader:
    return RowReader(kind, wire.NDMSG, (NDA_DST, NDA_LLADDR, NDA_PROTOCOL))


def set_neighbour(neighbour: Neighbour, ifindex: int, *, owned: bool = True) -> Request:
    """Make a neighbour, or change it."""
    state = NUD_STALE if neighbour.permanent is False else NUD_PERMANENT
    body = (
        wire.NDMSG.pack(wire.family_of(neighbour.address), ifindex, state, 0, 0)
        + wire.attribute(NDA_DST, wire.write_address(neighbour.address))
        + wire.attribute(NDA_LLADDR, wire.write_mac(neighbour.mac or FLOOD_MAC))
        + (wire.attribute(NDA_PROTOCOL, bytes([PROTOCOL])) if owned else b"")
    )
    return Request(wire.RTM_NEWNEIGH, wire.NLM_F_CREATE | wire.NLM_F_REPLACE, body)


def delete_neighbour(neighbour: Neighbour, ifindex: int) -> Request:
    """Delete a neighbour."""
    address = wire.attribute(NDA_DST, wire.write_address(neighbour.address))
    return Request(wire.RTM_DELNEIGH, 0, wire.NDMSG.pack(wire.family_of(neighbour.address), ifindex, 0, 0, 0) + address)


def set_fdb(entry: FdbEntry, ifindex: int, *, owned: bool = True) -> Request:
    """Make a forwarding entry, or point it elsewhere. `FLOOD_MAC` may have several, so one is added."""
    flags = wire.NLM_F_CREATE | (wire.NLM_F_APPEND if entry.mac == FLOOD_MAC else wire.NLM_F_REPLACE)
    state = NUD_REACHABLE if entry.permanent is False else NUD_PERMANENT
    return Request(wire.RTM_NEWNEIGH, flags, _encode_fdb(entry, ifindex, state, owned=owned))


def delete_fdb(entry: FdbEntry, ifindex: int) -> Request:
    """Delete a forwarding entry; of a `FLOOD_MAC` the one for its destination."""
    return Request(wire.RTM_DELNEIGH, 0, _encode_fdb(entry, ifindex, 0, owned=True))


def _encode_fdb(entry: FdbEntry, ifindex: int, state: int, *, owned: bool) -> bytes:
    return (
        wire.NDMSG.pack(wire.AF_BRIDGE, ifindex, state, NTF_SELF | (NTF_EXT_LEARNED if owned else 0), 0)
        + wire.attribute(NDA_LLADDR, wire.write_mac(entry.mac))
        + (wire.attribute(NDA_DST, wire.write_address(entry.destination)) if entry.destination else b"")
    )
