"""Making and changing routes: a route is replaced at one stroke, but where the kernel would replace something else."""

from collections.abc import Iterator

from netctl.engine.change import Action, Change
from netctl.engine.resource import UNMARKED
from netctl.kinds.route import PROTOCOL, Route
from reconcilers.kernel.routes import delete_route, dump_routes, set_route
from reconcilers.kernel.rtnetlink import Request
from reconcilers.kernel.view import View
from reconcilers.kernel.wire import NLM_F_EXCL, NLM_F_REPLACE


class RouteWriter:
    """Requests for the routes of one batch."""

    def __init__(self) -> None:
        self._foreign: dict[tuple[str, int], frozenset[tuple[str, int]]] = {}
        """By namespace and table, destination and metric of what is not netctl's."""

    def requests(self, change: Change, route: Route, view: View, protocol: int) -> Iterator[Request]:
        """What makes the route as it is to be after the change."""
        before = change.before
        if change.action is Action.CREATE or not isinstance(before, Route):
            yield set_route(route, view.indexes, NLM_F_EXCL, protocol)
        elif _stays_ours(change) and (_finds_itself(before, route) or self._is_shared(before, view)):
            yield delete_route(before)
            yield set_route(route, view.indexes, 0, protocol)
        else:
            yield set_route(route, view.indexes, NLM_F_REPLACE, protocol)

    def _is_shared(self, route: Route, view: View) -> bool:
        """Whether somebody else has an IPv4 route of the same table, destination and metric, which may be the first."""
        if ":" in route.destination:
            return False
        place = view.netns, route.table
        if place not in self._foreign:
            rows = dump_routes(view.socket, view.names, view.netns, table=route.table)
            keys = ((row.route.destination, row.route.metric) for row in rows if row.protocol != PROTOCOL)
            self._foreign[place] = frozenset(keys)
        return (route.destination, route.metric) in self._foreign[place]


def _stays_ours(change: Change) -> bool:
    """Whether the route bears the stack's mark, before and after: one that bears none is what is to be replaced."""
    before = change.owner_before
    return before is not None and before.declaration != UNMARKED and change.owner is not None


def _finds_itself(before: Route, after: Route) -> bool:
    """IPv6 looks for a gateway that is on a link, finds the very route that is to be replaced, and refuses."""
    return after.onlink is True and ":" in after.destination and before.device != after.device
