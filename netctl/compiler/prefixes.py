"""Addresses and prefixes as integers.

The language's scalars are canonical text already; here they are only converted. The ``ipaddress`` types cost ten
times as much, which counts in a stack of ten thousand networks.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

BITS = {4: 32, 6: 128}
_SOCKET_FAMILY = {4: AF_INET, 6: AF_INET6}


class Span(NamedTuple):
    """Consecutive addresses of one family, both ends included."""

    first: int
    last: int

    @property
    def size(self) -> int:
        """How many addresses; 0 where the span is empty."""
        return max(0, self.last - self.first + 1)


class Prefix(NamedTuple):
    """An IPv4 or IPv6 prefix."""

    family: int
    first: int
    length: int

    @property
    def last(self) -> int:
        """The last address, for IPv4 the broadcast address."""
        return self.first | ((1 << (BITS[self.family] - self.length)) - 1)

    @property
    def usable(self) -> Span:
        """The addresses that an interface can have: for IPv4 not the network's and broadcast's, for IPv6 not the
        subnet-router anycast address (RFC 4291, section 2.6.1); of two addresses or one, all (RFC 3021, RFC 6164).
        """
        if BITS[self.family] - self.length <= 1:
            return Span(self.first, self.last)
        return Span(self.first + 1, self.last - (self.family == 4))

    @property
    def first_usable(self) -> int:
        """The first address that an interface can have: by default the gateway."""
        return self.first + (BITS[self.family] - self.length > 1)

    def __str__(self) -> str:
        return f"{format_address(self.family, self.first)}/{self.length}"

    def holds(self, family: int, address: int) -> bool:
        """Whether *address* lies in the prefix."""
        return family == self.family and self.first <= address <= self.last

    def block(self, number: int, length: int) -> "Prefix":
        """The prefix of *length* that is number *number* within this one, counting from 0."""
        return Prefix(self.family, self.first + (number << (BITS[self.family] - length)), length)


def parse_address(text: str) -> tuple[int, int]:
    """The family (4 or 6) and the value of an address."""
    if ":" in text:
        return 6, int.from_bytes(inet_pton(AF_INET6, text), "big")
    return 4, int.from_bytes(inet_pton(AF_INET, text), "big")


def format_address(family: int, address: int) -> str:
    """The address as the kernel prints it."""
    return inet_ntop(_SOCKET_FAMILY[family], address.to_bytes(BITS[family] // 8, "big"))


@lru_cache(maxsize=1 << 15)  # the same prefixes are asked for by the checks, the legs and the firewall
def parse_prefix(text: str) -> Prefix:
    """The prefix of canonical text; host bits, as in an interface's ``192.0.2.11/24``, are dropped."""
    address, _, length = text.partition("/")
    return prefix_around(*parse_address(address), int(length))


def prefix_around(family: int, address: int, length: int) -> Prefix:
    """The prefix of that length that has the address."""
    host_bits = BITS[family] - length
    return Prefix(family, address >> host_bits << host_bits, length)


def parse_span(text: str) -> tuple[int, Span]:
    """The family and the addresses of an address, a prefix, or ``first-last`` (which may be reversed: size 0)."""
    if "/" in text:
        prefix = parse_prefix(text)
        return prefix.family, Span(prefix.first, prefix.last)
    first, _, last = text.partition("-")
    family, value = parse_address(first)
    return family, Span(value, parse_address(last)[1] if last else value)


def subtract(spans: Iterable[Span], holes: Iterable[Span]) -> list[Span]:
    """What is left of *spans* without *holes*, in ascending order, without overlaps."""
    left: list[Span] = []
    barriers = sorted(holes)
    for first, last in merge(spans):
        start = first
        for hole in barriers:
            if hole.first > last:
                break
            if hole.last >= start:
                if hole.first > start:
                    left.append(Span(start, hole.first - 1))
                start = hole.last + 1
        if start <= last:
            left.append(Span(start, last))
    return left


def merge(spans: Iterable[Span]) -> list[Span]:
    """The same addresses in ascending spans that do not overlap."""
    merged: list[Span] = []
    for span in sorted(span for span in spans if span.size):
        if merged and span.first <= merged[-1].last + 1:
            merged[-1] = Span(merged[-1].first, max(span.last, merged[-1].last))
        else:
            merged.append(span)
    return merged


def spanning(family: int, span: Span) -> Iterator[Prefix]:
    """The fewest prefixes that have the addresses of *span* and no others, in ascending order."""
    first, last = span
    while first <= last:
        # The largest block that begins here, as far as alignment and what is left allow.
        aligned = (first & -first).bit_length() - 1 if first else BITS[family]
        bits = min(aligned, (last - first + 1).bit_length() - 1)
        yield Prefix(family, first, BITS[family] - bits)
        first += 1 << bits


def outermost(prefixes: Iterable[str], family: int) -> Iterator[str]:
    """The prefixes of one family, less those within another, in ascending order; a single address without its length.

    So they can be elements of a set, where intervals may not overlap.
    """
    last = -1
    for prefix in sorted(parse_prefix(text) for text in prefixes if (":" in text) == (family == 6)):
        if prefix.last > last:
            last = prefix.last
            yield str(prefix) if prefix.length < BITS[family] else format_address(family, prefix.first)


class PrefixIndex(Generic[T]):
    """Finds which of many prefixes, none of which overlaps another, has an address."""

    def __init__(self, prefixes: Iterable[tuple[Prefix, T]]) -> None:
        self._entries = sorted(prefixes, key=lambda entry: entry[0])
        self._starts: Sequence[tuple[int, int]] = [(prefix.family, prefix.first) for prefix, _ in self._entries]

    def find(self, family: int, address: int) -> T | None:
        """What belongs to the prefix that has the address; None where none has."""
        at = bisect_right(self._starts, (family, address)) - 1
        if at >= 0 and self._entries[at][0].holds(family, address):
            return self._entries[at][1]
        return None
