"""One host with a router before it, beyond which is the outside, and endpoints that nothing is attached to yet."""

import json

from tests.e2e.lab import Lab

HOST = {4: "192.0.2.10", 6: "2001:db8:1::10"}
ROUTER = {4: "192.0.2.1", 6: "2001:db8:1::1"}
OUTSIDE = {4: "203.0.113.1", 6: "2001:db8:f::1"}
ENDPOINTS = ("a", "b", "c")


def build(lab: Lab, *endpoints: str) -> None:
    """Make the host ``h``, the router ``out``, and the endpoints; all are remembered."""
    lab.add("h", "out", *(endpoints or ENDPOINTS))
    lab.join("out", "eth0", "h", "eth0")
    lab.ip("out", f"address add {ROUTER[4]}/24 dev eth0", f"address add {ROUTER[6]}/64 dev eth0")
    lab.ip("out", *(f"address add {address} dev lo" for address in OUTSIDE.values()))
    lab.ip("h", f"address add {HOST[4]}/24 dev eth0", f"address add {HOST[6]}/64 dev eth0")
    lab.ip("h", *(f"route add default via {router}" for router in ROUTER.values()))
    lab.remember("h", *(endpoints or ENDPOINTS))


def is_hairpin(lab: Lab, label: str) -> bool:
    """Whether the bridge sends frames back to an endpoint."""
    index = lab.link(label, "eth0")["link_index"]
    ports = json.loads(lab.run("h", "bridge", "-d", "-j", "link", "show"))
    return next(bool(port["hairpin"]) for port in ports if port["ifindex"] == index)
