"""The stacks that are measured, by the number of objects that they make."""

from benchmarks.stage import ENDPOINTS

OBJECTS_OF_A_SEGMENT = 6
"""A bridge, its address, a VXLAN device, both ends of a veth pair, the endpoint's address."""


def mix(objects: int) -> str:
    """Segments, each a bridge with an address, a VXLAN device and an attached namespace."""
    count = max(1, objects // OBJECTS_OF_A_SEGMENT)
    lines = ["stack: bench", "hosts:", "  node1: {id: 1, address: 172.20.0.1, interface: eth0}", "overlays:"]
    lines += [
        f"  s{number}: {{mode: bridged, vni: {number + 1}, nat: none, internal: false, mtu: 1400, "
        f"subnet: {{cidr: 10.{number >> 8}.{number & 255}.0/24}}, "
        f"attach: [{{netns: {ENDPOINTS}, interface: e{number}, default_route: false}}]}}"
        for number in range(count)
    ]
    return "\n".join([*lines, ""])


def overlay(objects: int) -> str:
    """One routed VXLAN overlay with so many hosts that node1 has a route, neighbour and forwarding entry for each."""
    peers = objects // 3
    lines = ["stack: bench", "hosts:"]
    lines += [
        f"  node{number}: {{id: {number}, address: 172.{20 + (number >> 16)}.{number >> 8 & 255}.{number & 255}}}"
        for number in range(1, peers + 2)
    ]
    lines += ["subnets: {pods: {cidr: 10.0.0.0/8, per_host: 24}}", "overlays: {pods: {subnet: pods, vni: 42}}", ""]
    return "\n".join(lines)


def attached(links: int) -> str:
    """Ten bridges with as many attached namespaces' interfaces as make *links* links on the host."""
    lines = ["stack: bench", "networks:"]
    for bridge in range(10):
        ends = ", ".join(
            f"{{netns: {ENDPOINTS}, interface: e{bridge}x{number}, default_route: false}}"
            for number in range(links // 10 - 1)
        )
        lines.append(f"  b{bridge}: {{nat: none, subnet: {{cidr: 10.{bridge}.0.0/16}}, attach: [{ends}]}}")
    return "\n".join([*lines, ""])
