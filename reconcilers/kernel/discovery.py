"""Everything in a namespace that could be declared, whoever owns it: what ``netctl import`` works from."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from netctl.engine.resource import Live, Owner
from netctl.errors import BackendError
from netctl.kinds.address import address_key
from netctl.kinds.link import Port, link_key, port_key
from netctl.kinds.neighbour import FdbEntry, Neighbour, fdb_key, neighbour_key
from netctl.kinds.route import PROTOCOL, claim_metric, route_key
from netctl.kinds.rule import rule_key
from netctl.system.namespaces import named_namespaces
from reconcilers.kernel.addresses import decode_address, dump_addresses
from reconcilers.kernel.links import Row, Surroundings, decode_link
from reconcilers.kernel.marks import read_loans
from reconcilers.kernel.neighbours import NTF_EXT_LEARNED, NUD_PERMANENT, dump_fdb, dump_neighbours
from reconcilers.kernel.routes import RouteRow, dump_routes
from reconcilers.kernel.rules import dump_rules
from reconcilers.kernel.sources import Sources, far_ends
from reconcilers.kernel.stacks import Stacks, is_claim
from reconcilers.kernel.view import View
from reconcilers.kernel.wire import read_address, read_mac

_LOCAL_TABLE = 255
_KERNEL, _REDIRECT = 2, 1
_KERNEL_RULES = frozenset({0, 32766, 32767})


def discover(sources: Sources) -> Iterator[Live]:
    """Links, permanent addresses, routes, rules, and the entries of VXLAN devices. What the kernel made is left out.

    Of other namespaces only what is tied to a link of this one: the far ends of veth pairs, and macvlans.
    """
    root = sources.root()
    others = list(_readable(sources))
    for view in [root, *others]:
        view.owned = {row.ifindex: owner for row in view.links.values() if (owner := row.owner)}
    tied = {view.netns: _tied(sources, view) for view in others}
    peers = far_ends(sources, others)
    stacks = Stacks(root)
    yield from _links(root, sources, root, peers, _no_loopback)
    yield from _ports(root, peers)
    yield from _addresses(root, sources, _no_loopback)
    yield from _routes(root, stacks, lambda _: True)
    yield from _rules(root, stacks)
    yield from _entries(root)
    for view in others:
        if ends := tied[view.netns]:
            yield from _links(view, sources, root, peers, _one_of(ends))
            yield from _addresses(view, sources, _one_of(ends))
            yield from _routes(view, stacks, _one_of(ends))


def _readable(sources: Sources) -> Iterator[View]:
    for netns in sorted(named_namespaces() - {sources.netns}):
        with suppress(BackendError):
            if sources.is_tied(netns):
                yield sources.view(netns)


def _tied(sources: Sources, view: View) -> frozenset[int]:
    """The links of another namespace that are tied to one of this."""
    here = sources.root_id(view)
    tied = (row.ifindex for row in view.links.values() if here is not None and row.lower_netns == here)
    return frozenset(tied)


def _no_loopback(row: Row) -> bool:
    return not row.loopback


def _one_of(ifindexes: frozenset[int]) -> Callable[[Row | RouteRow], bool]:
    return lambda row: row.ifindex in ifindexes


def _links(
    view: View, sources: Sources, root: View, peers: Mapping[tuple[int, int], str], chosen: Callable[[Row], bool]
) -> Iterator[Live]:
    around = Surroundings(
        view.netns, view.names, root.names, sources.ipv6_forwarding_setting,
        sources.root_id(view) if view.netns else None,
        lambda row: peers.get((row.ifindex, row.lower), ""),
    )  # fmt: skip
    for row in view.links.values():
        if chosen(row):
            yield Live(link_key(row.name, view.netns), decode_link(row, around), view.owned.get(row.ifindex))


def _ports(root: View, peers: Mapping[tuple[int, int], str]) -> Iterator[Live]:
    """The bridges' ports, but for what is declared in another way: ends of veth pairs to namespaces, and overlays."""
    attached = {index for index, _ in peers}
    for row in root.links.values():
        bridge = root.links.get(root.names.get(row.master, ""))
        if bridge is None or bridge.kind != "bridge" or row.kind == "vxlan" or row.ifindex in attached:
            continue
        owner = next((Owner(loan.stack) for loan in read_loans(row.altnames, row.name) if loan.what == "port"), None)
        yield Live(port_key(row.name), Port("", row.name, bridge.name, row.up), owner)


def _addresses(view: View, sources: Sources, chosen: Callable[[Row], bool]) -> Iterator[Live]:
    for row in dump_addresses(view.socket):
        link = view.links.get(view.names.get(row.ifindex, ""))
        if link is not None and chosen(link) and not row.link_local and not row.peer:
            address = decode_address(row, link.name, view.netns)
            key = address_key(link.name, row.address, view.netns)
            yield Live(key, address, _owner(view, row.ifindex, sources.is_marked(row)), link_key(link.name, view.netns))


def _owner(view: View, ifindex: int, marked: bool) -> Owner | None:
    """Whose something on a link is: the link's owner's, if it bears the mark; else somebody has added it."""
    return view.owned.get(ifindex) if marked else None


def _routes(view: View, stacks: Stacks, chosen: Callable[[RouteRow], bool]) -> Iterator[Live]:
    rows = list(dump_routes(view.socket, view.names, view.netns))
    claims = {(row.route.destination, row.route.metric): row.route.table for row in rows if is_claim(row)}
    for row in rows:
        route = row.route
        made_by_kernel = row.protocol in {_KERNEL, _REDIRECT} or route.table == _LOCAL_TABLE
        if made_by_kernel or is_claim(row) or not chosen(row):
            continue
        marked = row.protocol == PROTOCOL
        claim = claims.get((route.destination, claim_metric(route.table, route.metric)), 0) if marked else 0
        device = _owner(view, row.ifindex, marked)
        # The device tells the stack, but not whether the route came with it or is one of `routes`.
        owner = Owner(device.stack) if device else stacks.owner(claim)
        within = link_key(view.names[row.ifindex], view.netns) if row.ifindex in view.owned else None
        yield Live(route_key(route.destination, route.table, route.metric, view.netns), route, owner, within)


def _rules(root: View, stacks: Stacks) -> Iterator[Live]:
    for row in dump_rules(root.socket):
        if row.rule.priority not in _KERNEL_RULES:
            owner = stacks.owner(row.suppressed_group) if row.protocol == PROTOCOL else None
            yield Live(rule_key(row.rule), row.rule, owner)


def _entries(root: View) -> Iterator[Live]:
    vteps = [row.ifindex for row in root.links.values() if row.kind == "vxlan"]
    for _, ifindex, state, _, _, address, mac, protocol in dump_neighbours(root.socket, vteps):
        if state & NUD_PERMANENT:
            entry = Neighbour(root.names[ifindex], read_address(address), read_mac(mac))
            owner = _owner(root, ifindex, protocol == bytes([PROTOCOL]))
            yield Live(neighbour_key(entry.link, entry.address), entry, owner, link_key(entry.link))
    for _, ifindex, state, flags, _, address, mac, _ in dump_fdb(root.socket, vteps):
        if state & NUD_PERMANENT:
            forward = FdbEntry(root.names[ifindex], read_mac(mac), read_address(address))
            key = fdb_key(forward.link, forward.mac, forward.destination or "")
            owner = _owner(root, ifindex, bool(flags & NTF_EXT_LEARNED))
            yield Live(key, forward, owner, link_key(forward.link))
