"""The messages that make, change and delete the stack's table and its rules in other tools' chains."""

from collections.abc import Iterable, Iterator
from itertools import count
from typing import NamedTuple

from netctl.engine.resource import Owner
from netctl.kinds.nftables import Chain, Comment, ForeignRule, Rule, Set, Table
from reconcilers.nftables import uapi
from reconcilers.nftables.attributes import attribute, nest, string, u32, u64
from reconcilers.nftables.elements import ElementCodec, is_writable
from reconcilers.nftables.encoding import encode_rule, userdata
from reconcilers.nftables.marks import table_mark
from reconcilers.nftables.messages import Request
from reconcilers.nftables.sets import encode_set
from reconcilers.nftables.uapi import (
    ChainAttribute,
    ElementAttribute,
    Flag,
    Message,
    RuleAttribute,
    SetAttribute,
    TableAttribute,
)

_TABLE_FLAGS = {"dormant": 0x1}
_HOOKNUM, _PRIORITY = 1, 2

# Table, chain, rule, set and list of elements all name their table in attribute 1.
_IN_TABLE = 1


class What(NamedTuple):
    """What a request does, in words."""

    phrase: str
    subject: object = ""

    def __str__(self) -> str:
        return f"{self.phrase} {self.subject}".rstrip()


def create_table(table: Table, owner: Owner | None) -> Iterator[Request]:
    """The table with all that is in it. It fails where there is one of that name.

    Chains come before elements, which may name them, and sets before the rules that look into them.
    """
    flags = sum(_TABLE_FLAGS.get(flag, 0) for flag in table.flags)
    mark = attribute(TableAttribute.USERDATA, userdata(table_mark(owner.stack, table.family))) if owner else b""
    payload = string(TableAttribute.NAME, table.name) + u32(TableAttribute.FLAGS, flags) + mark
    yield Request(
        Message.NEWTABLE, _family(table), payload, Flag.CREATE | Flag.EXCL, what=What("add table", table.name)
    )
    for chain in table.chains:
        yield from _new_chain(table, chain)
    yield from _new_sets(table, table.sets)
    for declared in table.sets:
        yield from _elements(table, declared, declared.elements, Message.NEWSETELEM)
    for chain in table.chains:
        yield from _new_rules(table, chain)


def delete_table(table: Table) -> Request:
    """The table's deletion, with all that is in it."""
    payload = string(TableAttribute.NAME, table.name)
    return Request(Message.DELTABLE, _family(table), payload, what=What("delete table", table.name))


def table_changes(before: Table, after: Table) -> list[Request] | None:
    """What turns one table into the other and leaves alone what both have; None where it has to be made anew.

    A chain whose rules differ is filled anew; what is not in the new table goes last, when nothing refers to it.
    """
    old, new = _Members.of(before), _Members.of(after)
    # Most are the same objects: what was compiled again, or revised, shares what did not change.
    sets = [
        _SetChange.between(old.sets.get(name), entry)
        for name, entry in new.sets.items()
        if old.sets.get(name) is not entry
    ]
    chains = [(old.chains.get(name), chain) for name, chain in new.chains.items() if old.chains.get(name) is not chain]
    alike = all(change.is_possible() for change in sets) and all(_has_place_of(*pair) for pair in chains)
    if before.flags != after.flags or not alike:
        return None
    rewritten = [(had, chain) for had, chain in chains if _rules(had) != chain.rules]
    flushed = [chain for had, chain in rewritten if _rules(had)]
    dropped = [chain for name, chain in old.chains.items() if name not in new.chains]
    parts: tuple[Iterable[Request], ...] = (
        *(_new_chain(after, chain) for had, chain in chains if had is None),
        _new_sets(after, [change.new for change in sets if change.old is None]),
        (_flush_chain(after, chain) for chain in (*flushed, *dropped)),
        *(_elements(after, change.new, change.removed, Message.DELSETELEM) for change in sets),
        (_delete_set(after, declared) for name, declared in old.sets.items() if name not in new.sets),
        *(_elements(after, change.new, change.added, Message.NEWSETELEM) for change in sets),
        *(_new_rules(after, chain) for _, chain in rewritten),
        (_delete_chain(after, chain) for chain in dropped),
    )
    return [request for requests in parts for request in requests]


class _Members(NamedTuple):
    """A table's sets and chains by name."""

    sets: dict[str, Set]
    chains: dict[str, Chain]

    @classmethod
    def of(cls, table: Table) -> "_Members":
        return cls({entry.name: entry for entry in table.sets}, {chain.name: chain for chain in table.chains})


class _SetChange(NamedTuple):
    """A set before (None where there was none) and after."""

    old: Set | None
    new: Set
    removed: frozenset[str]
    added: frozenset[str]

    @classmethod
    def between(cls, old: Set | None, new: Set) -> "_SetChange":
        had: frozenset[str] = old.elements if old else frozenset()
        added = new.elements - had
        # Of many elements, comparing twice is what costs.
        removed = frozenset[str]() if len(had) + len(added) == len(new.elements) else had - new.elements
        return cls(old, new, removed, added)

    def is_possible(self) -> bool:
        """Whether both are declared the same, and every element that goes can be named."""
        alike = self.old is None or self.old[:-1] == self.new[:-1]
        return alike and all(map(is_writable, self.removed))


def _has_place_of(old: Chain | None, new: Chain) -> bool:
    return old is None or old._replace(rules=new.rules) == new


def _rules(chain: Chain | None) -> tuple[Rule, ...]:
    return chain.rules if chain else ()


def _new_chain(table: Table, chain: Chain) -> Iterator[Request]:
    yield _in(table, Message.NEWCHAIN, _chain(chain), Flag.CREATE, What("add chain", chain.name))


def _new_sets(table: Table, sets: Iterable[Set]) -> Iterator[Request]:
    for declared, identifier in zip(sets, count(1), strict=False):
        yield _in(table, Message.NEWSET, encode_set(declared, identifier), Flag.CREATE, What("add set", declared.name))


def _new_rules(table: Table, chain: Chain) -> Iterator[Request]:
    for rule in chain.rules:
        what = What(f"add to chain {chain.name} the rule", rule)
        yield _in(table, Message.NEWRULE, _in_chain(chain.name, rule), Flag.CREATE | Flag.APPEND, what)


def _flush_chain(table: Table, chain: Chain) -> Request:
    payload = string(RuleAttribute.CHAIN, chain.name)
    return _in(table, Message.DELRULE, payload, 0, What("remove the rules of chain", chain.name))


def _delete_chain(table: Table, chain: Chain) -> Request:
    return _in(table, Message.DELCHAIN, string(ChainAttribute.NAME, chain.name), 0, What("delete chain", chain.name))


def _delete_set(table: Table, declared: Set) -> Request:
    return _in(table, Message.DELSET, string(SetAttribute.NAME, declared.name), 0, What("delete set", declared.name))


def insert_rule(foreign: ForeignRule, mark: str) -> Request:
    """The rule with its mark, at the head of the chain."""
    return _rule_request(foreign, mark, Flag.CREATE, What(f"insert into chain {foreign.chain} the rule", foreign.rule))


def replace_rule(foreign: ForeignRule, mark: str, handle: int) -> Request:
    """The rule with its mark, in the place of the one of that handle."""
    what = What(f"replace in chain {foreign.chain} by the rule", foreign.rule)
    return _rule_request(foreign, mark, Flag.REPLACE, what, u64(RuleAttribute.HANDLE, handle))


def delete_rule(foreign: ForeignRule, handle: int) -> Request:
    """The deletion of the rule of that handle."""
    payload = string(RuleAttribute.CHAIN, foreign.chain) + u64(RuleAttribute.HANDLE, handle)
    what = What(f"remove from chain {foreign.chain} the rule", foreign.rule)
    return _in(foreign, Message.DELRULE, payload, 0, what)


def _rule_request(foreign: ForeignRule, mark: str, flags: int, what: What, handle: bytes = b"") -> Request:
    marked = Rule((*foreign.rule.statements, Comment(mark)))
    return _in(foreign, Message.NEWRULE, _in_chain(foreign.chain, marked) + handle, flags, what)


def _family(table: Table | ForeignRule) -> int:
    return uapi.FAMILIES[table.family]


def _in(table: Table | ForeignRule, message: Message, payload: bytes, flags: int, what: What) -> Request:
    name = table.name if isinstance(table, Table) else table.table
    return Request(message, _family(table), string(_IN_TABLE, name) + payload, int(flags), what=what)


def _chain(chain: Chain) -> bytes:
    name = string(ChainAttribute.NAME, chain.name)
    if not chain.hook:
        return name
    hook = nest(ChainAttribute.HOOK, u32(_HOOKNUM, uapi.HOOKS[chain.hook]), u32(_PRIORITY, chain.priority))
    policy = u32(ChainAttribute.POLICY, uapi.POLICIES[chain.policy])
    return name + hook + policy + string(ChainAttribute.TYPE, chain.type)


def _in_chain(chain: str, rule: Rule) -> bytes:
    return string(RuleAttribute.CHAIN, chain) + encode_rule(rule)


def _elements(table: Table, declared: Set, elements: frozenset[str], message: Message) -> Iterator[Request]:
    verb = "add to" if message is Message.NEWSETELEM else "delete from"
    flags = Flag.CREATE if message is Message.NEWSETELEM else 0
    name = string(ElementAttribute.LIST_SET, declared.name)
    what = What(f"{verb} set {declared.name}", _Listed(elements))
    for chunk in ElementCodec(declared).encode(elements):
        yield _in(table, message, name + chunk, flags, what)


class _Listed(NamedTuple):
    """Elements, of which only the first are shown."""

    elements: frozenset[str]

    def __str__(self) -> str:
        shown = ", ".join(sorted(self.elements)[:5])
        return shown if len(self.elements) <= 5 else f"{shown} … ({len(self.elements)} in all)"
