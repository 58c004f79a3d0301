"""Policies, tiers and services as they are declared: what they name, and what they leave out."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from netctl.compiler.docker_networks import DockerNet
from netctl.compiler.hosts import suggestion
from netctl.compiler.places import Path, Problems
from netctl.compiler.policies.resolve import tier_orders
from netctl.compiler.prefixes import parse_address
from netctl.compiler.topology import Net, Topology
from netctl.stack.models import Stack
from netctl.stack.policy_models import AttachmentSelector, Policy, Selector, Service, ServiceEndpoint


def check_policies(topology: Topology, problems: Problems) -> None:
    """Unknown names, policies that govern nothing, tiers that contradict one another, addresses of services."""
    stack = topology.stack
    for path, selector in selectors(stack):
        _references(stack, path, selector, problems)
    _tiers(stack, problems)
    _failsafe(stack, problems)
    for name, policy in stack.policies.items():
        _policy(stack, ("policies", name), policy, problems)
    nets: dict[str, Net | DockerNet] = {net.name: net for net in topology.dockers}
    nets |= {net.name: net for net in topology.nets}
    for name, service in stack.services.items():
        _service(stack, nets, ("services", name), service, problems)


def selectors(stack: Stack) -> Iterator[tuple[Path, Selector]]:
    """Every selector of policies and expectations, and where it is."""
    for name, policy in stack.policies.items():
        path: Path = ("policies", name)
        yield from _listed((*path, "applies_to"), policy.applies_to)
        for index, incoming in enumerate(policy.ingress or ()):
            yield from _listed((*path, "ingress", index, "from"), incoming.from_)
        for index, outgoing in enumerate(policy.egress or ()):
            yield from _listed((*path, "egress", index, "to"), outgoing.to)
    for index, expected in enumerate(stack.expect):
        yield from _listed(("expect", index, "from"), expected.from_)
        yield from _listed(("expect", index, "to"), expected.to)


def _listed(path: Path, found: Sequence[Selector] | None) -> Iterator[tuple[Path, Selector]]:
    for index, selector in enumerate(found or ()):
        yield (*path, index), selector


def _references(stack: Stack, path: Path, selector: Selector, problems: Problems) -> None:
    known: tuple[tuple[str, str | None, Collection[str]], ...] = (
        ("service", selector.service, stack.services),
        ("network", selector.network, [*stack.networks, *stack.overlays]),
        ("overlay", selector.overlay, stack.overlays),
        ("host", selector.host, stack.hosts),
    )
    for what, name, declared in known:
        if name is not None and name not in declared:
            _unknown((*path, what), what, name, declared, problems)


def _unknown(path: Path, what: str, name: str, declared: Collection[str], problems: Problems) -> None:
    problems.error(
        "NC260",
        path,
        f"{what} '{name}' is not declared",
        suggestion(name, list(declared)) or f"Declare it under '{what}s:'.",
    )


def _tiers(stack: Stack, problems: Problems) -> None:
    taken: dict[int, str] = {}
    for name, order in sorted(tier_orders(stack).items(), key=lambda tier: (tier[0] in stack.tiers, tier)):
        other = taken.setdefault(order, name)
        if other != name:
            problems.error(
                "NC263",
                ("tiers", name, "order"),
                f"tiers '{other}' and '{name}' have the same order {order}",
                "Give each tier an order of its own; the lower one is asked first.",
            )


def _failsafe(stack: Stack, problems: Problems) -> None:
    for direction in ("ingress", "egress"):
        if stack.failsafe is not None and getattr(stack.failsafe, direction) == []:
            problems.warn(
                "NC268",
                ("failsafe", direction),
                f"no {direction} port of a host is kept open, so a policy can cut every connection to or from it",
                "List the ports to keep, 22/tcp among them, or leave the key out for the default.",
            )


def _policy(stack: Stack, path: Path, policy: Policy, problems: Problems) -> None:
    if policy.ingress is None and policy.egress is None:
        problems.error(
            "NC262",
            path,
            f"policy '{path[1]}' governs nothing: it has neither 'ingress' nor 'egress'",
            "Add the direction that it governs; an empty list denies everything.",
        )
    known = tier_orders(stack)
    if policy.tier not in known:
        problems.error(
            "NC264",
            (*path, "tier"),
            f"tier '{policy.tier}' is not declared",
            suggestion(policy.tier, list(known)) or "Declare it under 'tiers:' with its order.",
        )


_Nets = Mapping[str, Net | DockerNet]


def _service(stack: Stack, nets: _Nets, path: Path, service: Service, problems: Problems) -> None:
    if service.network is not None and service.network not in nets:
        _unknown((*path, "network"), "network", service.network, nets, problems)
    if isinstance(service.endpoints, AttachmentSelector):
        return
    for index, entry in enumerate(service.endpoints):
        place = (*path, "endpoints", index)
        if isinstance(entry, ServiceEndpoint) and entry.host is not None and entry.host not in stack.hosts:
            _unknown((*place, "host"), "host", entry.host, stack.hosts, problems)
        if net := nets.get(service.network or ""):
            address = entry.address if isinstance(entry, ServiceEndpoint) else entry
            _inside(net, place, address, problems)


def _inside(net: Net | DockerNet, path: Path, address: str, problems: Problems) -> None:
    if net.space is None or any(pool.prefix.holds(*parse_address(address)) for pool in net.pools):
        return
    problems.error(
        "NC220",
        path,
        f"address {address} is outside {net.space.label} ({' and '.join(net.space.subnet.cidr)}), "
        f"which {net.label} has",
        "Correct the address, or leave out the service's 'network:'.",
    )
