"""Virtual addresses and published ports: what contradicts itself, and what two services would have."""

from collections.abc import Sequence

from netctl.compiler.addressing import Slots
from netctl.compiler.balancing.addresses import fixed_addresses, services_in, subnet_of
from netctl.compiler.balancing.frontends import service_ports
from netctl.compiler.checks.occupancy import spell
from netctl.compiler.hosts import suggestion
from netctl.compiler.places import Path, Problems
from netctl.compiler.policies.ports import parse_port
from netctl.compiler.policies.resolve import failsafe_of
from netctl.compiler.prefixes import Prefix, parse_address
from netctl.compiler.subnets import Pool, Space
from netctl.compiler.topology import Topology
from netctl.policy.model import PortRange
from netctl.stack.balancing_models import VirtualAddress
from netctl.stack.policy_models import Service, ServiceEndpoint


def check_balancing(topology: Topology, problems: Problems) -> None:
    """Each service by itself, then what is given twice, then the subnets of virtual addresses."""
    spaces = {str(space.path[-1]): space for space in topology.spaces if space.path[0] == "subnets"}
    addresses: dict[str, Path] = {}
    ports: dict[tuple[str, str], Path] = {}
    own = failsafe_of(topology.stack).ingress
    for name, service in sorted(topology.stack.services.items()):
        path: Path = ("services", name)
        _weights(service, path, problems)
        if service.vip is not None:
            _ports_to_offer(service, (*path, "vip"), problems)
            _subnet(topology, spaces, service, path, problems)
            _addresses(topology, spaces, service, path, addresses, problems)
        if service.publish:
            _publications(service, path, ports, problems)
            _own_ports(service, path, own, problems)
    for subnet in sorted({subnet_of(service) for service in topology.stack.services.values() if service.vip}):
        if subnet in spaces:
            _space(topology, spaces[subnet], subnet, problems)


def _weights(service: Service, path: Path, problems: Problems) -> None:
    listed = service.endpoints if isinstance(service.endpoints, list) else []
    if listed and all(isinstance(entry, ServiceEndpoint) and entry.weight == 0 for entry in listed):
        problems.error(
            "NC290",
            (*path, "endpoints"),
            f"every endpoint of service '{path[1]}' has weight 0, so that none gets a connection",
            "Give at least one of them a weight of 1 or more.",
        )


def _ports_to_offer(service: Service, path: Path, problems: Problems) -> None:
    if not service_ports(service):
        problems.error(
            "NC291",
            path,
            f"service '{path[1]}' has no port, so that nothing can be reached at its virtual address",
            "Give it a 'port:', such as 80 or 53/udp.",
        )


def _subnet(topology: Topology, spaces: dict[str, Space], service: Service, path: Path, problems: Problems) -> None:
    """A subnet that is not there; fixed addresses need none, unless they name it."""
    named = isinstance(service.vip, VirtualAddress)
    subnet = subnet_of(service)
    if subnet not in spaces and (named or not fixed_addresses(service)):
        place: Path = (*path, "vip", "subnet") if named else (*path, "vip")
        problems.error(
            "NC201",
            place,
            f"subnet '{subnet}' is not declared",
            suggestion(subnet, list(topology.stack.subnets)) or f"Declare '{subnet}' under 'subnets:'.",
        )


def _addresses(
    topology: Topology,
    spaces: dict[str, Space],
    service: Service,
    path: Path,
    taken: dict[str, Path],
    problems: Problems,
) -> None:
    families: set[int] = set()
    place: Path = (*path, "vip")
    for address in fixed_addresses(service):
        family, value = parse_address(address)
        if family in families:
            problems.error(
                "NC292", place, f"service '{path[1]}' has two virtual addresses of IPv{family}", "Keep one of them."
            )
        families.add(family)
        earlier = taken.setdefault(address, path)
        if earlier is not path:
            problems.error(
                "NC293",
                place,
                f"virtual address {address} is given twice, first by {spell(earlier)}",
                "Give each service an address of its own.",
            )
        space = spaces.get(subnet_of(service))
        mistake = _misplaced(space, family, value) if space else None
        if mistake:
            problems.error("NC292", place, f"virtual address {address} {mistake}", "Choose another address of it.")
        elif not space:
            _foreign(topology, address, place, problems)


def _misplaced(space: Space, family: int, value: int) -> str | None:
    pool = next((pool for pool in space.pools if pool.prefix.family == family), None)
    if pool is None or not pool.prefix.holds(family, value):
        return f"is outside {space.label} ({' and '.join(space.subnet.cidr)})"
    if not pool.prefix.usable.first <= value <= pool.prefix.usable.last:
        return f"is the network or broadcast address of {pool.prefix}"
    if any(first <= value <= last for first, last in pool.reserved):
        return f"is in a reserved range of {space.label}"
    return None


def _foreign(topology: Topology, address: str, place: Path, problems: Problems) -> None:
    """An address in the subnet of a network, whose endpoints would look for it on their link."""
    family, value = parse_address(address)
    for space in topology.spaces:
        if any(pool.prefix.holds(family, value) for pool in space.pools) and _users(topology, space):
            problems.error(
                "NC294",
                place,
                f"virtual address {address} is in {space.label}, which {_users(topology, space)[0]} uses, "
                "and would be looked for on the network's link",
                "Choose an address that is in no network's subnet.",
            )


def _space(topology: Topology, space: Space, name: str, problems: Problems) -> None:
    path: Path = ("subnets", name)
    users = _users(topology, space)
    if users:
        problems.error(
            "NC294",
            path,
            f"subnet '{name}' is of virtual addresses and of {users[0]}, whose endpoints would look for them on "
            "their link",
            "Declare a subnet that virtual addresses alone are from.",
        )
    if space.subnet.per_host:
        problems.error(
            "NC294",
            (*path, "per_host"),
            f"subnet '{name}' is of virtual addresses, which are the same on every host",
            "Remove 'per_host'.",
        )
    fixed = [parse_address(text) for service in topology.stack.services.values() for text in fixed_addresses(service)]
    wanting = [
        entry for entry in services_in(topology.stack, name) if not fixed_addresses(topology.stack.services[entry])
    ]
    for pool in space.pools:
        free = _free(pool, pool.prefix, {value for family, value in fixed if family == pool.prefix.family})
        if free < len(wanting):
            problems.error(
                "NC295",
                path,
                f"{pool.prefix} has {free} address{'es' * (free != 1)} to assign, but {len(wanting)} services need one",
                "Choose a larger subnet, or reserve fewer addresses.",
            )


def _free(pool: Pool, prefix: Prefix, taken: set[int]) -> int:
    slots = Slots(pool.assignable(prefix))
    gone = taken | ({pool.gateway} if pool.gateway is not None else set())
    return slots.count - sum(value in slots for value in gone)


def _users(topology: Topology, space: Space) -> list[str]:
    """The networks that have the subnet."""
    return [
        *(net.label for net in topology.nets if net.space is space),
        *(net.label for net in topology.dockers if net.space is space),
    ]


def _publications(service: Service, path: Path, taken: dict[tuple[str, str], Path], problems: Problems) -> None:
    offered = {f"{port}/{protocol}" for protocol, port in service_ports(service)}
    for index, text in enumerate(service.publish or ()):
        outer, _, inner = text.partition(":")
        place: Path = (*path, "publish", index)
        if inner not in offered:
            problems.error(
                "NC291",
                place,
                f"'{text}' publishes {inner}, which is no port of service '{path[1]}'",
                f"Choose one of its ports: {', '.join(sorted(offered)) or 'it has none yet'}.",
            )
        earlier = taken.setdefault((outer, inner.partition("/")[2]), place)
        if earlier is not place:
            problems.error(
                "NC296",
                place,
                f"port {outer}/{inner.partition('/')[2]} of the hosts is published twice, first by {spell(earlier)}",
                "Publish one of them at another port.",
            )


def _own_ports(service: Service, path: Path, own: Sequence[PortRange], problems: Problems) -> None:
    """Ports that the host has to be reached at, which would lead to the service."""
    for index, text in enumerate(service.publish or ()):
        outer, _, inner = text.partition(":")
        port = parse_port(f"{outer}/{inner.partition('/')[2]}")
        if isinstance(port, PortRange) and any(
            held.protocol is port.protocol and held.first <= port.first <= held.last for held in own
        ):
            problems.error(
                "NC297",
                (*path, "publish", index),
                f"port {outer}/{port.protocol} is one that the hosts themselves have to be reached at",
                "Publish it at another port, or list the ports that have to stay open, without it, under "
                "'failsafe: {ingress: […]}'.",
            )
