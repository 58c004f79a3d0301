"""Elements of sets and maps, both ways.

The kernel has three shapes. An exact element is one key. An interval of a single field is two elements, one that begins
it and one, flagged, that ends it (the first value past it; left out where the interval goes on to the last value). An
interval of concatenated fields is one element with two keys: the first and the last value of each field.

There may be many of them, so the layout that the kernel always uses is read at fixed places: the key comes first, the
second key after it, and what follows is the same for most elements of a set.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from netctl.kinds.nftables import Set
from reconcilers.nftables import uapi
from reconcilers.nftables.attributes import nest, number, parse, u32
from reconcilers.nftables.datatypes import Concatenation, Span, span_of, span_text
from reconcilers.nftables.decoding import comment_in, verdict_text
from reconcilers.nftables.encoding import verdict
from reconcilers.nftables.uapi import ElementAttribute

_MAX_LIST = 60_000
"""Bytes of one list: an attribute's length has 16 bits."""
_NESTED = 0x8000
_HEADER = Struct("=HH")
_ELEMENT = Struct("=HHHHHH")
"""The headers of an element, of its key, and of the key's value."""
_SECOND_KEY = _DATA = Struct("=HHHH")
_REMARK = " # "
"""Before what an element has that netctl never writes."""
_ENDS = u32(ElementAttribute.FLAGS, uapi.INTERVAL_END)


class _Tail(NamedTuple):
    """What follows an element's keys."""

    text: str
    """`` : drop``, and what netctl never writes; usually empty in a set."""
    ends: bool = False


class ElementCodec:
    """Writes and reads the elements of one set. Raises ValueError for a set of types that are not known."""

    def __init__(self, declared: Set) -> None:
        self.key = Concatenation.of(declared.key)
        self.interval = "interval" in declared.flags
        self.verdicts = declared.data == ("verdict",)
        self.data = None if self.verdicts or not declared.data else Concatenation.of(declared.data)
        # Elements of one map share a few verdicts; other data is of each element's own.
        self._tail = self._read_tail if self.data else lru_cache(4096)(self._read_tail)
        self._encode_data = self._written_data if self.data else lru_cache(4096)(self._written_data)

    def encode(self, elements: Iterable[str]) -> Iterator[bytes]:
        """Lists of elements, each to be sent in a message of its own. Raises ValueError for what is no element."""
        chunk: list[bytes] = []
        size = 0
        for raw in self._encoded(elements):
            if size + len(raw) > _MAX_LIST:
                yield nest(ElementAttribute.LIST_ELEMENTS, *chunk)
                chunk, size = [], 0
            chunk.append(raw)
            size += len(raw)
        if chunk:
            yield nest(ElementAttribute.LIST_ELEMENTS, *chunk)

    def decode(self, lists: Iterable[bytes]) -> frozenset[str]:
        """The elements in the payloads of such lists. Raises KeyError or ValueError where one cannot be read."""
        if self.interval and len(self.key.types) == 1:
            return frozenset(self._intervals(lists))
        texts = self._span_texts if self.interval else self._exact_texts
        return frozenset(text for payload in lists for text in texts(payload))

    def _encoded(self, elements: Iterable[str]) -> Iterator[bytes]:
        if self.interval and len(self.key.types) == 1:
            yield from self._encoded_intervals(elements)
            return
        for element in elements:
            key, data = self._parted(element)
            if self.interval:
                first, last = self.key.span(key)
                yield _element(first, _second_key(last) + data)
            else:
                yield _element(self.key.encode(key), data)

    def _encoded_intervals(self, elements: Iterable[str]) -> Iterator[bytes]:
        """Two of the kernel's elements for each, in ascending order, which is how it adds them best."""
        (datatype,) = self.key.types
        spans: list[tuple[Span, bytes]] = []
        for element in elements:
            key, data = self._parted(element)
            spans.append((span_of(key, datatype), data))
        for (first, last), data in sorted(spans):
            yield _element(first, data)
            past = int.from_bytes(last, "big") + 1
            if past >> (datatype.length * 8) == 0:
                yield _element(past.to_bytes(datatype.length, "big"), _ENDS)

    def _parted(self, element: str) -> tuple[str, bytes]:
        """The key's text, and the encoded data of a map's element."""
        if not self.verdicts and self.data is None:
            return element, b""
        key, colon, text = element.partition(" : ")
        if not colon:
            raise ValueError(f"'{element}' is no element of a map")
        return key, self._encode_data(text)

    def _written_data(self, text: str) -> bytes:
        if self.data is None:
            return nest(ElementAttribute.DATA, verdict(*text.split(" ", 1)))
        raw = self.data.encode(text)
        size = _padded(len(raw))
        head = _DATA.pack(8 + size, ElementAttribute.DATA | _NESTED, 4 + len(raw), uapi.DATA_VALUE)
        return head + raw + bytes(size - len(raw))

    def _exact_texts(self, payload: bytes) -> Iterator[str]:
        decode, key_end = self.key.decode, self.key.length
        for start, stop in _bounds(payload):
            key = payload[start : start + key_end]
            rest = payload[start + _padded(key_end) : stop]
            yield decode(key) + self._tail(rest).text if rest else decode(key)

    def _span_texts(self, payload: bytes) -> Iterator[str]:
        length, plain = self.key.length, _padded(self.key.length)
        for start, stop in _bounds(payload):
            first = last = payload[start : start + length]
            rest = payload[start + plain : stop]
            if rest and rest[2] == ElementAttribute.KEY_END:
                last = rest[_SECOND_KEY.size : _SECOND_KEY.size + length]
                rest = rest[_SECOND_KEY.size + plain :]
            yield self.key.span_text(first, last) + self._tail(rest).text

    def _intervals(self, lists: Iterable[bytes]) -> Iterator[str]:
        """The intervals that begin and end somewhere; nft leaves the end out where another begins right there."""
        (datatype,) = self.key.types
        begun: tuple[bytes, str] | None = None
        for key, begins, tail in sorted(self._boundaries(lists)):
            if begun is not None:
                last = (int.from_bytes(key, "big") - 1).to_bytes(datatype.length, "big")
                yield span_text(begun[0], last, datatype) + begun[1]
            begun = (key, tail) if begins else None
        if begun is not None:
            yield span_text(begun[0], b"\xff" * datatype.length, datatype) + begun[1]

    def _boundaries(self, lists: Iterable[bytes]) -> Iterator[tuple[bytes, bool, str]]:
        """Of each element the value, whether an interval begins there, and its tail. Ends sort before beginnings."""
        length, plain = self.key.length, _padded(self.key.length)
        for payload in lists:
            for start, stop in _bounds(payload):
                tail = self._tail(payload[start + plain : stop])
                yield payload[start : start + length], not tail.ends, tail.text

    def _read_tail(self, raw: bytes) -> _Tail:
        if self.data and len(raw) == _DATA.size + _padded(self.data.length) and raw[2] == ElementAttribute.DATA:
            return _Tail(" : " + self.data.decode(raw[_DATA.size : _DATA.size + self.data.length]))
        attributes = parse(raw)
        flags = number(attributes.pop(ElementAttribute.FLAGS, b""))
        data = attributes.pop(ElementAttribute.DATA, None)
        if not comment_in(attributes.get(ElementAttribute.USERDATA, b"")):
            # Without a comment it is nft's own note that an interval has no end.
            attributes.pop(ElementAttribute.USERDATA, None)
        odd = [f"attribute {type_}" for type_ in sorted(attributes)]
        odd += [f"flags {flags:#x}"] if flags & ~uapi.INTERVAL_END else []
        text = "" if data is None else f" : {self._data_text(data)}"
        return _Tail(text + (_REMARK + ", ".join(odd) if odd else ""), bool(flags & uapi.INTERVAL_END))

    def _data_text(self, raw: bytes) -> str:
        data = parse(raw)
        return self.data.decode(data[uapi.DATA_VALUE]) if self.data else verdict_text(data)


def is_writable(element: str) -> bool:
    """Whether an element has nothing but what netctl writes."""
    return _REMARK not in element


def _element(key: bytes, rest: bytes) -> bytes:
    size = _padded(len(key))
    lengths = _ELEMENT.pack(
        _ELEMENT.size + size + len(rest),
        uapi.LIST_ELEM | _NESTED,
        8 + size,
        ElementAttribute.KEY | _NESTED,
        4 + len(key),
        uapi.DATA_VALUE,
    )
    return lengths + key + bytes(size - len(key)) + rest


def _second_key(key: bytes) -> bytes:
    # Only keys of several fields have a second one, and they fill whole words.
    return _SECOND_KEY.pack(8 + len(key), ElementAttribute.KEY_END | _NESTED, 4 + len(key), uapi.DATA_VALUE) + key


def _bounds(payload: bytes) -> Iterator[tuple[int, int]]:
    """Where each element's key begins, and where the element ends."""
    start, end = 0, len(payload)
    unpack, head = _HEADER.unpack_from, _ELEMENT.size
    while start < end:
        length, _ = unpack(payload, start)
        yield start + head, start + length
        start += (length + 3) & ~3


def _padded(length: int) -> int:
    return (length + 3) & ~3
