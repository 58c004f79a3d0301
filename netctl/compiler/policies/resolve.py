"""A stack's policies, resolved: what the evaluator decides by and the firewall is compiled from."""

from collections.abc import Sequence
from typing import NamedTuple

from netctl.compiler.places import Path, Places
from netctl.compiler.policies.endpoints import attachments, containers, host_endpoints, inside, interned, open_overlays
from netctl.compiler.policies.ports import DEFAULT_EGRESS, DEFAULT_INGRESS, port_ranges
from netctl.compiler.policies.rules import Ports, resolve_rule
from netctl.compiler.policies.selection import Names, Selection
from netctl.compiler.policies.sending import sources
from netctl.compiler.policies.services import with_services
from netctl.compiler.topology import Topology
from netctl.policy.model import Failsafe, Policy, PolicySet, PortRange, Protocol, Rule
from netctl.stack.models import Stack, VxlanOverlay
from netctl.stack.policy_models import DEFAULT_TIER, DEFAULT_TIER_ORDER, EgressRule, IngressRule
from netctl.stack.policy_models import Policy as Declared


class Resolution(NamedTuple):
    """Resolved policies, and what selectors mean among their endpoints."""

    policies: PolicySet
    selection: Selection
    topology: Topology
    """What they were resolved from."""


def resolve_policies(topology: Topology, places: Places) -> Resolution:
    """The policies of a stack that `netctl.compiler.checks` found no error in.

    What they refer to and is not declared selects nothing.
    """
    found = with_services(topology, [*attachments(topology), *containers(topology), *host_endpoints(topology)])
    endpoints = {end.name: end for end in map(interned, sorted(found))}
    selection = Selection(topology, endpoints)
    resolving = _Resolving(selection, places)
    tiers = tier_orders(topology.stack)
    declared = topology.stack.policies
    names = sorted(declared, key=lambda name: (tiers.get(declared[name].tier, 0), declared[name].order, name))
    policies = tuple(resolving.policy(name, declared[name]) for name in names)
    ordered = tuple(sorted(tiers, key=lambda name: (tiers[name], name)))
    return Resolution(
        PolicySet(
            endpoints,
            policies,
            ordered,
            failsafe_of(topology.stack),
            inside(topology),
            open_overlays(topology),
            sources(topology),
        ),
        selection,
        topology,
    )


def tier_orders(stack: Stack) -> dict[str, int]:
    """The order of each tier, the implicit one's too."""
    return {DEFAULT_TIER: DEFAULT_TIER_ORDER, **{name: tier.order for name, tier in stack.tiers.items()}}


class _Resolving:
    """Resolves policies one by one."""

    def __init__(self, selection: Selection, places: Places) -> None:
        self._selection = selection
        self._ports = Ports(selection)
        self._places = places

    def policy(self, name: str, declared: Declared) -> Policy:
        path = ("policies", name)
        selected = self._selection.select_any(declared.applies_to)
        return Policy(
            name,
            declared.tier,
            declared.staged,
            selected,
            self._rules(declared.ingress, selected, (*path, "ingress")),
            self._rules(declared.egress, selected, (*path, "egress")),
            self._places.origin(path),
        )

    def _rules(
        self, rules: Sequence[IngressRule | EgressRule] | None, selected: Names, path: Path
    ) -> tuple[Rule, ...] | None:
        if rules is None:
            return None
        return tuple(
            resolve_rule(rule, selected, self._selection, self._ports, self._places.origin((*path, index)))
            for index, rule in enumerate(rules)
        )


def failsafe_of(stack: Stack) -> Failsafe:
    """The declared or default ports that no policy closes, and those of the stack's own tunnels."""
    declared = stack.failsafe
    ingress = declared.ingress if declared and declared.ingress is not None else DEFAULT_INGRESS
    egress = declared.egress if declared and declared.egress is not None else DEFAULT_EGRESS
    tunnels = {
        PortRange(Protocol.UDP, overlay.port, overlay.port)
        for overlay in stack.overlays.values()
        if isinstance(overlay, VxlanOverlay)
    }
    return Failsafe(*(tuple(sorted({*port_ranges(texts), *tunnels})) for texts in (ingress, egress)))
