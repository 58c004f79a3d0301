"""Routes with their mark: one over an interface of ours needs none, any other has a claim beside it.

See `netctl.kinds.route` for what a claim is.
"""

from collections.abc import Iterator

from netctl.compiler.site import Site
from netctl.engine.resource import Desired, Key, Origin
from netctl.kinds.route import Route, claim_metric, route_key, stack_number


def owned_route(site: Site, route: Route, origin: Origin, needs: tuple[Key, ...] = ()) -> Iterator[Desired]:
    """A route of the host's own namespace, and its claim where its device is not one that the stack makes."""
    key = route_key(route.destination, route.table, route.metric)
    link = site.own.get(route.device or "")
    if link is not None:
        yield Desired(key, route, origin, (link, *needs), link)
        return
    claim = claim_of(site.stack, route)
    claim_key = route_key(claim.destination, claim.table, claim.metric)
    yield Desired(claim_key, claim, origin)
    yield Desired(key, route, origin, (claim_key, *needs))


def claim_of(stack: str, route: Route) -> Route:
    """The claim to *route*: a blackhole of the same destination in the stack's claim table."""
    metric = claim_metric(route.table, route.metric)
    return Route("", route.destination, stack_number(stack), metric, "blackhole", "", "")
