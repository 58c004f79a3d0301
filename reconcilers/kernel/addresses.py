"""Addresses on the wire."""

from collections.abc import Iterator
from typing import NamedTuple

from netctl.kinds.address import Address
from netctl.kinds.route import PROTOCOL
from reconcilers.kernel import wire
from reconcilers.kernel.rtnetlink import Request, Rtnetlink, messages

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


def dump_addresses(socket: Rtnetlink) -> list[AddressRow]:
    """Every address of a namespace."""
    body = wire.IFADDR.pack(0, 0, 0, 0, 0)
    return [row for chunk in socket.dump(wire.RTM_GETADDR, body) for row in read_addresses(chunk)]


def read_addresses(chunk: bytes) -> Iterator[AddressRow]:
    """The addresses in a received chunk."""
    for kind, start, end in messages(chunk):
        if kind == wire.RTM_NEWADDR:
            _, length, flags, scope, index = wire.IFADDR.unpack_from(chunk, start)
            found = wire.attributes(chunk, start + wire.IFADDR.size, end)
            address = wire.read_address(found.get(IFA_LOCAL) or found.get(IFA_ADDRESS))
            flags = wire.read_number(found.get(IFA_FLAGS), flags)
            yield AddressRow(index, f"{address}/{length}", flags, wire.read_number(found.get(IFA_PROTO)), scope == _SCOPE_LINK)


def decode_address(row: AddressRow, link: str, netns: str) -> Address:
    """The attributes of an address, in canonical form."""
    nodad = bool(row.flags & IFA_F_NODAD) if ":" in row.address else None
    return Address(netns, link, row.address, bool(row.flags & IFA_F_PERMANENT), nodad)


def set_address(address: Address, ifindex: int, *, owned: bool = True) -> Request:
    """Put an address on a link, or renew it."""
    text, _, length = address.address.partition("/")
    packed = wire.write_address(text)
    flags = IFA_F_PERMANENT | (IFA_F_NODAD if address.nodad else 0)
    body = (
        wire.IFADDR.pack(wire.family_of(text), int(length), flags & 0xFF, 0, ifindex)
        + wire.attribute(IFA_LOCAL, packed)
        + wire.attribute(IFA_ADDRESS, packed)
        + wire.number(IFA_FLAGS, flags)
        + (wire.attribute(IFA_PROTO, bytes([PROTOCOL])) if owned else b"")
    )
    return Request(wire.RTM_NEWADDR, wire.NLM_F_CREATE | wire.NLM_F_REPLACE, body)


def delete_address(address: Address, ifindex: int) -> Request:
    """Take an address off a link."""
    text, _, length = address.address.partition("/")
    packed = wire.attribute(IFA_LOCAL, wire.write_address(text))
    return Request(wire.RTM_DELADDR, 0, wire.IFADDR.pack(wire.family_of(text), int(length), 0, 0, ifindex) + packed)
