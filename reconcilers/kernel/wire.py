"""Netlink's wire form: headers, attributes, and the numbers of the kernel's headers that are used here.

Sources: ``linux/netlink.h``, ``linux/rtnetlink.h``, ``linux/if_link.h``, ``linux/if_addr.h``, ``linux/neighbour.h``,
``linux/fib_rules.h``. Integers are in the host's byte order, as netlink has them.
"""

import socket
import sys
from struct import Struct

NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_REQUEST, NLM_F_MULTI, NLM_F_ACK, NLM_F_DUMP_INTR, NLM_F_DUMP = 0x1, 0x2, 0x4, 0x10, 0x300
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE, NLM_F_APPEND = 0x100, 0x200, 0x400, 0x800
NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x100, 0x200

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 28, 29, 30
RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE = 32, 33, 34
RTM_NEWNETCONF, RTM_DELNETCONF = 80, 81
RTM_NEWNSID, RTM_GETNSID = 88, 90
RTM_NEWLINKPROP, RTM_DELLINKPROP = 108, 109

HEADER = Struct("=IHHII")  # length, type, flags, sequence, port
ATTRIBUTE = Struct("=HH")  # length, type
U32 = Struct("=I")
IFINFO = Struct("=BxHiII")  # family, device type, index, flags, change
IFADDR = Struct("=BBBBI")  # family, prefix length, flags, scope, index
RTMSG = Struct("=BBBBBBBBI")  # family, dst length, src length, tos, table, protocol, scope, type, flags
NDMSG = Struct("=BxxxiHBB")  # family, index, state, flags, type
RULEHDR = Struct("=BBBBBBBBI")  # family, dst length, src length, tos, table, reserved, reserved, action, flags
NEXTHOP = Struct("=HBBi")  # length, flags, hops (weight - 1), index

NESTED = 0x8000
TYPE_MASK = 0x3FFF

AF_INET, AF_INET6, AF_BRIDGE = socket.AF_INET, socket.AF_INET6, 7


def is_deletion(kind: int) -> bool:
    """Whether a message of that type deletes: types come in fours, NEW, DEL, GET and SET."""
    return kind & 3 == 1


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    length = 4 + len(value)
    return ATTRIBUTE.pack(length, kind) + value + bytes(-length & 3)


def number(kind: int, value: int) -> bytes:
    """A 32-bit attribute."""
    return ATTRIBUTE.pack(8, kind) + U32.pack(value)


def text(kind: int, value: str) -> bytes:
    """A NUL-terminated string."""
    return attribute(kind, value.encode() + b"\0")


def nested(kind: int, *members: bytes) -> bytes:
    """An attribute made of attributes."""
    return attribute(kind | NESTED, b"".join(members))


def attributes(message: bytes, start: int, end: int) -> dict[int, bytes]:
    """The attributes between *start* and *end*, by type; of two of one type the later one.

    What does not fit between them, and all that follows it, is left out.
    """
    found: dict[int, bytes] = {}
    unpack = ATTRIBUTE.unpack_from
    while start + 4 <= end:
        length, kind = unpack(message, start)
        if length < 4 or start + length > end:
            break
        found[kind & TYPE_MASK] = message[start + 4 : start + length]
        start += (length + 3) & ~3
    return found


def nested_attributes(value: bytes) -> dict[int, bytes]:
    """The attributes within an attribute's value."""
    return attributes(value, 0, len(value))


def listed_attributes(value: bytes) -> list[bytes]:
    """The values of a list of attributes of one type."""
    found, start = [], 0
    while start + 4 <= len(value):
        length, _ = ATTRIBUTE.unpack_from(value, start)
        if length < 4 or start + length > len(value):
            break
        found.append(value[start + 4 : start + length])
        start += (length + 3) & ~3
    return found


def read_number(value: bytes | None, default: int = 0) -> int:
    """A number of 8, 16 or 32 bits."""
    return default if value is None else int.from_bytes(value[:4], sys.byteorder)


def read_text(value: bytes | None) -> str:
    """A NUL-terminated string; empty where there is none."""
    return "" if value is None else value.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")


def read_mac(value: bytes | None) -> str:
    """A hardware address as ``02:00:5e:10:00:01``."""
    return "" if value is None else value.hex(":")


def write_mac(mac: str) -> bytes:
    """A hardware address's bytes."""
    return bytes.fromhex(mac.replace(":", ""))


def read_address(value: bytes | None) -> str:
    """An IPv4 or IPv6 address by its length; empty where there is none."""
    if not value:
        return ""
    return socket.inet_ntop(AF_INET if len(value) == 4 else AF_INET6, value)


def write_address(address: str) -> bytes:
    """An address's 4 or 16 bytes."""
    return socket.inet_pton(AF_INET6 if ":" in address else AF_INET, address)


def family_of(address: str) -> int:
    """The address family of an address or prefix."""
    return AF_INET6 if ":" in address else AF_INET
