"""What the kernel reports of a transaction, sorted by what it is about."""

from collections import defaultdict
from dataclasses import dataclass, field

from netctl.engine.resource import Key
from netctl.kinds.nftables import BRIDGE, OWN_FAMILIES, SYSTEM
from reconcilers.nftables import uapi
from reconcilers.nftables.attributes import number, parse, text
from reconcilers.nftables.decoding import comment_in
from reconcilers.nftables.marks import Place, read_rule_mark
from reconcilers.nftables.messages import Reply
from reconcilers.nftables.uapi import ElementAttribute, Message, RuleAttribute

_FAMILY_NAMES = {number_: name for name, number_ in uapi.FAMILIES.items()}
_TABLE = 1
_PROCESS, _PROGRAM = 2, 3  # NFTA_GEN_PROC_PID, NFTA_GEN_PROC_NAME
_STRUCTURE = {Message.NEWTABLE, Message.DELTABLE, Message.NEWCHAIN, Message.DELCHAIN}
_ELEMENTS = {Message.NEWSETELEM, Message.DELSETELEM}
_RULES = {Message.NEWRULE, Message.DELRULE}


@dataclass
class TableNews:
    """What of one of the stacks' own tables was touched."""

    whole: bool = False
    """The table itself, a set or a chain as such."""
    chains: set[str] = field(default_factory=set)
    """Those whose rules were touched."""
    elements: defaultdict[str, list[tuple[bool, bytes]]] = field(default_factory=lambda: defaultdict(list))
    """By set, in order: whether they came, and the list of them."""


@dataclass
class News:
    """What a number of transactions touched."""

    tables: defaultdict[Key, TableNews] = field(default_factory=lambda: defaultdict(TableNews))
    rules: dict[Key, Place] = field(default_factory=dict)
    """Marked rules in other tools' chains."""
    foreign: bool = False
    """Other tools' tables or chains came or went."""
    authors: dict[Key, str] = field(default_factory=dict)
    _open: set[Key] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.tables or self.rules or self.foreign)

    def add(self, reply: Reply) -> None:
        """Take in one message; that of the new generation ends a transaction, and tells whose it was."""
        if reply.type == Message.NEWGEN:
            attributes = parse(reply.payload)
            process = number(attributes.get(_PROCESS, b""))
            self.authors |= dict.fromkeys(self._open, f"{text(attributes.get(_PROGRAM, b''))} ({process})")
            self._open.clear()
        elif reply.family in _FAMILY_NAMES:
            attributes = parse(reply.payload)
            family, table = _FAMILY_NAMES[reply.family], text(attributes.get(_TABLE, b""))
            if family in OWN_FAMILIES and table.startswith("netctl-"):
                self._add_own(Key(SYSTEM, "table", f"{family} {table}"), reply.type, attributes)
            elif family != BRIDGE:
                self._add_foreign(family, table, reply.type, attributes)

    def _add_own(self, key: Key, kind: int, attributes: dict[int, bytes]) -> None:
        self._open.add(key)
        news = self.tables[key]
        if kind in _RULES:
            news.chains.add(text(attributes.get(RuleAttribute.CHAIN, b"")))
        elif kind in _ELEMENTS:
            name = text(attributes.get(ElementAttribute.LIST_SET, b""))
            elements = attributes.get(ElementAttribute.LIST_ELEMENTS, b"")
            news.elements[name].append((kind == Message.NEWSETELEM, elements))
        else:
            news.whole = True

    def _add_foreign(self, family: str, table: str, kind: int, attributes: dict[int, bytes]) -> None:
        if kind in _STRUCTURE:
            self.foreign = True
        elif kind in _RULES:
            place = Place(family, table, text(attributes.get(RuleAttribute.CHAIN, b"")))
            mark = read_rule_mark(place, comment_in(attributes.get(RuleAttribute.USERDATA, b"")))
            if mark is not None:
                self.rules[mark.key] = place
                self._open.add(mark.key)
