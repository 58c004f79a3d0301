"""Network interfaces: bridges, veth pairs, VXLAN devices, macvlans.

A link's attributes are of one type for each kind of device, so that a device of another kind under the same name
shows as a change of type. The first fields are the same in all: ``netns`` and ``name`` identify the link, ``up`` …
``ipv6_forwarding`` are what every device has.
"""

from typing import NamedTuple

from netctl.engine.resource import Attributes, Key, Kind

SYSTEM = "kernel"


def link_key(name: str, netns: str = "") -> Key:
    """The key of an interface; *netns* is empty for the namespace that netctl acts in."""
    return Key(SYSTEM, "link", f"{netns}/{name}" if netns else name)


class Bridge(NamedTuple):
    """A software bridge."""

    netns: str
    name: str
    up: bool | None = True
    mtu: int | None = None
    mac: str | None = None
    group: int | None = None
    altnames: tuple[str, ...] | None = None
    ipv4_forwarding: bool | None = None
    ipv6_forwarding: bool | None = None
    stp: bool | None = None
    nf_call_iptables: bool | None = None
    nf_call_ip6tables: bool | None = None


class Veth(NamedTuple):
    """The host's end of a veth pair. Creating it creates both ends; deleting it deletes both."""

    netns: str
    name: str
    up: bool | None = True
    mtu: int | None = None
    mac: str | None = None
    group: int | None = None
    altnames: tuple[str, ...] | None = None
    ipv4_forwarding: bool | None = None
    ipv6_forwarding: bool | None = None
    master: str | None = None
    """The bridge that it is a port of; empty for none."""
    peer: str | None = None
    """The other end, as ``netns/name``; empty where the other end is not where it should be."""
    hairpin: bool | None = None
    """Whether its bridge sends frames back by the port that they came from."""


class VethPeer(NamedTuple):
    """The far end of a veth pair, in the attached namespace. It comes with its pair and is then configured."""

    netns: str
    name: str
    up: bool | None = True
    mtu: int | None = None
    mac: str | None = None
    group: int | None = None
    altnames: tuple[str, ...] | None = None
    ipv4_forwarding: bool | None = None
    ipv6_forwarding: bool | None = None


class Vxlan(NamedTuple):
    """A VXLAN tunnel end point (RFC 7348)."""

    netns: str
    name: str
    up: bool | None = True
    mtu: int | None = None
    mac: str | None = None
    group: int | None = None
    altnames: tuple[str, ...] | None = None
    ipv4_forwarding: bool | None = None
    ipv6_forwarding: bool | None = None
    master: str | None = None
    vni: int | None = None
    local: str | None = None
    """The underlay address that it sends from."""
    underlay: str | None = None
    """The underlay interface; empty for none."""
    port: int | None = None
    learning: bool | None = None
    ttl: int | None = None
    """0: the route's own."""
    ageing: int | None = None
    """Seconds that a learned entry lives."""


class Macvlan(NamedTuple):
    """A macvlan on a parent interface, usually moved into an attached namespace."""

    netns: str
    name: str
    up: bool | None = True
    mtu: int | None = None
    mac: str | None = None
    group: int | None = None
    altnames: tuple[str, ...] | None = None
    ipv4_forwarding: bool | None = None
    ipv6_forwarding: bool | None = None
    parent: str | None = None
    """An interface in the namespace that netctl acts in; empty where it is not the one declared."""
    mode: str | None = None
    """``private``, ``vepa``, ``bridge`` or ``passthru``."""


class OtherLink(NamedTuple):
    """A device of a kind that netctl does not make; live only, so that its name is known to be taken."""

    netns: str
    name: str
    type: str


Link = Bridge | Veth | VethPeer | Vxlan | Macvlan


def _incompatible(wanted: Attributes, live: Attributes) -> bool:
    """A tunnel stays in its address family; a macvlan is never made to pass everything through, nor to stop it."""
    if isinstance(wanted, Vxlan) and isinstance(live, Vxlan) and wanted.local is not None:
        return (":" in wanted.local) != (":" in (live.local or ""))
    if isinstance(wanted, Macvlan) and isinstance(live, Macvlan) and wanted.mode is not None:
        return wanted.mode != live.mode and "passthru" in {wanted.mode, live.mode}
    return False


LINK = Kind(
    SYSTEM,
    "link",
    immutable=frozenset({"peer", "vni", "port", "parent"}),
    identity=frozenset({"netns", "name"}),
    incompatible=_incompatible,
)


def port_key(name: str) -> Key:
    """The key of a foreign interface's membership in a bridge of ours."""
    return Key(SYSTEM, "port", name)


class Port(NamedTuple):
    """A foreign (usually physical) interface's place in a bridge. The interface itself is never created or deleted;
    released, it is what it was before.
    """

    netns: str
    name: str
    master: str | None = None
    up: bool | None = None


PORT = Kind(SYSTEM, "port", shared=True, identity=frozenset({"netns", "name"}))
