"""Which of its addresses a host sends from, by where it sends to."""

from collections.abc import Iterator

from netctl.compiler.addressing import local_of
from netctl.compiler.hosts import ALONE
from netctl.compiler.prefixes import Prefix, format_address
from netctl.compiler.topology import Net, Role, Topology
from netctl.policy.ranges import family_of
from netctl.stack.models import VxlanOverlay

_EVERYWHERE = {4: Prefix(4, 0, 0), 6: Prefix(6, 0, 0)}


def sources(topology: Topology) -> dict[str, tuple[tuple[str, str], ...]]:
    """By host, prefixes and its address on the link that leads there, the narrowest prefix first.

    Everything else is beyond the underlay, and sent to from the host's declared address. So what it sends there from in
    the other family is not known.

    Other hosts' blocks of an overlay are behind its tunnel; but not where packets go there as they are, by the
    underlay, as those of its own family do between hosts on one link where the overlay routes directly.
    """
    declared = topology.stack.hosts
    found = {name: [(_EVERYWHERE[family_of(host.address)], host.address)] for name, host in declared.items()}
    for net in topology.nets:
        for host in net.hosts - {ALONE}:
            found[host] += _links(topology, net, host)
    return {
        host: tuple((str(prefix), address) for prefix, address in sorted(links, key=lambda link: -link[0].length))
        for host, links in sorted(found.items())
    }


def _links(topology: Topology, net: Net, host: str) -> Iterator[tuple[Prefix, str]]:
    underlay = family_of(topology.stack.hosts[host].address)
    for pool in net.pools:
        prefix, bridge, _ = local_of(net, pool, host, topology.hosts)
        if bridge is not None:
            yield prefix, format_address(prefix.family, bridge)
        if is_tunnelled(net, prefix.family, underlay):
            yield pool.prefix, format_address(prefix.family, prefix.first)


def is_tunnelled(net: Net, family: int, underlay: int) -> bool:
    """Whether packets of a family go to other hosts by the overlay's tunnel, whatever links these are on."""
    spec = net.spec
    if net.role is not Role.ROUTED or not isinstance(spec, VxlanOverlay):
        return False
    return not spec.direct_routing or family != underlay
