"""Frames as someone with bad intentions makes them, sent through a packet socket."""

import socket
from struct import pack

from tests.support.namespaces import call_in

ETH_IP, ETH_ARP, ETH_IP6, ETH_VLAN = 0x0800, 0x0806, 0x86DD, 0x8100
BROADCAST = "ff:ff:ff:ff:ff:ff"
_UDP, _ICMPV6 = 17, 58


def send(ns: str, frame: bytes, interface: str = "eth0") -> None:
    """Send one frame from an interface, as it is."""

    def sending() -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as opened:
            opened.bind((interface, 0))
            opened.send(frame)

    call_in(ns, sending)


def ethernet(source: str, destination: str, kind: int, payload: bytes) -> bytes:
    return mac(destination) + mac(source) + pack("!H", kind) + payload


def tagged(frame: bytes, vlan: int) -> bytes:
    """The frame with an 802.1Q tag; VLAN 0 is a priority alone."""
    return frame[:12] + pack("!HH", ETH_VLAN, vlan) + frame[12:]


def arp_reply(sender: tuple[str, str], target: tuple[str, str]) -> bytes:
    """What an ARP reply says: MAC and IPv4 address of the sender, and of whom it is for."""
    parts = [mac(one) + socket.inet_pton(socket.AF_INET, address) for one, address in (sender, target)]
    return pack("!HHBBH", 1, ETH_IP, 6, 4, 2) + b"".join(parts)


def udp(source: str, destination: str, port: int, content: bytes = b"x") -> bytes:
    """An IP packet with a datagram to a port, from port 4000."""
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    ends = socket.inet_pton(family, source) + socket.inet_pton(family, destination)
    length = 8 + len(content)
    segment = pack("!HHHH", 4000, port, length, 0) + content
    if family == socket.AF_INET6:
        checksum = _checksum(ends + pack("!II", length, _UDP) + segment)
        return pack("!IHBB", 6 << 28, length, _UDP, 64) + ends + segment[:6] + pack("!H", checksum) + content
    header = pack("!BBHHHBBH", 0x45, 0, 20 + length, 1, 0, 64, _UDP, 0)
    return header[:10] + pack("!H", _checksum(header + ends)) + ends + segment


def router_advertisement(source: str) -> bytes:
    """An IPv6 packet that says: send everything through me."""
    ends = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, "ff02::1")
    message = pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
    checksum = _checksum(ends + pack("!II", len(message), _ICMPV6) + message)
    message = message[:2] + pack("!H", checksum) + message[4:]
    return pack("!IHBB", 6 << 28, len(message), _ICMPV6, 255) + ends + message


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _checksum(content: bytes) -> int:
    total = sum(
        int.from_bytes(content[place : place + 2].ljust(2, b"\0"), "big") for place in range(0, len(content), 2)
    )
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF
