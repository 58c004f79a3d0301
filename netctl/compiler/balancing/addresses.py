"""Which virtual addresses a service has: worked out from the declaration alone, the same on every host."""

from collections.abc import Mapping

from netctl.compiler.addressing import Slots, assign
from netctl.compiler.prefixes import format_address, parse_address
from netctl.compiler.subnets import Space
from netctl.compiler.topology import Topology
from netctl.stack.balancing_models import VIP_SUBNET, VirtualAddress
from netctl.stack.models import Stack
from netctl.stack.policy_models import Service

FAMILIES = (4, 6)


def virtual_addresses(topology: Topology, families: Mapping[str, frozenset[int]]) -> dict[str, tuple[str, ...]]:
    """By service the virtual addresses, IPv4 first; services without a ``vip`` are left out.

    Of those that are assigned, a service gets one of each family of the subnet that *families* says its endpoints
    have; one without endpoints of any.
    """
    fixed = {name: list(fixed_addresses(service)) for name, service in topology.stack.services.items() if service.vip}
    taken = {parse_address(address) for addresses in fixed.values() for address in addresses}
    spaces = {space.path[-1]: space for space in topology.spaces if space.path[0] == "subnets"}
    wanting: dict[str, list[str]] = {}
    for name, addresses in sorted(fixed.items()):
        if not addresses:
            wanting.setdefault(subnet_of(topology.stack.services[name]), []).append(name)
    for subnet, names in sorted(wanting.items()):
        if subnet in spaces:
            _assign(spaces[subnet], names, families, taken, fixed)
    return {name: tuple(sorted(found, key=lambda address: ":" in address)) for name, found in fixed.items()}


def fixed_addresses(service: Service) -> tuple[str, ...]:
    """The virtual addresses that a service declares; none where they are to be assigned."""
    vip = service.vip
    if isinstance(vip, VirtualAddress):
        return tuple(vip.address or ())
    return () if vip is None or vip == "auto" else tuple(vip)


def subnet_of(service: Service) -> str:
    """The name of the subnet of a service's virtual addresses."""
    return service.vip.subnet if isinstance(service.vip, VirtualAddress) else VIP_SUBNET


def services_in(stack: Stack, subnet: str) -> list[str]:
    """The services whose virtual addresses are from a subnet."""
    return [name for name, service in sorted(stack.services.items()) if service.vip and subnet_of(service) == subnet]


def _assign(
    space: Space,
    names: list[str],
    families: Mapping[str, frozenset[int]],
    taken: set[tuple[int, int]],
    found: dict[str, list[str]],
) -> None:
    for pool in space.pools:
        family = pool.prefix.family
        used = {value for kind, value in taken if kind == family}
        used |= {pool.gateway} if pool.gateway is not None else set()
        wanting = [name for name in names if not families.get(name) or family in families[name]]
        chosen = assign(wanting, Slots(pool.assignable(pool.prefix)), used)
        for name, value in chosen.items():
            found[name].append(format_address(family, value))
