"""The network under the overlays: three hosts on one link, a fourth behind a router, an endpoint or two on each.

The namespace ``wire`` is the switch, the router between the links ``near`` and ``far``, and what is outside.
"""

from collections.abc import Iterable, Sequence

from tests.e2e.lab import Lab
from tests.e2e.traffic import Wire

HOSTS = ("n1", "n2", "n3", "n4")
ENDPOINTS = {"a": "n1", "a2": "n1", "b": "n2", "c": "n3", "d": "n4"}
OUTSIDE = {4: "203.0.113.1", 6: "2001:db8:f::1"}
ADDRESS = {
    4: {"n1": "192.0.2.11", "n2": "192.0.2.12", "n3": "192.0.2.13", "n4": "198.51.100.14"},
    6: {"n1": "2001:db8:1::11", "n2": "2001:db8:1::12", "n3": "2001:db8:1::13", "n4": "2001:db8:2::14"},
}
_ROUTER = {
    "near": {4: ("192.0.2.1", 24), 6: ("2001:db8:1::1", 64)},
    "far": {4: ("198.51.100.1", 24), 6: ("2001:db8:2::1", 64)},
}
_LINK = {"n1": "near", "n2": "near", "n3": "near", "n4": "far"}


def build(lab: Lab) -> Wire:
    """Make the wire, the hosts and the endpoints; counters of VXLAN packets and fragments on the wire."""
    lab.add("wire", *HOSTS, *ENDPOINTS)
    for link, addresses in _ROUTER.items():
        lab.ip("wire", f"link add {link} type bridge", f"link set {link} up")
        lab.ip("wire", *(f"address add {address}/{bits} dev {link}" for address, bits in addresses.values()))
    lab.ip("wire", *(f"address add {address} dev lo" for address in OUTSIDE.values()))
    forwarding = ("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    lab.run("wire", "sysctl", "-qw", *forwarding, "net.bridge.bridge-nf-call-iptables=0")
    for host in HOSTS:
        plug(lab, host)
    fragments = "ip frag-off & 0x3fff != 0"
    return Wire(lab["wire"], vxlan="udp dport 4789", fragments=fragments, fragments6="exthdr frag exists")


def plug(lab: Lab, host: str) -> None:
    """Connect a host to its link, with addresses and a default route of both families."""
    link = _LINK[host]
    lab.join("wire", host, host, "eth0")
    lab.ip("wire", f"link set {host} master {link}")
    for family, (router, bits) in _ROUTER[link].items():
        lab.ip(host, f"address add {ADDRESS[family][host]}/{bits} dev eth0", f"route add default via {router}")


def stack(overlay: str, *, hosts: Sequence[str] = HOSTS[:3], family: int = 4, attach: Iterable[str] = ()) -> str:
    """A stack with the overlay *pods*, declared by a flow mapping's inside; its endpoints are those of *hosts*."""
    chosen = list(attach) or [label for label, host in ENDPOINTS.items() if host in hosts]
    lines = ["stack: shop", "hosts:"]
    lines += [f'  {host}: {{id: {host[1]}, address: "{ADDRESS[family][host]}"}}' for host in hosts]
    lines += ["overlays:", "  pods:", *(f"    {entry}" for entry in overlay.strip().splitlines()), "    attach:"]
    lines += [f'      - {{netns: "${{{label}}}", hosts: [{ENDPOINTS[label]}]}}' for label in chosen]
    return "\n".join(lines) + "\n"


def on(hosts: Iterable[str]) -> list[str]:
    """The endpoints that are on the hosts."""
    return [label for label, host in ENDPOINTS.items() if host in hosts]
