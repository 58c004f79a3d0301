"""What a number of notifications, taken together, touch: each object as the last of them tells it."""

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from netctl.engine.resource import Key
from netctl.kinds.address import address_key
from netctl.kinds.link import link_key, port_key
from netctl.kinds.neighbour import FLOOD_MAC, fdb_key, neighbour_key
from netctl.kinds.route import MAIN_TABLE, PROTOCOL, route_key
from netctl.kinds.rule import rule_key
from netctl.kinds.sysctl import sysctl_key
from reconcilers.kernel import wire
from reconcilers.kernel.addresses import AddressRow, address_reader, dump_addresses
from reconcilers.kernel.if_link import IFLA_PROTINFO
from reconcilers.kernel.link_requests import get_link_at
from reconcilers.kernel.links import Row, Surroundings, read_links
from reconcilers.kernel.neighbours import NTF_EXT_LEARNED, NTF_SELF, entry_reader
from reconcilers.kernel.neighbours import Row as NeighbourRow
from reconcilers.kernel.observation import Observer
from reconcilers.kernel.prefix_routes import PrefixRoutes
from reconcilers.kernel.routes import RouteRow, dump_routes, route_reader
from reconcilers.kernel.rtnetlink import KernelError
from reconcilers.kernel.rules import RuleRow, read_rules
from reconcilers.kernel.view import View

_LINK = {wire.RTM_NEWLINK, wire.RTM_DELLINK}
_ADDRESS = {wire.RTM_NEWADDR, wire.RTM_DELADDR}
_ROUTE = {wire.RTM_NEWROUTE, wire.RTM_DELROUTE}
_NEIGHBOUR = {wire.RTM_NEWNEIGH, wire.RTM_DELNEIGH}
_RULE = {wire.RTM_NEWRULE, wire.RTM_DELRULE}
_NETCONF = {wire.RTM_NEWNETCONF, wire.RTM_DELNETCONF}
_NETCONFA_IFINDEX = 1
_NETCONF_HEADER = 4


class Readers:
    """The readers of messages, which learn the shapes of what they read."""

    def __init__(self) -> None:
        self.addresses = {kind: address_reader(kind) for kind in _ADDRESS}
        self.routes = {kind: route_reader(kind) for kind in _ROUTE}
        self.neighbours = {kind: entry_reader(kind) for kind in _NEIGHBOUR}


class _Placed(NamedTuple):
    """Something in a namespace, as it was told last; gone where that was its end."""

    view: View
    row: AddressRow | RouteRow
    there: bool


class Touches:
    """Collects; `observe` makes live resources of what was collected."""

    def __init__(self, observer: Observer, readers: Readers) -> None:
        self._observer = observer
        self._readers = readers
        self._links: dict[tuple[str, str], View] = {}
        self._addresses: dict[Key, _Placed] = {}
        self._routes: dict[Key, _Placed] = {}
        self._straight: dict[tuple[View, int, str], int] = {}
        """Routes over the stack's links that came or went and are not netctl's, by destination, and by whose request:
        they may be those to the prefixes of addresses."""
        self._entries: dict[Key, tuple[NeighbourRow, bool]] = {}
        self._rules: dict[Key, tuple[RuleRow, bool]] = {}
        self._settings: dict[tuple[str, int], View] = {}
        self._root: View | None = None
        self.shaken: defaultdict[View, set[str]] = defaultdict(set)
        """Devices that went down or lost an address, and such addresses: routes may have gone with them, silently."""
        self.ports: dict[Key, int] = {}
        """Whose request was the last one to touch a resource."""
        self.surroundings = False
        """Whether interfaces or addresses that are nobody's changed: what the compiler knows of the host."""

    def __bool__(self) -> bool:
        collected = (self._links, self._addresses, self._routes, self._entries, self._rules, self._settings)
        return any(collected)

    def links(self) -> Iterator[tuple[View, str]]:
        """The links that were told of, with their namespaces."""
        return ((view, name) for (_, name), view in self._links.items())

    def add(self, view: View, chunk: bytes) -> None:
        """Take in a notification from the namespace of *view*."""
        _, kind, _, _, port = wire.HEADER.unpack_from(chunk)
        there = not wire.is_deletion(kind)
        if kind in _ROUTE:
            self._add_routes(view, chunk, kind, port, there=there)
        elif kind in _LINK:
            self._add_links(view, chunk, kind, port)
        elif kind in _ADDRESS:
            self._add_addresses(view, chunk, kind, port, there=there)
        elif view.netns:
            self._add_settings(view, chunk, kind)
        elif kind in _NEIGHBOUR:
            self._add_entries(view, chunk, kind, port, there=there)
        elif kind in _RULE:
            for rule in read_rules(chunk, kind):
                key = rule_key(rule.rule)
                self._rules[key], self.ports[key] = (rule, there), port
        else:
            self._add_settings(view, chunk, kind)

    def _add_links(self, view: View, chunk: bytes, kind: int, port: int) -> None:
        if chunk[wire.HEADER.size] == wire.AF_BRIDGE:
            self._update_port(view, chunk, port)
            return
        for row in read_links(chunk, kind):
            if kind == wire.RTM_NEWLINK:
                self._update_link(view, row, port)
            elif view.indexes.get(row.name) == row.ifindex:
                view.forget([row.name])
                view.owned.pop(row.ifindex, None)
                if view.followed is not None:
                    view.followed.pop(row.ifindex, None)
                self._touch_link(view, row.name, port)
            else:
                self._touch_link(view, row.name, port)

    def _update_port(self, view: View, chunk: bytes, port: int) -> None:
        """What a bridge tells of a port's place in it, which is not all about the link."""
        for row in read_links(chunk):
            known = view.links.get(row.name)
            told = row.attributes.get(IFLA_PROTINFO)
            if known is not None and told is not None and known.hairpin != row.hairpin:
                attributes = {**known.attributes, IFLA_PROTINFO: told}
                self._update_link(view, known._replace(attributes=attributes), port)

    def _update_link(self, view: View, row: Row, port: int) -> None:
        before = view.update(row)
        self._observer.find_owner(row, view)
        if before is not None and before.name != row.name:
            self._touch_link(view, before.name, port)
        if before is not None and before.up and not row.up:
            self.shaken[view].add(row.name)
        self._touch_link(view, row.name, port)
        changed = before is None or before.mtu != row.mtu or before.name != row.name
        self.surroundings |= changed and row.ifindex not in view.owned and self._is_foreign(view, row.name)

    def _is_foreign(self, view: View, name: str) -> bool:
        return not view.netns and link_key(name) not in self._observer.desired["link"]

    def _touch_link(self, view: View, name: str, port: int) -> None:
        self._links[view.netns, name] = view
        self.ports[link_key(name, view.netns)] = port
        self.surroundings |= name not in view.links and self._is_foreign(view, name)

    def _add_addresses(self, view: View, chunk: bytes, kind: int, port: int, *, there: bool) -> None:
        for row in self._readers.addresses[kind](chunk):
            name = view.names.get(row.ifindex, "")
            key = address_key(name, row.address, view.netns)
            self._addresses[key], self.ports[key] = _Placed(view, row, there), port
            if not there and name:
                self.shaken[view] |= {name, row.address.partition("/")[0]}
            foreign = row.ifindex not in view.owned and self._is_foreign(view, name)
            self.surroundings |= foreign and not row.link_local

    def _add_routes(self, view: View, chunk: bytes, kind: int, port: int, *, there: bool) -> None:
        for row in self._readers.routes[kind](chunk, view.names, view.netns):
            route = row.route
            key = route_key(route.destination, route.table, route.metric, route.netns)
            self._routes[key], self.ports[key] = _Placed(view, row, there), port
            if row.protocol != PROTOCOL and route.table == MAIN_TABLE and row.ifindex in view.owned:
                self._straight[view, row.ifindex, route.destination] = port

    def _add_entries(self, view: View, chunk: bytes, kind: int, port: int, *, there: bool) -> None:
        for row in self._readers.neighbours[kind](chunk):
            name = view.names.get(row[1], "")
            if row[0] == wire.AF_BRIDGE:
                if not row[3] & NTF_SELF:
                    continue
                key = fdb_key(name, row[6].hex(":"), wire.read_address(row[5]))
            else:
                key = neighbour_key(name, wire.read_address(row[5]))
            self._entries[key], self.ports[key] = (row, there), port
            self._root = view

    def _add_settings(self, view: View, chunk: bytes, kind: int) -> None:
        if kind in _NETCONF:
            start = wire.HEADER.size + _NETCONF_HEADER
            found = wire.attributes(chunk, start, len(chunk)).get(_NETCONFA_IFINDEX, bytes(4))
            self._settings[view.netns, int.from_bytes(found, sys.byteorder, signed=True)] = view

    def observe(
        self,
        around: Mapping[str, Surroundings],
        claims: frozenset[tuple[str, int]],
        sysctls: Mapping[str, dict[str, str]],
        addresses: Mapping[tuple[str, str, str], list[Key]],
    ) -> dict[Key, None]:
        """Enter what is there into the observer; the keys of all that was touched.

        *claims*, *sysctls* and *addresses* are those of the desired state, by what notifications name.
        """
        touched: dict[Key, None] = {}
        self._read_settings(sysctls, touched)
        for view, name in list(self.links()):
            touched[link_key(name, view.netns)] = None
            row = view.links.get(name)
            if row is not None:
                self._observer.link(row, view, around[view.netns])
            if not view.netns:
                touched[port_key(name)] = None
                touched.update({sysctl_key(sysctl): None for sysctl in sysctls.get(name, ())})
                if row is not None:
                    self._observer.loans([row], dict(sysctls.get(name, {})), view)
        self._observe_addresses(addresses, touched)
        self._observe_routes(claims)
        self._observe_entries()
        self._observer.rules(rule for rule, there in self._rules.values() if there)
        return touched | dict.fromkeys([*self._addresses, *self._routes, *self._entries, *self._rules])

    def _read_settings(self, sysctls: Mapping[str, dict[str, str]], touched: dict[Key, None]) -> None:
        """A setting's notification does not tell its link's, which are among the link's attributes."""
        for (netns, index), view in self._settings.items():
            if index > 0:
                answer = view.socket.ask(get_link_at(index))
                if not isinstance(answer, KernelError):
                    for row in read_links(answer):
                        view.update(row)
                        self._links[netns, row.name] = view
            elif not netns:
                touched.update({sysctl_key(name): None for names in sysctls.values() for name in names})
                for link in sysctls.keys() & view.links.keys():
                    self._observer.loans([view.links[link]], dict(sysctls[link]), view)

    def _observe_addresses(self, desired: Mapping[tuple[str, str, str], list[Key]], touched: dict[Key, None]) -> None:
        told: defaultdict[tuple[View, int], list[AddressRow]] = defaultdict(list)
        for view, row, there in self._addresses.values():
            if there and isinstance(row, AddressRow):
                told[view, row.ifindex].append(row)
        for (view, index, prefix), port in self._straight.items():
            place = view.netns, view.names.get(index, ""), prefix
            keys = [key for key in desired.get(place, ()) if key not in self._addresses]
            if keys:
                told[view, index] = list(dump_addresses(view.socket, index))
                touched.update(dict.fromkeys(keys))
                self.ports.update(dict.fromkeys(keys, port))
        for (view, index), rows in told.items():
            # The kernel tells of an address before it makes its route. The answer waits until it has.
            view.socket.ask(get_link_at(index))
            self._observer.addresses(rows, view, self._observer.ours_of(view, index), PrefixRoutes(view, index))

    def _observe_routes(self, claims: frozenset[tuple[str, int]]) -> None:
        for view, row, there in self._routes.values():
            if there and isinstance(row, RouteRow):
                self._observe_route(view, row, claims)

    def _observe_route(self, view: View, row: RouteRow, claims: frozenset[tuple[str, int]]) -> None:
        ours = self._observer.ours_of(view, row.ifindex)
        self._observer.route(row, self._observer.judge(claims, ours, view), self._observer.desired["route"])

    def look_at_routes(self, view: View, indexes: Iterable[int], claims: frozenset[tuple[str, int]]) -> None:
        """Enter the routes over the links with these indexes as they are now."""
        for index in indexes:
            # The kernel tells of an address before its routes have gone. The answer waits until they have.
            if isinstance(view.socket.ask(get_link_at(index)), KernelError):
                continue  # it has gone itself, and is about to be told of
            for row in dump_routes(view.socket, view.names, view.netns, ifindex=index):
                self._observe_route(view, row, claims)

    def _observe_entries(self) -> None:
        root = self._root
        if root is None:
            return
        for row, there in self._entries.values():
            name = root.names.get(row[1], "")
            if not there or not name:
                continue
            tunnels = {row[1]: self._observer.tunnel(name, ours=bool(self._observer.ours_of(root, row[1])))}
            if row[0] != wire.AF_BRIDGE:
                self._observer.neighbours([row], tunnels)
                continue
            # The mark that the destinations of `FLOOD_MAC` have in common is judged where all of them are seen.
            flags = row[3] | (NTF_EXT_LEARNED if row[6].hex(":") == FLOOD_MAC else 0)
            wanted = self._observer.desired["fdb"]
            key = fdb_key(name, row[6].hex(":"), wire.read_address(row[5]))
            self._observer.entries([(*row[:3], flags if key in wanted else row[3], *row[4:])], tunnels)
