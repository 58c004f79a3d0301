"""Services on one host: the networks that balancing has to know of, and routes to virtual addresses.

The routes are for the host's own connections alone. What the host opens is routed before it is translated, and a host
without a default route would have nowhere to send it. The interface that the route names is never used: the translated
packet is routed again.
"""

from collections.abc import Iterable, Iterator, Sequence

from netctl.compiler.balancing.frontends import Frontend
from netctl.compiler.balancing.tables import Surroundings
from netctl.compiler.legs import Leg
from netctl.compiler.prefixes import BITS, format_address, parse_address
from netctl.compiler.site import Site
from netctl.compiler.topology import Role
from netctl.engine.resource import Desired
from netctl.kinds.link import link_key
from netctl.kinds.route import IPV6_DEFAULT_METRIC, MAIN_TABLE, Route, route_key


def surroundings(legs: Iterable[Leg], site: Site) -> Surroundings:
    """The prefixes that tell how an endpoint would answer a client."""
    segments: list[str] = []
    here: list[str] = []
    inside: list[str] = []
    for leg in legs:
        prefixes = [str(local.prefix) for local in leg.locals]
        segments += prefixes
        here += [] if leg.net.role is Role.BRIDGED else prefixes
        inside += [str(pool.prefix) for pool in leg.net.pools] if leg.net.overlay else prefixes
    for net in site.dockers:
        prefixes = [str(pool.on(site.hosts.number(site.host))) for pool in net.pools]
        segments += prefixes
        here += prefixes
        inside += prefixes
    return Surroundings(tuple(segments), tuple(here), tuple(inside))


def compile_routes_to_services(fronts: Sequence[Frontend], legs: Iterable[Leg], site: Site) -> Iterator[Desired]:
    """A route for each subnet of virtual addresses, or for the address that is in none; none without a bridge."""
    own = [leg for leg in legs if not site.is_dockers(leg.net)]
    ways = {local.prefix.family: (leg, local) for leg in reversed(own) for local in leg.locals}
    for destination in sorted(_destinations(fronts, site)):
        family = 6 if ":" in destination else 4
        if family not in ways:
            continue
        leg, local = ways[family]
        metric = IPV6_DEFAULT_METRIC if family == 6 else 0
        route = Route("", destination, MAIN_TABLE, metric, "unicast", "", leg.bridge)
        key = route_key(destination, MAIN_TABLE, metric)
        yield Desired(key, route, site.origin(("services",)), (link_key(leg.bridge), local.key), link_key(leg.bridge))


def _destinations(fronts: Sequence[Frontend], site: Site) -> set[str]:
    pools = [pool for space in site.topology.spaces for pool in space.pools]
    found: set[str] = set()
    for address in {front.address for front in fronts if front.address}:
        family, value = parse_address(address)
        inside = [str(pool.prefix) for pool in pools if pool.prefix.holds(family, value)]
        found.add(inside[0] if inside else f"{format_address(family, value)}/{BITS[family]}")
    return found
