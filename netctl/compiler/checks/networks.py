"""Networks and overlays: settings that contradict one another, and interfaces that two of them claim."""

from netctl.compiler.checks.occupancy import Occupancy, spell
from netctl.compiler.mtu import IPV6_MTU
from netctl.compiler.places import Problems
from netctl.compiler.prefixes import format_address
from netctl.compiler.topology import Net, Role, Topology
from netctl.stack.models import MacvlanNetwork


def check_networks(topology: Topology, problems: Problems) -> None:
    """Settings of each network, then the interfaces of the host that they use."""
    for net in topology.nets:
        _body(net, problems)
        _nat(net, problems)
        _mtu(net, problems)
        _blocks(net, problems)
        if topology.stack.hosts and net.role is not Role.MACVLAN:
            _host_addresses(net, topology, problems)
    _used_interfaces(topology, problems)


def _body(net: Net, problems: Problems) -> None:
    """What has lost its keys, to a comment or an indentation, would take away all that it declared before."""
    if not net.spec.model_fields_set:
        problems.warn(
            "NC234",
            net.path,
            f"{net.label} declares nothing, so it is a bridge without an address and with nothing attached",
            "Give it its keys; if a bare bridge is meant, say 'driver: bridge'.",
        )


def _nat(net: Net, problems: Problems) -> None:
    spec = net.spec
    if isinstance(spec, MacvlanNetwork) or not (spec.internal and spec.nat == "masquerade"):
        return
    if "nat" in spec.model_fields_set:
        problems.error(
            "NC232",
            (*net.path, "nat"),
            f"{net.label} is internal, so there is nothing to masquerade",
            "Remove 'nat: masquerade' or 'internal: true'.",
        )


def _mtu(net: Net, problems: Problems) -> None:
    mtu = net.spec.mtu
    carries_ipv6 = bool(net.pools) and net.pools[-1].prefix.family == 6
    if isinstance(mtu, int) and mtu < IPV6_MTU and carries_ipv6:
        problems.error(
            "NC231",
            (*net.path, "mtu"),
            f"{net.label} has IPv6 addresses, which need an MTU of {IPV6_MTU} at least, not {mtu}",
            f"Raise the MTU to {IPV6_MTU}, or remove the IPv6 CIDR.",
        )
    for end in net.endpoints if carries_ipv6 else ():
        if end.spec.mtu is not None and end.spec.mtu < IPV6_MTU:
            problems.error(
                "NC231",
                (*end.path, "mtu"),
                f"this endpoint has an IPv6 address, which needs an MTU of {IPV6_MTU} at least, not {end.spec.mtu}",
                f"Raise the MTU to {IPV6_MTU}.",
            )


def _blocks(net: Net, problems: Problems) -> None:
    if net.space is None:
        return
    per_host = net.space.subnet.per_host
    if net.role is Role.ROUTED and not per_host:
        problems.error(
            "NC219",
            (*net.path, "subnet"),
            f"{net.label} is routed, which needs a block for each host, but {net.space.label} has no 'per_host'",
            "Give the subnet a 'per_host' prefix length, or use 'mode: bridged'.",
        )
    elif net.shared and per_host:
        what = "one L2 segment for all hosts" if net.role is Role.BRIDGED else "a macvlan network"
        problems.error(
            "NC219",
            (*net.path, "subnet"),
            f"{net.label} is {what}, but {net.space.label} has a block for each host ('per_host')",
            "Use a subnet without 'per_host'" + (", or 'mode: routed'." if net.role is Role.BRIDGED else "."),
        )


def _host_addresses(net: Net, topology: Topology, problems: Problems) -> None:
    """A host whose own address lies in a network loses its way to its peers; a bridged LAN has it on purpose."""
    for pool in () if net.ports else net.pools:
        inside = topology.hosts.addresses_in(pool.prefix)
        if inside:
            report = problems.error if net.overlay else problems.warn
            report(
                "NC218",
                (*net.path, "subnet"),
                f"a host's own address, {format_address(pool.prefix.family, inside[0])}, lies in {pool.prefix}, "
                f"the subnet of {net.label}",
                "Choose a subnet that has none of the hosts' addresses: peers would be looked for on this network.",
            )


def _used_interfaces(topology: Topology, problems: Problems) -> None:
    ports: Occupancy[str] = Occupancy()
    for net in topology.nets:
        for port in net.ports:
            earlier = ports.take(port.interface, port.hosts, port.path)
            if earlier is not None:
                problems.error(
                    "NC228",
                    (*port.path, "interface"),
                    f"interface '{port.interface}' is a port of a bridge already, by {spell(earlier)}",
                    "An interface can be in one bridge; remove one of the two, or choose different 'hosts:'.",
                )
    own = {net.interface.name for net in topology.nets if net.role is not Role.MACVLAN}
    for net in topology.nets:
        if isinstance(net.spec, MacvlanNetwork):
            _parent(net, net.spec, ports, problems)
        if net.ports:
            _own_ports(net, own, problems)


def _parent(net: Net, spec: MacvlanNetwork, ports: Occupancy[str], problems: Problems) -> None:
    earlier = ports.holder(spec.parent, net.hosts)
    if earlier is not None:
        problems.error(
            "NC228",
            (*net.path, "parent"),
            f"interface '{spec.parent}' is a port of a bridge, by {spell(earlier)}, and cannot be a macvlan's parent",
            "Make the bridge the parent, or attach the endpoints to the bridge.",
        )
    if spec.mode == "passthru":
        _single(net, problems)


def _single(net: Net, problems: Problems) -> None:
    endpoints: Occupancy[str] = Occupancy()
    for end in net.endpoints:
        if end.spec.mac is not None:
            problems.error(
                "NC228",
                (*end.path, "mac"),
                f"{net.label} has mode 'passthru', in which the endpoint has the MAC address of its parent",
                "Remove 'mac', or use 'mode: bridge'.",
            )
        if endpoints.take("passthru", end.hosts, end.path) is not None:
            problems.error(
                "NC228",
                end.path,
                f"{net.label} has mode 'passthru', in which a parent has one endpoint on each host",
                "Remove the other attachments, or use 'mode: bridge'.",
            )


def _own_ports(net: Net, own: set[str], problems: Problems) -> None:
    for port in net.ports:
        if port.interface in own:
            problems.error(
                "NC228",
                (*port.path, "interface"),
                f"'{port.interface}' is a bridge of this stack and cannot be a port of another",
                "Attach an interface that this stack does not make.",
            )
