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


def policed(endpoints: int, policies: int) -> str:
    """Attached namespaces on ten networks, in as many groups as there are policies.

    Each group admits two others, and sends to one of them.
    """
    lines = ["stack: bench", "hosts: {node1: {id: 1, address: 172.20.0.1, interface: eth0}}", "networks:"]
    for network in range(10):
        ends = ", ".join(_member(number, policies) for number in range(network, endpoints, 10))
        cidrs = f"[10.{network}.0.0/16, 'fd00:{network}::/64']"
        lines.append(f"  b{network}: {{subnet: {{cidr: {cidrs}}}, attach: [{ends}]}}")
    return "\n".join([*lines, *group_policies(policies, "labels: {{group: g{}}}"), ""])


def group_policies(groups: int, selector: str) -> list[str]:
    """A policy for each group; *selector* is what selects the group of a number."""
    lines = ["policies:"]
    for number in range(groups):
        own, near, far = (f"{{{selector.format((number + step) % groups)}}}" for step in (0, 1, 7))
        ingress = (
            f"{{from: {near}, ports: [80, 443, 53/udp]}}, {{from: [{far}, {{cidr: 198.51.100.0/24}}], ports: http}}"
        )
        lines.append(
            f"  p{number}: {{applies_to: {own}, ingress: [{ingress}], egress: [{{to: {near}}}, {{ports: 53/udp}}]}}"
        )
    return lines


def _member(number: int, groups: int) -> str:
    network, place = number % 10, number // 10 + 2
    address = f"[10.{network}.{place >> 8}.{place & 255}, 'fd00:{network}::{place:x}']"
    return (
        f"{{netns: {ENDPOINTS}, interface: e{number}, default_route: false, address: {address}, "
        f"labels: {{group: g{number % groups}}}, ports: {{http: {8000 + number % 3}}}}}"
    )


def chained(policies: int, *, ends: tuple[str, str]) -> str:
    """Two attached namespaces, 10.0.0.2 and 10.0.0.3, among ten addresses for each policy.

    A policy admits the next one's addresses, and sends to the one's before. The namespaces are of the first two.
    """
    lines = _two(ends)
    for number in range(policies):
        members = [f"{{address: 10.{1 + number // 250}.{number % 250}.{last}, host: node1}}" for last in range(10)]
        members += [f"10.0.0.{place + 2}" for place in (0, 1) if place % policies == number]
        lines.append(f"  g{number}: {{endpoints: [{', '.join(members)}], port: 80}}")
    lines.append("policies:")
    for number in range(policies):
        after, before = (f"{{service: g{(number + step) % policies}}}" for step in (1, -1))
        sides = f"ingress: [{{from: {after}, ports: 80}}], egress: [{{to: {before}, ports: 80}}]"
        lines.append(f"  p{number}: {{applies_to: {{service: g{number}}}, {sides}}}")
    return "\n".join([*lines, ""])


def stacked(policies: int, *, ends: tuple[str, str]) -> str:
    """The same two namespaces; all policies are about the first one, and the last one admits the second."""
    lines = [*_two(ends), "  server: {endpoints: [10.0.0.2], port: 80}", "policies:"]
    for number in range(policies):
        source = "10.0.0.3/32" if number == policies - 1 else f"10.{1 + number // 250}.{number % 250}.0/24"
        rule = f"{{from: {{cidr: {source}}}, ports: 80}}"
        lines.append(f"  p{number:04}: {{applies_to: {{service: server}}, ingress: [{rule}]}}")
    return "\n".join([*lines, ""])


def _two(ends: tuple[str, str]) -> list[str]:
    attached = (f"{{netns: {name}, address: 10.0.0.{number}}}" for number, name in enumerate(ends, 2))
    return [
        "stack: bench",
        "hosts: {node1: {id: 1, address: 172.20.0.1, interface: eth0}}",
        f"networks: {{net: {{subnet: {{cidr: 10.0.0.0/16}}, attach: [{', '.join(attached)}]}}}}",
        "services:",
    ]
