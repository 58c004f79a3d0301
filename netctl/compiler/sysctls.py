"""Forwarding on interfaces that are not the stack's.

The stack's own interfaces carry the setting themselves. But packets also come in where others connect the host: a
reply to a masqueraded connection, a peer's packet on the underlay. Where the host has a network whose packets leave
it, every foreign interface with an address that is more than link-local forwards, in that family: nothing tells
which of them a packet will come in by, and an interface without such an address is a port of something or unused.
Added to these are the devices that static routes lead out by. An internal routed overlay needs the underlay alone,
and only where packets are not encapsulated. What an administrator or another tool has set already stays theirs.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from netctl.compiler.legs import Leg
from netctl.compiler.overlays import direct_families
from netctl.compiler.routes import family_of
from netctl.compiler.site import Site
from netctl.compiler.underlay import Underlay
from netctl.engine.facts import Facts, LinkFact
from netctl.engine.resource import Desired, Origin
from netctl.kinds.sysctl import Sysctl, sysctl_key


class Forwarding(NamedTuple):
    """Where a family must be forwarded, and the declaration that asks for it."""

    origin: Origin
    everywhere: bool
    """On all foreign interfaces that have addresses."""
    underlay: bool
    """On the underlay interface."""


def compile_sysctls(site: Site, legs: Iterable[Leg], underlay: Underlay | None) -> Iterator[Desired]:
    """The forwarding settings of foreign interfaces; none where nothing is known of the host."""
    facts = site.facts
    if facts is None:
        return
    for family, forwarding in sorted(_needed(legs, underlay).items()):
        devices: set[str] = set()
        if forwarding.everywhere:
            devices |= _foreign(site, facts, family) | _route_devices(site, facts, family)
        near = underlay.interface if forwarding.underlay and underlay is not None else None
        if near is not None and near in facts.links and near not in site.own:
            devices.add(near)
        yield from _settings(family, sorted(devices), facts, forwarding.origin)


def _needed(legs: Iterable[Leg], underlay: Underlay | None) -> dict[int, Forwarding]:
    """What each family needs; the origin is the first network (by name) that asks for the most."""
    needed: dict[int, Forwarding] = {}
    for leg in legs:
        if not leg.forwards:
            continue
        leaves = not leg.spec.internal
        direct = direct_families(leg, underlay) if underlay is not None else set()
        for family in (local.prefix.family for local in leg.locals):
            near = family in direct or (leaves and underlay is not None and underlay.family == family)
            known = needed.get(family)
            if known is None:
                needed[family] = Forwarding(leg.origin, leaves, near)
            else:
                origin = leg.origin if leaves and not known.everywhere else known.origin
                needed[family] = Forwarding(origin, known.everywhere or leaves, known.underlay or near)
    return needed


def _foreign(site: Site, facts: Facts, family: int) -> set[str]:
    found = {name for name, link in facts.links.items() if _is_foreign(site, link) and _has(link, family)}
    # Docker sets forwarding where it needs it itself; and its bridges come and go with its networks.
    return found - site.engine_bridges if any(facts.links[name].type == "bridge" for name in found) else found


def _is_foreign(site: Site, link: LinkFact) -> bool:
    return not link.owner and link.name != "lo" and link.name not in site.own


def _has(link: LinkFact, family: int) -> bool:
    return any((":" in address) == (family == 6) for address in link.addresses)


def _route_devices(site: Site, facts: Facts, family: int) -> set[str]:
    """Foreign interfaces that static routes of a family name."""
    named: set[str] = set()
    for route in site.topology.stack.routes:
        if family_of(route) == family and site.selects(route.hosts):
            named |= {dev for dev in (route.dev, *(hop.dev for hop in route.nexthops)) if dev is not None}
    return {name for name in named if (link := facts.links.get(name)) is not None and _is_foreign(site, link)}


def _settings(family: int, devices: list[str], facts: Facts, origin: Origin) -> Iterator[Desired]:
    if family == 6 and not facts.per_device_ipv6_forwarding:
        yield _setting("net.ipv6.conf.all.forwarding", "lo", origin)
        return
    parameter = "force_forwarding" if family == 6 else "forwarding"
    for device in devices:
        name = f"net.ipv{family}.conf.{device.replace('.', '/')}.{parameter}"
        yield _setting(name, device, origin)


def _setting(name: str, link: str, origin: Origin) -> Desired:
    return Desired(sysctl_key(name), Sysctl(name, link, "1"), origin)
