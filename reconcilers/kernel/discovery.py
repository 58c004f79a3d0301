"""Everything in a namespace that could be declared, whoever owns it: what ``netctl import`` works from."""

from collections.abc import Iterator

from netctl.engine.resource import Live, Owner
from netctl.kinds.address import address_key
from netctl.kinds.link import link_key
from netctl.kinds.neighbour import FdbEntry, Neighbour, fdb_key, neighbour_key
from netctl.kinds.route import CLAIM_TABLES, route_key
from netctl.kinds.rule import rule_key
from reconcilers.kernel.addresses import decode_address, dump_addresses
from reconcilers.kernel.links import Row, Surroundings, decode_link
from reconcilers.kernel.neighbours import NUD_PERMANENT, dump_fdb, dump_neighbours
from reconcilers.kernel.routes import dump_routes
from reconcilers.kernel.rules import dump_rules
from reconcilers.kernel.sources import Sources
from reconcilers.kernel.view import View
from reconcilers.kernel.wire import read_address, read_mac

_LOCAL_TABLE = 255
_KERNEL, _REDIRECT = 2, 1
_KERNEL_RULES = frozenset({0, 32766, 32767})


def discover(sources: Sources) -> Iterator[Live]:
    """Links, permanent addresses, routes, rules, and the entries of VXLAN devices. What the kernel made is left out."""
    root = sources.root()
    root.owned = {row.ifindex: owner for row in root.links.values() if (owner := row.owner)}
    yield from _links(root, sources)
    yield from _addresses(root)
    yield from _routes(root)
    yield from _rules(root)
    yield from _entries(root)


def _links(root: View, sources: Sources) -> Iterator[Live]:
    around = Surroundings("", root.names, root.names, sources.ipv6_forwarding_setting, lambda _row: "")
    for row in root.links.values():
        if not row.loopback:
            yield Live(link_key(row.name), decode_link(row, around), root.owned.get(row.ifindex))


def _addresses(root: View) -> Iterator[Live]:
    for row in dump_addresses(root.socket):
        link = root.links.get(root.names.get(row.ifindex, ""))
        if link is not None and not link.loopback and not row.link_local and not row.peer:
            key = address_key(link.name, row.address)
            yield Live(key, decode_address(row, link.name, ""), _owner(root, link), link_key(link.name))


def _routes(root: View) -> Iterator[Live]:
    for row in dump_routes(root.socket, root.names, ""):
        route = row.route
        if row.protocol not in {_KERNEL, _REDIRECT} and route.table != _LOCAL_TABLE and route.table < CLAIM_TABLES:
            yield Live(route_key(route.destination, route.table, route.metric), route, root.owned.get(row.ifindex))


def _rules(root: View) -> Iterator[Live]:
    for row in dump_rules(root.socket):
        if row.rule.priority not in _KERNEL_RULES:
            yield Live(rule_key(row.rule), row.rule)


def _entries(root: View) -> Iterator[Live]:
    vteps = [row.ifindex for row in root.links.values() if row.kind == "vxlan"]
    for _, ifindex, state, _, _, address, mac, _ in dump_neighbours(root.socket, vteps):
        if state & NUD_PERMANENT:
            entry = Neighbour(root.names[ifindex], read_address(address), read_mac(mac))
            yield Live(neighbour_key(entry.link, entry.address), entry, root.owned.get(ifindex), link_key(entry.link))
    for _, ifindex, state, _, _, address, mac, _ in dump_fdb(root.socket, vteps):
        if state & NUD_PERMANENT:
            forward = FdbEntry(root.names[ifindex], read_mac(mac), read_address(address))
            key = fdb_key(forward.link, forward.mac, forward.destination or "")
            yield Live(key, forward, root.owned.get(ifindex), link_key(forward.link))


def _owner(root: View, link: Row) -> Owner | None:
    return root.owned.get(link.ifindex)
