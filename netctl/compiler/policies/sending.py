"""Which of its addresses a host sends from, by where it sends to."""

from collections.abc import Iterator

from netctl.compiler.addressing import local_of
from netctl.compiler.hosts import ALONE
from netctl.compiler.prefixes import Prefix, format_address
from netctl.compiler.topology import Net, Role, Topology
from netctl.stack.models import VxlanOverlay


def sources(topology: Topology) -> dict[str, tuple[tuple[str, str], ...]]:
    """By host, prefixes and its address on the link that leads there, the narrowest prefix first.

    Other hosts' blocks of an overlay are behind its tunnel; but not where packets go there as they are, by the
    underlay, as they do between hosts on one link where the overlay routes directly.
    """
    found: dict[str, list[tuple[Prefix, str]]] = {}
    for net in topology.nets:
        for host in net.hosts - {ALONE}:
            found.setdefault(host, []).extend(_links(topology, net, host))
    return {
        host: tuple((str(prefix), address) for prefix, address in sorted(links, key=lambda link: -link[0].length))
        for host, links in sorted(found.items())
    }


def _links(topology: Topology, net: Net, host: str) -> Iterator[tuple[Prefix, str]]:
    spec = net.spec
    tunnelled = net.role is Role.ROUTED and isinstance(spec, VxlanOverlay) and not spec.direct_routing
    for pool in net.pools:
        prefix, bridge, _ = local_of(net, pool, host, topology.hosts)
        if bridge is not None:
            yield prefix, format_address(prefix.family, bridge)
        if tunnelled:
            yield pool.prefix, format_address(prefix.family, prefix.first)
