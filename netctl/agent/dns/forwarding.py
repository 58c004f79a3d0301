"""Asks other resolvers, each time from another port and with another identifier, so that replies are hard to forge."""

import asyncio
import secrets
import socket
from collections.abc import Iterable
from contextlib import suppress

from netctl.agent.dns import wire
from netctl.agent.dns.responder import Address, Ask, fitted
from netctl.agent.dns.wire import FormatError

_PATIENCE = 2.0
"""Seconds that a resolver has."""
_AT_ONCE = 1000
"""Questions under way; who asks more is told to ask again."""
_LARGEST = 65535
_REFUSALS = frozenset({wire.SERVFAIL, wire.NOTIMP, wire.REFUSED})
"""What a resolver says that may know no answer where another one does."""


class Forwarder:
    """Asks resolvers on clients' behalf."""

    def __init__(self) -> None:
        self._under_way = 0

    async def ask(self, ask: Ask, *, tcp: bool) -> bytes:
        """The reply for the client: a resolver's, or that none answered."""
        failed = wire.reply(ask.query, wire.RECURSION_AVAILABLE, wire.SERVFAIL)
        if self._under_way >= _AT_ONCE:
            return failed
        self._under_way += 1
        try:
            found = await _first_reply(ask.message, ask.resolvers, tcp=tcp)
        finally:
            self._under_way -= 1
        if ask.begun is not None:
            return _joined(ask, found, tcp=tcp)
        return failed if found is None else ask.message[:2] + found[2:]


async def _first_reply(message: bytes, resolvers: Iterable[Address], *, tcp: bool) -> bytes | None:
    """The reply of the first resolver that has one; where none has, what one of them said instead, if anything."""
    exchange = _over_tcp if tcp else _over_udp
    refused: bytes | None = None
    for resolver in resolvers:
        asked = secrets.token_bytes(2) + message[2:]
        try:
            async with asyncio.timeout(_PATIENCE):
                found = await exchange(asked, resolver)
        except (OSError, asyncio.IncompleteReadError, FormatError):
            continue  # the next one may answer; a timeout is an OSError
        if found[3] & 0xF not in _REFUSALS:
            return found
        refused = refused or found
    return refused


async def _over_udp(asked: bytes, resolver: Address) -> bytes:
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in resolver[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as outbox:
        outbox.setblocking(False)
        outbox.connect(resolver)
        await loop.sock_sendall(outbox, asked)
        while True:
            found = await loop.sock_recv(outbox, _LARGEST)
            if _is_reply(found, asked):
                return found


async def _over_tcp(asked: bytes, resolver: Address) -> bytes:
    reader, writer = await asyncio.open_connection(*resolver)
    try:
        writer.write(len(asked).to_bytes(2, "big") + asked)
        length = int.from_bytes(await reader.readexactly(2), "big")
        found = await reader.readexactly(length)
    finally:
        writer.close()
    if not _is_reply(found, asked):
        raise FormatError
    return found


def _is_reply(found: bytes, asked: bytes) -> bool:
    """Whether it has the identifier and, where it has any, the question that was asked."""
    if len(found) < wire.HEADER.size or found[:2] != asked[:2] or not found[2] & 0x80:
        return False
    try:
        ours, _ = wire.read_name(asked, wire.HEADER.size)
        theirs, _ = wire.read_name(found, wire.HEADER.size)
    except FormatError:
        return found[4:6] == b"\0\0"
    return ours == theirs


def _joined(ask: Ask, found: bytes | None, *, tcp: bool) -> bytes:
    """The alias, and what its target's resolver said: at least the alias."""
    begun = ask.begun
    records: tuple[bytes, ...] = begun.answer if begun is not None else ()
    with suppress(FormatError):  # the client can follow the alias by himself
        records += tuple(wire.record(*entry) for entry in wire.records(found)) if found is not None else ()
    flags = wire.AUTHORITATIVE | wire.RECURSION_AVAILABLE
    return fitted(ask.query, wire.NOERROR, (records, (), ()), flags, tcp=tcp)
