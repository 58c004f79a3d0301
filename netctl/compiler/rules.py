"""Policy-routing rules of the stack: ``rules:`` to `netctl.kinds.rule.Rule`."""

from collections.abc import Iterator

from netctl.compiler.site import Site
from netctl.engine.resource import Desired
from netctl.kinds.rule import Rule, rule_key
from netctl.stack.models import RoutingRule

_EVERYTHING = {None, "default", "0.0.0.0/0", "::/0"}


def compile_rules(site: Site) -> Iterator[Desired]:
    """The rules that are declared for this host."""
    for index, declared in enumerate(site.topology.stack.rules):
        if site.selects(declared.hosts):
            rule = rule_of(declared)
            yield Desired(rule_key(rule), rule, site.origin(("rules", index)))


def family_of(rule: RoutingRule) -> int:
    """4 or 6: what ``family`` says, or else that of ``from`` or ``to``; 4 where nothing tells."""
    if rule.family is not None:
        return rule.family
    prefixes = [prefix for prefix in (rule.from_, rule.to) if prefix is not None and prefix != "default"]
    return 6 if prefixes and ":" in prefixes[0] else 4


def rule_of(rule: RoutingRule) -> Rule:
    """The rule in canonical form: a selector that selects everything is empty."""
    marked = rule.mark is not None
    return Rule(
        family_of(rule),
        rule.priority,
        "" if rule.from_ in _EVERYTHING else rule.from_ or "",
        "" if rule.to in _EVERYTHING else rule.to or "",
        rule.iif or "",
        rule.oif or "",
        rule.mark or 0,
        rule.mask if marked else 0,
        rule.action,
        (rule.table or 0) if rule.action == "lookup" else 0,
    )
