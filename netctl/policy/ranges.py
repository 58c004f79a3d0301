"""Addresses and ports as ranges of integers, and whether one is within another."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from socket import AF_INET, AF_INET6, inet_pton

from netctl.policy.model import PortRange, Protocol

ECHO_REQUEST = {4: 8, 6: 128}
"""The ICMP message that a ping sends, by family (RFC 792, RFC 4443)."""


def family_of(address: str) -> int:
    """4 or 6."""
    return 6 if ":" in address else 4


def first_of_family(addresses: Iterable[str], family: int) -> str:
    """The first address of a family; empty where there is none."""
    return next((address for address in addresses if family_of(address) == family), "")


def address_value(text: str) -> int:
    """The address as an integer. Raises OSError where it is none."""
    return int.from_bytes(inet_pton(AF_INET6 if ":" in text else AF_INET, text), "big")


class AddressRanges:
    """The addresses of prefixes that do not overlap (as those of `Peers`)."""

    def __init__(self, prefixes: Iterable[str]) -> None:
        self._ranges: dict[int, tuple[list[int], list[int]]] = {4: ([], []), 6: ([], [])}
        for first, last, family in sorted(map(_bounds, prefixes)):
            firsts, lasts = self._ranges[family]
            if lasts and lasts[-1] + 1 == first:
                lasts[-1] = last
            else:
                firsts.append(first)
                lasts.append(last)

    def has(self, family: int, first: int, last: int | None = None) -> bool:
        """Whether all addresses from the first to the last (or the first alone) are in it."""
        firsts, lasts = self._ranges[family]
        at = bisect_right(firsts, first) - 1
        return at >= 0 and (first if last is None else last) <= lasts[at]

    def covers(self, other: "AddressRanges") -> bool:
        """Whether every address of another is in it."""
        return all(self.has(family, *bounds) for family in other.families() for bounds in other.bounds(family))

    def families(self) -> set[int]:
        """Those of which there is any address."""
        return {family for family, (firsts, _) in self._ranges.items() if firsts}

    def bounds(self, family: int) -> list[tuple[int, int]]:
        """First and last address of each range, in order."""
        return list(zip(*self._ranges[family], strict=True))


def covers_ports(ranges: Sequence[PortRange], wanted: PortRange) -> bool:
    """Whether every port of the wanted range is in one of the ranges or in several together."""
    parts = [part for part in ranges if part.protocol is wanted.protocol]
    if wanted.protocol is Protocol.ICMP:
        return bool(parts)
    lowest, last = (wanted.first, wanted.last) if wanted.first else (1, 65535)
    for begin, end in sorted((part.first or 1, part.last or 65535) for part in parts):
        if begin > lowest:
            break
        lowest = max(lowest, end + 1)
    return lowest > last


def has_port(ranges: Iterable[PortRange], protocol: Protocol, port: int) -> bool:
    """Whether a port is in one of the ranges."""
    return any(
        part.protocol is protocol and (not part.first or part.first <= port <= part.last) for part in ranges
    )  # fmt: skip


def _bounds(prefix: str) -> tuple[int, int, int]:
    address, _, length = prefix.partition("/")
    family = family_of(address)
    value = address_value(address)
    size = 1 << ((32 if family == 4 else 128) - int(length))
    return value, value + size - 1, family
