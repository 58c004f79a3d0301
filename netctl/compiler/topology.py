"""The stack with its references resolved: which network is on which hosts, in which subnet, and what is attached.

Everything here is true of the stack as a whole; what it means for one host is worked out from it by the modules of
the declared kinds. Nothing here fails: what does not resolve is left out, and `netctl.compiler.checks` says so.
"""

from enum import Enum
from typing import NamedTuple

from netctl.compiler.docker_networks import DockerNet, Member, Overlaid, resolve_docker
from netctl.compiler.hosts import Hosts
from netctl.compiler.naming import InterfaceName, interface_name
from netctl.compiler.places import Path
from netctl.compiler.prefixes import parse_address
from netctl.compiler.subnets import Pool, Space, resolve_subnet
from netctl.stack.docker_models import DockerNetwork
from netctl.stack.models import (
    BridgeNetwork,
    HostGatewayOverlay,
    HostNetwork,
    InterfaceAttachment,
    MacvlanNetwork,
    NamespaceAttachment,
    Stack,
    VxlanOverlay,
)
from netctl.stack.subnet_models import Subnet


class Role(Enum):
    """How a network's segments lie over its hosts."""

    BRIDGE = "a segment on each host"
    ROUTED = "a segment on each host, with routes between them"
    BRIDGED = "one segment over all hosts"
    MACVLAN = "the segment of a parent interface"


class Endpoint(NamedTuple):
    """An attached network namespace."""

    spec: NamespaceAttachment
    path: Path
    hosts: frozenset[str]
    host_end: InterfaceName
    """The host's end of its veth pair; a macvlan has none."""
    addresses: tuple[tuple[int, int], ...]
    """Family and value of those that are declared."""
    held: tuple[tuple[int, int], ...] = ()
    """Of those that it has already, on this host, and that netctl has put there."""


class PhysicalPort(NamedTuple):
    """An existing interface that is made a port of a bridge."""

    interface: str
    path: Path
    hosts: frozenset[str]


class Net(NamedTuple):
    """A network or an overlay."""

    name: str
    path: Path
    spec: BridgeNetwork | MacvlanNetwork | VxlanOverlay | HostGatewayOverlay
    role: Role
    hosts: frozenset[str]
    space: Space | None
    interface: InterfaceName
    """Its bridge; a macvlan network has none."""
    endpoints: tuple[Endpoint, ...]
    ports: tuple[PhysicalPort, ...]
    pools: tuple[Pool, ...]
    """Of its subnet, IPv4 first; none where it has no subnet."""
    overlay: bool
    """Whether it spans hosts by means of its own."""
    shared: bool
    """Whether its hosts share one segment, so that an address can be used once in all."""
    numbered: bool
    """Whether the hosts' ids decide its addresses."""

    @property
    def label(self) -> str:
        """As messages name it: ``network 'frontend'``."""
        return f"{self.path[0][:-1]} '{self.name}'"  # type: ignore[index]  # the first part is "networks" or "overlays"

    @property
    def default_route_families(self) -> list[int]:
        """The families in which endpoints send everything through a gateway, unless they decline."""
        if isinstance(self.spec, MacvlanNetwork):
            return [pool.prefix.family for pool in self.pools if pool.gateway is not None]
        return [] if self.spec.internal else [pool.prefix.family for pool in self.pools]

    @property
    def vxlan_interface(self) -> InterfaceName:
        """The name of an overlay's VXLAN device."""
        return interface_name(f"{self.name}-vxlan")


class Topology(NamedTuple):
    """A resolved stack."""

    stack: Stack
    hosts: Hosts
    spaces: tuple[Space, ...]
    """Every subnet, also those declared within a network."""
    nets: tuple[Net, ...]
    """Networks by name, then overlays by name."""
    dockers: tuple[DockerNet, ...] = ()
    """Docker's networks by name."""
    members: tuple[Member, ...] = ()
    """The containers on them, as far as anything is known of them."""


def resolve(stack: Stack) -> Topology:
    """Resolve a stack's references."""
    hosts = Hosts(stack.hosts)
    named = {
        name: resolve_subnet(subnet, f"subnet '{name}'", ("subnets", name)) for name, subnet in stack.subnets.items()
    }
    networks = stack.networks
    nets = [
        _net(name, ("networks", name), spec, hosts, named)
        for name in sorted(networks)
        if not isinstance(spec := networks[name], HostNetwork | DockerNetwork)
    ]
    nets += [_net(name, ("overlays", name), stack.overlays[name], hosts, named) for name in sorted(stack.overlays)]
    inline = [net.space for net in nets if net.space is not None and isinstance(net.spec.subnet, Subnet)]
    overlays = {net.name: Overlaid(net.hosts, net.space) for net in nets if net.path[0] == "overlays"}
    dockers = resolve_docker(stack, hosts, named, overlays)
    inline += [net.space for net in dockers if net.space is not None and isinstance(net.spec.subnet, Subnet)]
    return Topology(stack, hosts, (*named.values(), *inline), tuple(nets), dockers)


def _net(
    name: str,
    path: Path,
    spec: BridgeNetwork | MacvlanNetwork | VxlanOverlay | HostGatewayOverlay,
    hosts: Hosts,
    named: dict[str, Space],
) -> Net:
    here = hosts.matching(spec.hosts)
    subnet = spec.subnet
    space = (
        resolve_subnet(subnet, f"the subnet of {path[0][:-1]} '{name}'", (*path, "subnet"))  # type: ignore[index]  # text
        if isinstance(subnet, Subnet)
        else named.get(subnet or "")
    )
    endpoints: list[Endpoint] = []
    ports: list[PhysicalPort] = []
    for index, attached in enumerate(spec.attach):
        place = (*path, "attach", index)
        where = here if attached.hosts is None else here & hosts.matching(attached.hosts)
        if isinstance(attached, InterfaceAttachment):
            ports.append(PhysicalPort(attached.interface, place, where))
        else:
            endpoints.append(_endpoint(name, attached, place, where))
    role = _role(spec)
    bridged = role is Role.BRIDGED
    pools = space.pools if space else ()
    return Net(
        name, path, spec, role, here, space, _bridge_name(name, spec),
        tuple(sorted(endpoints, key=_by_name)) if endpoints else (), tuple(sorted(ports)) if ports else (), pools,
        overlay=bridged or role is Role.ROUTED,
        shared=bridged or role is Role.MACVLAN,
        numbered=bridged or (space is not None and bool(space.subnet.per_host)),
    )  # fmt: skip


def _endpoint(network: str, spec: NamespaceAttachment, path: Path, hosts: frozenset[str]) -> Endpoint:
    part = f"{network}-{spec.netns}" + (f"-{spec.interface}" if spec.interface != "eth0" else "")
    declared = tuple(parse_address(text) for text in spec.address or ())
    return Endpoint(spec, path, hosts, interface_name(part, spec.host_interface), declared)


def _by_name(endpoint: Endpoint) -> tuple[str, str, tuple[str, ...]]:
    """Sorts endpoints whatever the order of their declarations; two of one name are on different hosts."""
    return endpoint.spec.netns, endpoint.spec.interface, tuple(sorted(endpoint.hosts))


def _role(spec: BridgeNetwork | MacvlanNetwork | VxlanOverlay | HostGatewayOverlay) -> Role:
    if isinstance(spec, BridgeNetwork):
        return Role.BRIDGE
    if isinstance(spec, MacvlanNetwork):
        return Role.MACVLAN
    return Role.BRIDGED if spec.mode == "bridged" else Role.ROUTED


def _bridge_name(name: str, spec: BridgeNetwork | MacvlanNetwork | VxlanOverlay | HostGatewayOverlay) -> InterfaceName:
    return interface_name(name, None if isinstance(spec, MacvlanNetwork) else spec.interface_name)
