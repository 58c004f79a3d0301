"""Interface names that two declarations would give."""

from collections.abc import Iterator

from netctl.compiler.checks.occupancy import Occupancy, spell
from netctl.compiler.places import Path, Problems
from netctl.compiler.topology import Net, Role, Topology
from netctl.stack.models import VxlanOverlay


def check_names(topology: Topology, problems: Problems) -> None:
    """Interfaces of one name on one host."""
    used: Occupancy[str] = Occupancy()
    for net in topology.nets:
        for name, hosts, path in _names(net):
            earlier = used.take(name, hosts, path)
            if earlier is not None:
                problems.error(
                    "NC229",
                    path,
                    f"{spell(path)} and {spell(earlier)} would both make the interface '{name}'",
                    "Rename one of the two, or name its interface: 'interface_name' on a network or overlay, "
                    "'host_interface' on an attachment.",
                )


def _names(net: Net) -> Iterator[tuple[str, frozenset[str], Path]]:
    if net.role is Role.MACVLAN:
        return
    yield net.interface.name, net.hosts, net.path
    if isinstance(net.spec, VxlanOverlay):
        yield net.vxlan_interface.name, net.hosts, net.path
    for end in net.endpoints:
        yield end.host_end.name, end.hosts, end.path
