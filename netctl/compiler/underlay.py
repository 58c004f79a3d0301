"""The underlay as this host sees it: the interface by which it reaches its peers."""

from typing import NamedTuple

from netctl.compiler.prefixes import Prefix, parse_address, parse_prefix
from netctl.compiler.site import Site
from netctl.engine.facts import LinkFact


class Underlay(NamedTuple):
    """This host's place on the underlay."""

    address: str
    family: int
    interface: str | None
    """None where nothing tells."""
    mtu: int | None
    on_link: tuple[Prefix, ...] | None
    """The prefixes on the interface; None where nothing is known of the host."""

    def shares_link(self, address: str) -> bool | None:
        """Whether a peer is on the same link; None where nothing is known of the host."""
        if self.on_link is None:
            return None
        family, value = parse_address(address)
        return any(prefix.holds(family, value) for prefix in self.on_link)


def find_underlay(site: Site) -> Underlay:
    """The underlay of this host, which must be declared; reports an interface that is missing."""
    host = site.topology.stack.hosts[site.host]
    family, _ = parse_address(host.address)
    if site.facts is None:
        return Underlay(host.address, family, host.interface, None, None)
    holders = sorted(link.name for link in site.facts.links.values() if _has(link, host.address))
    name = host.interface or next(iter(holders), None)
    link = site.facts.links.get(name or "")
    if link is None:
        _missing(site, name, host.address)
        return Underlay(host.address, family, name, None, None)
    if link.name not in holders:
        site.problems.warn(
            "NC323",
            ("hosts", site.host, "address"),
            f"interface '{link.name}' of this host does not have the address {host.address}",
            f"Correct the host's 'address' or 'interface', or: ip address add {host.address}/… dev {link.name}",
        )
    return Underlay(host.address, family, name, link.mtu, tuple(parse_prefix(text) for text in link.addresses))


def _has(link: LinkFact, address: str) -> bool:
    return any(text.partition("/")[0] == address for text in link.addresses)


def _missing(site: Site, declared: str | None, address: str) -> None:
    if declared is not None:
        site.problems.error(
            "NC322",
            ("hosts", site.host, "interface"),
            f"the underlay interface '{declared}' does not exist on this host",
            "Correct 'interface', or leave it out to find the interface by the host's address.",
        )
    else:
        site.problems.error(
            "NC322",
            ("hosts", site.host, "address"),
            f"no interface of this host has the address {address}, which peers are to reach it by",
            f"Correct the host's 'address', give it to an interface, or say with '--host' that this is not "
            f"'{site.host}'.",
        )
