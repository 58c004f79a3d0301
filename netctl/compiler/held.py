"""Endpoints keep the addresses that were assigned to them, whoever comes or goes beside them.

Only in a stack without hosts: of several hosts, each knows no more than what is live on itself, and all must come to
the same addresses. There a host says of its own endpoints which will move, and how to keep them where they are.
"""

from collections.abc import Mapping

from netctl.compiler.addressing import Slots, occupied
from netctl.compiler.prefixes import format_address, parse_address
from netctl.compiler.site import Site
from netctl.compiler.topology import Endpoint, Net, Topology
from netctl.engine.facts import Facts


def with_held(topology: Topology, facts: Facts | None) -> Topology:
    """The stack with what its endpoints have already, as far as addresses are left to be assigned to them."""
    if facts is None or topology.stack.hosts:
        return topology
    return topology._replace(nets=tuple(_with_held(net, topology.stack.stack, facts) for net in topology.nets))


def _with_held(net: Net, stack: str, facts: Facts) -> Net:
    families = {pool.prefix.family for pool in net.pools}
    return net._replace(endpoints=tuple(_endpoint(end, families, stack, facts) for end in net.endpoints))


def _endpoint(end: Endpoint, families: set[int], stack: str, facts: Facts) -> Endpoint:
    netns = end.spec.netns
    if families <= {family for family, _ in end.addresses} or netns not in facts.namespaces or netns == facts.netns:
        return end
    live = facts.held(stack, netns, end.spec.interface)
    return end._replace(held=tuple(parse_address(text.partition("/")[0]) for text in live))


def warn_of_moves(net: Net, addresses: Mapping[tuple[str, str], tuple[str, ...]], site: Site) -> None:
    """Warn of the endpoints on this host that are about to lose an address which they could keep: *addresses* are
    those that they get, with prefix length, by namespace and interface.
    """
    if site.facts is None or not site.hosts.declared:
        return
    declared = {address for end in net.endpoints for address in end.addresses}
    for end in net.endpoints:
        netns, interface = end.spec.netns, end.spec.interface
        if site.host not in end.hosts or netns not in site.facts.namespaces or netns == site.facts.netns:
            continue
        given = dict(parse_address(text.partition("/")[0]) for text in addresses[netns, interface])
        for text in site.facts.held(site.stack, netns, interface):
            family, value = parse_address(text.partition("/")[0])
            if given.get(family, value) != value and not declared & {(family, value), (family, given[family])}:
                _warn_of_move(net, end, family, (value, given[family]), site)


def _warn_of_move(net: Net, end: Endpoint, family: int, move: tuple[int, int], site: Site) -> None:
    pool = next(pool for pool in net.pools if pool.prefix.family == family)
    prefix = pool.on(site.hosts.number(site.host))
    if move[0] not in Slots(pool.assignable(prefix)) or move[0] in occupied(net, pool, prefix, site.hosts):
        return  # it cannot be kept: the subnet is another now
    before, after = (format_address(family, value) for value in move)
    site.problems.warn(
        "NC333",
        end.path,
        f"{end.spec.netns}/{end.spec.interface} moves from {before} to {after}, since others beside it come or go",
        f"To keep it where it is, say 'address: {before}' in this attachment"
        + (", of this host alone." if len(end.hosts) > 1 else "."),
    )
