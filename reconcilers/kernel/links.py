"""Links as the kernel tells them: the rows of a dump, decoded by the kind of device."""

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from netctl.engine.resource import Owner
from netctl.kinds.link import Bridge, Link, Macvlan, OtherLink, Veth, VethPeer, Vxlan
from reconcilers.kernel import wire
from reconcilers.kernel.bridge_filter import bridges_filter
from reconcilers.kernel.if_link import (
    IFF_UP,
    IFLA_ADDRESS,
    IFLA_AF_SPEC,
    IFLA_BR_NF_CALL_IP6TABLES,
    IFLA_BR_NF_CALL_IPTABLES,
    IFLA_BR_STP_STATE,
    IFLA_BRPORT_MODE,
    IFLA_EXT_MASK,
    IFLA_GROUP,
    IFLA_IFALIAS,
    IFLA_IFNAME,
    IFLA_INET6_CONF,
    IFLA_INET_CONF,
    IFLA_INFO_DATA,
    IFLA_INFO_KIND,
    IFLA_INFO_SLAVE_DATA,
    IFLA_LINK,
    IFLA_LINK_NETNSID,
    IFLA_LINKINFO,
    IFLA_MACVLAN_MODE,
    IFLA_MASTER,
    IFLA_MTU,
    IFLA_PROP_LIST,
    IFLA_PROTINFO,
    IFLA_VXLAN_AGEING,
    IFLA_VXLAN_ID,
    IFLA_VXLAN_LEARNING,
    IFLA_VXLAN_LINK,
    IFLA_VXLAN_LOCAL,
    IFLA_VXLAN_LOCAL6,
    IFLA_VXLAN_PORT,
    IFLA_VXLAN_TTL,
    IPV4_DEVCONF_FORWARDING,
    IPV4_DEVCONF_PROMOTE_SECONDARIES,
    MACVLAN_MODES,
)
from reconcilers.kernel.marks import is_mark, link_owner
from reconcilers.kernel.rtnetlink import Rtnetlink, messages

_SKIP_STATISTICS = wire.number(IFLA_EXT_MASK, 8)
_LOOPBACK = 772
"""The type of device (ARPHRD_LOOPBACK) that ``lo`` is."""


Identity = tuple[str, bytes]


class Row(NamedTuple):
    """One link as the kernel tells it; the attributes that depend on its kind stay undecoded until asked for."""

    ifindex: int
    name: str
    up: bool
    loopback: bool
    attributes: dict[int, bytes]
    linkinfo: dict[int, bytes]
    """What tells its kind, and its settings as a device of that kind, and as a port of a bridge."""
    owner: Owner | None
    """Whose it is by its alias."""

    @property
    def alias(self) -> str:
        return wire.read_text(self.attributes.get(IFLA_IFALIAS))

    @property
    def identity(self) -> Identity:
        """What tells it from another link that has its index by now: its name and its MAC address."""
        return self.name, self.attributes.get(IFLA_ADDRESS, b"")

    def is_still(self, known: Identity, *, by_mac: bool) -> bool:
        """Whether it is the link of that identity, by its name alone or *by_mac* as well."""
        return self.identity == known if by_mac else self.name == known[0]

    @property
    def kind(self) -> str:
        """``bridge``, ``veth`` …; empty for a physical interface."""
        return wire.read_text(self.linkinfo.get(IFLA_INFO_KIND))

    @property
    def details(self) -> dict[int, bytes]:
        """The attributes of its kind."""
        return wire.nested_attributes(self.linkinfo.get(IFLA_INFO_DATA, b""))

    @property
    def altnames(self) -> tuple[str, ...]:
        """Every alternative name, netctl's marks among them."""
        found = self.attributes.get(IFLA_PROP_LIST)
        return tuple(sorted(map(wire.read_text, wire.listed_attributes(found)))) if found else ()

    @property
    def mtu(self) -> int:
        return wire.read_number(self.attributes.get(IFLA_MTU))

    @property
    def group(self) -> int:
        return wire.read_number(self.attributes.get(IFLA_GROUP))

    @property
    def master(self) -> int:
        """The index of the bridge it is a port of; 0 for none."""
        return wire.read_number(self.attributes.get(IFLA_MASTER))

    @property
    def hairpin(self) -> bool:
        """Whether its bridge sends frames back by this port; of what the bridge tells, and of what the port does."""
        told = self.attributes.get(IFLA_PROTINFO) or self.linkinfo.get(IFLA_INFO_SLAVE_DATA)
        return bool(told and wire.read_number(wire.nested_attributes(told).get(IFLA_BRPORT_MODE)))

    @property
    def promotes_secondaries(self) -> bool:
        """Whether its other addresses of a prefix stay when the first one of it goes."""
        families = wire.nested_attributes(self.attributes.get(IFLA_AF_SPEC, b""))
        ipv4 = wire.nested_attributes(families.get(wire.AF_INET, b"")).get(IFLA_INET_CONF)
        return _setting(ipv4, IPV4_DEVCONF_PROMOTE_SECONDARIES - 1)

    @property
    def lower(self) -> int:
        """The index of the link it is tied to (a veth's peer, a macvlan's parent), maybe in another namespace."""
        return wire.read_number(self.attributes.get(IFLA_LINK))

    @property
    def lower_netns(self) -> int | None:
        """The id of the namespace that `lower` is in; None for this one."""
        found = self.attributes.get(IFLA_LINK_NETNSID)
        return None if found is None else int.from_bytes(found, sys.byteorder, signed=True)


def dump_links(socket: Rtnetlink) -> list[Row]:
    """Every link of a namespace."""
    body = wire.IFINFO.pack(0, 0, 0, 0, 0) + _SKIP_STATISTICS
    return [row for chunk in socket.dump(wire.RTM_GETLINK, body) for row in read_links(chunk)]


def read_links(chunk: bytes, kind: int = wire.RTM_NEWLINK) -> Iterator[Row]:
    """The links in a received chunk, of messages of a *kind*."""
    for found_kind, start, end in messages(chunk):
        if found_kind == kind:
            _, device, index, flags, _ = wire.IFINFO.unpack_from(chunk, start)
            found = wire.attributes(chunk, start + wire.IFINFO.size, end)
            name, alias = wire.read_text(found.get(IFLA_IFNAME)), found.get(IFLA_IFALIAS)
            owner = link_owner(wire.read_text(alias), name) if alias else None
            linkinfo = wire.nested_attributes(found.get(IFLA_LINKINFO, b""))
            yield Row(index, name, bool(flags & IFF_UP), device == _LOOPBACK, found, linkinfo, owner)


class Surroundings(NamedTuple):
    """What a link's attributes refer to by number."""

    netns: str
    names: Mapping[int, str]
    """The links of the namespace, by index."""
    root_names: Mapping[int, str]
    """Those of the namespace that netctl acts in."""
    ipv6_forwarding: int
    """Which of an interface's IPv6 settings says that it forwards."""
    root_id: int | None
    """The number by which the namespace knows the one that netctl acts in; None where it is that, or knows it not."""
    peer_of: Callable[[Row], str]
    """The other end of a veth pair, as ``netns/name``; empty where it cannot be found."""


def decode_link(row: Row, around: Surroundings) -> Link | OtherLink:
    """The attributes of a link, in canonical form."""
    decode = _DECODERS.get(row.kind)
    if decode is None:
        return OtherLink(around.netns, row.name, row.kind or "physical")
    return decode(row, around)


_Common = tuple[str, str, bool, int, str, int, tuple[str, ...], bool, bool]
"""The fields that every link has, in their order."""


def _common(row: Row, around: Surroundings) -> _Common:
    forwards4, forwards6 = _forwarding(row, around.ipv6_forwarding)
    mac = wire.read_mac(row.attributes.get(IFLA_ADDRESS))
    names = tuple(name for name in row.altnames if not is_mark(name))
    return around.netns, row.name, row.up, row.mtu, mac, row.group, names, forwards4, forwards6


def _forwarding(row: Row, ipv6_setting: int) -> tuple[bool, bool]:
    families = wire.nested_attributes(row.attributes.get(IFLA_AF_SPEC, b""))
    ipv4 = wire.nested_attributes(families.get(wire.AF_INET, b"")).get(IFLA_INET_CONF)
    ipv6 = wire.nested_attributes(families.get(wire.AF_INET6, b"")).get(IFLA_INET6_CONF)
    return _setting(ipv4, IPV4_DEVCONF_FORWARDING - 1), _setting(ipv6, ipv6_setting)


def _setting(array: bytes | None, position: int) -> bool:
    """One of an array of 32-bit settings; False where the link, or the kernel, has not got it."""
    if array is None or len(array) < 4 * position + 4:
        return False
    return bool(wire.U32.unpack_from(array, 4 * position)[0])


def _decode_bridge(row: Row, around: Surroundings) -> Bridge:
    details = row.details
    stp, filters4, filters6 = (
        bool(wire.read_number(details.get(kind)))
        for kind in (IFLA_BR_STP_STATE, IFLA_BR_NF_CALL_IPTABLES, IFLA_BR_NF_CALL_IP6TABLES)
    )
    in_effect = (filters4 or filters6) and bridges_filter()
    return Bridge(*_common(row, around), stp, filters4 and in_effect, filters6 and in_effect)


def _decode_veth(row: Row, around: Surroundings) -> Veth | VethPeer | OtherLink:
    if around.netns:
        tied = row.lower_netns is not None and row.lower_netns == around.root_id
        return VethPeer(*_common(row, around)) if tied else OtherLink(around.netns, row.name, "veth of another pair")
    master = around.names.get(row.master, "")
    return Veth(*_common(row, around), master, around.peer_of(row), bool(master) and row.hairpin)


def _decode_vxlan(row: Row, around: Surroundings) -> Vxlan:
    details = row.details
    local = details.get(IFLA_VXLAN_LOCAL) or details.get(IFLA_VXLAN_LOCAL6)
    return Vxlan(
        *_common(row, around),
        around.names.get(row.master, ""),
        wire.read_number(details.get(IFLA_VXLAN_ID)),
        wire.read_address(local),
        around.names.get(wire.read_number(details.get(IFLA_VXLAN_LINK)), ""),
        int.from_bytes(details.get(IFLA_VXLAN_PORT, b""), "big"),
        bool(wire.read_number(details.get(IFLA_VXLAN_LEARNING))),
        wire.read_number(details.get(IFLA_VXLAN_TTL)),
        wire.read_number(details.get(IFLA_VXLAN_AGEING)),
    )


def _decode_macvlan(row: Row, around: Surroundings) -> Macvlan:
    mode = MACVLAN_MODES.get(wire.read_number(row.details.get(IFLA_MACVLAN_MODE)), "")
    # A parent in the same namespace, or in a third one, is none that can be declared for an attached namespace.
    known = row.lower_netns == around.root_id and bool(around.netns) == (row.lower_netns is not None)
    return Macvlan(*_common(row, around), around.root_names.get(row.lower, "") if known else "", mode)


_DECODERS: Mapping[str, Callable[[Row, Surroundings], Link | OtherLink]] = {
    "bridge": _decode_bridge,
    "veth": _decode_veth,
    "vxlan": _decode_vxlan,
    "macvlan": _decode_macvlan,
}
