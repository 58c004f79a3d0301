"""Docker networks that are the local legs of overlays, as a packet meets them: a bridge with the host's block.

Docker makes them, so that they are no links of the stack's; but what they are like follows from the declaration.
"""

from collections.abc import Iterator

from netctl.compiler import Places
from netctl.compiler.docker_networks import DockerNet, gateway_of
from netctl.compiler.policies.endpoints import CONTAINER
from netctl.compiler.prefixes import format_address
from netctl.compiler.topology import Topology
from netctl.engine.resource import Desired
from netctl.kinds.address import Address, address_key
from netctl.kinds.link import Bridge, link_key
from netctl.policy.model import Endpoint


def leg_resources(topology: Topology, places: Places, host: str) -> Iterator[Desired]:
    """The bridge and its addresses, for each leg on the host."""
    for net in _legs(topology):
        if host not in net.hosts:
            continue
        origin = places.origin(net.path)
        bridge = link_key(net.bridge)
        yield Desired(bridge, Bridge("", net.bridge, ipv4_forwarding=True, ipv6_forwarding=True), origin)
        for pool in net.pools:
            prefix = pool.on(topology.hosts.number(host))
            text = f"{format_address(prefix.family, gateway_of(pool, prefix))}/{prefix.length}"
            yield Desired(address_key(net.bridge, text), Address("", net.bridge, text), origin, (bridge,))


def leg_bridge(topology: Topology, endpoint: Endpoint) -> str:
    """The bridge of the leg that a container is on; empty for any other endpoint."""
    if endpoint.kind != CONTAINER:
        return ""
    return next((net.bridge for net in _legs(topology) if net.name == endpoint.network), "")


def _legs(topology: Topology) -> Iterator[DockerNet]:
    return (net for net in topology.dockers if net.spans_hosts)
