"""Elements of sets and maps, both ways.

The kernel has three shapes. An exact element is one key. An interval of a single field is two elements, one that begins
it and one, flagged, that ends it (the first value past it; left out where the interval goes on to the last value). An
interval of concatenated fields is one element with two keys: the first and the last value of each field.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from netctl.kinds.nftables import Set
from reconcilers.nftables import uapi
from reconcilers.nftables.attributes import Attributes, nest, number, parse, u32
from reconcilers.nftables.datatypes import DataType, Span, span_of, span_text
from reconcilers.nftables.decoding import verdict_text
from reconcilers.nftables.encoding import value, verdict
from reconcilers.nftables.sets import concatenated_length, key_types
from reconcilers.nftables.uapi import ElementAttribute

_MAX_LIST = 60_000
"""Bytes of one list: an attribute's length has 16 bits."""
_LENGTH = Struct("=H")
_KEY_START = 12
"""Where an element's first key begins: after the headers of element, key and value."""
_REMARK = " # "
"""Before what an element has that netctl never writes."""


class _Rest(NamedTuple):
    """What follows an element's key."""

    key_end: bytes
    data: str
    """`` : drop``, with the colon; empty in a set."""
    ends: bool
    remark: str


class ElementCodec:
    """Writes and reads the elements of one set. Raises ValueError for a set of types that are not known."""

    def __init__(self, declared: Set) -> None:
        self.types = key_types(declared.key)
        self.data = declared.data
        self.interval = "interval" in declared.flags
        self._length = concatenated_length(self.types)
        self._read_rest = lru_cache(1024)(self._parse_rest)
        """Elements of one map share a few verdicts."""

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
        raw = (element for payload in lists for element in self._split(payload))
        if not self.interval:
            return frozenset([self._exact_text(key) + rest.data + rest.remark for key, rest in raw])
        if len(self.types) > 1:
            return frozenset([self._spans_text(key, rest.key_end) + rest.data + rest.remark for key, rest in raw])
        return frozenset(self._intervals(raw))

    def _encoded(self, elements: Iterable[str]) -> Iterator[bytes]:
        """The kernel's elements; those of plain intervals in ascending order, which is the order it adds them best."""
        if not self.interval:
            for element in elements:
                key, data = self._parted(element)
                yield _element(value(self._exact_key(key)), data)
        elif len(self.types) > 1:
            for element in elements:
                key, data = self._parted(element)
                first, last = self._spans_key(key)
                yield _element(value(first), data, last)
        else:
            yield from self._encoded_intervals(elements)

    def _encoded_intervals(self, elements: Iterable[str]) -> Iterator[bytes]:
        (datatype,) = self.types
        spans: list[tuple[Span, bytes]] = []
        for element in elements:
            key, data = self._parted(element)
            spans.append((span_of(key, datatype), data))
        for (first, last), data in sorted(spans):
            yield _element(value(first), data)
            past = int.from_bytes(last, "big") + 1
            if past >> (datatype.length * 8) == 0:
                flag = u32(ElementAttribute.FLAGS, uapi.INTERVAL_END)
                yield _element(value(past.to_bytes(datatype.length, "big")), flag)

    def _parted(self, element: str) -> tuple[str, bytes]:
        """The key's text, and the encoded data of a map's element."""
        if not self.data:
            return element, b""
        key, colon, text = element.partition(" : ")
        if not colon:
            raise ValueError(f"'{element}' is no element of a map")
        if self.data == ("verdict",):
            return key, nest(ElementAttribute.DATA, verdict(*text.split(" ", 1)))
        return key, nest(ElementAttribute.DATA, value(_joined(_parts(text, key_types(self.data)))))

    def _exact_key(self, text: str) -> bytes:
        if len(self.types) == 1:
            return self.types[0].encode(text)
        return _joined(_parts(text, self.types))

    def _spans_key(self, text: str) -> Span:
        parts = text.split(" . ")
        spans = [span_of(part, datatype) for part, datatype in zip(parts, self.types, strict=True)]
        return _joined(first for first, _ in spans), _joined(last for _, last in spans)

    def _split(self, payload: bytes) -> Iterator[tuple[bytes, _Rest]]:
        """Key and rest of each element. The key comes first, so that most of an element needs no parsing."""
        start, end = 0, len(payload)
        key_end = _KEY_START + self._length
        plain = (key_end + 3) & ~3
        unpack, read_rest = _LENGTH.unpack_from, self._read_rest
        empty = read_rest(b"")
        while start < end:
            (length,) = unpack(payload, start)
            rest = empty if length <= plain else read_rest(payload[start + plain : start + length])
            yield payload[start + _KEY_START : start + key_end], rest
            start += (length + 3) & ~3

    def _parse_rest(self, raw: bytes) -> _Rest:
        attributes = parse(raw)
        known = {ElementAttribute.DATA, ElementAttribute.FLAGS, ElementAttribute.KEY_END}
        flags = number(attributes.get(ElementAttribute.FLAGS, b""))
        odd = [f"attribute {type_}" for type_ in sorted(attributes.keys() - known)]
        odd += [f"flags {flags:#x}"] if flags & ~uapi.INTERVAL_END else []
        data = parse(attributes[ElementAttribute.DATA]) if ElementAttribute.DATA in attributes else None
        key_end = parse(attributes.get(ElementAttribute.KEY_END, b""))
        return _Rest(
            key_end.get(uapi.DATA_VALUE, b""),
            "" if data is None else f" : {self._data_text(data)}",
            bool(flags & uapi.INTERVAL_END),
            _REMARK + ", ".join(odd) if odd else "",
        )

    def _data_text(self, data: Attributes) -> str:
        if self.data == ("verdict",):
            return verdict_text(data)
        types = key_types(self.data)
        return " . ".join(_texts(data[uapi.DATA_VALUE], types))

    def _exact_text(self, key: bytes) -> str:
        if len(self.types) == 1:
            return self.types[0].decode(key)
        return " . ".join(_texts(key, self.types))

    def _spans_text(self, first: bytes, last: bytes) -> str:
        texts, start = [], 0
        for datatype in self.types:
            end = start + datatype.length
            texts.append(span_text(first[start:end], (last or first)[start:end], datatype))
            start += (datatype.length + 3) & ~3
        return " . ".join(texts)

    def _intervals(self, raw: Iterable[tuple[bytes, _Rest]]) -> Iterator[str]:
        """The intervals that begin and end somewhere; nft leaves the end out where another begins right there."""
        (datatype,) = self.types
        begun: tuple[bytes, _Rest] | None = None
        for key, rest in sorted(raw, key=lambda element: (element[0], not element[1].ends)):
            if begun is not None:
                last = (int.from_bytes(key, "big") - 1).to_bytes(datatype.length, "big")
                yield span_text(begun[0], last, datatype) + begun[1].data + begun[1].remark
            begun = None if rest.ends else (key, rest)
        if begun is not None:
            yield span_text(begun[0], b"\xff" * datatype.length, datatype) + begun[1].data + begun[1].remark


def is_writable(element: str) -> bool:
    """Whether an element has nothing but what netctl writes."""
    return _REMARK not in element


def _element(key: bytes, rest: bytes, key_end: bytes = b"") -> bytes:
    end = nest(ElementAttribute.KEY_END, value(key_end)) if key_end else b""
    return nest(uapi.LIST_ELEM, nest(ElementAttribute.KEY, key), end, rest)


def _parts(text: str, types: tuple[DataType, ...]) -> Iterator[bytes]:
    for part, datatype in zip(text.split(" . "), types, strict=True):
        yield datatype.encode(part)


def _joined(fields: Iterable[bytes]) -> bytes:
    """Fields side by side, each filling whole registers; a single one as it is."""
    parts = list(fields)
    return parts[0] if len(parts) == 1 else b"".join(part + bytes(-len(part) % 4) for part in parts)


def _texts(raw: bytes, types: tuple[DataType, ...]) -> Iterator[str]:
    start = 0
    for datatype in types:
        yield datatype.decode(raw[start : start + datatype.length])
        start += (datatype.length + 3) & ~3
