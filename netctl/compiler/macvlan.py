"""Macvlan networks: an interface in each attached namespace, on the segment of a parent interface of the host."""

from collections.abc import Iterator

from netctl.compiler.addressing import addresses_on
from netctl.compiler.attachments import DEFAULT, endpoint_addresses, endpoint_mac, gateway_route
from netctl.compiler.held import warn_of_moves
from netctl.compiler.prefixes import format_address
from netctl.compiler.site import Site
from netctl.compiler.topology import Endpoint, Net
from netctl.engine.resource import Desired
from netctl.kinds.link import Macvlan, link_key
from netctl.stack.models import MacvlanNetwork


def compile_macvlan(net: Net, spec: MacvlanNetwork, site: Site) -> Iterator[Desired]:
    """The endpoints of *net* on this host. The gateway is a router on the segment and is not configured."""
    origin = site.origin(net.path)
    addresses = addresses_on(net, site.host, site.hosts)
    warn_of_moves(net, addresses, site)
    gateways = {
        pool.prefix.family: format_address(pool.prefix.family, pool.gateway)
        for pool in net.pools
        if pool.gateway is not None
    }
    for end in net.endpoints:
        if site.host not in end.hosts:
            continue
        netns, interface = end.spec.netns, end.spec.interface
        link = link_key(interface, netns)
        attributes = Macvlan(
            netns, interface, True, end.spec.mtu or spec.mtu, _mac(net, spec, end, site),
            parent=spec.parent, mode=spec.mode,
        )  # fmt: skip
        yield Desired(link, attributes, origin, site.needs(spec.parent))
        # Strangers share the segment, so whether duplicates are looked for is left to the namespace's own setting.
        found = list(endpoint_addresses(end, link, origin, addresses, nodad=None))
        yield from found
        for family, gateway in gateways.items() if end.spec.default_route else ():
            yield gateway_route(end, link, gateway, DEFAULT[family], found)


def _mac(net: Net, spec: MacvlanNetwork, end: Endpoint, site: Site) -> str | None:
    """The endpoint's MAC address; in ``passthru`` mode it is the parent's, and setting it would change the parent's."""
    return None if spec.mode == "passthru" else endpoint_mac(net, end, site)
