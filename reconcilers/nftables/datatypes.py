"""nft's data types: values as text and as the kernel's bytes.

Numbers and byte orders are those of nft's own datatype table, which the kernel keeps with a set for nft to print it.
"""

import socket
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache, partial, reduce
from operator import or_
from types import MappingProxyType
from typing import Literal, NamedTuple

HOST_ORDER, NETWORK_ORDER = 1, 2
IFNAMSIZ = 16
_CACHED = 4096
"""Values of a type whose text is remembered: there are few protocols, ports and interfaces, but many elements."""

_Order = Literal["big", "little"]
_Codec = tuple[Callable[[str], bytes], Callable[[bytes], str]]


class DataType(NamedTuple):
    """One type. Encoders raise ValueError for text that is not a value of it."""

    name: str
    number: int
    length: int
    """Bytes."""
    order: int
    encode: Callable[[str], bytes]
    decode: Callable[[bytes], str]
    prefixes: bool = False
    """Whether ranges that are prefixes are written as such."""
    ranges: bool = False
    bits: bool = False
    """Whether a value is a set of named bits."""


Span = tuple[bytes, bytes]
"""The first and the last value of an interval."""


def span_of(text: str, datatype: DataType) -> Span:
    """The interval that an element means: one value, a prefix or a range."""
    if datatype.prefixes and "/" in text:
        address, _, length = text.partition("/")
        return _prefix_span(datatype.encode(address), int(length), datatype)
    if datatype.ranges and "-" in text:
        first, _, last = text.partition("-")
        span = datatype.encode(first), datatype.encode(last)
        if span[0] > span[1]:
            raise ValueError(f"the range {text} ends before it begins")
        return span
    value = datatype.encode(text)
    return value, value


def span_text(first: bytes, last: bytes, datatype: DataType) -> str:
    """An interval as nft prints it: one value, a prefix where it is one, else a range."""
    if first == last:
        return datatype.decode(first)
    if datatype.prefixes:
        host_bits = prefix_host_bits(first, last)
        if host_bits is not None:
            return f"{datatype.decode(first)}/{datatype.length * 8 - host_bits}"
    return f"{datatype.decode(first)}-{datatype.decode(last)}"


def prefix_host_bits(first: bytes, last: bytes) -> int | None:
    """How many low bits vary, where *first* to *last* is a prefix; else None."""
    start = int.from_bytes(first, "big")
    varying = start ^ int.from_bytes(last, "big")
    return varying.bit_length() if not varying & (varying + 1) and not start & varying else None


def _prefix_span(address: bytes, length: int, datatype: DataType) -> Span:
    bits = datatype.length * 8
    if not 0 <= length <= bits:
        raise ValueError(f"/{length} is no prefix length of {datatype.name}")
    varying = (1 << (bits - length)) - 1
    start = int.from_bytes(address, "big")
    if start & varying:
        raise ValueError(f"{datatype.decode(address)}/{length} has host bits set")
    return address, (start | varying).to_bytes(datatype.length, "big")


def _address(family: int) -> _Codec:
    def encode(text: str) -> bytes:
        try:
            return socket.inet_pton(family, text)
        except OSError:
            raise ValueError(f"'{text}' is not an address") from None

    return encode, partial(socket.inet_ntop, family)


@lru_cache(_CACHED)
def _interface(name: str) -> bytes:
    raw = name.encode()
    if not 0 < len(raw) < IFNAMSIZ:
        raise ValueError(f"'{name}' cannot be an interface's name")
    return raw.ljust(IFNAMSIZ, b"\0")


@lru_cache(_CACHED)
def _interface_name(raw: bytes) -> str:
    return raw.rstrip(b"\0").decode(errors="backslashreplace")


def _mac(text: str) -> bytes:
    raw = bytes.fromhex(text.replace(":", ""))
    if len(raw) != 6:
        raise ValueError(f"'{text}' is not a MAC address")
    return raw


def _numbers(length: int, order: _Order = "big", names: dict[str, int] | None = None, shape: str = "{}") -> _Codec:
    """Numbers, some of which have names; *shape* is how the others are written."""
    known = names or {}
    named = {value: name for name, value in known.items()}

    def encode(text: str) -> bytes:
        try:
            return (known[text] if text in known else int(text, 0)).to_bytes(length, order)
        except OverflowError:
            raise ValueError(f"{text} does not fit in {length} bytes") from None

    def decode(raw: bytes) -> str:
        value = int.from_bytes(raw, order)
        return named.get(value) or shape.format(value)

    return lru_cache(_CACHED)(encode), lru_cache(_CACHED)(decode)


def _bits(length: int, names: dict[str, int]) -> _Codec:
    """Sets of named bits, written in the order of *names*."""

    def encode(text: str) -> bytes:
        bits = [names[name] if name in names else int(name, 0) for name in text.split(",")]
        return reduce(or_, bits).to_bytes(length, sys.byteorder)

    def decode(raw: bytes) -> str:
        value = int.from_bytes(raw, sys.byteorder)
        rest = value & ~sum(names.values())
        return ",".join([name for name, bit in names.items() if value & bit] + ([hex(rest)] if rest else []))

    return encode, decode


_ETHER_TYPES = {"ip": 0x0800, "arp": 0x0806, "8021q": 0x8100, "ip6": 0x86DD}
_PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "ipv6-icmp": 58, "sctp": 132}
_CT_STATES = {"invalid": 1, "established": 2, "related": 4, "new": 8, "untracked": 64}
_CT_STATUS = {"expected": 1, "seen-reply": 2, "assured": 4, "confirmed": 8, "snat": 16, "dnat": 32, "dying": 512}
_ADDRESS_TYPES = {"unicast": 1, "local": 2, "broadcast": 3, "anycast": 4, "multicast": 5, "blackhole": 6}

_TYPES = (
    DataType("nf_proto", 2, 1, HOST_ORDER, *_numbers(1, names={"ipv4": 2, "ipv6": 10})),
    DataType("ipv4_addr", 7, 4, NETWORK_ORDER, *_address(socket.AF_INET), prefixes=True, ranges=True),
    DataType("ipv6_addr", 8, 16, NETWORK_ORDER, *_address(socket.AF_INET6), prefixes=True, ranges=True),
    DataType("ether_addr", 9, 6, NETWORK_ORDER, _mac, partial(bytes.hex, sep=":")),
    DataType("ether_type", 10, 2, NETWORK_ORDER, *_numbers(2, names=_ETHER_TYPES, shape="0x{:04x}")),
    DataType("inet_proto", 12, 1, NETWORK_ORDER, *_numbers(1, names=_PROTOCOLS)),
    DataType("inet_service", 13, 2, NETWORK_ORDER, *_numbers(2), ranges=True),
    DataType("icmp_type", 14, 1, NETWORK_ORDER, *_numbers(1)),
    DataType("mark", 19, 4, HOST_ORDER, *_numbers(4, sys.byteorder, shape="0x{:08x}")),
    DataType("ct_state", 26, 4, HOST_ORDER, *_bits(4, _CT_STATES), bits=True),
    DataType("ct_dir", 27, 1, HOST_ORDER, *_numbers(1, names={"original": 0, "reply": 1})),
    DataType("ct_status", 28, 4, HOST_ORDER, *_bits(4, _CT_STATUS), bits=True),
    DataType("icmpv6_type", 29, 1, NETWORK_ORDER, *_numbers(1)),
    DataType("icmp_code", 32, 1, NETWORK_ORDER, *_numbers(1), ranges=True),
    DataType("icmpv6_code", 33, 1, NETWORK_ORDER, *_numbers(1), ranges=True),
    DataType("fib_addrtype", 38, 4, HOST_ORDER, *_numbers(4, sys.byteorder, names=_ADDRESS_TYPES)),
    DataType("ifname", 41, IFNAMSIZ, HOST_ORDER, _interface, _interface_name),
)

DATATYPES = MappingProxyType({datatype.name: datatype for datatype in _TYPES})
"""The types that netctl knows, by name."""
BY_NUMBER = MappingProxyType({datatype.number: datatype for datatype in _TYPES})
"""The same, by nft's number."""


class Concatenation:
    """Values of several types side by side, ``nc-web . 10.10.0.1``; or of one type alone.

    Each of several fills whole registers of four bytes; a single one has its own length.
    """

    def __init__(self, types: tuple[DataType, ...]) -> None:
        self.types = types
        widths = [(datatype.length + 3) & ~3 for datatype in types]
        starts = [sum(widths[:place]) for place in range(len(types))]
        self.length = types[0].length if len(types) == 1 else sum(widths)
        """Bytes."""
        self._fields = [(start, start + type_.length, type_) for start, type_ in zip(starts, types, strict=True)]
        self._padding = [bytes(width - type_.length) for width, type_ in zip(widths, types, strict=True)]

    @classmethod
    def of(cls, names: Sequence[str]) -> "Concatenation":
        """The concatenation of the types of these names. Raises ValueError for one that is not known."""
        unknown = [name for name in names if name not in DATATYPES]
        if unknown or not names:
            raise ValueError(f"values of {' '.join(unknown) or 'no type'} are not known")
        return cls(tuple(DATATYPES[name] for name in names))

    def encode(self, text: str) -> bytes:
        """The bytes of a value. Raises ValueError for what is none."""
        if len(self.types) == 1:
            return self.types[0].encode(text)
        parts = zip(text.split(" . "), self.types, self._padding, strict=True)
        return b"".join([type_.encode(part) + padding for part, type_, padding in parts])

    def decode(self, raw: bytes) -> str:
        """A value's text."""
        if len(self.types) == 1:
            return self.types[0].decode(raw)
        return " . ".join([type_.decode(raw[start:end]) for start, end, type_ in self._fields])

    def span(self, text: str) -> Span:
        """The first and the last value that an interval of several fields means. Raises ValueError for what is none."""
        spans = [span_of(part, type_) for part, type_ in zip(text.split(" . "), self.types, strict=True)]
        first = b"".join([span[0] + padding for span, padding in zip(spans, self._padding, strict=True)])
        last = b"".join([span[1] + padding for span, padding in zip(spans, self._padding, strict=True)])
        return first, last

    def span_text(self, first: bytes, last: bytes) -> str:
        """An interval's text, each field by itself."""
        return " . ".join([span_text(first[start:end], last[start:end], type_) for start, end, type_ in self._fields])
