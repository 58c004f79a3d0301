"""Route look-up as the kernel does it (ip-rule(8), ip-route(8)): rules by priority, then the longest prefix, then the
least metric. What the host has beside the stack is not known here, and so has no say.
"""

from collections.abc import Iterable

from netctl.compiler.prefixes import parse_address, parse_prefix
from netctl.kinds.route import MAIN_TABLE
from netctl.kinds.rule import Rule
from netctl.path.machine import Machine, Way
from netctl.path.steps import Packet

_MAIN_PRIORITY = 32766
_MADE_HERE = "lo"
"""What a rule's ``iif`` sees of packets that the host itself sends."""


def look_up(machine: Machine, netns: str, packet: Packet, arrived_by: str | None) -> Way | Rule | None:
    """The route for a packet that came in by an interface (None: that was made here); None where there is none.

    A policy-routing rule where one refuses it. Marks are not known, so no rule that wants one matches.
    """
    ways = machine.namespace(netns).ways
    if netns:
        return _best(ways, MAIN_TABLE, packet)
    for rule in _rules(machine, packet, _MADE_HERE if arrived_by is None else arrived_by):
        if rule.action != "lookup":
            return rule
        if found := _best(ways, rule.table, packet):
            return found
    return None


def _rules(machine: Machine, packet: Packet, arrived_by: str) -> list[Rule]:
    """The rules that select the packet, in order, the kernel's own for the main table among them."""
    main = Rule(packet.family, _MAIN_PRIORITY, table=MAIN_TABLE)
    rules = [rule for rule in (*machine.rules, main) if rule.family == packet.family]
    return [rule for rule in sorted(rules, key=lambda rule: rule.priority) if _selects(rule, packet, arrived_by)]


def _selects(rule: Rule, packet: Packet, arrived_by: str) -> bool:
    if rule.mark or rule.oif or (rule.iif and rule.iif != arrived_by):
        return False
    return _within(packet.source, rule.source) and _within(packet.destination, rule.destination)


def _within(address: str, prefix: str) -> bool:
    if not prefix:
        return True
    return bool(address) and parse_prefix(prefix).holds(*parse_address(address))


def _best(ways: Iterable[Way], table: int | None, packet: Packet) -> Way | None:
    family, value = parse_address(packet.destination)
    holding = (way for way in ways if way.table == table and way.prefix.holds(family, value))
    return min(holding, key=lambda way: (-way.prefix.length, way.metric), default=None)
