"""Endpoints keep the addresses that were assigned to them, whoever comes or goes beside them.

Only in a stack without hosts: of several hosts, each knows no more than what is live on itself, and all must come to
the same addresses.
"""

from netctl.compiler.prefixes import parse_address
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
