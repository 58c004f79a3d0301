"""MTUs: what fits into the underlay."""

from netctl.compiler.site import Site
from netctl.compiler.topology import Net
from netctl.compiler.underlay import Underlay
from netctl.stack.models import VxlanOverlay

IPV6_MTU = 1280
"""The least MTU of a link that carries IPv6 (RFC 8200, section 5)."""

VXLAN_OVERHEAD = {4: 50, 6: 70}
"""Bytes that VXLAN adds over IPv4 and IPv6: outer IP, UDP, VXLAN and the inner Ethernet header (RFC 7348)."""


def overlay_mtu(net: Net, site: Site, underlay: Underlay) -> int | None:
    """The MTU of an overlay on this host: as declared, else the underlay's less the encapsulation.

    None where nothing tells the underlay's. Reports one that does not fit.
    """
    overhead = VXLAN_OVERHEAD[underlay.family] if isinstance(net.spec, VxlanOverlay) else 0
    fits = None if underlay.mtu is None else underlay.mtu - overhead
    declared = net.spec.mtu if isinstance(net.spec.mtu, int) else None
    if fits is None:
        return declared
    if declared is not None and declared > fits:
        site.problems.error(
            "NC327",
            (*net.path, "mtu"),
            f"an MTU of {declared} does not fit: interface '{underlay.interface}' of this host has {underlay.mtu}, "
            f"less {overhead} for the encapsulation",
            f"Choose {fits} at most, or 'auto', or raise the MTU of '{underlay.interface}'.",
        )
    if declared is None and fits < IPV6_MTU and any(pool.prefix.family == 6 for pool in net.pools):
        site.problems.error(
            "NC327",
            net.path,
            f"{net.label} would have an MTU of {fits} on this host, but IPv6 needs {IPV6_MTU}",
            f"Raise the MTU of '{underlay.interface}' to {IPV6_MTU + overhead}, or remove the IPv6 CIDR.",
        )
    return fits if declared is None else declared
