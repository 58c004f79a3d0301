"""Policy-routing rules: what contradicts itself, and two that select the same."""

from netctl.compiler.checks.occupancy import Occupancy, spell
from netctl.compiler.places import Path, Problems
from netctl.compiler.rules import family_of, rule_of
from netctl.compiler.topology import Topology
from netctl.engine.resource import Key
from netctl.kinds.rule import rule_key
from netctl.stack.models import RoutingRule


def check_rules(topology: Topology, problems: Problems) -> None:
    """Each rule by itself, then those that select the same packets at the same priority."""
    used: Occupancy[Key] = Occupancy()
    for index, rule in enumerate(topology.stack.rules):
        path = ("rules", index)
        if not _sound(rule, path, problems):
            continue
        earlier = used.take(rule_key(rule_of(rule)), topology.hosts.matching(rule.hosts), path)
        if earlier is not None:
            problems.error(
                "NC252",
                path,
                f"{spell(earlier)} selects the same at the same priority {rule.priority}",
                "Give one of them another 'priority', or remove it.",
            )


def _sound(rule: RoutingRule, path: Path, problems: Problems) -> bool:
    found = len(problems.found)
    if rule.action == "lookup" and rule.table is None:
        problems.error("NC250", path, "the rule looks up no table", "Give 'table', or another 'action'.")
    if rule.action != "lookup" and rule.table is not None:
        problems.error(
            "NC251",
            (*path, "table"),
            f"a rule with 'action: {rule.action}' looks up no table",
            f"Remove 'table', or 'action: {rule.action}'.",
        )
    if rule.mark is not None and rule.mark & ~rule.mask:
        problems.error(
            "NC251",
            (*path, "mark"),
            f"mark {rule.mark:#x} has bits that the mask {rule.mask:#x} leaves out, so no packet matches",
            "Correct 'mark' or 'mask'.",
        )
    _families(rule, path, problems)
    return len(problems.found) == found


def _families(rule: RoutingRule, path: Path, problems: Problems) -> None:
    family = family_of(rule)
    for key, prefix in (("from", rule.from_), ("to", rule.to)):
        if prefix is not None and prefix != "default" and (6 if ":" in prefix else 4) != family:
            problems.error(
                "NC251",
                (*path, key),
                f"{prefix} is not IPv{family}, as the rule is by its other selectors",
                "Use prefixes of one family in a rule, and a second rule for the other.",
            )
