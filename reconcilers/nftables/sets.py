"""The declaration of a set, both ways: types, flags, the lengths of concatenated fields.

Besides the types the kernel keeps, as user data, the byte orders that nft needs to print the elements.
"""

import sys
from collections.abc import Sequence

from netctl.kinds.nftables import Set
from reconcilers.nftables import uapi
from reconcilers.nftables.attributes import Attributes, attribute, nest, number, parse, string, text, u32
from reconcilers.nftables.datatypes import BY_NUMBER, Concatenation, DataType
from reconcilers.nftables.uapi import SetAttribute, SetFlag

_TYPE_BITS = 6
"""Types of concatenated fields are packed, so many bits each, into one number."""
_TYPE_MASK = (1 << _TYPE_BITS) - 1
_KEY_BYTEORDER, _DATA_BYTEORDER = 0, 1
_DESC_CONCAT = 2
_DESC_SIZE = 1
_FIELD_LEN = 1
_DYNAMIC_SIZE = 1 << 20
"""How many elements rules can make; the kernel wants a limit."""
_KNOWN_FLAGS = {"constant": 0x2, "interval": int(SetFlag.INTERVAL), "timeout": 0x10, "dynamic": 0x20}
_DERIVED_FLAGS = SetFlag.MAP | SetFlag.CONCAT
_READ = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 10, 13, 14, 16, 19, 20})
"""The attributes that say no more than a `Set` does, and those of the kernel's own: handle, implementation, size."""


def encode_set(declared: Set, identifier: int) -> bytes:
    """The attributes of an NFT_MSG_NEWSET, less the table's. The identifier is any, unique in the transaction."""
    key = Concatenation.of(declared.key)
    types = key.types
    flags = sum(_KNOWN_FLAGS[flag] for flag in declared.flags)
    interval = "interval" in declared.flags
    parts = [
        string(SetAttribute.NAME, declared.name),
        u32(SetAttribute.KEY_TYPE, _packed_type(types)),
        u32(SetAttribute.KEY_LEN, key.length),
        u32(SetAttribute.ID, identifier),
    ]
    user = _byteorder(_KEY_BYTEORDER, types)
    if interval and len(types) > 1:
        flags |= SetFlag.CONCAT
        lengths = (nest(uapi.LIST_ELEM, u32(_FIELD_LEN, datatype.length)) for datatype in types)
        parts.append(nest(SetAttribute.DESC, nest(_DESC_CONCAT, *lengths)))
    if "dynamic" in declared.flags:
        parts.append(nest(SetAttribute.DESC, u32(_DESC_SIZE, _DYNAMIC_SIZE)))
    if declared.data:
        flags |= SetFlag.MAP
        attributes, order = _encode_data(declared.data)
        parts.append(attributes)
        user += order
    parts += [u32(SetAttribute.FLAGS, flags), attribute(SetAttribute.USERDATA, user)]
    return b"".join(parts)


def decode_set(attributes: Attributes) -> Set:
    """The set in an NFT_MSG_NEWSET, without its elements. What a `Set` cannot say is among its flags."""
    flags = number(attributes[SetAttribute.FLAGS]) if SetAttribute.FLAGS in attributes else 0
    names = [name for name, bit in _KNOWN_FLAGS.items() if flags & bit]
    rest = flags & ~(sum(_KNOWN_FLAGS.values()) | _DERIVED_FLAGS)
    names += [f"{rest:#x}"] if rest else []
    names += [f"attribute {type_}" for type_ in sorted(set(attributes) - _READ)]
    size = parse(attributes.get(SetAttribute.DESC, b"")).get(_DESC_SIZE)
    if size is not None and ("dynamic" not in names or number(size) != _DYNAMIC_SIZE):
        names.append("size")
    data = _decode_data(attributes) if flags & SetFlag.MAP else ()
    key = _unpacked_type(number(attributes[SetAttribute.KEY_TYPE]))
    return Set(text(attributes[SetAttribute.NAME]), key, data, tuple(sorted(names)))


def _encode_data(declared: Sequence[str]) -> tuple[bytes, bytes]:
    """The attributes that declare what a map holds, and its part of the user data."""
    if tuple(declared) == ("verdict",):
        return u32(SetAttribute.DATA_TYPE, uapi.DATA_TYPE_VERDICT), _order(_DATA_BYTEORDER, 0)
    data = Concatenation.of(declared)
    length = u32(SetAttribute.DATA_LEN, data.length)
    return u32(SetAttribute.DATA_TYPE, _packed_type(data.types)) + length, _byteorder(_DATA_BYTEORDER, data.types)


def _decode_data(attributes: Attributes) -> tuple[str, ...]:
    packed = number(attributes.get(SetAttribute.DATA_TYPE, b""))
    return ("verdict",) if packed == uapi.DATA_TYPE_VERDICT else _unpacked_type(packed)


def _packed_type(types: Sequence[DataType]) -> int:
    packed = 0
    for datatype in types:
        packed = packed << _TYPE_BITS | datatype.number
    return packed


def _unpacked_type(packed: int) -> tuple[str, ...]:
    names: list[str] = []
    while packed:
        known = BY_NUMBER.get(packed & _TYPE_MASK)
        names.append(known.name if known else f"type {packed & _TYPE_MASK}")
        packed >>= _TYPE_BITS
    return tuple(reversed(names))


def _byteorder(kind: int, types: Sequence[DataType]) -> bytes:
    """Of concatenated fields nft knows the order by itself."""
    return _order(kind, types[0].order if len(types) == 1 else 0)


def _order(kind: int, order: int) -> bytes:
    return bytes((kind, 4)) + order.to_bytes(4, sys.byteorder)
