"""Packets that are sent and answered through raw sockets: ICMP echo (RFC 792, RFC 4443) and SCTP's INIT (RFC 9260)."""

from functools import cache
from struct import Struct
from typing import NamedTuple

ECHO = {4: (8, 0), 6: (128, 129)}
"""The types of an echo request and its reply, by family."""
_ECHO = Struct("!BBHHH")

_SCTP = Struct("!HHI")
"""Ports and verification tag; the checksum follows."""
_CHECKSUM = Struct("<I")
_CHUNK = Struct("!BBHIIHHI")
"""Type, flags, length; initiate tag, window, streams out and in, first sequence number."""
_INIT, _INIT_ACK, _ABORT = 1, 2, 6
_COOKIE = b"\0\x07\0\x08netc"
"""A state cookie, which an INIT ACK has to have: type 7, eight bytes."""
_CASTAGNOLI = 0x82F63B78


class Association(NamedTuple):
    """What a packet says of the association that it asks for or answers."""

    source: int
    destination: int
    """Ports."""
    tag: int
    """Verification tag: 0 in an INIT, that of the INIT in its answer."""
    chunk: int
    initiate: int
    """The sender's own tag."""

    @property
    def asks(self) -> bool:
        """Whether it is an INIT."""
        return self.chunk == _INIT and self.tag == 0

    @property
    def accepts(self) -> bool:
        """Whether it is an answer that goes on."""
        return self.chunk == _INIT_ACK

    @property
    def refuses(self) -> bool:
        """Whether it is an answer that ends it."""
        return self.chunk == _ABORT


def echo_request(family: int, identifier: int, number: int) -> bytes:
    """An echo request; of ICMPv6 the kernel fills in the checksum."""
    message = _ECHO.pack(ECHO[family][0], 0, 0, identifier, number)
    return message if family == 6 else _ECHO.pack(ECHO[4][0], 0, _internet_checksum(message), identifier, number)


def is_echo_reply(received: bytes, family: int, identifier: int) -> bool:
    """Whether what a raw socket received answers the requests of this identifier."""
    message = transport(received, family)
    if len(message) < _ECHO.size:
        return False
    type_, _, _, found, _ = _ECHO.unpack_from(message)
    return (type_, found) == (ECHO[family][1], identifier)


def sctp_init(source: int, destination: int, initiate: int) -> bytes:
    """An INIT from one port to another."""
    chunk = _CHUNK.pack(_INIT, 0, _CHUNK.size, initiate, 65536, 1, 1, initiate)
    return _sealed(_SCTP.pack(source, destination, 0), chunk)


def sctp_init_ack(init: Association, initiate: int) -> bytes:
    """The answer that accepts an INIT."""
    chunk = _CHUNK.pack(_INIT_ACK, 0, _CHUNK.size + len(_COOKIE), initiate, 65536, 1, 1, initiate) + _COOKIE
    return _sealed(_SCTP.pack(init.destination, init.source, init.initiate), chunk)


def read_sctp(received: bytes, family: int) -> Association | None:
    """What an SCTP packet that a raw socket received says; None where it is none."""
    packet = transport(received, family)
    if len(packet) < _SCTP.size + 4 + 4:
        return None
    source, destination, tag = _SCTP.unpack_from(packet)
    chunk = packet[_SCTP.size + 4 :]
    initiate = int.from_bytes(chunk[4:8], "big")
    return Association(source, destination, tag, chunk[0], initiate)


def transport(received: bytes, family: int) -> bytes:
    """What follows the IP header, which raw sockets receive of IPv4 only."""
    return received if family == 6 else received[(received[0] & 0xF) * 4 :] if received else b""


def _sealed(header: bytes, chunk: bytes) -> bytes:
    checksum = crc32c(header + bytes(4) + chunk)
    return header + _CHECKSUM.pack(checksum) + chunk


def crc32c(content: bytes) -> int:
    """The checksum of SCTP (RFC 9260, appendix A)."""
    table = _crc_table()
    crc = 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


@cache
def _crc_table() -> tuple[int, ...]:
    return tuple(map(_crc_of_byte, range(256)))


def _crc_of_byte(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (_CASTAGNOLI if value & 1 else 0)
    return value


def _internet_checksum(content: bytes) -> int:
    total = sum(int.from_bytes(content[place : place + 2], "big") for place in range(0, len(content), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF
