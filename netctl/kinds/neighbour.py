"""Permanent neighbours (ARP and NDP entries) and forwarding database (fdb) entries of VXLAN devices."""

from typing import NamedTuple

from netctl.engine.resource import Key, Kind
from netctl.kinds.link import SYSTEM

FLOOD_MAC = "00:00:00:00:00:00"
"""An fdb entry for it receives broadcast, multicast and unknown unicast; a device can have one for each peer."""


def neighbour_key(link: str, address: str) -> Key:
    """The key of the neighbour *address* on *link*."""
    return Key._make((SYSTEM, "neighbour", f"{link} {address}"))


class Neighbour(NamedTuple):
    """An address on a link and the MAC that it is reached at."""

    link: str
    address: str
    mac: str | None = None
    permanent: bool | None = True


NEIGHBOUR = Kind(SYSTEM, "neighbour", identity=frozenset({"link", "address"}))


def fdb_key(link: str, mac: str, destination: str) -> Key:
    """The key of an fdb entry. A MAC has one destination, but `FLOOD_MAC` has many."""
    return Key._make((SYSTEM, "fdb", f"{link} {mac} {destination}" if mac == FLOOD_MAC else f"{link} {mac}"))


class FdbEntry(NamedTuple):
    """A MAC and the underlay address (the VTEP) that frames for it are sent to."""

    link: str
    mac: str
    destination: str | None = None
    permanent: bool | None = True


FDB = Kind(SYSTEM, "fdb", identity=frozenset({"link", "mac"}))
