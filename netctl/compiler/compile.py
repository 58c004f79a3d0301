"""A stack to desired resources, for one host."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from netctl.compiler.balancing.balanced import Balanced
from netctl.compiler.balancing.frontends import Frontend, balanced_services, frontends
from netctl.compiler.balancing.rivals import warn_of_rivals
from netctl.compiler.balancing.tables import balance
from netctl.compiler.checks import check
from netctl.compiler.checks.decisions import check_decisions
from netctl.compiler.checks.hosts import demand_host
from netctl.compiler.consul import compile_consul
from netctl.compiler.containers import with_containers
from netctl.compiler.docker import compile_docker, judged_first
from netctl.compiler.enforcement import Enforcement, enforce
from netctl.compiler.enforcement.spoofing import guard
from netctl.compiler.firewall import compile_firewall
from netctl.compiler.held import with_held
from netctl.compiler.legs import Leg, leg_of, segment_of
from netctl.compiler.macvlan import compile_macvlan
from netctl.compiler.mtu import overlay_mtu
from netctl.compiler.networks import compile_leg
from netctl.compiler.overlays import compile_overlay
from netctl.compiler.places import Places, Problems
from netctl.compiler.policies import Resolution, resolve_policies
from netctl.compiler.policies.endpoints import attachments_on
from netctl.compiler.presence import check_presence
from netctl.compiler.resting import Roster, living, warn_of
from netctl.compiler.routes import compile_routes
from netctl.compiler.rules import compile_rules
from netctl.compiler.services import compile_routes_to_services, surroundings
from netctl.compiler.site import Site
from netctl.compiler.sysctls import compile_sysctls
from netctl.compiler.topology import Topology, resolve
from netctl.compiler.underlay import Underlay, find_underlay
from netctl.engine.facts import Facts
from netctl.engine.resource import Desired, Key
from netctl.errors import Diagnostic
from netctl.kinds.route import Route, stack_number
from netctl.policy.model import Endpoint, PolicySet
from netctl.stack.models import BridgeNetwork, MacvlanNetwork, Stack


class Compiled(NamedTuple):
    """What a stack asks of one host."""

    resources: dict[Key, Desired]
    """In an order that does not depend on the order of declarations."""
    diagnostics: list[Diagnostic]
    """Warnings."""
    policies: PolicySet | None = None
    """Those of the stack, resolved; None where it has none."""
    balanced: Balanced | None = None
    """Its services, for their endpoints' health to be followed; None where it has none."""


def validate(stack: Stack, places: Places) -> list[Diagnostic]:
    """Everything that is wrong with *stack* whatever the host: errors and warnings, codes NC2xx."""
    problems = Problems(places)
    examine(stack, places, problems)
    return problems.found


class Examined(NamedTuple):
    """A stack whose references are resolved."""

    topology: Topology
    resolution: Resolution | None
    """Its policies; None where it has none, or where something is wrong with it."""


def examine(
    stack: Stack,
    places: Places,
    problems: Problems,
    facts: Facts | None = None,
    host: str | None = None,
    *,
    prove: bool = True,
) -> Examined:
    """The stack, resolved and checked as a whole. By the *facts* of *host*, endpoints keep their addresses, and its
    containers are known. Whether expectations hold is left out unless they are to be proved.
    """
    topology = with_containers(with_held(resolve(stack), facts), facts, host or "")
    check(topology, problems)
    if problems.has_errors or not (stack.policies or stack.services or stack.expect):
        return Examined(topology, None)
    resolution = resolve_policies(topology, places)
    check_decisions(topology, resolution, problems, prove=prove)
    return Examined(topology, resolution)


def compile_stack(stack: Stack, places: Places, host: str | None, facts: Facts | None) -> Compiled:
    """The resources that *stack* wants on *host* (None where the stack declares no hosts).

    Validates first. Without *facts* what depends on the live host is neither checked nor managed: the MTU of overlays,
    forwarding on foreign interfaces. Raises DeclarationError with all errors of the stack, or of the host.
    """
    problems = Problems(places)
    examined = examine(stack, places, problems, facts, host)
    demand_host(stack, host)
    problems.stop_on_errors()
    return compile_host(examined, host, facts, places, problems)


def compile_host(
    examined: Examined, host: str | None, facts: Facts | None, places: Places, problems: Problems
) -> Compiled:
    """As `compile_stack`, of a stack that has been examined, without an error: for one of several of its hosts."""
    topology, resolution = examined
    endpoints = resolution.policies.endpoints if resolution is not None else {}
    balanced = _balanced(topology, endpoints, facts, host or "") if resolution is not None else None
    site = Site(topology, host or "", facts, places, problems, _enforcement(topology, resolution, host or ""))
    if balanced is not None:
        site.hairpins = balanced.hairpins
    fronts = balanced.fronts if balanced is not None else ()
    warn_of_rivals(fronts, site)
    instances = living(topology, endpoints, facts, host or "")
    policies = resolution and resolution.policies
    desired = chain(_resources(site, fronts), compile_consul(site, instances, policies))
    resources = judged_first(_collect(site, desired), site)
    if balanced is not None:
        warn_of(balanced.resting, problems)
    problems.stop_on_errors()
    return Compiled(resources, problems.found, policies, balanced)


def _balanced(topology: Topology, endpoints: Mapping[str, Endpoint], facts: Facts | None, host: str) -> Balanced:
    roster = Roster(topology, endpoints, balanced_services(topology))
    unwell = roster.resting(facts, host)
    fronts = tuple(frontends(topology, endpoints, host, unwell))
    return Balanced(topology, host, roster, unwell, fronts, facts.gone if facts is not None else frozenset())


def _enforcement(topology: Topology, resolution: Resolution | None, host: str) -> Enforcement:
    """What judges packets on the host; without policies, attachments are only guarded against spoofing."""
    stack = topology.stack
    if resolution is not None and stack.policies:
        return enforce(resolution.policies, host, stack.stack)
    return Enforcement(guard=guard(attachments_on(topology, host), stack.stack))


def _resources(site: Site, fronts: Sequence[Frontend]) -> Iterator[Desired]:
    underlay = find_underlay(site) if any(net.overlay for net in site.nets) else None
    legs = list(_legs(site, underlay))
    check_presence(site, legs)
    for leg in legs:
        if isinstance(leg.net.spec, BridgeNetwork):
            yield from compile_leg(leg, site)
        elif underlay is not None:
            yield from compile_overlay(leg, site, underlay)
    for net in site.nets:
        if isinstance(net.spec, MacvlanNetwork):
            yield from compile_macvlan(net, net.spec, site)
    yield from compile_docker(site, legs)
    yield from compile_routes(site, legs)
    yield from compile_routes_to_services(fronts, legs, site)
    yield from compile_rules(site)
    yield from compile_sysctls(site, legs, underlay)
    fenced = [leg for leg in legs if leg.locals or leg.spec.internal or leg.spec.isolated]
    segments = [segment_of(leg) for leg in fenced]
    balancing = balance(fronts, surroundings(legs, site))
    yield from compile_firewall(site.stack, segments, site.facts, site.enforcement, balancing)


def _legs(site: Site, underlay: Underlay | None) -> Iterator[Leg]:
    for net in site.nets:
        if isinstance(net.spec, BridgeNetwork):
            yield leg_of(net, net.spec, site, net.spec.mtu)
        elif not isinstance(net.spec, MacvlanNetwork) and underlay is not None:
            yield leg_of(net, net.spec, site, overlay_mtu(net, site, underlay))


def _collect(site: Site, desired: Iterable[Desired]) -> dict[Key, Desired]:
    resources: dict[Key, Desired] = {}
    claims = stack_number(site.stack)
    for want in desired:
        known = resources.setdefault(want.key, want)
        if known is want:
            continue
        if isinstance(want.attributes, Route) and want.attributes.table == claims:
            continue  # the same is said of the routes themselves
        site.problems.error(
            "NC331",
            site.path(want.origin),
            f"'{known.origin.declaration}' and '{want.origin.declaration}' both declare {want.key}",
            "Remove one of them, or give it another table, metric or name.",
        )
    return resources
