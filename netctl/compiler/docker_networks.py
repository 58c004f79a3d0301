"""The stack's Docker networks, resolved: which network is on which hosts, in which subnet, under which name."""

from collections.abc import Mapping
from typing import NamedTuple

from netctl.compiler.hosts import Hosts
from netctl.compiler.naming import interface_name
from netctl.compiler.places import Path
from netctl.compiler.prefixes import Prefix, Span, parse_address
from netctl.compiler.subnets import Pool, Space, resolve_subnet
from netctl.stack.docker_models import ContainerAttachment, DockerNetwork, NamedContainer
from netctl.stack.models import Stack
from netctl.stack.subnet_models import Subnet

_OWN_NAMES = {"host": "host", "none": "none", "null": "none"}
"""What the Engine's only network of a driver is called."""


class Overlaid(NamedTuple):
    """What a network takes from the overlay that it is a leg of."""

    hosts: frozenset[str]
    space: Space | None


class Attached(NamedTuple):
    """An entry of ``attach``."""

    spec: ContainerAttachment
    path: Path
    hosts: frozenset[str]
    addresses: tuple[tuple[int, int], ...]
    """Family and value of those that are declared."""


class DockerNet(NamedTuple):
    """A network that the Docker Engine makes, or one of it that is referred to."""

    name: str
    path: Path
    spec: DockerNetwork
    docker_name: str
    hosts: frozenset[str]
    space: Space | None
    attached: tuple[Attached, ...]

    @property
    def label(self) -> str:
        """As messages name it."""
        return f"network '{self.name}'"

    @property
    def bridge(self) -> str:
        """The name that the bridge is given where it is the leg of an overlay: another than that of netctl's own."""
        return interface_name(self.name, self.spec.interface_name).name

    @property
    def spans_hosts(self) -> bool:
        """Whether it is the leg of an overlay."""
        return self.spec.overlay is not None

    @property
    def pools(self) -> tuple[Pool, ...]:
        """Of its subnet, IPv4 first; none where Docker chooses."""
        return self.space.pools if self.space else ()


class Member(NamedTuple):
    """A container on a network, or one that is to be."""

    network: str
    """The network's name in the stack."""
    container: str
    host: str
    entry: Attached | None
    """What attaches it; None for one that is on the network without netctl's doing."""
    asked: tuple[str, ...]
    """The addresses to attach it with, IPv4 first; those that it has already, or that Docker assigns, are not."""
    addresses: tuple[str, ...]
    """Those that it has, or will have; none as long as only Docker can tell."""
    labels: Mapping[str, str]
    """Its own in Docker, and those that are declared of it here, which come first."""
    is_known: bool
    """Whether the Engine has it."""


def resolve_docker(
    stack: Stack, hosts: Hosts, named: Mapping[str, Space], overlays: Mapping[str, Overlaid]
) -> tuple[DockerNet, ...]:
    """The Docker networks by name."""
    networks = stack.networks
    return tuple(
        _resolved(stack.stack, name, spec, hosts, named, overlays.get(spec.overlay or ""))
        for name in sorted(networks)
        if isinstance(spec := networks[name], DockerNetwork)
    )


def _resolved(
    stack: str, name: str, spec: DockerNetwork, hosts: Hosts, named: Mapping[str, Space], overlay: Overlaid | None
) -> DockerNet:
    path: Path = ("networks", name)
    here = hosts.matching(spec.hosts) if overlay is None else hosts.matching(spec.hosts) & overlay.hosts
    space = (
        resolve_subnet(spec.subnet, f"the subnet of network '{name}'", (*path, "subnet"))
        if isinstance(spec.subnet, Subnet)
        else named.get(spec.subnet or "")
    )
    if overlay is not None:
        space = overlay.space
    attached = tuple(
        Attached(
            entry,
            (*path, "attach", index),
            here if entry.hosts is None else here & hosts.matching(entry.hosts),
            tuple(map(parse_address, entry.address or ())) if isinstance(entry, NamedContainer) else (),
        )
        for index, entry in enumerate(spec.attach)
    )
    return DockerNet(name, path, spec, _docker_name(stack, name, spec), here, space, attached)


def _docker_name(stack: str, name: str, spec: DockerNetwork) -> str:
    if spec.name is not None:
        return spec.name
    return _OWN_NAMES.get(spec.driver) or (name if spec.external else f"{stack}_{name}")


def gateway_of(pool: Pool, prefix: Prefix) -> int:
    """The declared gateway, or the first address."""
    return prefix.first_usable if pool.gateway is None else pool.gateway


def range_of(pool: Pool) -> Prefix | None:
    """The one prefix that Docker assigns from; None where there is none, or no single one."""
    return _single_prefix(pool.prefix.family, pool.ranges[0]) if len(pool.ranges) == 1 else None


def _single_prefix(family: int, span: Span) -> Prefix | None:
    bits = 32 if family == 4 else 128
    length = bits - (span.size.bit_length() - 1)
    whole = span.size == 1 << (bits - length) and span.first % span.size == 0
    return Prefix(family, span.first, length) if whole else None
