"""A zone: the records of its names, and what it answers. Pure."""

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from netctl.agent.dns.wire import (
    AAAA,
    ANY,
    CNAME,
    NOERROR,
    NS,
    NXDOMAIN,
    QUESTION_NAME,
    SOA,
    SRV,
    A,
    encode_name,
    record,
)

Node = dict[int, tuple[bytes, ...]]
"""The data of a name's records by type."""
_REFRESH, _RETRY, _EXPIRE = 7200, 1800, 86400
"""Seconds, for secondaries, of which there are none."""


class Answer(NamedTuple):
    """What a zone says."""

    rcode: int
    answer: tuple[bytes, ...] = ()
    authority: tuple[bytes, ...] = ()
    additional: tuple[bytes, ...] = ()
    aliases: int = 0
    """How many records, from the first on, are aliases: they stay in front of what they lead to."""
    alias: bytes = b""
    """The name that is to be followed."""


class Zone:
    """One zone. *nodes* is by name; the names between them and the origin exist, too, without records."""

    def __init__(
        self, origin: str, nodes: Mapping[str, Mapping[int, tuple[bytes, ...]]], ttl: int, serial: int
    ) -> None:
        self.origin = encode_name(origin)
        self.ttl = ttl
        self.nodes: dict[bytes, Node] = {encode_name(name): dict(node) for name, node in nodes.items()}
        server = encode_name("ns.dns")[:-1] + self.origin
        self.nodes.setdefault(server, {})  # without an address: it is asked at whichever it listens at
        for name in list(self.nodes):
            self.nodes.update({above: {} for above in self._above(name) if above not in self.nodes})
        numbers = struct.pack(">IIIII", serial, _REFRESH, _RETRY, _EXPIRE, ttl)
        self._soa = server + encode_name("hostmaster")[:-1] + self.origin + numbers
        self.nodes.setdefault(self.origin, {}).update({SOA: (self._soa,), NS: (server,)})

    def answer(self, name: bytes, type_: int, owner: bytes = QUESTION_NAME) -> Answer:
        """The answer to a question for a name in the zone; *owner* is how its records spell that."""
        node = self.nodes.get(name)
        if node is None:
            return Answer(NXDOMAIN, authority=self._negative())
        # Consul's names for services elsewhere have SRV records beside the alias.
        if CNAME in node and type_ not in {*node, ANY}:
            target = node[CNAME][0]
            return Answer(NOERROR, (record(owner, CNAME, self.ttl, target),), aliases=1, alias=target)
        # Of everything that a name has, one kind is enough (RFC 8482).
        chosen = next(iter(node), type_) if type_ == ANY else type_
        found = node.get(chosen, ())
        if not found:
            return Answer(NOERROR, authority=self._negative())
        records = tuple(record(owner, chosen, self.ttl, data) for data in found)
        additional = tuple(self._targets(found)) if chosen == SRV else ()
        return Answer(NOERROR, records, additional=additional)

    def _above(self, name: bytes) -> Iterator[bytes]:
        """The names between one and the origin."""
        while name not in {self.origin, b"\0"}:
            name = name[1 + name[0] :]
            yield name

    def _negative(self) -> tuple[bytes, ...]:
        return (record(self.origin, SOA, self.ttl, self._soa),)

    def _targets(self, services: tuple[bytes, ...]) -> Iterator[bytes]:
        """The addresses of what SRV records lead to."""
        for target in dict.fromkeys(data[6:] for data in services):
            node = self.nodes.get(target, {})
            for type_ in (A, AAAA):
                yield from (record(target, type_, self.ttl, data) for data in node.get(type_, ()))
