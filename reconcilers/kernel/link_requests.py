"""The requests that make, change and delete links."""

import sys
from collections.abc import Collection, Iterator, Mapping

from netctl.kinds.link import Bridge, Link, Macvlan, Veth, VethPeer, Vxlan
from reconcilers.kernel import wire
from reconcilers.kernel.if_link import (
    IFF_UP,
    IFLA_ADDRESS,
    IFLA_AF_SPEC,
    IFLA_ALT_IFNAME,
    IFLA_BR_NF_CALL_IP6TABLES,
    IFLA_BR_NF_CALL_IPTABLES,
    IFLA_BR_STP_STATE,
    IFLA_BRPORT_MODE,
    IFLA_GROUP,
    IFLA_IFALIAS,
    IFLA_IFNAME,
    IFLA_INET6_ADDR_GEN_MODE,
    IFLA_INET_CONF,
    IFLA_INFO_DATA,
    IFLA_INFO_KIND,
    IFLA_INFO_SLAVE_DATA,
    IFLA_INFO_SLAVE_KIND,
    IFLA_LINK,
    IFLA_LINKINFO,
    IFLA_MACVLAN_MODE,
    IFLA_MASTER,
    IFLA_MTU,
    IFLA_NET_NS_FD,
    IFLA_PROP_LIST,
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
    VETH_INFO_PEER,
)
from reconcilers.kernel.rtnetlink import Request

_IPV6_LEAST_MTU = 1280  # RFC 8200, 5
_MACVLAN_MODES = {mode: number for number, mode in MACVLAN_MODES.items()}


def _target(index: int, *, flags: int = 0, change: int = 0) -> bytes:
    return wire.IFINFO.pack(0, 0, index, flags, change)


def create_link(link: Link, index: int, peer: tuple[int, int], lookup: Mapping[str, int], group: int) -> Request:
    """The request that makes *link* with the given index (0: the kernel chooses), in the interface group *group*.

    *peer* is the index of a veth's other end and a descriptor of its namespace; a macvlan is made straight in the
    namespace of that descriptor. *lookup* has the indexes of the links that this one refers to.
    """
    up = 0 if isinstance(link, VethPeer) or link.up is False or is_made_down(link) else IFF_UP
    body = [_target(index, flags=up, change=IFF_UP), wire.text(IFLA_IFNAME, link.name)]
    body += [wire.number(IFLA_MTU, _first_mtu(link, link.mtu))] if link.mtu else []
    body += [wire.number(IFLA_GROUP, group)]
    body += [wire.attribute(IFLA_ADDRESS, wire.write_mac(link.mac))] if link.mac else []
    if isinstance(link, Macvlan):
        body += [wire.number(IFLA_LINK, lookup[link.parent or ""])]
        body += [wire.number(IFLA_NET_NS_FD, peer[1])] if link.netns else []
    if isinstance(link, Veth | Vxlan) and link.master:
        body += [wire.number(IFLA_MASTER, lookup[link.master])]
    kind, details = _kind_details(link, peer, lookup)
    body.append(wire.nested(IFLA_LINKINFO, wire.text(IFLA_INFO_KIND, kind), wire.nested(IFLA_INFO_DATA, *details)))
    return Request(wire.RTM_NEWLINK, wire.NLM_F_CREATE | wire.NLM_F_EXCL, b"".join(body))


def _first_mtu(link: Link, mtu: int) -> int:
    """The MTU to make a link with.

    A bridge takes its ports' MTU until its own has been changed, and setting what is so already is no change. So it
    is made with another.
    """
    return mtu ^ 1 if isinstance(link, Bridge) else mtu


def _kind_details(link: Link, peer: tuple[int, int], lookup: Mapping[str, int]) -> tuple[str, list[bytes]]:
    match link:
        case Bridge():
            return "bridge", _bridge_details(link, ("stp", "nf_call_iptables", "nf_call_ip6tables"))
        case Vxlan():
            return "vxlan", _vxlan_details(link, _VXLAN_FIELDS, lookup)
        case Macvlan():
            return "macvlan", [wire.number(IFLA_MACVLAN_MODE, _MACVLAN_MODES[link.mode or "bridge"])]
        case Veth():
            name = (link.peer or "").rpartition("/")[2]
            mtu = wire.number(IFLA_MTU, link.mtu) if link.mtu else b""
            ends = _target(peer[0]) + wire.text(IFLA_IFNAME, name) + mtu + wire.number(IFLA_NET_NS_FD, peer[1])
            return "veth", [wire.attribute(VETH_INFO_PEER | wire.NESTED, ends)]
        case VethPeer():
            raise ValueError(f"{link.netns}/{link.name} comes with its pair")


def _bridge_details(link: Bridge, fields: Collection[str]) -> list[bytes]:
    values = {
        "stp": (IFLA_BR_STP_STATE, 4, link.stp),
        "nf_call_iptables": (IFLA_BR_NF_CALL_IPTABLES, 1, link.nf_call_iptables),
        "nf_call_ip6tables": (IFLA_BR_NF_CALL_IP6TABLES, 1, link.nf_call_ip6tables),
    }
    chosen = (values[field] for field in fields if field in values)
    return [
        wire.attribute(kind, value.to_bytes(size, sys.byteorder)) for kind, size, value in chosen if value is not None
    ]


_VXLAN_FIELDS = ("vni", "local", "underlay", "port", "learning", "ttl", "ageing")


def _vxlan_details(link: Vxlan, fields: Collection[str], lookup: Mapping[str, int]) -> list[bytes]:
    return [_vxlan_detail(link, field, lookup) for field in fields if getattr(link, field) is not None]


def _vxlan_detail(link: Vxlan, field: str, lookup: Mapping[str, int]) -> bytes:
    match field:
        case "vni":
            return wire.number(IFLA_VXLAN_ID, link.vni or 0)
        case "local":
            local = link.local or "0.0.0.0"
            return wire.attribute(IFLA_VXLAN_LOCAL6 if ":" in local else IFLA_VXLAN_LOCAL, wire.write_address(local))
        case "underlay":
            return wire.number(IFLA_VXLAN_LINK, lookup[link.underlay] if link.underlay else 0)
        case "port":
            return wire.attribute(IFLA_VXLAN_PORT, (link.port or 0).to_bytes(2, "big"))
        case "learning":
            return wire.attribute(IFLA_VXLAN_LEARNING, bytes([bool(link.learning)]))
        case "ttl":
            return wire.attribute(IFLA_VXLAN_TTL, bytes([link.ttl or 0]))
        case _:
            return wire.number(IFLA_VXLAN_AGEING, link.ageing or 0)


def configure_link(
    link: Link, index: int, alias: str, fields: Collection[str], lookup: Mapping[str, int]
) -> Iterator[Request]:
    """The requests that set the named attributes of an existing link.

    ``owner`` stands for its mark, the *alias*; ``addr_gen_mode`` for making no link-local address by itself.
    """
    change = IFF_UP if "up" in fields and link.up is not None else 0
    # Flags without a mask are all of them: others than this one would be taken away.
    flags = change if link.up else 0
    body = []
    if "mtu" in fields and link.mtu is not None:
        body.append(wire.number(IFLA_MTU, link.mtu))
    if "mac" in fields and link.mac:
        body.append(wire.attribute(IFLA_ADDRESS, wire.write_mac(link.mac)))
    if "group" in fields and link.group is not None:
        body.append(wire.number(IFLA_GROUP, link.group))
    if "master" in fields and isinstance(link, Veth | Vxlan) and link.master is not None:
        body.append(wire.number(IFLA_MASTER, lookup[link.master] if link.master else 0))
    if "owner" in fields:
        # Without a NUL, for which the longest alias has no room.
        body.append(wire.attribute(IFLA_IFALIAS, alias.encode()))
    if families := list(_of_families(link, fields)):
        body.append(wire.nested(IFLA_AF_SPEC, *families))
    if body or change:
        yield Request(wire.RTM_SETLINK, 0, _target(index, flags=flags, change=change) + b"".join(body))
    if isinstance(link, Veth) and (port := _port_details(link, fields)):
        yield Request(wire.RTM_NEWLINK, 0, _target(index) + wire.nested(IFLA_LINKINFO, *port))
    details = _changed_details(link, fields, lookup)
    if details:
        linkinfo = wire.nested(
            IFLA_LINKINFO, wire.text(IFLA_INFO_KIND, details[0]), wire.nested(IFLA_INFO_DATA, *details[1])
        )
        yield Request(wire.RTM_NEWLINK, 0, _target(index) + linkinfo)


def _port_details(link: Veth, fields: Collection[str]) -> tuple[bytes, ...]:
    """What its bridge is to know of a port; one that becomes a port anew has to be told again."""
    wanted = "hairpin" in fields or ("master" in fields and link.hairpin)
    if not (wanted and link.master and link.hairpin is not None):
        return ()
    mode = wire.attribute(IFLA_BRPORT_MODE, bytes([link.hairpin]))
    return wire.text(IFLA_INFO_SLAVE_KIND, "bridge"), wire.nested(IFLA_INFO_SLAVE_DATA, mode)


def _of_families(link: Link, fields: Collection[str]) -> Iterator[bytes]:
    """The members of ``IFLA_AF_SPEC``: what IPv4 and IPv6 know of the link."""
    if "ipv4_forwarding" in fields and link.ipv4_forwarding is not None:
        yield _ipv4_setting(IPV4_DEVCONF_FORWARDING, on=link.ipv4_forwarding)
    if "addr_gen_mode" in fields:
        yield wire.nested(wire.AF_INET6, wire.attribute(IFLA_INET6_ADDR_GEN_MODE, b"\1"))


def _changed_details(link: Link, fields: Collection[str], lookup: Mapping[str, int]) -> tuple[str, list[bytes]] | None:
    match link:
        case Bridge():
            details = _bridge_details(link, fields)
            return ("bridge", details) if details else None
        case Vxlan():
            changed = [field for field in fields if field in _VXLAN_FIELDS]
            return ("vxlan", _vxlan_details(link, changed, lookup)) if changed else None
        case Macvlan() if "mode" in fields and link.mode:
            return "macvlan", [wire.number(IFLA_MACVLAN_MODE, _MACVLAN_MODES[link.mode])]
    return None


def _ipv4_setting(setting: int, *, on: bool) -> bytes:
    """One of a link's IPv4 settings, by its number, as a member of ``IFLA_AF_SPEC``."""
    return wire.nested(wire.AF_INET, wire.nested(IFLA_INET_CONF, wire.number(setting, int(on))))


def is_made_down(link: Link) -> bool:
    """Whether a link is created down: a port, or one that forwards IPv6, has settings that count when it comes up."""
    return bool(link.ipv6_forwarding) or is_port(link)


def is_port(link: Link) -> bool:
    """Whether a link is made a port of a bridge."""
    return isinstance(link, Veth | Vxlan) and bool(link.master)


def without_link_local(link: Link) -> bool:
    """Whether a link is to have no link-local address: a bridge's port needs none, and the kernel is spared its making.

    With an MTU of less than IPv6's smallest the kernel has no IPv6 on the link, and would refuse the setting.
    """
    return is_port(link) and (link.mtu is None or link.mtu >= _IPV6_LEAST_MTU)


def rename_link(index: int, name: str, *, up: bool) -> Request:
    """Give a link that is down another name, and set it up where that is wanted."""
    flags = IFF_UP if up else 0
    return Request(wire.RTM_SETLINK, 0, _target(index, flags=flags, change=flags) + wire.text(IFLA_IFNAME, name))


def set_up(index: int) -> Request:
    """Set a link up."""
    return Request(wire.RTM_SETLINK, 0, _target(index, flags=IFF_UP, change=IFF_UP))


def set_altnames(index: int, names: Collection[str], *, present: bool) -> Request:
    """Give a link alternative names, or take them away."""
    kind, flags = (
        (wire.RTM_NEWLINKPROP, wire.NLM_F_CREATE | wire.NLM_F_APPEND) if present else (wire.RTM_DELLINKPROP, 0)
    )
    listed = wire.nested(IFLA_PROP_LIST, *(wire.text(IFLA_ALT_IFNAME, name) for name in names))
    return Request(kind, flags, _target(index) + listed)


def promote_secondaries(index: int, *, on: bool) -> Request:
    """Whether a link's other addresses of a prefix stay when the first one of it goes."""
    setting = _ipv4_setting(IPV4_DEVCONF_PROMOTE_SECONDARIES, on=on)
    return Request(wire.RTM_SETLINK, 0, _target(index) + wire.nested(IFLA_AF_SPEC, setting))


def get_link(name: str) -> Request:
    """Ask for the link of that name."""
    return Request(wire.RTM_GETLINK, 0, _target(0) + wire.text(IFLA_IFNAME, name))


def get_link_at(index: int) -> Request:
    """Ask for the link with that index."""
    return Request(wire.RTM_GETLINK, 0, _target(index))


def set_master(index: int, master: int, *, up: bool | None) -> Request:
    """Make a link a port of the bridge with index *master* (0: of none), and optionally set it up or down."""
    change = 0 if up is None else IFF_UP
    body = _target(index, flags=IFF_UP if up else 0, change=change) + wire.number(IFLA_MASTER, master)
    return Request(wire.RTM_SETLINK, 0, body)


def set_group(index: int, group: int) -> Request:
    """Put a link into an interface group."""
    return Request(wire.RTM_SETLINK, 0, _target(index) + wire.number(IFLA_GROUP, group))


def delete_link(index: int) -> Request:
    """Delete one link."""
    return Request(wire.RTM_DELLINK, 0, _target(index))


def down_group(group: int) -> Request:
    """Take down all links of a group."""
    return Request(wire.RTM_NEWLINK, 0, wire.IFINFO.pack(0, 0, 0, 0, IFF_UP) + wire.number(IFLA_GROUP, group))


def delete_group(group: int) -> Request:
    """Delete every link of a group: a hundred times cheaper than one by one, since the kernel waits once for all."""
    return Request(wire.RTM_DELLINK, 0, _target(0) + wire.number(IFLA_GROUP, group))
