"""The routes to the prefixes of addresses: the kernel makes them with an address, and anybody can delete them."""

from collections.abc import Iterator
from functools import cached_property

from netctl.kinds.address import Address
from netctl.kinds.route import MAIN_TABLE, Route
from reconcilers.kernel.addresses import AddressRow, prefix_of
from reconcilers.kernel.routes import dump_routes, set_route
from reconcilers.kernel.rtnetlink import Request
from reconcilers.kernel.view import View
from reconcilers.kernel.wire import NLM_F_EXCL

_KERNEL = 2
"""The protocol number of routes that the kernel makes by itself."""
_IPV6_METRIC = 256
"""The metric that it gives them."""


class PrefixRoutes:
    """Those of a namespace, or of one of its links; read when they are first asked for."""

    def __init__(self, view: View, ifindex: int = 0) -> None:
        self._view = view
        self._ifindex = ifindex

    def has(self, row: AddressRow) -> bool:
        """Whether the route to an address's prefix is there, if there is to be one: not while the link is down."""
        link = self._view.links.get(self._view.names.get(row.ifindex, ""))
        if link is None or not link.up or row.is_whole:
            return True
        prefix = (row.ifindex, prefix_of(row.address))
        # One that somebody else has made leads there as well.
        return prefix in self._made_by_the_kernel or prefix in self._read(row.ifindex, 0)

    @cached_property
    def _made_by_the_kernel(self) -> frozenset[tuple[int, str]]:
        return frozenset(self._read(self._ifindex, _KERNEL))

    def _read(self, ifindex: int, protocol: int) -> Iterator[tuple[int, str]]:
        view = self._view
        chosen = {"protocol": protocol, "table": MAIN_TABLE, "ifindex": ifindex}
        for row in dump_routes(view.socket, view.names, view.netns, **chosen):
            yield row.ifindex, row.route.destination


def set_prefix_route(address: Address, view: View) -> Request:
    """Make the route to an address's prefix as the kernel makes it."""
    source, metric = ("", _IPV6_METRIC) if ":" in address.address else (address.address.partition("/")[0], 0)
    route = Route(address.netns, prefix_of(address.address), metric=metric, device=address.link, source=source)
    return set_route(route, view.indexes, NLM_F_EXCL, _KERNEL)
