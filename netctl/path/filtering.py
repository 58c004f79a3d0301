"""What the stack's own chains do to a packet that a host forwards: fences around networks, and masquerading.

The rules are the compiled ones, read statement by statement. Policies' chains are not: they say what
`netctl.policy` has decided already.
"""

from typing import NamedTuple

from netctl.compiler.prefixes import parse_address, parse_prefix
from netctl.kinds.nftables import Lookup, Masquerade, Match, Rule, Set, Statement, Table, Verdict
from netctl.path.steps import Packet

_FORWARD, _POSTROUTING = "forward", "postrouting"
_DROP, _RETURN, _JUMP, _MASQUERADE = "drop", "return", "jump", "masquerade"


class Passage(NamedTuple):
    """A packet between two interfaces; an interface that is not known has an empty name."""

    packet: Packet
    arrived_by: str
    leaves_by: str

    def field(self, name: str) -> str:
        """The value of what nft calls *name*; empty where it is not known, or of the other family."""
        packet = self.packet
        header = "ip6" if packet.family == 6 else "ip"
        return {
            "iifname": self.arrived_by,
            "oifname": self.leaves_by,
            "meta nfproto": f"ipv{packet.family}",
            f"{header} saddr": packet.source,
            f"{header} daddr": packet.destination,
        }.get(name, "")


class Fence(NamedTuple):
    """What keeps a packet from being forwarded."""

    kind: str
    """``internal`` or ``isolated``."""
    interface: str
    """Of the network that is so."""


def fence_between(table: Table | None, passage: Passage) -> Fence | None:
    """The fence that the packet does not pass; None where it passes."""
    if table is None or _run(table, _FORWARD, passage) != _DROP:
        return None
    members = {found.name: found.elements for found in table.sets}
    ends = (passage.arrived_by, passage.leaves_by)
    found = (Fence(kind, end) for kind in ("internal", "isolated") for end in ends if end in members.get(kind, ()))
    return next(found, None)


def masquerades(table: Table | None, passage: Passage) -> bool:
    """Whether the packet's source becomes the address of the interface that it leaves by."""
    return table is not None and _run(table, _POSTROUTING, passage) == _MASQUERADE


def _run(table: Table, chain: str, passage: Passage) -> str:
    """The verdict that a chain comes to; empty where none."""
    for rule in next((found.rules for found in table.chains if found.name == chain), ()):
        verdict = _apply(table, rule, passage)
        if verdict:
            return "" if verdict == _RETURN else verdict
    return ""


def _apply(table: Table, rule: Rule, passage: Passage) -> str:
    for statement in rule.statements:
        if not _holds(table, statement, passage):
            return ""
        match statement:
            case Verdict(kind, chain):
                return _run(table, chain, passage) if kind == _JUMP else kind
            case Masquerade():
                return _MASQUERADE
            case _:
                continue
    return ""


def _holds(table: Table, statement: Statement, passage: Passage) -> bool:
    match statement:
        case Match(field, value, operator):
            return (passage.field(field) == value) == (operator == "==")
        case Lookup(fields, name, negated):
            found = next((known for known in table.sets if known.name == name), None)
            values = tuple(passage.field(field) for field in fields)
            return (found is not None and _has(found, values)) != negated
        case _:
            return True


def _has(members: Set, values: tuple[str, ...]) -> bool:
    return any(
        all(_equals(part, value) for part, value in zip(element.split(" . "), values, strict=True))
        for element in members.elements
    )


def _equals(part: str, value: str) -> bool:
    """Whether a value is a part of an element: an interface's name, an address or a prefix that has it."""
    if part == value:
        return True
    if "/" not in part or not value:
        return False
    family, address = parse_address(value)
    return parse_prefix(part).holds(family, address)
