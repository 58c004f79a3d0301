"""Attached network namespaces: a veth pair, the addresses of its far end, and the routes in the namespace."""

from collections.abc import Iterator, Mapping

from netctl.compiler.addressing import addresses_on
from netctl.compiler.held import warn_of_moves
from netctl.compiler.legs import Leg
from netctl.compiler.naming import mac
from netctl.compiler.site import Site
from netctl.compiler.topology import Endpoint, Net, Role
from netctl.engine.resource import Desired, Key, Origin
from netctl.kinds.address import Address, address_key
from netctl.kinds.link import Veth, VethPeer, link_key
from netctl.kinds.route import IPV6_DEFAULT_METRIC, MAIN_TABLE, Route, route_key

DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}
METRIC = {4: 0, 6: IPV6_DEFAULT_METRIC}
"""What the kernel gives a route that names none."""


def compile_attachments(leg: Leg, site: Site) -> Iterator[Desired]:
    """Everything of the endpoints that *leg* has on this host."""
    addresses = addresses_on(leg.net, site.host, site.hosts)
    warn_of_moves(leg.net, addresses, site)
    gateways = {local.prefix.family: local.gateway for local in leg.locals}
    for end in leg.net.endpoints:
        if site.host not in end.hosts:
            continue
        peer = link_key(end.spec.interface, end.spec.netns)
        yield from _pair(leg, end, peer, site)
        found = list(endpoint_addresses(end, peer, leg.origin, addresses, nodad=True))
        yield from found
        yield from _routes(leg, end, peer, gateways, found)


def endpoint_mac(net: Net, end: Endpoint, site: Site) -> str:
    """The MAC address of an endpoint's interface."""
    return end.spec.mac or mac(site.stack, site.host, net.name, end.spec.netns, end.spec.interface)


def endpoint_addresses(
    end: Endpoint,
    link: Key,
    origin: Origin,
    addresses: Mapping[tuple[str, str], tuple[str, ...]],
    *,
    nodad: bool | None,
) -> Iterator[Desired]:
    """The addresses of an endpoint's interface; *nodad* is for those of IPv6."""
    netns, interface = end.spec.netns, end.spec.interface
    for text in addresses[netns, interface]:
        attributes = Address(netns, interface, text, True, nodad if ":" in text else None)
        yield Desired(address_key(interface, text, netns), attributes, origin, (link,), link)


def gateway_route(end: Endpoint, link: Key, gateway: str, destination: str, addresses: list[Desired]) -> Desired:
    """The route to *destination* in an endpoint's namespace; it needs the addresses of its family."""
    family = 6 if ":" in gateway else 4
    netns, interface = end.spec.netns, end.spec.interface
    metric = METRIC[family]
    own = [found for found in addresses if (":" in found.key.id.rpartition(" ")[2]) == (family == 6)]
    return Desired(
        route_key(destination, MAIN_TABLE, metric, netns),
        Route(netns, destination, MAIN_TABLE, metric, "unicast", gateway, interface),
        own[0].origin,
        (link, *(found.key for found in own)),
        link,
    )


def _pair(leg: Leg, end: Endpoint, peer: Key, site: Site) -> Iterator[Desired]:
    spec = end.spec
    name, altnames = end.host_end
    host_end = link_key(name)
    mtu = spec.mtu or leg.mtu
    veth = Veth(
        "", name, True, mtu, None, None, altnames, None, None, leg.bridge, f"{spec.netns}/{spec.interface}",
        name in site.hairpins,
    )  # fmt: skip
    yield Desired(host_end, veth, leg.origin, (leg.link,))
    address = endpoint_mac(leg.net, end, site)
    yield Desired(
        peer, VethPeer(spec.netns, spec.interface, True, mtu, address), leg.origin, (host_end,), host_end
    )  # fmt: skip


def _routes(
    leg: Leg, end: Endpoint, peer: Key, gateways: Mapping[int, str], addresses: list[Desired]
) -> Iterator[Desired]:
    """The default routes; without one, the way to the other hosts' blocks of a routed overlay."""
    families = leg.net.default_route_families if end.spec.default_route else []
    for pool in leg.net.pools:
        family = pool.prefix.family
        if family in families:
            yield gateway_route(end, peer, gateways[family], DEFAULT[family], addresses)
        elif leg.net.role is Role.ROUTED:
            yield gateway_route(end, peer, gateways[family], str(pool.prefix), addresses)
