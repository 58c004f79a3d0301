"""Overlays on one host: the local leg, and for every peer the way to its block, or to the segment that all share."""

from collections.abc import Iterable, Iterator

from netctl.compiler.claims import owned_route
from netctl.compiler.legs import Leg
from netctl.compiler.networks import compile_leg
from netctl.compiler.peers import Peer, peers_of
from netctl.compiler.site import Site
from netctl.compiler.subnets import Pool
from netctl.compiler.topology import Role
from netctl.compiler.underlay import Underlay
from netctl.compiler.vxlan import flood_entries, routed_entries, tunnel
from netctl.engine.resource import Desired
from netctl.kinds.route import IPV6_DEFAULT_METRIC, MAIN_TABLE, Route
from netctl.stack.models import VxlanOverlay


def compile_overlay(leg: Leg, site: Site, underlay: Underlay) -> Iterator[Desired]:
    """Everything of an overlay on this host."""
    if not site.is_dockers(leg.net):
        yield from compile_leg(leg, site)
    spec = leg.spec
    peers = peers_of(leg.net, site)
    if not isinstance(spec, VxlanOverlay):
        _demand_shared_link(leg, site, underlay, peers)
        yield from _direct_routes(leg, site, underlay, ((peer, list(leg.net.pools)) for peer in peers))
        return
    yield from tunnel(leg, spec, site, underlay)
    if leg.net.role is Role.BRIDGED:
        yield from flood_entries(leg, peers)
        return
    near, far = _split(leg, spec, underlay, peers)
    yield from _direct_routes(leg, site, underlay, near)
    yield from routed_entries(leg, site, far)


def direct_families(leg: Leg, underlay: Underlay) -> set[int]:
    """The families in which peers may be reached over the underlay without encapsulation."""
    spec = leg.spec
    if leg.net.role is not Role.ROUTED or (isinstance(spec, VxlanOverlay) and not spec.direct_routing):
        return set()
    return {pool.prefix.family for pool in leg.net.pools} & {underlay.family}


Ways = list[tuple[Peer, list[Pool]]]


def _split(leg: Leg, spec: VxlanOverlay, underlay: Underlay, peers: list[Peer]) -> tuple[Ways, Ways]:
    """What is reached directly and what through the tunnel: a peer on the same link in the underlay's family
    directly, where `direct_routing` asks for it.
    """
    pools = list(leg.net.pools)
    if not spec.direct_routing:
        return [], [(peer, pools) for peer in peers]
    direct = direct_families(leg, underlay)
    plain = [pool for pool in pools if pool.prefix.family in direct]
    tunnelled = [pool for pool in pools if pool.prefix.family not in direct]
    near: Ways = []
    far: Ways = []
    for peer in peers:
        if not underlay.shares_link(peer.address):
            far.append((peer, pools))
            continue
        near.append((peer, plain))
        if tunnelled:
            far.append((peer, tunnelled))
    return near, far


def _direct_routes(
    leg: Leg, site: Site, underlay: Underlay, ways: Iterable[tuple[Peer, list[Pool]]]
) -> Iterator[Desired]:
    for peer, pools in ways:
        for pool in pools:
            block = pool.on(peer.number)
            metric = IPV6_DEFAULT_METRIC if block.family == 6 else 0
            route = Route("", str(block), MAIN_TABLE, metric, "unicast", peer.address, underlay.interface)
            yield from owned_route(site, route, leg.origin)


def _demand_shared_link(leg: Leg, site: Site, underlay: Underlay, peers: list[Peer]) -> None:
    """Report the peers that plain routes cannot reach."""
    strangers = [peer for peer in peers if underlay.shares_link(peer.address) is False]
    if strangers:
        names = ", ".join(f"'{peer.name}' ({peer.address})" for peer in strangers[:3])
        more = f" and {len(strangers) - 3} more" if len(strangers) > 3 else ""
        site.problems.error(
            "NC326",
            leg.net.path,
            f"{leg.net.label} needs all hosts on one link, but {names}{more} "
            f"{'is' if len(strangers) == 1 else 'are'} not on a prefix of interface '{underlay.interface}'",
            "Use 'backend: vxlan' (with 'direct_routing: true' for hosts that share a link), or choose other 'hosts:'.",
        )
