"""What changes in nftables, from its multicast group."""

from collections.abc import Generator, Iterator

from netctl.engine.protocol import Context
from netctl.engine.resource import Key
from netctl.kinds.nftables import BRIDGE, OWN_FAMILIES, SYSTEM
from reconcilers.nftables import uapi
from reconcilers.nftables.attributes import parse, text
from reconcilers.nftables.decoding import comment_in
from reconcilers.nftables.marks import Place, read_rule_mark
from reconcilers.nftables.messages import Interrupted, Reply
from reconcilers.nftables.transport import Connection
from reconcilers.nftables.uapi import Message, RuleAttribute

_FAMILY_NAMES = {number: name for name, number in uapi.FAMILIES.items()}
_TABLE = 1
_EVERYTHING = frozenset[Key]()
_STRUCTURE = {Message.NEWTABLE, Message.DELTABLE, Message.NEWCHAIN, Message.DELCHAIN}


def changed_keys(context: Context) -> Generator[frozenset[Key], None, None]:
    """The keys that each transaction concerns; an empty set asks to look at everything.

    The first is empty, when listening has begun. So are those where other tools' tables or chains come or go (they may
    drop forwarded traffic, or take rules of ours with them), and where events were lost. What cannot concern netctl
    yields nothing. Its own changes are reported too.
    """
    with Connection(context.netns, context.timeout, (uapi.NFNLGRP_NFTABLES,)) as connection:
        yield _EVERYTHING
        while True:
            try:
                yield from _transactions(connection.receive())
            except Interrupted:
                yield _EVERYTHING


def _transactions(replies: Iterator[Reply]) -> Iterator[frozenset[Key]]:
    keys: set[Key] = set()
    everything = False
    for reply in replies:
        if reply.type == Message.NEWGEN:
            if keys or everything:
                yield _EVERYTHING if everything else frozenset(keys)
            keys, everything = set(), False
        elif reply.family in _FAMILY_NAMES:
            found = _concerned(reply)
            everything |= found is None
            keys |= found or set()


def _concerned(reply: Reply) -> set[Key] | None:
    """The keys that one message concerns; None for all."""
    attributes = parse(reply.payload)
    family, table = _FAMILY_NAMES[reply.family], text(attributes.get(_TABLE, b""))
    if family in OWN_FAMILIES and table.startswith("netctl-"):
        return {Key(SYSTEM, "table", f"{family} {table}")}
    if family == BRIDGE:
        return set()
    if reply.type in _STRUCTURE:
        return None
    if reply.type not in {Message.NEWRULE, Message.DELRULE}:
        return set()
    place = Place(family, table, text(attributes.get(RuleAttribute.CHAIN, b"")))
    mark = read_rule_mark(place, comment_in(attributes.get(RuleAttribute.USERDATA, b"")))
    return {mark.key} if mark else set()
