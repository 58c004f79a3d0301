"""The local leg of a network: its bridge on one host, the addresses there, and its place in the firewall."""

from collections.abc import Iterator
from typing import NamedTuple

from netctl.compiler.addressing import local_of, placed
from netctl.compiler.firewall import Segment
from netctl.compiler.prefixes import BITS, Prefix, format_address
from netctl.compiler.site import Site
from netctl.compiler.topology import Net, Role
from netctl.engine.resource import Key, Origin
from netctl.kinds.address import address_key
from netctl.kinds.link import link_key
from netctl.stack.models import BridgeNetwork, HostGatewayOverlay, VxlanOverlay


class LocalAddress(NamedTuple):
    """One family of a network on this host."""

    prefix: Prefix
    text: str
    """The bridge's address with prefix length."""
    gateway: str
    """What endpoints send through."""
    key: Key
    """The bridge's address as a resource."""


class Leg(NamedTuple):
    """A bridge network or an overlay on this host."""

    net: Net
    spec: BridgeNetwork | VxlanOverlay | HostGatewayOverlay
    origin: Origin
    bridge: str
    link: Key
    mtu: int | None
    """Of the bridge and of every veth on it; None: not managed."""
    locals: tuple[LocalAddress, ...]
    members: tuple[str, ...] = ()
    """On a segment that spans hosts, the addresses of this host's endpoints."""

    @property
    def forwards(self) -> bool:
        """Whether packets from the bridge go on to other interfaces; to its peers even where internal."""
        return self.net.role is Role.ROUTED or not self.spec.internal


def leg_of(net: Net, spec: BridgeNetwork | VxlanOverlay | HostGatewayOverlay, site: Site, mtu: int | None) -> Leg:
    """The leg of *net*, declared as *spec*, on the site's host."""
    bridge = site.bridge_of(net)
    local: list[LocalAddress] = []
    for pool in net.pools:
        prefix, own, gateway = local_of(net, pool, site.host, site.hosts)
        if own is None or gateway is None:
            continue
        text = format_address(prefix.family, own)
        through = text if gateway == own else format_address(prefix.family, gateway)
        text = f"{text}/{prefix.length}"
        local.append(LocalAddress(prefix, text, through, address_key(bridge, text)))
    members = _members(net, site) if net.role is Role.BRIDGED else ()
    return Leg(net, spec, site.origin(net.path), bridge, link_key(bridge), mtu, tuple(local), tuple(members))


def _members(net: Net, site: Site) -> Iterator[str]:
    for _, _, addresses in placed(net, site.hosts, site.host):
        yield from addresses


def segment_of(leg: Leg) -> Segment:
    """The leg as the firewall sees it."""
    net, spec = leg.net, leg.spec
    tunnelled = net.role is Role.ROUTED and isinstance(spec, VxlanOverlay)
    return Segment(
        leg.bridge,
        tuple(str(local.prefix) for local in leg.locals),
        tuple(str(pool.prefix) for pool in net.pools) if net.overlay else (),
        tuple(_here(leg)) if net.overlay else (),
        not spec.internal and spec.nat != "none",
        spec.internal,
        spec.isolated,
        (net.vxlan_interface.name,) if tunnelled else (),
        leg.origin,
    )


def _here(leg: Leg) -> Iterator[str]:
    """What of an overlay is on this host: its block; of a segment that spans hosts, the addresses of its own."""
    if leg.net.role is Role.ROUTED:
        yield from (str(local.prefix) for local in leg.locals)
        return
    own = [local.text.partition("/")[0] for local in leg.locals]
    yield from (f"{address}/{BITS[6 if ':' in address else 4]}" for address in (*own, *leg.members))
