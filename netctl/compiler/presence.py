"""What a stack presumes of the host and does not make: interfaces and namespaces that must be there."""

from operator import itemgetter

from netctl.compiler.legs import Leg
from netctl.compiler.places import Path
from netctl.compiler.prefixes import Prefix, parse_prefix
from netctl.compiler.site import Site
from netctl.compiler.topology import Net
from netctl.engine.facts import Facts
from netctl.stack.models import MacvlanNetwork


def check_presence(site: Site, legs: list[Leg]) -> None:
    """Report missing parents, ports and namespaces, and foreign interfaces whose addresses are in the way."""
    facts = site.facts
    if facts is None:
        return
    missing: set[str] = set()
    for net in site.nets:
        if isinstance(net.spec, MacvlanNetwork) and any(site.host in end.hosts for end in net.endpoints):
            _interface(site, net.spec.parent, (*net.path, "parent"))
            _fitting(site, net, net.spec, facts)
        if net.endpoints:
            _namespaces(site, net, facts, missing)
        if net.ports:
            _ports(site, net, facts)
    _collisions(site, legs, facts)


def _interface(site: Site, name: str, path: Path) -> None:
    if not site.exists(name):
        site.problems.error(
            "NC324",
            path,
            f"interface '{name}' does not exist on this host",
            "Correct the name, create the interface, or say with 'hosts:' where it is.",
        )


def _fitting(site: Site, net: Net, spec: MacvlanNetwork, facts: Facts) -> None:
    """The kernel takes no macvlan whose MTU is above its parent's. Of a parent that the stack makes it is not known."""
    parent = facts.links.get(spec.parent)
    if parent is None or spec.parent in site.own:
        return
    wanted: dict[Path, int | None] = {
        (*(end.path if end.spec.mtu else net.path), "mtu"): end.spec.mtu or spec.mtu
        for end in net.endpoints
        if site.host in end.hosts
    }
    for path, mtu in wanted.items():
        if mtu is not None and mtu > parent.mtu:
            site.problems.error(
                "NC327",
                path,
                f"an MTU of {mtu} is more than the {parent.mtu} of its parent, interface '{parent.name}'",
                f"Lower it to {parent.mtu}, or raise the MTU of '{parent.name}'.",
            )


def _namespaces(site: Site, net: Net, facts: Facts, missing: set[str]) -> None:
    for end in net.endpoints:
        netns = end.spec.netns
        if site.host in end.hosts and netns == facts.netns:
            site.problems.error(
                "NC332",
                (*end.path, "netns"),
                f"network namespace '{netns}' is the one that is acted in: the host itself",
                "Attach another namespace, or act in another one with '--netns'.",
            )
        if site.host in end.hosts and netns not in facts.namespaces and netns not in missing:
            missing.add(netns)
            site.problems.error(
                "NC325",
                (*end.path, "netns"),
                f"network namespace '{netns}' does not exist on this host",
                f"Create it with: ip netns add {netns}",
            )


def _ports(site: Site, net: Net, facts: Facts) -> None:
    for port in net.ports:
        if site.host not in port.hosts:
            continue
        _interface(site, port.interface, (*port.path, "interface"))
        link = facts.links.get(port.interface)
        if link is not None and (link.type == "bridge" or link.name == "lo"):
            site.problems.error(
                "NC335",
                (*port.path, "interface"),
                f"interface '{link.name}' is {'a bridge' if link.type else 'the loopback'}, "
                "which no bridge takes as a port",
                "Attach a physical interface, or one end of a veth pair that the other bridge has the other end of.",
            )
        elif link is not None and link.addresses:
            site.problems.warn(
                "NC330",
                (*port.path, "interface"),
                f"interface '{port.interface}' has the address {link.addresses[0]}, which is out of reach "
                "once the interface is a port of a bridge",
                f"Give the address to the bridge '{net.interface.name}' instead.",
            )


def _collisions(site: Site, legs: list[Leg], facts: Facts) -> None:
    """Networks of the stack whose prefix overlaps one that a foreign interface has; found in one ascending pass."""
    dockers = {leg.bridge for leg in legs if site.is_dockers(leg.net)}
    entries: list[tuple[Prefix, str, Leg | None]] = [
        (local.prefix, leg.bridge, leg) for leg in legs if not leg.net.ports for local in leg.locals
    ]
    entries += [
        (parse_prefix(text), link.name, None)
        for link in facts.links.values()
        if link.owner != site.stack and link.name not in site.own and link.name not in dockers
        for text in link.addresses
    ]
    widest: dict[bool, tuple[Prefix, str, Leg | None]] = {}
    for entry in sorted(entries, key=itemgetter(0, 1)):
        prefix, _, leg = entry
        other = widest.get(leg is None)
        if other is not None and other[0].holds(prefix.family, prefix.first):
            _report_collision(site, *((entry, other) if leg is not None else (other, entry)))
        mine = widest.get(leg is not None)
        if mine is None or mine[0].family != prefix.family or prefix.last > mine[0].last:
            widest[leg is not None] = entry


def _report_collision(site: Site, ours: tuple[Prefix, str, Leg | None], theirs: tuple[Prefix, str, Leg | None]) -> None:
    leg = ours[2]
    if leg is not None:
        site.problems.warn(
            "NC329",
            (*leg.net.path, "subnet"),
            f"{ours[0]} of {leg.net.label} overlaps {theirs[0]} on interface '{theirs[1]}', which is not of this stack",
            f"Choose another subnet, or remove the address from '{theirs[1]}'.",
        )
