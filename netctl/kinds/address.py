"""IP addresses on interfaces."""

from typing import NamedTuple

from netctl.engine.resource import Key, Kind
from netctl.kinds.link import SYSTEM


def address_key(link: str, address: str, netns: str = "") -> Key:
    """The key of *address* (with its prefix length) on *link*."""
    return Key(SYSTEM, "address", f"{netns}/{link} {address}" if netns else f"{link} {address}")


class Address(NamedTuple):
    """An address with its prefix length, ``10.10.0.1/24``."""

    netns: str
    link: str
    address: str
    permanent: bool | None = True
    """False where a lifetime is running out."""
    nodad: bool | None = None
    """IPv6: usable at once, without duplicate address detection. None for IPv4."""
    prefix_route: bool | None = True
    """False where the route to its prefix, which the kernel makes with it, is not there; none is missed while the
    interface is down."""


ADDRESS = Kind(SYSTEM, "address", identity=frozenset({"netns", "link", "address"}))
