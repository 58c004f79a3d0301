"""Policy-routing rules.

A rule of ours bears netctl's protocol number, and the stack's number as its ``suppress_ifgroup``: an interface
group that no device is ever in, so that it suppresses nothing (see ``docs/decisions/``).
"""

from typing import NamedTuple

from netctl.engine.resource import Key, Kind
from netctl.kinds.link import SYSTEM


class Rule(NamedTuple):
    """``from … to … iif … oif … fwmark … lookup …``; selectors are empty where they do not select."""

    family: int
    """4 or 6."""
    priority: int
    source: str = ""
    destination: str = ""
    iif: str = ""
    oif: str = ""
    mark: int = 0
    mask: int = 0
    """0 where there is no mark."""
    action: str | None = "lookup"
    """``lookup``, ``blackhole``, ``unreachable`` or ``prohibit``."""
    table: int | None = 0
    """0 unless the action is ``lookup``."""


def rule_key(rule: Rule) -> Key:
    """The key of a rule: everything that selects. Two rules that select the same are one."""
    parts = [f"ipv{rule.family} {rule.priority}:"]
    parts += [f"from {rule.source}"] if rule.source else []
    parts += [f"to {rule.destination}"] if rule.destination else []
    parts += [f"iif {rule.iif}"] if rule.iif else []
    parts += [f"oif {rule.oif}"] if rule.oif else []
    parts += [f"fwmark {rule.mark:#x}/{rule.mask:#x}"] if rule.mask else []
    return Key(SYSTEM, "rule", " ".join(parts if len(parts) > 1 else [*parts, "all"]))


RULE = Kind(
    SYSTEM,
    "rule",
    immutable=frozenset({"action", "table"}),
    identity=frozenset({"family", "priority", "source", "destination", "iif", "oif", "mark", "mask"}),
)
