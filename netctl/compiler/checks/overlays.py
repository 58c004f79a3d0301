"""Overlays: tunnels that clash, and hosts that cannot reach each other."""

from netctl.compiler.places import Problems
from netctl.compiler.prefixes import BITS
from netctl.compiler.topology import Net, Role, Topology
from netctl.stack.models import HostGatewayOverlay, VxlanOverlay


def check_overlays(topology: Topology, problems: Problems) -> None:
    """Duplicate VNIs, hosts of different address families, blocks that are too small."""
    _vnis(topology, problems)
    for net in topology.nets:
        if net.overlay:
            _families(net, topology, problems)
        if net.role is Role.ROUTED:
            _block_size(net, problems)


def _vnis(topology: Topology, problems: Problems) -> None:
    used: dict[tuple[int, int], Net] = {}
    for net in topology.nets:
        if isinstance(net.spec, VxlanOverlay):
            other = used.setdefault((net.spec.vni, net.spec.port), net)
            if other is not net:
                problems.error(
                    "NC230",
                    (*net.path, "vni"),
                    f"{net.label} and {other.label} have the same VNI {net.spec.vni} on UDP port {net.spec.port}",
                    "Give each overlay a VNI of its own.",
                )


def _families(net: Net, topology: Topology, problems: Problems) -> None:
    declared = topology.stack.hosts
    by_family = {6 if ":" in declared[name].address else 4: name for name in sorted(net.hosts & declared.keys())}
    if len(by_family) > 1:
        problems.error(
            "NC208",
            ("hosts", by_family[6], "address"),
            f"hosts '{by_family[4]}' and '{by_family[6]}' of {net.label} have addresses of different families",
            "Give all hosts of an overlay an IPv4 address, or all an IPv6 address.",
        )
    elif isinstance(net.spec, HostGatewayOverlay):
        for pool in net.pools:
            if by_family and pool.prefix.family not in by_family:
                problems.error(
                    "NC209",
                    (*net.path, "subnet"),
                    f"{net.label} cannot route {pool.prefix} through hosts whose addresses are of the other family",
                    "Use 'backend: vxlan', or a subnet of the hosts' address family only.",
                )


def _block_size(net: Net, problems: Problems) -> None:
    for pool in net.pools:
        if net.space and pool.block is not None and BITS[pool.prefix.family] - pool.block < 2:
            problems.error(
                "NC213",
                (*net.space.path, "per_host"),
                f"a /{pool.block} for each host has no room for the tunnel's address, the gateway and an endpoint",
                f"Choose a prefix length of {BITS[pool.prefix.family] - 2} at most.",
            )
