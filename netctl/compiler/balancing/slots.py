"""Shares as slots: how many a frontend has, and which endpoint each of them leads to."""

from collections.abc import Sequence
from functools import lru_cache, reduce
from hashlib import blake2b
from math import gcd

MAX_EXACT = 64
"""Up to so many slots shares are exact."""
_SIZES = (256, 1024, 4096, 16384, 65536)
_STEADY_SIZES = (64, *_SIZES)
_SLOTS_EACH = 16
"""Where shares are not exact, so many slots to an endpoint keep the error small."""
_STEADY_EACH = 8


@lru_cache(4096)  # most services have the same few weights
def slots(weights: tuple[int, ...]) -> tuple[int, ...]:
    """Of each slot the endpoint's place in *weights*, which are positive: as few slots as the weights allow."""
    divisor = reduce(gcd, weights)
    shares = [weight // divisor for weight in weights]
    if sum(shares) > MAX_EXACT:
        shares = _shares(weights, _size(_SIZES, _SLOTS_EACH * len(weights)))
    return tuple(place for place, share in enumerate(shares) for _ in range(share))


def steady_slots(addresses: Sequence[str], weights: Sequence[int]) -> tuple[int, ...]:
    """The same, for frontends that remember slots: most of them lead to the same endpoint when others come or go.

    The endpoints choose by turns, each in an order of its own (as in Google's Maglev).
    """
    size = steady_size(len(weights))
    shares = _shares(weights, size)
    turns = sorted(((2 * turn + 1) / share, place) for place, share in enumerate(shares) for turn in range(share))
    orders = [_Order(address, size) for address in addresses]
    chosen = [-1] * size
    for _, place in turns:
        chosen[orders[place].next_free(chosen)] = place
    return tuple(chosen)


def steady_size(endpoints: int) -> int:
    """How many slots `steady_slots` gives so many endpoints."""
    return _size(_STEADY_SIZES, _STEADY_EACH * endpoints)


class _Order:
    """All slots in an endpoint's own order."""

    def __init__(self, address: str, size: int) -> None:
        digest = blake2b(address.encode(), digest_size=8).digest()
        self._at = int.from_bytes(digest[:4], "big") % size
        # An odd step visits every slot of a power of two.
        self._step = int.from_bytes(digest[4:], "big") % size | 1
        self._size = size

    def next_free(self, chosen: Sequence[int]) -> int:
        while chosen[self._at] >= 0:
            self._at = (self._at + self._step) % self._size
        return self._at


def _size(sizes: Sequence[int], wanted: int) -> int:
    return next((size for size in sizes if size >= wanted), sizes[-1])


def _shares(weights: Sequence[int], size: int) -> list[int]:
    """*size* slots by weight, by largest remainders; nobody is left without one while there are enough."""
    total = sum(weights)
    shares = [max(1, weight * size // total) for weight in weights]
    rest = size - sum(shares)
    by_remainder = sorted(range(len(weights)), key=lambda place: -(weights[place] * size % total))
    for place in by_remainder[: max(0, rest)]:
        shares[place] += 1
    for _ in range(-rest):  # of the largest, for those that got one though theirs is less
        shares[shares.index(max(shares))] -= 1
    return shares
