"""Reads a whole table: its mark, its sets with their elements, its chains with their rules."""

from collections.abc import Iterator
from typing import NamedTuple

from netctl.engine.resource import Owner
from netctl.kinds.nftables import Chain, Set, Table
from reconcilers.nftables import uapi
from reconcilers.nftables.attributes import Attributes, number, parse, string, text
from reconcilers.nftables.chains import LiveChain, read_rules
from reconcilers.nftables.decoding import comment_in
from reconcilers.nftables.elements import ElementCodec
from reconcilers.nftables.marks import table_owner
from reconcilers.nftables.messages import Interrupted
from reconcilers.nftables.sets import decode_set
from reconcilers.nftables.transport import Connection
from reconcilers.nftables.uapi import ElementAttribute, Message, SetAttribute, TableAttribute

_FLAGS = {"dormant": 0x1, "owner": 0x2, "persist": 0x4}


class Head(NamedTuple):
    """What a table is, apart from what is in it."""

    family: str
    name: str
    flags: tuple[str, ...]
    owner: Owner | None


def read_head(connection: Connection, family: str, name: str) -> Head | None:
    """The table's flags and owner; None where there is no such table."""
    reply = connection.get(Message.GETTABLE, uapi.FAMILIES[family], string(TableAttribute.NAME, name))
    return None if reply is None else _head(family, parse(reply.payload))


def read_heads(connection: Connection, family: str) -> Iterator[Head]:
    """Of every table of a family."""
    for reply in connection.dump(Message.GETTABLE, uapi.FAMILIES[family]):
        yield _head(family, parse(reply.payload))


def _head(family: str, attributes: Attributes) -> Head:
    name = text(attributes[TableAttribute.NAME])
    flags = number(attributes.get(TableAttribute.FLAGS, b""))
    comment = comment_in(attributes.get(TableAttribute.USERDATA, b""))
    names = tuple(flag for flag, bit in _FLAGS.items() if flags & bit)
    return Head(family, name, names, table_owner(family, name, comment))


def read_table(connection: Connection, head: Head, chains: list[LiveChain]) -> Table:
    """The table of this head, whole."""
    family, name = head.family, head.name
    sets = read_sets(connection, family, name)
    rules = read_rules(connection, family, name, {declared.name: declared for declared in sets})
    own = [chain for place, chain in chains if (place.family, place.table) == (family, name)]
    full = [chain._replace(rules=tuple(rules.get(chain.name, ()))) for chain in own]
    return Table(family, name, tuple(sets), tuple(sorted(full, key=_name)), head.flags)


def read_sets(connection: Connection, family: str, table: str) -> list[Set]:
    """The table's sets and maps with their elements, sorted by name."""
    selector = string(SetAttribute.TABLE, table)
    declared = [parse(reply.payload) for reply in connection.dump(Message.GETSET, uapi.FAMILIES[family], selector)]
    return sorted((_filled(connection, family, table, attributes) for attributes in declared), key=_name)


def read_set(connection: Connection, family: str, table: str, name: str) -> Set | None:
    """One of the table's sets or maps, with its elements; None where there is none of that name."""
    selector = string(SetAttribute.TABLE, table) + string(SetAttribute.NAME, name)
    reply = connection.get(Message.GETSET, uapi.FAMILIES[family], selector)
    return _filled(connection, family, table, parse(reply.payload)) if reply else None


def _filled(connection: Connection, family: str, table: str, attributes: Attributes) -> Set:
    declared = decode_set(attributes)
    if "dynamic" in declared.flags:
        return declared
    try:
        codec = ElementCodec(declared)
        elements = _read_elements(connection, family, table, declared, codec)
        # The kernel's hash tables grow in the background; a dump meanwhile misses elements, and nothing tells.
        certain = codec.interval or _is_complete(attributes, declared, elements)
        if not certain and elements != _read_elements(connection, family, table, declared, codec):
            raise Interrupted
        return declared._replace(elements=elements)
    except (KeyError, ValueError) as error:
        # Someone else's set: of types that netctl does not use. It differs from every declared one by this flag.
        return declared._replace(flags=(*declared.flags, f"unreadable: {error}"))


def _read_elements(
    connection: Connection, family: str, table: str, declared: Set, codec: ElementCodec
) -> frozenset[str]:
    selector = string(ElementAttribute.LIST_TABLE, table) + string(ElementAttribute.LIST_SET, declared.name)
    replies = connection.dump(Message.GETSETELEM, uapi.FAMILIES[family], selector)
    return codec.decode([parse(reply.payload).get(ElementAttribute.LIST_ELEMENTS, b"") for reply in replies])


def _is_complete(attributes: Attributes, declared: Set, elements: frozenset[str]) -> bool:
    """Whether the kernel tells how many elements there are, and these are as many. Raises Interrupted where not.

    Older kernels do not tell. Of elements that expire, the number includes those that have.
    """
    if SetAttribute.COUNT not in attributes or "timeout" in declared.flags:
        return False
    if number(attributes[SetAttribute.COUNT]) != len(elements):
        raise Interrupted
    return True


def _name(member: Set | Chain) -> str:
    return member.name
