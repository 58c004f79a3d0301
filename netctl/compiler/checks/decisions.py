"""Policies as they come out: selectors without a match, rules without effect, policies that nothing enforces."""

from netctl.compiler.balancing.fronts import Fronts
from netctl.compiler.checks.expectations import check_expectations
from netctl.compiler.checks.occupancy import spell
from netctl.compiler.checks.policies import selectors
from netctl.compiler.places import Path, Problems
from netctl.compiler.policies import Resolution
from netctl.compiler.policies.endpoints import CONTAINER
from netctl.compiler.policies.selection import region_of
from netctl.compiler.policies.services import port_conflicts
from netctl.compiler.topology import Role, Topology
from netctl.policy.checks import Futility, Place, futile_rules, shadowed_rules, unheard_policies
from netctl.stack.models import Stack
from netctl.stack.policy_models import Selector

_FUTILE = {
    Futility.NO_SUCH_PORT: "Declare the port under 'ports:' of an attachment or a service, or correct the name.",
    Futility.FAMILIES: "Add the prefixes of the other family, or remove the rule.",
}


def check_decisions(topology: Topology, resolution: Resolution, problems: Problems, *, prove: bool = True) -> None:
    """Everything that only the resolved policies tell; for a stack in which no error has been found.

    Whether expectations hold is left out unless they are to be proved.
    """
    stack = topology.stack
    if not _may_have_unknown_members(topology):
        _matches(stack, resolution, problems)
    _several_networks(stack, resolution, problems)
    _named_ports(stack, resolution, problems)
    _rules(resolution, problems)
    _virtual(stack, resolution, problems)
    _enforceable(topology, resolution, problems)
    check_expectations(topology, resolution, problems, prove=prove)


def _may_have_unknown_members(topology: Topology) -> bool:
    """Whether containers may be meant of which nothing is known, as without an Engine to ask, or that have no address
    before Docker has assigned one.
    """
    members = topology.members
    return bool(topology.dockers) and (
        not any(member.is_known for member in members) or not all(member.addresses for member in members)
    )


def _matches(stack: Stack, resolution: Resolution, problems: Problems) -> None:
    for path, selector in selectors(stack):
        if _is_about_endpoints(path, selector) and not resolution.selection.select(selector):
            problems.warn(
                "NC261",
                path,
                "no endpoint is selected by this",
                "Correct it, or the labels of the endpoints that are meant.",
            )
    used = {service for end in resolution.policies.endpoints.values() for service in end.services}
    for name in sorted(name for name in stack.services.keys() - used if stack.services[name].external is None):
        problems.warn(
            "NC261",
            ("services", name, "endpoints"),
            f"service '{name}' has no endpoint",
            "List addresses, or correct the labels of the attachments that are meant.",
        )


def _is_about_endpoints(path: Path, selector: Selector) -> bool:
    """Whether a selector that selects no endpoint means nothing: elsewhere, ``cidr`` and ``any`` mean addresses too."""
    only_addresses = not selector.model_fields_set - {"cidr", "except_", "any"}
    return path[2] == "applies_to" or not only_addresses


def _several_networks(stack: Stack, resolution: Resolution, problems: Problems) -> None:
    """A container that a service has by two of its addresses, of which nobody has said which one is meant."""
    networks: dict[tuple[str, str], str] = {}
    for end in resolution.policies.endpoints.values():
        for service in sorted(end.services) if end.kind == CONTAINER else ():
            container = end.name.removeprefix(f"{end.network}/")
            other = networks.setdefault((service, container), end.network)
            if stack.services[service].network is None and other != end.network:
                problems.error(
                    "NC285",
                    ("services", service, "endpoints"),
                    f"container '{container}' of service '{service}' is on the networks '{other}' and '{end.network}'",
                    f"Say which of them counts: 'network: {other}'.",
                )


def _named_ports(stack: Stack, resolution: Resolution, problems: Problems) -> None:
    told: set[tuple[str, str, str]] = set()
    for end in resolution.policies.endpoints.values():
        for conflict in port_conflicts(end, stack.services):
            name, first, second = conflict
            if conflict in told:
                continue
            told.add(conflict)
            problems.error(
                "NC269",
                ("services", second, "ports", name),
                f"services '{first}' and '{second}' give endpoint {end.name} different ports under the name '{name}'",
                "Rename one of the two.",
            )


def _rules(resolution: Resolution, problems: Problems) -> None:
    policies = resolution.policies
    futile = dict(futile_rules(policies))
    for place, why in futile.items():
        problems.warn("NC265", rule_path(place), f"no connection can match this rule: {why}", _FUTILE[why])
    for shadowed in shadowed_rules(policies):
        if shadowed.place in futile:
            continue
        problems.warn(
            "NC266",
            rule_path(shadowed.place),
            f"this rule has no effect: {spell(rule_path(shadowed.by))} ({shadowed.rule.text}) decides before it, "
            "whatever would match",
            "Remove it, or let it come first.",
        )
    for unheard in unheard_policies(policies):
        problems.warn(
            "NC270",
            ("policies", unheard.policy),
            f"the {unheard.direction} rules of policy '{unheard.policy}' are never consulted: tier '{unheard.tier}' "
            "decides about all of its endpoints before",
            f"Add a rule with 'action: pass' to tier '{unheard.tier}', or move the policy into it.",
        )


def _virtual(stack: Stack, resolution: Resolution, problems: Problems) -> None:
    """Rules about virtual addresses, which no packet has when it is judged."""
    fronts = Fronts(resolution.topology, resolution.policies.endpoints)
    for path, selector in selectors(stack) if fronts.are_any else ():
        if path[0] == "policies" and path[2] != "applies_to" and fronts.is_virtual(region_of(selector)):
            problems.warn(
                "NC265",
                path,
                "no connection can match this: packets to virtual addresses are judged by the endpoints behind these",
                "Select the service: 'service: NAME'.",
            )


def rule_path(place: Place) -> Path:
    """Where a rule is declared."""
    return "policies", place.policy, str(place.direction), place.number


def _enforceable(topology: Topology, resolution: Resolution, problems: Problems) -> None:
    beyond = {net.name: net.label for net in topology.nets if net.role is Role.MACVLAN}
    beyond |= {net.name: net.label for net in topology.dockers if net.spec.driver in {"macvlan", "ipvlan"}}
    why = {
        name: f"the traffic of {beyond[end.network]} does not pass the host's firewall"
        if end.network in beyond
        else "it has no address that the stack knows of"
        for name, end in resolution.policies.endpoints.items()
        if end.network in beyond or not end.addresses
    }
    for policy in resolution.policies.policies if why else ():
        if found := sorted(policy.selected & why.keys()):
            problems.warn(
                "NC271",
                ("policies", policy.name, "applies_to"),
                f"policy '{policy.name}' cannot be enforced on {found[0]}: {why[found[0]]}",
                "Use a bridge network with a subnet, or exclude it from the policy.",
            )
