"""The stack's networks as a host's balancing sees them."""

from collections.abc import Iterable

from netctl.compiler.balancing.tables import Surroundings
from netctl.compiler.legs import Leg
from netctl.compiler.site import Site
from netctl.compiler.topology import Role


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
