"""Netlink attributes: a length, a type, a payload, padded to four bytes."""

from collections.abc import Iterator
from struct import Struct, pack

_HEADER = Struct("=HH")
_NESTED = 0x8000
_TYPE_MASK = 0x3FFF
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")
MAX_ATTRIBUTE = 0xFFFF
"""Bytes, header included."""

Attributes = dict[int, bytes]
"""Payloads by type."""


def padded(payload: bytes) -> bytes:
    """The payload, filled with zeros to a multiple of four bytes."""
    return payload + _PADDING[len(payload) & 3]


def attribute(type_: int, payload: bytes) -> bytes:
    """One attribute. Raises struct.error where the payload is over 65,531 bytes long."""
    return _HEADER.pack(len(payload) + 4, type_) + payload + _PADDING[len(payload) & 3]


def nest(type_: int, *attributes: bytes) -> bytes:
    """An attribute that holds attributes."""
    return attribute(type_ | _NESTED, b"".join(attributes))


def string(type_: int, text: str) -> bytes:
    """An attribute of text, with the NUL that the kernel wants."""
    return attribute(type_, text.encode() + b"\0")


def u32(type_: int, value: int) -> bytes:
    """A number of four bytes in network order, negative or not."""
    return attribute(type_, pack(">I", value & 0xFFFFFFFF))


def u64(type_: int, value: int) -> bytes:
    """A number of eight bytes in network order."""
    return attribute(type_, pack(">Q", value))


def parse(payload: bytes, start: int = 0, end: int | None = None) -> Attributes:
    """The attributes in ``payload[start:end]``; of several of one type, the last. Trailing rubbish is left out."""
    found: Attributes = {}
    unpack = _HEADER.unpack_from
    end = len(payload) if end is None else end
    while start + 4 <= end:
        length, type_ = unpack(payload, start)
        if length < 4:
            break
        found[type_ & _TYPE_MASK] = payload[start + 4 : start + length]
        start += (length + 3) & ~3
    return found


def items(payload: bytes) -> Iterator[bytes]:
    """The payloads of a list of attributes, whatever their type."""
    unpack = _HEADER.unpack_from
    start, end = 0, len(payload)
    while start + 4 <= end:
        length, _ = unpack(payload, start)
        if length < 4:
            return
        yield payload[start + 4 : start + length]
        start += (length + 3) & ~3


def text(payload: bytes) -> str:
    """A NUL-terminated string."""
    return payload.rstrip(b"\0").decode(errors="backslashreplace")


def number(payload: bytes) -> int:
    """An unsigned number in network order."""
    return int.from_bytes(payload, "big")
