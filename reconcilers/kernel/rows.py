"""Takes the messages of a dump apart at the speed of one ``struct`` call each.

The messages of a dump mostly have one shape: the same attributes, of the same lengths, in the same order. The shape of
a message is compiled to a ``struct`` of the whole of it, which then takes apart the run of messages that follows.
Every attribute's header is among the fields and is compared, so that a message of another shape ends the run and is
looked at anew; nothing is assumed about the order of attributes or their number.
"""

from collections.abc import Collection, Iterator, Sequence
from operator import itemgetter
from struct import Struct
from typing import Any, NamedTuple

from reconcilers.kernel.wire import ATTRIBUTE, HEADER, TYPE_MASK

Fields = tuple[Any, ...]
_HEADER = "IHHII"


class _Shape(NamedTuple):
    """How to take a message apart: its fields in one go, those that tell the shape, and those that are wanted."""

    layout: Struct
    signature: "itemgetter[Fields]"
    expected: Fields
    wanted: "itemgetter[Fields]"


class RowReader:
    """Reads messages of one type, each as a tuple: the fields of its fixed part, then the wanted attributes.

    A wanted attribute is the bytes of its value, empty where it is missing; one of the *numbers* is a number, where it
    has 32 bits.
    """

    def __init__(self, kind: int, fixed: Struct, wanted: Sequence[int], numbers: Collection[int] = ()) -> None:
        self._kind = kind
        self._fixed = fixed.format.removeprefix("=")
        self._fixed_size = fixed.size
        self._fixed_fields = len(fixed.unpack(bytes(fixed.size)))
        self._wanted = tuple(wanted)
        self._numbers = frozenset(numbers)
        self._shapes: dict[int, _Shape] = {}

    def read(self, chunk: bytes) -> Iterator[Fields]:
        """The messages of a received chunk; those of another type are passed over, and so is one that is cut off."""
        offset, size = 0, len(chunk)
        uniform = True
        while offset + HEADER.size <= size:
            length, kind, _, _, _ = HEADER.unpack_from(chunk, offset)
            if kind != self._kind or length % 4 or length < HEADER.size + self._fixed_size:
                offset += max(HEADER.size, (length + 3) & ~3)
                continue
            if offset + length > size:
                return
            shape = self._shapes.get(length)
            if shape is None or shape.signature(shape.layout.unpack_from(chunk, offset)) != shape.expected:
                shape = self._shapes[length] = self._learn(chunk, offset, length)
            end = offset + (size - offset) // length * length
            layout, signature, expected, wanted = shape
            run = memoryview(chunk)[offset:end]
            if uniform:
                rows = list(layout.iter_unpack(run))
                if all(map(expected.__eq__, map(signature, rows))):
                    yield from map(wanted, rows)
                    offset = end
                    continue
                uniform = False  # tried once a chunk, or many short runs would each read all that follows
            for fields in layout.iter_unpack(run):
                if signature(fields) != expected:
                    break
                yield wanted(fields)
                offset += length

    def _learn(self, chunk: bytes, offset: int, length: int) -> _Shape:
        """The shape of the message at *offset*."""
        code = ["=", _HEADER, self._fixed]
        telling, places = [0, 1], {}
        position = 5 + self._fixed_fields
        start, end = offset + HEADER.size + self._fixed_size, offset + length
        while start + 4 <= end:
            size, kind = ATTRIBUTE.unpack_from(chunk, start)
            following = min(end, start + ((size + 3) & ~3))
            if size < 4 or start + size > end:
                break
            number = size == 8 and kind & TYPE_MASK in self._numbers
            code.append("II" if number else f"I{size - 4}s{following - start - size}x")
            telling.append(position)
            places[kind & TYPE_MASK] = position + 1
            position += 2
            start = following
        if end > start:
            # What cannot be taken apart tells the shape too: a message that can be is of another.
            code.append(f"{end - start}s")
            telling.append(position)
            position += 1
        for kind in self._wanted:
            if kind not in places:
                code.append("0s")
                places[kind] = position
                position += 1
        layout = Struct("".join(code))
        signature = itemgetter(*telling)
        wanted = itemgetter(*range(5, 5 + self._fixed_fields), *(places[kind] for kind in self._wanted))
        return _Shape(layout, signature, signature(layout.unpack_from(chunk, offset)), wanted)
