"""Addresses on the wire."""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from netctl.kinds.address import Address
from netctl.kinds.route import PROTOCOL
from reconcilers.kernel import wire
from reconcilers.kernel.rows import RowReader
from reconcilers.kernel.rtnetlink import Request, Rtnetlink

IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS, IFA_PROTO = 1, 2, 8, 11
IFA_F_NODAD, IFA_F_PERMANENT = 0x02, 0x80
_SCOPE_LINK = 253


class AddressRow(NamedTuple):
    """One address as the kernel tells it."""

    ifindex: int
    address: str
    """With its prefix length."""
    flags: int
    protocol: int
    link_local: bool
    """Whether IPv6 made it by itself (RFC 4862, 5.3)."""
    peer: bool
    """Whether it is one end of a point-to-point link: the prefix length is then of the other end."""

    @property
    def is_whole(self) -> bool:
        """Whether its prefix is the address itself."""
        return self.address.endswith("/128" if ":" in self.address else "/32")


def dump_addresses(socket: Rtnetlink, ifindex: int = 0) -> Iterator[AddressRow]:
    """Every address of a namespace, or of one of its links."""
    reader = _row_reader()
    # Apart, since what disturbs a dump of one family need not disturb the other.
    chunks = [
        *socket.dump(wire.RTM_GETADDR, wire.IFADDR.pack(wire.AF_INET, 0, 0, 0, ifindex)),
        *socket.dump(wire.RTM_GETADDR, wire.IFADDR.pack(wire.AF_INET6, 0, 0, 0, ifindex)),
    ]
    for chunk in chunks:
        yield from _read_rows(reader, chunk)


def address_reader(kind: int) -> Callable[[bytes], Iterator[AddressRow]]:
    """Reads the addresses in the messages of a *kind* (RTM_NEWADDR, RTM_DELADDR) of a received chunk."""
    return partial(_read_rows, _row_reader(kind))


def _row_reader(kind: int = wire.RTM_NEWADDR) -> RowReader:
    return RowReader(kind, wire.IFADDR, (IFA_LOCAL, IFA_ADDRESS, IFA_FLAGS, IFA_PROTO))


def _read_rows(reader: RowReader, chunk: bytes) -> Iterator[AddressRow]:
    for family, length, short_flags, scope, index, local, address, flags, protocol in reader.read(chunk):
        yield AddressRow(
            index,
            f"{wire.read_address(local or address)}/{length}",
            int.from_bytes(flags, sys.byteorder) if flags else short_flags,
            int.from_bytes(protocol, sys.byteorder),
            family == wire.AF_INET6 and scope == _SCOPE_LINK,
            bool(local) and local != address,
        )


def decode_address(row: AddressRow, link: str, netns: str, *, prefix_route: bool = True) -> Address:
    """The attributes of an address, in canonical form."""
    nodad = bool(row.flags & IFA_F_NODAD) if ":" in row.address else None
    return Address(netns, link, row.address, bool(row.flags & IFA_F_PERMANENT), nodad, prefix_route)


def prefix_of(address: str) -> str:
    """The prefix of an address with its length: ``10.10.0.0/24`` of ``10.10.0.1/24``."""
    text, _, length = address.partition("/")
    packed = wire.write_address(text)
    beyond = len(packed) * 8 - int(length)
    value = int.from_bytes(packed, "big") >> beyond << beyond
    return f"{wire.read_address(value.to_bytes(len(packed), 'big'))}/{length}"


def set_address(address: Address, ifindex: int, protocol: int = PROTOCOL) -> Request:
    """Put an address on a link, or renew it."""
    text, _, length = address.address.partition("/")
    packed = wire.write_address(text)
    flags = IFA_F_PERMANENT | (IFA_F_NODAD if address.nodad else 0)
    body = (
        wire.IFADDR.pack(wire.family_of(text), int(length), flags & 0xFF, 0, ifindex)
        + wire.attribute(IFA_LOCAL, packed)
        + wire.attribute(IFA_ADDRESS, packed)
        + wire.number(IFA_FLAGS, flags)
        + (wire.attribute(IFA_PROTO, bytes([protocol])) if protocol else b"")
    )
    return Request(wire.RTM_NEWADDR, wire.NLM_F_CREATE | wire.NLM_F_REPLACE, body)


def delete_address(address: Address, ifindex: int) -> Request:
    """Take an address off a link."""
    text, _, length = address.address.partition("/")
    packed = wire.attribute(IFA_LOCAL, wire.write_address(text))
    return Request(wire.RTM_DELADDR, 0, wire.IFADDR.pack(wire.family_of(text), int(length), 0, 0, ifindex) + packed)
