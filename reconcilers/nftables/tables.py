"""Reads a whole table: its mark, its sets with their elements, its chains with their rules."""

from typing import NamedTuple

from netctl.engine.resource import Owner
from netctl.kinds.nftables import Chain, Set, Table
from reconcilers.nftables import uapi
from reconcilers.nftables.attributes import number, parse, string
from reconcilers.nftables.chains import LiveChain, read_rules
from reconcilers.nftables.decoding import comment_in
from reconcilers.nftables.elements import ElementCodec
from reconcilers.nftables.marks import table_owner
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
    if reply is None:
        return None
    attributes = parse(reply.payload)
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
    number_ = uapi.FAMILIES[family]
    declared = [
        decode_set(parse(reply.payload))
        for reply in connection.dump(Message.GETSET, number_, string(SetAttribute.TABLE, table))
    ]
    return sorted((_filled(connection, number_, table, entry) for entry in declared), key=_name)


def _filled(connection: Connection, family: int, table: str, declared: Set) -> Set:
    selector = string(ElementAttribute.LIST_TABLE, table) + string(ElementAttribute.LIST_SET, declared.name)
    replies = connection.dump(Message.GETSETELEM, family, selector)
    lists = [parse(reply.payload).get(ElementAttribute.LIST_ELEMENTS, b"") for reply in replies]
    try:
        return declared._replace(elements=ElementCodec(declared).decode(lists))
    except (KeyError, ValueError) as error:
        # Someone else's set: of types that netctl does not use. It differs from every declared one by this flag.
        return declared._replace(flags=(*declared.flags, f"unreadable: {error}"))


def _name(member: Set | Chain) -> str:
    return member.name
