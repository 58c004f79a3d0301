"""Decides what a query gets: a reply from a zone, the resolvers that are to be asked, or a refusal."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from netctl.agent.dns import wire
from netctl.agent.dns.wire import FormatError, Query
from netctl.agent.dns.zone import Answer, Zone

_KEPT = 20_000
"""Replies that are kept; then they are all forgotten, so that made-up names do not fill the memory."""
_TURNS = 8
"""Of an answer of several addresses, so many orders are kept and given by turns."""
_LONGEST_CHAIN = 8
"""Aliases in an answer: some lead to each other."""

Address = tuple[str, int]


class Ask(NamedTuple):
    """Resolvers to ask, in order."""

    query: Query
    message: bytes
    """What to ask; the identifier is the client's."""
    resolvers: tuple[Address, ...]
    begun: Answer | None = None
    """An alias, whose target's addresses are to be added."""


class State(NamedTuple):
    """What there is to answer with."""

    zones: Sequence[Zone] = ()
    upstream: tuple[Address, ...] = ()
    stubs: Mapping[bytes, tuple[Address, ...]] = {}
    """Resolvers by domain."""
    is_known: bool = True
    """False before anything was read: who asks then is to ask again."""


class Responder:
    """Answers queries. One that was answered before is answered by a look-up of its bytes."""

    def __init__(self, state: State | None = None) -> None:
        self._state = State(is_known=False)
        self._zones: dict[bytes, Zone] = {}
        self._kept: dict[bytes, list[bytes]] = {}
        self._kept_tcp: dict[bytes, list[bytes]] = {}
        if state is not None:
            self.replace(state)

    def replace(self, state: State) -> None:
        """Answer with another state from now on."""
        self._state = state
        self._zones = {zone.origin: zone for zone in state.zones}
        self._kept.clear()
        self._kept_tcp.clear()

    def answer(self, message: bytes, *, tcp: bool = False) -> bytes | Ask | None:
        """The reply; or whom to ask for it; or nothing, where there is nobody to reply to."""
        kept = self._kept_tcp if tcp else self._kept
        replies = kept.get(message[2:])
        if replies is not None:
            if len(replies) > 1:
                replies.append(replies.pop(0))
            return message[:2] + replies[0]
        # Too short to have a sender's identifier, or itself a reply: two servers could go on for ever.
        if len(message) < wire.HEADER.size or message[2] & 0x80:
            return None
        try:
            query = wire.parse_query(message)
        except FormatError as error:
            return wire.refusal(message, error.rcode)
        return self._answer(query, message, kept, tcp=tcp)

    def _answer(self, query: Query, message: bytes, kept: dict[bytes, list[bytes]], *, tcp: bool) -> bytes | Ask:
        if query.klass != wire.IN or query.type in {wire.AXFR, wire.IXFR}:
            return wire.reply(query, 0, wire.REFUSED)
        if not self._state.is_known:
            return wire.reply(query, 0, wire.SERVFAIL)
        source = self._source(query.name)
        if not isinstance(source, Zone):
            return Ask(query, message, source) if source else wire.reply(query, 0, wire.REFUSED)
        answer, resolvers = self._follow(source.answer(query.name, query.type), query.type)
        if resolvers and query.type in {wire.A, wire.AAAA}:
            return Ask(query, ask_for(answer.alias, query), resolvers, answer)
        replies = [self._reply(query, turned, tcp=tcp) for turned in _turned(answer)]
        if query.is_plain:
            if len(kept) >= _KEPT:
                kept.clear()
            kept[message[2:]] = [whole[2:] for whole in replies]
        return replies[0]

    def _reply(self, query: Query, answer: Answer, *, tcp: bool) -> bytes:
        sections = answer.answer, answer.authority, answer.additional
        return fitted(query, answer.rcode, sections, self._flags(), tcp=tcp)

    def _flags(self) -> int:
        recursive = self._state.upstream or self._state.stubs
        return wire.AUTHORITATIVE | (wire.RECURSION_AVAILABLE if recursive else 0)

    def _follow(self, answer: Answer, type_: int) -> tuple[Answer, tuple[Address, ...]]:
        """The answer, with what zones say of the alias that it ends with; and whom to ask of one that is in none."""
        while answer.alias:
            source = self._source(answer.alias)
            if not isinstance(source, Zone):
                return answer, source
            if answer.aliases >= _LONGEST_CHAIN:
                break
            answer = _joined(answer, source.answer(answer.alias, type_, answer.alias))
        return answer, ()

    def _source(self, name: bytes) -> Zone | tuple[Address, ...]:
        """Who knows of a name: the innermost of the zones and stub domains with it, else those upstream, if any."""
        while True:
            found = self._zones.get(name) or self._state.stubs.get(name)
            if found is not None:
                return found
            if name == b"\0":
                return self._state.upstream
            name = name[1 + name[0] :]


def fitted(query: Query, rcode: int, sections: tuple[tuple[bytes, ...], ...], flags: int, *, tcp: bool) -> bytes:
    """The reply. Where it is too large it has no additional records; or, over UDP, is truncated, and over TCP has as
    many of the answer's as a message holds.
    """
    most = wire.TCP_SIZE if tcp else query.size
    whole = wire.reply(query, flags, rcode, sections)
    if len(whole) <= most:
        return whole
    answer, authority, _ = sections
    smaller = wire.reply(query, flags, rcode, (answer, authority, ()))
    if len(smaller) <= most:
        return smaller
    if not tcp:
        return wire.reply(query, flags | wire.TRUNCATED, rcode)
    sizes = accumulate(map(len, answer), initial=len(wire.reply(query, flags, rcode)))
    count = sum(size <= most for size in sizes) - 1
    return wire.reply(query, flags, rcode, (answer[:count], (), ()))


def ask_for(name: bytes, query: Query) -> bytes:
    """A query for the same type of another name."""
    head = wire.HEADER.pack(query.identifier, wire.RECURSION_DESIRED, 1, 0, 0, 0)
    return head + name + query.question[-4:]


def _joined(answer: Answer, further: Answer) -> Answer:
    """An alias, and what is said of its target: also the code (RFC 6604)."""
    return further._replace(answer=answer.answer + further.answer, aliases=answer.aliases + further.aliases)


def _turned(answer: Answer) -> list[Answer]:
    """The answer with its records in several orders, so that clients that take the first go to different ones."""
    aliases, rest = answer.answer[: answer.aliases], answer.answer[answer.aliases :]
    if len(rest) < 2:
        return [answer]
    turns = range(0, len(rest), max(1, len(rest) // _TURNS))
    return [answer._replace(answer=(*aliases, *rest[turn:], *rest[:turn])) for turn in turns]
