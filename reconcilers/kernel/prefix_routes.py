"""The routes to the prefixes of addresses: the kernel makes them with an address, and anybody can delete them."""

from collections.abc import Iterator

from netctl.kinds.address import Address
from netctl.kinds.route import MAIN_TABLE, Route
from reconcilers.kernel.addresses import AddressRow, prefix_of
from reconcilers.kernel.routes import dump_routes, set_route
from reconcilers.kernel.rtnetlink import Request
from reconcilers.kernel.view import View
from reconcilers.kernel.wire import NLM_F_EXCL, family_of

_KERNEL = 2
"""The protocol number of routes that the kernel makes by itself."""
_IPV6_METRIC = 256
"""The metric that it gives them."""


class PrefixRoutes:
    """Those of a namespace, or of one of its links; read when they are first asked for."""

    def __init__(self, view: View, ifindex: int = 0) -> None:
        self._view = view
        self._ifindex = ifindex
        self._made_by_the_kernel: dict[int, frozenset[tuple[int, str]]] = {}
        """By family: the indexes of links, and prefixes."""

    def has(self, row: AddressRow) -> bool:
        """Whether the route to an address's prefix is there, if there is to be one: not while the link is down."""
        link = self._view.links.get(self._view.names.get(row.ifindex, ""))
        if link is None or not link.up or row.is_whole:
            return True
        family = family_of(row.address)
        if family not in self._made_by_the_kernel:
            self._made_by_the_kernel[family] = frozenset(self._read(self._ifindex, _KERNEL, family))
        prefix = (row.ifindex, prefix_of(row.address))
        # One that somebody else has made leads there as well.
        return prefix in self._made_by_the_kernel[family] or prefix in self._read(row.ifindex, 0, family)

    def _read(self, ifindex: int, protocol: int, family: int) -> Iterator[tuple[int, str]]:
        view = self._view
        for row in dump_routes(
            view.socket, view.names, view.netns, protocol=protocol, table=MAIN_TABLE, ifindex=ifindex, family=family
        ):
            yield row.ifindex, row.route.destination


def set_prefix_route(address: Address, view: View) -> Request:
    """Make the route to an address's prefix as the kernel makes it."""
    source, metric = ("", _IPV6_METRIC) if ":" in address.address else (address.address.partition("/")[0], 0)
    route = Route(address.netns, prefix_of(address.address), metric=metric, device=address.link, source=source)
    return set_route(route, view.indexes, NLM_F_EXCL, _KERNEL)
