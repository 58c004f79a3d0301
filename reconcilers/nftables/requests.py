"""The messages that make, change and delete the stack's table and its rules in other tools' chains."""

from collections.abc import Iterator
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
from reconcilers.nftables.uapi import ChainAttribute, ElementAttribute, Flag, Message, RuleAttribute, TableAttribute

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
    mark = attribute(TableAttribute.USERDATA, userdata(table_mark(owner.stack))) if owner else b""
    payload = string(TableAttribute.NAME, table.name) + u32(TableAttribute.FLAGS, flags) + mark
    yield Request(
        Message.NEWTABLE, _family(table), payload, Flag.CREATE | Flag.EXCL, what=What("add table", table.name)
    )
    for chain in table.chains:
        yield _in(table, Message.NEWCHAIN, _chain(chain), Flag.CREATE, What("add chain", chain.name))
    for declared, identifier in zip(table.sets, count(1), strict=False):
        yield _in(table, Message.NEWSET, encode_set(declared, identifier), Flag.CREATE, What("add set", declared.name))
    for declared in table.sets:
        yield from _elements(table, declared, declared.elements, Message.NEWSETELEM)
    for chain in table.chains:
        for rule in chain.rules:
            what = What(f"add to chain {chain.name} the rule", rule)
            yield _in(table, Message.NEWRULE, _in_chain(chain.name, rule), Flag.CREATE | Flag.APPEND, what)


def delete_table(table: Table) -> Request:
    """The table's deletion, with all that is in it."""
    payload = string(TableAttribute.NAME, table.name)
    return Request(Message.DELTABLE, _family(table), payload, what=What("delete table", table.name))


def element_changes(before: Table, after: Table) -> list[Request] | None:
    """What turns one table into the other where only elements differ; else None.

    Deletions come first: an element of a map whose value changes is deleted and added.
    """
    hollow = [
        table._replace(sets=tuple(entry._replace(elements=frozenset()) for entry in table.sets))
        for table in (before, after)
    ]
    pairs = list(zip(before.sets, after.sets, strict=False))
    if hollow[0] != hollow[1] or not all(
        is_writable(element) for old, new in pairs for element in old.elements - new.elements
    ):
        return None
    removals = (_elements(after, new, old.elements - new.elements, Message.DELSETELEM) for old, new in pairs)
    additions = (_elements(after, new, new.elements - old.elements, Message.NEWSETELEM) for old, new in pairs)
    return [request for requests in (*removals, *additions) for request in requests]


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
