"""Reads chains, and the rules in them."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from netctl.engine.facts import ForwardDrop
from netctl.engine.resource import Key, Owner
from netctl.kinds.nftables import BRIDGE, OWN_FAMILIES, Chain, Comment, Rule
from reconcilers.nftables import uapi
from reconcilers.nftables.attributes import Attributes, number, parse, string, text
from reconcilers.nftables.decoding import Sets, decode_rule
from reconcilers.nftables.marks import PREFIX, Place, read_rule_mark
from reconcilers.nftables.transport import Connection
from reconcilers.nftables.uapi import ChainAttribute, Message, RuleAttribute

RESERVED_FOR_OTHERS = "DOCKER-USER"
"""Docker's chain for rules that are not its own; it comes before Docker's."""

_FAMILY_NAMES = {number_: name for name, number_ in uapi.FAMILIES.items()}
_HOOK_NAMES = {number_: name for name, number_ in uapi.HOOKS.items()}
_POLICY_NAMES = {number_: name for name, number_ in uapi.POLICIES.items()}
_HOOKNUM, _PRIORITY = 1, 2
_OWN_TABLES = "netctl-"


class LiveChain(NamedTuple):
    """A chain, without its rules, and where it is."""

    place: Place
    chain: Chain

    @property
    def forwards(self) -> bool:
        """Whether it is another tool's, and sees routed traffic or is where rules about it belong."""
        own = self.place.family in OWN_FAMILIES and self.place.table.startswith(_OWN_TABLES)
        return (
            not own
            and self.place.family != BRIDGE
            and (self.chain.hook == "forward" or self.place.chain == RESERVED_FOR_OTHERS)
        )


class MarkedRule(NamedTuple):
    """A rule in another tool's chain that bears one of netctl's marks."""

    handle: int
    place: Place
    owner: Owner
    rule: Rule
    """Without the comment."""


def read_chains(connection: Connection) -> list[LiveChain]:
    """All chains of the families that netctl looks at."""
    return [
        _live_chain(_FAMILY_NAMES[reply.family], parse(reply.payload))
        for reply in connection.dump(Message.GETCHAIN)
        if reply.family in _FAMILY_NAMES
    ]


def forward_drops(chains: list[LiveChain]) -> tuple[ForwardDrop, ...]:
    """Where other tools drop forwarded traffic, and the chain in which to accept it; in order."""
    reserved = {chain.place for chain in chains if chain.place.chain == RESERVED_FOR_OTHERS}
    dropping = [
        chain.place
        for chain in chains
        if chain.forwards and (chain.chain.hook, chain.chain.policy) == ("forward", "drop")
    ]
    return tuple(sorted({ForwardDrop(*_entrance(place, reserved)) for place in dropping}))


def read_rules(connection: Connection, family: str, table: str, sets: Sets, chain: str = "") -> dict[str, list[Rule]]:
    """The rules of a table, or of one of its chains, by chain, in order."""
    rules: dict[str, list[Rule]] = {}
    selector = string(RuleAttribute.TABLE, table) + (string(RuleAttribute.CHAIN, chain) if chain else b"")
    for reply in connection.dump(Message.GETRULE, uapi.FAMILIES[family], selector):
        attributes = parse(reply.payload)
        rules.setdefault(text(attributes[RuleAttribute.CHAIN]), []).append(decode_rule(attributes, sets))
    return rules


def rules_by_key(connection: Connection, places: Iterable[Place]) -> dict[Key, MarkedRule]:
    """The rules in other tools' chains that bear a mark, whichever stack's.

    A rule that was duplicated with its mark has a key that nothing desires, so that the copy is deleted.
    """
    found: dict[Key, MarkedRule] = {}
    for place in places:
        for key, marked in _marked_rules(connection, place):
            found[_unique(key, found)] = marked
    return found


def _marked_rules(connection: Connection, place: Place) -> Iterator[tuple[Key, MarkedRule]]:
    selector = string(RuleAttribute.TABLE, place.table) + string(RuleAttribute.CHAIN, place.chain)
    replies = connection.dump(Message.GETRULE, uapi.FAMILIES[place.family], selector)
    for attributes in [parse(reply.payload) for reply in replies if PREFIX in reply.payload]:
        rule = decode_rule(attributes, {})
        comments = [part.text for part in rule.statements if isinstance(part, Comment)]
        mark = read_rule_mark(place, comments[-1]) if comments else None
        if mark is not None:
            bare = Rule(tuple(part for part in rule.statements if not isinstance(part, Comment)))
            yield mark.key, MarkedRule(number(attributes[RuleAttribute.HANDLE]), place, mark.owner, bare)


def _unique(key: Key, taken: dict[Key, MarkedRule]) -> Key:
    copies = 1
    unique = key
    while unique in taken:
        copies += 1
        unique = key._replace(id=f"{key.id}#{copies}")
    return unique


def _entrance(drop: Place, reserved: set[Place]) -> Place:
    """The chain reserved for others' rules where the table has one, else the dropping chain itself."""
    entrance = drop._replace(chain=RESERVED_FOR_OTHERS)
    return entrance if entrance in reserved else drop


def _live_chain(family: str, attributes: Attributes) -> LiveChain:
    name = text(attributes[ChainAttribute.NAME])
    place = Place(family, text(attributes[ChainAttribute.TABLE]), name)
    if ChainAttribute.HOOK not in attributes:
        return LiveChain(place, Chain(name))
    hook = parse(attributes[ChainAttribute.HOOK])
    hook_number = number(hook[_HOOKNUM])
    policy = number(attributes.get(ChainAttribute.POLICY, b"\1"))
    chain = Chain(
        name,
        type=text(attributes[ChainAttribute.TYPE]),
        hook=_HOOK_NAMES.get(hook_number, f"hook {hook_number}"),
        priority=int.from_bytes(hook[_PRIORITY], "big", signed=True),
        policy=_POLICY_NAMES.get(policy, f"policy {policy}"),
    )
    return LiveChain(place, chain)
