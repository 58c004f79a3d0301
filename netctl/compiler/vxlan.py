"""VXLAN tunnels (RFC 7348), with static entries for each peer.

Routed, a peer's block is reached by a route through the first address of the block, which is an address of the peer's
tunnel; a permanent neighbour tells that address's MAC, and a permanent fdb entry the underlay address of that MAC.
Nothing is learned, and nothing is ever asked by broadcast. Bridged, the tunnel is a port of the bridge: broadcast and
unknown frames go to every peer, and the bridge's fdb learns who is where.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from netctl.compiler.legs import Leg
from netctl.compiler.naming import mac
from netctl.compiler.peers import Peer
from netctl.compiler.prefixes import BITS, Prefix, format_address
from netctl.compiler.site import Site
from netctl.compiler.subnets import Pool
from netctl.compiler.topology import Role
from netctl.compiler.underlay import Underlay
from netctl.engine.resource import Desired, Key, Origin
from netctl.kinds.address import Address, address_key
from netctl.kinds.link import Vxlan, link_key
from netctl.kinds.neighbour import FLOOD_MAC, FdbEntry, Neighbour, fdb_key, neighbour_key
from netctl.kinds.route import IPV6_DEFAULT_METRIC, MAIN_TABLE, Route, route_key
from netctl.stack.models import VxlanOverlay


def tunnel(leg: Leg, spec: VxlanOverlay, site: Site, underlay: Underlay) -> Iterator[Desired]:
    """The VXLAN device, and in routed mode its addresses: the first of the host's block in each family."""
    net = leg.net
    name, altnames = net.vxlan_interface
    link = link_key(name)
    bridged = net.role is Role.BRIDGED
    families = set() if bridged else {local.prefix.family for local in leg.locals}
    device = Vxlan(
        "", name, True, leg.mtu, vtep_mac(site, net.name, site.host), None, altnames,
        True if 4 in families else None, True if 6 in families else None, leg.bridge if bridged else "",
        spec.vni, underlay.address, underlay.interface, spec.port, bridged,
    )  # fmt: skip
    needs = site.needs(underlay.interface)
    yield Desired(link, device, leg.origin, (leg.link, *needs) if bridged else needs)
    for family, prefix in ((local.prefix.family, local.prefix) for local in leg.locals if not bridged):
        text = f"{format_address(family, prefix.first)}/{BITS[family]}"
        attributes = Address("", name, text, True, True if family == 6 else None)
        yield Desired(address_key(name, text), attributes, leg.origin, (link,), link)


def routed_entries(leg: Leg, site: Site, peers: Iterable[tuple[Peer, list[Pool]]]) -> Iterator[Desired]:
    """For each peer and family: the neighbour, the fdb entry, and the route that needs both."""
    device = _device(leg)
    for peer, pools in peers:
        address = vtep_mac(site, leg.net.name, peer.name)
        fdb = _entry(device, address, peer.address)
        yield fdb
        for pool in pools:
            yield from _way(device, fdb.key, pool.on(peer.number), address)


def flood_entries(leg: Leg, peers: Iterable[Peer]) -> Iterator[Desired]:
    """For each peer, where broadcast and unknown frames go."""
    device = _device(leg)
    for peer in peers:
        yield _entry(device, FLOOD_MAC, peer.address)


def vtep_mac(site: Site, overlay: str, host: str) -> str:
    """The MAC address of a host's tunnel: derived, so that every peer knows it from the same file."""
    return mac(site.stack, host, overlay, "vtep")


class _Device(NamedTuple):
    """What everything on a VXLAN device has in common."""

    name: str
    link: Key
    within: tuple[Key, ...]
    origin: Origin


def _device(leg: Leg) -> _Device:
    name = leg.net.vxlan_interface.name
    link = link_key(name)
    return _Device(name, link, (link,), leg.origin)


def _entry(device: _Device, address: str, destination: str) -> Desired:
    name, link, within, origin = device
    return Desired(
        fdb_key(name, address, destination), FdbEntry(name, address, destination), origin, within, link
    )  # fmt: skip


def _way(device: _Device, fdb: Key, block: Prefix, address: str) -> Iterator[Desired]:
    name, link, within, origin = device
    family = block.family
    base = format_address(family, block.first)
    destination = f"{base}/{block.length}"
    metric = IPV6_DEFAULT_METRIC if family == 6 else 0
    neighbour = neighbour_key(name, base)
    yield Desired(neighbour, Neighbour(name, base, address), origin, within, link)
    route = Route("", destination, MAIN_TABLE, metric, "unicast", base, name, True)
    yield Desired(route_key(destination, MAIN_TABLE, metric), route, origin, (neighbour, fdb), link)
