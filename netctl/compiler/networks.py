"""Bridge networks: the bridge, its gateway addresses, its ports and what is attached by veth pairs.

An overlay's local leg is such a bridge too.
"""

from collections.abc import Iterator

from netctl.compiler.attachments import compile_attachments
from netctl.compiler.legs import Leg
from netctl.compiler.naming import mac
from netctl.compiler.site import Site
from netctl.engine.resource import Desired
from netctl.kinds.address import Address
from netctl.kinds.link import Bridge, Port, port_key
from netctl.stack.models import BridgeNetwork


def compile_leg(leg: Leg, site: Site) -> Iterator[Desired]:
    """A leg's bridge and all that is on it."""
    net = leg.net
    yield Desired(leg.link, _bridge(leg, site), leg.origin)
    within = (leg.link,)
    for local in leg.locals:
        nodad = True if local.prefix.family == 6 else None
        yield Desired(local.key, Address("", leg.bridge, local.text, True, nodad), leg.origin, within, leg.link)
    for port in net.ports:
        if site.host in port.hosts:
            yield Desired(port_key(port.interface), Port("", port.interface, leg.bridge, True), leg.origin, within)
    if net.endpoints:
        yield from compile_attachments(leg, site)


def _bridge(leg: Leg, site: Site) -> Bridge:
    families = {local.prefix.family for local in leg.locals}
    net = leg.net
    declared = leg.spec if isinstance(leg.spec, BridgeNetwork) else None
    return Bridge(
        "",
        leg.bridge,
        True,
        leg.mtu,
        (declared.mac if declared else None) or mac(site.stack, site.host, net.name, "bridge"),
        declared.group if declared else None,
        net.interface.altnames,
        leg.forwards if 4 in families else None,
        leg.forwards if 6 in families else None,
        declared.stp if declared else False,
        # What stays on the bridge is judged by policies too; without any, the setting is the host's own affair.
        *((True, True) if net.name in site.enforcement.networks else ()),
    )
