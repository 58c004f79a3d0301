"""Announcing an address that has just been put on a link, so that whoever knew it elsewhere learns where it is now.

Without that, neighbours go on sending to the MAC address that they remember, for up to a minute.

An announcement is a courtesy: a link without a carrier, or the firewall, may swallow it, and the address is as good.
So nothing here fails.
"""

import fcntl
import socket
from collections.abc import Iterable
from contextlib import suppress
from struct import pack, unpack_from

from netctl.engine.change import Action, Change
from netctl.errors import BackendError
from netctl.kinds.address import Address
from netctl.system.namespaces import inside
from reconcilers.kernel import wire
from reconcilers.kernel.neighbours import NDA_DST
from reconcilers.kernel.rtnetlink import Request
from reconcilers.kernel.sources import Sources
from reconcilers.kernel.sysctls import sysctl_path, write_sysctl
from reconcilers.kernel.view import View

_NTF_USE = 0x01
_SIOCGIFHWADDR = 0x8927
_ALL_NODES = "ff02::1"
_ADVERTISEMENT, _TARGET_LINK_LAYER_ADDRESS = 136, 2
_ROUTER, _OVERRIDE = 1 << 31, 1 << 29


def announce(changes: Iterable[Change], sources: Sources) -> None:
    """Announce the addresses among *changes* that have been made."""
    by_netns: dict[str, list[Address]] = {}
    for change in changes:
        if isinstance(change.after, Address) and change.action in {Action.CREATE, Action.REPLACE}:
            by_netns.setdefault(change.after.netns, []).append(change.after)
    for netns, addresses in by_netns.items():
        with suppress(BackendError):  # the namespace has gone
            view = sources.view(netns)
            _solicit([address for address in addresses if ":" not in address.address], view)
            _advertise([address for address in addresses if ":" in address.address], view, netns or sources.netns)


def _solicit(addresses: Iterable[Address], view: View) -> None:
    """Have the kernel look for its own IPv4 addresses: its request is the announcement of RFC 5227, section 3.

    A packet socket could send the same, but closing one takes the kernel a grace period of RCU (14 ms).
    """
    entries = [
        (view.indexes[address.link], wire.attribute(NDA_DST, wire.write_address(address.address.partition("/")[0])))
        for address in addresses
        if address.link in view.indexes
    ]
    errors = view.socket.transact([_entry(wire.RTM_NEWNEIGH, index, wanted) for index, wanted in entries])
    made = [entry for entry, error in zip(entries, errors, strict=True) if error is None]
    view.socket.transact([_entry(wire.RTM_DELNEIGH, index, wanted) for index, wanted in made])


def _entry(kind: int, ifindex: int, wanted: bytes) -> Request:
    """A neighbour that is looked for at once, or its removal."""
    flags = 0 if wire.is_deletion(kind) else wire.NLM_F_CREATE | wire.NLM_F_EXCL
    return Request(kind, flags, wire.NDMSG.pack(wire.AF_INET, ifindex, 0, _NTF_USE if flags else 0, 0) + wanted)


def _advertise(addresses: Iterable[Address], view: View, netns: str) -> None:
    """Send an unsolicited neighbour advertisement (RFC 4861, section 7.2.6) for each IPv6 address."""
    usable = [address for address in addresses if address.link in view.indexes]
    if not usable:
        return
    with (
        inside(netns),
        suppress(OSError),
        socket.socket(socket.AF_INET6, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_ICMPV6) as raw,
    ):
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        for address in usable:
            if (
                not address.nodad
            ):  # while duplicates are looked for it cannot be used: the kernel sends it then, if told
                write_sysctl(f"{_settings(address.link)}.ndisc_notify", "1")
            with suppress(OSError):
                _send_advertisement(raw, address, view.index_of(address.link))


def _send_advertisement(raw: socket.socket, address: Address, ifindex: int) -> None:
    text = address.address.partition("/")[0]
    answer = fcntl.ioctl(raw, _SIOCGIFHWADDR, pack("16s24x", address.link.encode()))
    (mac,) = unpack_from("6s", answer, 18)
    forwards = sysctl_path(f"{_settings(address.link)}.forwarding").read_text(encoding="ascii").strip() != "0"
    flags = _OVERRIDE | (_ROUTER if forwards else 0)
    packed = wire.write_address(text)
    option = pack("BB6s", _TARGET_LINK_LAYER_ADDRESS, 1, mac)
    # The kernel fills in the checksum (RFC 3542, section 3.1).
    message = pack("!BBHI16s", _ADVERTISEMENT, 0, 0, flags, packed) + option
    raw.sendmsg([message], [_source(packed, ifindex)], 0, (_ALL_NODES, 0, 0, ifindex))


def _source(packed: bytes, ifindex: int) -> tuple[int, int, bytes]:
    """The source address and the interface of one packet (RFC 3542, section 6.2)."""
    return socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, pack("@16sI", packed, ifindex)


def _settings(link: str) -> str:
    return f"net.ipv6.conf.{link.replace('.', '/')}"
