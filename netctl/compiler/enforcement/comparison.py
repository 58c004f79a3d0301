"""Two resolved sets of policies compared: are they declared alike, and which endpoints tell them apart?"""

from collections.abc import Iterable, Iterator
from itertools import compress
from operator import attrgetter, ne

from netctl.compiler.enforcement.steps import Place, rules_of
from netctl.policy.model import Direction, Peers, Policy, PolicySet, Rule

_SAID = attrgetter("action", "ports", "icmp", "port_names")
"""What a rule says, members apart."""


Pairs = list[tuple[Policy, Policy]]
"""Policies before and after."""


def changed_policies(before: PolicySet, after: PolicySet) -> Pairs | None:
    """The policies that differ, in members alone; None where they are declared otherwise."""
    if before.failsafe != after.failsafe or len(before.policies) != len(after.policies):
        return None
    pairs = zip(before.policies, after.policies, strict=True)
    changed = [(one, other) for one, other in pairs if one is not other and one != other]
    return changed if all(_policies_alike(one, other) for one, other in changed) else None


def changed_rules(policies: Pairs) -> list[tuple[Place, Rule, Rule]]:
    """The rules of which the members are others, before and after."""
    return [
        (place, rule, changed)
        for one, other in policies
        for place, rule, changed in _rule_pairs(one, other)
        if rule.peers != changed.peers or rule.named_ports != changed.named_ports
    ]


def changed_names(
    before: PolicySet, after: PolicySet, policies: Pairs, rules: Iterable[tuple[Place, Rule, Rule]]
) -> frozenset[str]:
    """The endpoints that are not the same in both, or not selected by the same policies and members of the same rules.

    *policies* and *rules* are those that changed.
    """
    known = before.endpoints
    names = known.keys() - after.endpoints.keys()
    ends = after.endpoints
    names.update(compress(ends, map(ne, map(known.get, ends), ends.values())))
    for one, other in policies:
        names |= one.selected ^ other.selected
    for _, rule, changed in rules:
        names.update(_changed_members(rule, changed))
    return frozenset(names)


def _policies_alike(one: Policy, other: Policy) -> bool:
    if (one.name, one.tier, one.staged) != (other.name, other.tier, other.staged):
        return False
    return all(_sides_alike(rules_of(one, direction), rules_of(other, direction)) for direction in Direction)


def _sides_alike(one: tuple[Rule, ...] | None, other: tuple[Rule, ...] | None) -> bool:
    if one is other:
        return True
    if one is None or other is None or len(one) != len(other):
        return False
    return all(rule is changed or _rules_alike(rule, changed) for rule, changed in zip(one, other, strict=True))


def _rules_alike(one: Rule, other: Rule) -> bool:
    said = _SAID(one) == _SAID(other)
    named = bool(one.named_ports or one.port_names) == bool(other.named_ports or other.port_names)
    return said and named and _peers_alike(one.peers, other.peers)


def _peers_alike(one: Peers | None, other: Peers | None) -> bool:
    if one is other:
        return True
    if one is None or other is None or one.definition != other.definition:
        return False
    return _may_have_endpoints(one) == _may_have_endpoints(other) and _families(one) == _families(other)


def _may_have_endpoints(peers: Peers) -> bool:
    return bool(peers.endpoints) or not peers.prefixes


def _families(peers: Peers) -> set[bool]:
    return {":" in prefix for prefix in peers.prefixes}


def _rule_pairs(one: Policy, other: Policy) -> Iterator[tuple[Place, Rule, Rule]]:
    for direction in Direction:
        pairs = zip(rules_of(one, direction) or (), rules_of(other, direction) or (), strict=True)
        for number, (rule, changed) in enumerate(pairs):
            if rule is not changed:
                yield Place(one, direction, number), rule, changed


def _changed_members(rule: Rule, changed: Rule) -> Iterator[str]:
    if rule.peers is not changed.peers and rule.peers and changed.peers:
        yield from rule.peers.endpoints ^ changed.peers.endpoints
    if rule.named_ports is not changed.named_ports and rule.named_ports != changed.named_ports:
        yield from (name for name, _ in set(rule.named_ports) ^ set(changed.named_ports))
