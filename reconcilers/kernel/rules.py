"""Policy-routing rules on the wire."""

from collections.abc import Iterator
from typing import NamedTuple

from netctl.kinds.route import PROTOCOL
from netctl.kinds.rule import Rule
from reconcilers.kernel import wire
from reconcilers.kernel.rtnetlink import Request, Rtnetlink, messages

FRA_DST, FRA_SRC, FRA_IIFNAME, FRA_PRIORITY, FRA_FWMARK, FRA_SUPPRESS_IFGROUP = 1, 2, 3, 6, 10, 13
FRA_SUPPRESS_PREFIXLEN, FRA_TABLE, FRA_FWMASK, FRA_OIFNAME, FRA_PAD, FRA_PROTOCOL = 14, 15, 16, 17, 18, 21
_INVERTED = 0x2  # FIB_RULE_INVERT: "not from …"
_KNOWN = frozenset({
    FRA_DST, FRA_SRC, FRA_IIFNAME, FRA_PRIORITY, FRA_FWMARK, FRA_SUPPRESS_IFGROUP, FRA_SUPPRESS_PREFIXLEN, FRA_TABLE,
    FRA_FWMASK, FRA_OIFNAME, FRA_PAD, FRA_PROTOCOL,
})  # fmt: skip
"""A rule that has other attributes selects by more than netctl knows, and is another than that without."""
_ACTIONS = {1: "lookup", 6: "blackhole", 7: "unreachable", 8: "prohibit"}
_NUMBERS = {name: number for number, name in _ACTIONS.items()}


class RuleRow(NamedTuple):
    """One rule as the kernel tells it, and what marks it."""

    rule: Rule
    protocol: int
    suppressed_group: int


def dump_rules(socket: Rtnetlink) -> list[RuleRow]:
    """The rules of both families that do something netctl knows."""
    rows: list[RuleRow] = []
    for family in (wire.AF_INET, wire.AF_INET6):
        for chunk in socket.dump(wire.RTM_GETRULE, wire.RULEHDR.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)):
            rows.extend(read_rules(chunk))
    return rows


def read_rules(chunk: bytes, kind: int = wire.RTM_NEWRULE) -> Iterator[RuleRow]:
    """The rules in a received chunk, of messages of a *kind*."""
    for found_kind, start, end in messages(chunk):
        if found_kind == kind:
            family, to_length, from_length, tos, table, _, _, action, flags = wire.RULEHDR.unpack_from(chunk, start)
            found = wire.attributes(chunk, start + wire.RULEHDR.size, end)
            if action in _ACTIONS and not tos and not flags & _INVERTED and found.keys() <= _KNOWN:
                rule = Rule(
                    6 if family == wire.AF_INET6 else 4,
                    wire.read_number(found.get(FRA_PRIORITY)),
                    f"{wire.read_address(found[FRA_SRC])}/{from_length}" if FRA_SRC in found else "",
                    f"{wire.read_address(found[FRA_DST])}/{to_length}" if FRA_DST in found else "",
                    wire.read_text(found.get(FRA_IIFNAME)),
                    wire.read_text(found.get(FRA_OIFNAME)),
                    wire.read_number(found.get(FRA_FWMARK)),
                    wire.read_number(found.get(FRA_FWMASK)),
                    _ACTIONS[action],
                    wire.read_number(found.get(FRA_TABLE), table) if _ACTIONS[action] == "lookup" else 0,
                )
                group = wire.read_number(found.get(FRA_SUPPRESS_IFGROUP))
                yield RuleRow(rule, wire.read_number(found.get(FRA_PROTOCOL)), group)


def set_rule(rule: Rule, mark: int, protocol: int = PROTOCOL) -> Request:
    """Make a rule with the stack's *mark*; one without a mark bears the *protocol* of whoever has it."""
    unmarked = wire.attribute(FRA_PROTOCOL, bytes([protocol])) if protocol and not mark else b""
    return Request(wire.RTM_NEWRULE, wire.NLM_F_CREATE | wire.NLM_F_EXCL, _encode(rule, mark) + unmarked)


def delete_rule(rule: Rule, mark: int) -> Request:
    """Delete a rule; a *mark* of 0 means one that bears none."""
    return Request(wire.RTM_DELRULE, 0, _encode(rule, mark))


def _encode(rule: Rule, mark: int) -> bytes:
    family = wire.AF_INET6 if rule.family == 6 else wire.AF_INET
    action = _NUMBERS[rule.action or "lookup"]
    header = wire.RULEHDR.pack(family, _length(rule.destination), _length(rule.source), 0, 0, 0, 0, action, 0)
    body = [header, wire.number(FRA_PRIORITY, rule.priority)]
    body += [wire.attribute(FRA_SRC, _address(rule.source))] if _length(rule.source) else []
    body += [wire.attribute(FRA_DST, _address(rule.destination))] if _length(rule.destination) else []
    body += [wire.text(FRA_IIFNAME, rule.iif)] if rule.iif else []
    body += [wire.text(FRA_OIFNAME, rule.oif)] if rule.oif else []
    body += [wire.number(FRA_FWMARK, rule.mark), wire.number(FRA_FWMASK, rule.mask)] if rule.mask else []
    body += [wire.number(FRA_TABLE, rule.table)] if rule.table else []
    if mark:
        body += [wire.attribute(FRA_PROTOCOL, bytes([PROTOCOL])), wire.number(FRA_SUPPRESS_IFGROUP, mark)]
    return b"".join(body)


def _length(prefix: str) -> int:
    return int(prefix.partition("/")[2] or 0)


def _address(prefix: str) -> bytes:
    return wire.write_address(prefix.partition("/")[0])
