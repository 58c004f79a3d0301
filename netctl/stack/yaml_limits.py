"""What the aliases of a file may expand to.

An alias costs nothing to read: it is one more reference to a value. What walks the value afterwards pays for each
reference anew, so that nine lines can stand for a billion values (a "billion laughs" file). Every alias is therefore
charged with what it stands for.
"""

from typing import Any, NamedTuple

MAX_DEPTH = 64
"""Mappings and lists may be nested so deep, aliases followed."""
MAX_ALIASED = 1_000_000
"""Aliases and merge keys may stand for so many values in one file; 64 characters of text count as one more."""


class Extent(NamedTuple):
    """How large a value is: values that are in it, and levels of nesting."""

    values: int
    depth: int


class Expansion:
    """The account of one file's aliases."""

    def __init__(self) -> None:
        self._charged = 0
        self._extents: dict[int, Extent] = {}
        # A measured value is kept, lest another gets its id.
        self._measured: list[Any] = []

    def fits(self, value: Any, depth: int) -> bool:
        """Whether one more alias of the value, at this depth, keeps the file within its limits."""
        extent = self._extent(value)
        self._charged += extent.values
        return self._charged <= MAX_ALIASED and depth + extent.depth <= MAX_DEPTH

    def _extent(self, value: Any) -> Extent:
        if not isinstance(value, dict | list):
            return Extent(1 + len(value) // 64 if isinstance(value, str) else 1, 0)
        known = self._extents.get(id(value))
        return known or self._measure(value)

    def _measure(self, value: dict[str, Any] | list[Any]) -> Extent:
        inner = [self._extent(item) for item in (value.values() if isinstance(value, dict) else value)]
        keys = sum(len(key) // 64 for key in value) if isinstance(value, dict) else 0
        extent = Extent(1 + keys + sum(e.values for e in inner), 1 + max((e.depth for e in inner), default=0))
        self._extents[id(value)] = extent
        self._measured.append(value)
        return extent
