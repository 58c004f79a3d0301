"""DNS messages as bytes: RFC 1035, with EDNS(0) of RFC 6891. Names are in wire form, in lower case."""

import socket
import struct
from typing import NamedTuple

A, NS, CNAME, SOA, PTR, TXT, AAAA, SRV, OPT, IXFR, AXFR, ANY = 1, 2, 5, 6, 12, 16, 28, 33, 41, 251, 252, 255
IN = 1
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 0, 1, 2, 3, 4, 5, 16
RESPONSE, AUTHORITATIVE, TRUNCATED, RECURSION_DESIRED, RECURSION_AVAILABLE = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080

HEADER = struct.Struct(">HHHHHH")
_RECORD = struct.Struct(">HHIH")
_TWO = struct.Struct(">HH")
PLAIN_SIZE = 512
"""Bytes of a UDP reply to whom does not say that he takes more."""
UDP_SIZE = 1232
"""Bytes that pass every link of IPv6 unfragmented (the DNS flag day of 2020)."""
TCP_SIZE = 65535
"""Bytes of a message over TCP, whose length has two bytes."""
MAX_NAME = 255
QUESTION_NAME = b"\xc0\x0c"
"""A pointer to the name in the question, right behind the header."""


class FormatError(Exception):
    """A message that is not one; the code is what its sender is told."""

    def __init__(self, rcode: int = FORMERR) -> None:
        super().__init__(rcode)
        self.rcode = rcode


class Query(NamedTuple):
    """One question."""

    identifier: int
    flags: int
    name: bytes
    type: int
    klass: int
    question: bytes
    """As it came, its letters in the case that they had."""
    size: int
    """Bytes that a UDP reply may have."""
    edns: bool
    is_plain: bool
    """Whether it has nothing but the question, and EDNS without options: another of its bytes gets the same reply."""


def encode_name(name: str) -> bytes:
    """``web.shop`` in wire form, in lower case. Raises ValueError where it is too long, or has an empty label."""
    labels = [label.encode() for label in name.lower().rstrip(".").split(".")] if name.rstrip(".") else []
    if any(not 0 < len(label) < 64 for label in labels):
        raise ValueError(f"'{name}' is not a domain name")
    raw = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    if len(raw) > MAX_NAME:
        raise ValueError(f"'{name}' is longer than a domain name can be")
    return raw


def read_name(message: bytes, start: int) -> tuple[bytes, int]:
    """The name at *start*, uncompressed, in lower case, and where it ends. Raises FormatError."""
    parts: list[bytes] = []
    end, at, size = 0, start, 1
    while True:
        length = _byte(message, at)
        if length >= 0xC0:
            target = (length & 0x3F) << 8 | _byte(message, at + 1)
            end = end or at + 2
            if target >= at:  # only what came before can be pointed to, so that it ends
                raise FormatError
            at = target
            continue
        if length > 63 or at + 1 + length > len(message):
            raise FormatError
        parts.append(message[at : at + 1 + length])
        at += 1 + length
        size += 1 + length
        if not length:
            return b"".join(parts).lower(), end or at
        if size > MAX_NAME:
            raise FormatError


def parse_query(message: bytes) -> Query:
    """The query in a message. Raises FormatError for what is none, with what to reply."""
    identifier, flags, questions, answers, authorities, additional = HEADER.unpack_from(message)
    if flags >> 11 & 0xF:
        raise FormatError(NOTIMP)
    if questions != 1 or answers or authorities:
        raise FormatError
    name, end = read_name(message, HEADER.size)
    if end + 4 > len(message):
        raise FormatError
    type_, klass = _TWO.unpack_from(message, end)
    end += 4
    question = message[HEADER.size : end]
    size, is_plain = PLAIN_SIZE, True
    found = _edns(message, end, additional)
    if found is not None:
        size, is_plain = max(PLAIN_SIZE, min(found[0], UDP_SIZE)), not found[1]
    return Query(identifier, flags, name, type_, klass, question, size, found is not None, is_plain)


def _edns(message: bytes, at: int, count: int) -> tuple[int, bytes] | None:
    """The sender's size and options; None without EDNS. Raises FormatError."""
    found: tuple[int, bytes] | None = None
    for _ in range(count):
        name, at = read_name(message, at)
        if at + _RECORD.size > len(message):
            raise FormatError
        type_, klass, ttl, length = _RECORD.unpack_from(message, at)
        at += _RECORD.size
        if at + length > len(message):
            raise FormatError
        if type_ == OPT:
            if found is not None or name != b"\0":
                raise FormatError
            if ttl >> 16 & 0xFF:
                raise FormatError(BADVERS)
            found = klass, message[at : at + length]
        at += length
    return found


def record(name: bytes, type_: int, ttl: int, data: bytes) -> bytes:
    """A resource record."""
    return name + _RECORD.pack(type_, IN, ttl, len(data)) + data


def records(message: bytes) -> list[tuple[bytes, int, int, bytes]]:
    """Of each address and alias in the answer of a reply its name, type, TTL and data. Raises FormatError."""
    _, _, questions, answers, _, _ = HEADER.unpack_from(message)
    at = HEADER.size
    for _ in range(questions):
        at = read_name(message, at)[1] + 4
    found = []
    for _ in range(answers):
        name, at = read_name(message, at)
        if at + _RECORD.size > len(message):
            raise FormatError
        type_, klass, ttl, length = _RECORD.unpack_from(message, at)
        at += _RECORD.size
        if klass == IN and type_ in {A, AAAA, CNAME}:
            data = read_name(message, at)[0] if type_ == CNAME else message[at : at + length]
            found.append((name, type_, ttl, data))
        at += length
    return found


def reply(
    query: Query,
    flags: int,
    rcode: int,
    sections: tuple[tuple[bytes, ...], ...] = ((), (), ()),
) -> bytes:
    """A reply with the records of the answer, the authority and the additional section."""
    answer, authority, additional = sections
    extra = additional
    if query.edns:
        extra = (*additional, _options(rcode))
    flags |= RESPONSE | query.flags & RECURSION_DESIRED | rcode & 0xF
    head = HEADER.pack(query.identifier, flags, 1, len(answer), len(authority), len(extra))
    return b"".join((head, query.question, *answer, *authority, *extra))


def refusal(message: bytes, rcode: int) -> bytes:
    """The reply to what could not be read: the header alone, and EDNS where the code needs it."""
    identifier, flags = _TWO.unpack_from(message)
    head = identifier, RESPONSE | flags & (0x7800 | RECURSION_DESIRED) | rcode & 0xF, 0, 0, 0
    if rcode < 16:
        return HEADER.pack(*head, 0)
    return HEADER.pack(*head, 1) + _options(rcode)


def _options(rcode: int) -> bytes:
    """EDNS, with the upper bits of the code."""
    return b"\0" + _RECORD.pack(OPT, UDP_SIZE, rcode >> 4 << 24, 0)


def address_record(address: str) -> tuple[int, bytes]:
    """The type and the data of an address's record."""
    if ":" in address:
        return AAAA, socket.inet_pton(socket.AF_INET6, address)
    return A, socket.inet_pton(socket.AF_INET, address)


def reverse_name(address: str) -> str:
    """The name of an address's PTR record."""
    if ":" in address:
        return ".".join(reversed(socket.inet_pton(socket.AF_INET6, address).hex())) + ".ip6.arpa"
    return ".".join(reversed(address.split("."))) + ".in-addr.arpa"


def text_data(text: str) -> bytes:
    """A TXT record's data."""
    raw = text.encode()
    return b"".join(bytes((len(part),)) + part for part in (raw[at : at + 255] for at in range(0, len(raw) or 1, 255)))


def service_data(priority: int, weight: int, port: int, target: str) -> bytes:
    """An SRV record's data (RFC 2782)."""
    return struct.pack(">HHH", priority, weight, port) + encode_name(target)


def _byte(message: bytes, at: int) -> int:
    if at >= len(message):
        raise FormatError
    return message[at]
