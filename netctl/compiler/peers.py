"""The other hosts of an overlay."""

from typing import NamedTuple

from netctl.compiler.site import Site
from netctl.compiler.topology import Net


class Peer(NamedTuple):
    """Another host of an overlay."""

    name: str
    number: int
    """Its id."""
    address: str
    """On the underlay."""


def peers_of(net: Net, site: Site) -> list[Peer]:
    """The hosts of *net* but this one and those that are gone, by name."""
    declared = site.topology.stack.hosts
    others = net.hosts - {site.host} - (site.facts.gone if site.facts is not None else frozenset())
    return [Peer(name, declared[name].id or 0, declared[name].address) for name in sorted(others)]
