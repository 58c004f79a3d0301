"""Docker networks: what Docker cannot be asked for, and what of it is declared twice."""

from collections.abc import Iterator

from netctl.compiler.checks.occupancy import Occupancy, spell
from netctl.compiler.docker_networks import Attached, DockerNet, gateway_of, range_of
from netctl.compiler.hosts import suggestion
from netctl.compiler.places import Problems
from netctl.compiler.prefixes import format_address, parse_address
from netctl.compiler.topology import Role, Topology
from netctl.kinds.docker import OWN_LABELS, PREDEFINED
from netctl.stack.docker_models import NamedContainer

_MOST_RESERVED = 1024
_OF_REFERENCES = frozenset({"provider", "driver", "name", "external", "hosts", "attach"})
_OF_OVERLAYS = frozenset({"subnet", "mtu", "nat", "internal", "ipv6", "parent"})
"""What a leg has from its overlay."""
_JOINING_NOTHING = frozenset({"host", "none"})


def check_docker(topology: Topology, problems: Problems) -> None:
    """Everything about Docker networks that can be told without an Engine."""
    names: Occupancy[str] = Occupancy()
    legs: Occupancy[str] = Occupancy()
    for net in topology.dockers:
        if net.spec.overlay is not None:
            _leg(net, net.spec.overlay, topology, legs, problems)
        _name(net, names, problems)
        _settings(net, problems)
        _pools(net, problems)
        _labels(net, problems)
        _attached(net, topology, problems)


def _leg(net: DockerNet, name: str, topology: Topology, legs: Occupancy[str], problems: Problems) -> None:
    """A network that is the local leg of an overlay."""
    path = (*net.path, "overlay")
    overlay = next((other for other in topology.nets if other.name == name and other.path[0] == "overlays"), None)
    if overlay is None:
        advice = suggestion(name, list(topology.stack.overlays)) or "Declare it under 'overlays:'."
        problems.error("NC286", path, f"overlay '{name}' is not declared", advice)
        return
    if overlay.role is not Role.ROUTED:
        problems.error(
            "NC286",
            path,
            f"{overlay.label} is one segment over all hosts, which Docker's bridges are not",
            "Use a routed one.",
        )
    if net.spec.driver != "bridge" or net.spec.is_reference:
        problems.error(
            "NC286",
            net.path,
            f"{net.label} is no bridge that the stack makes",
            "A leg is one: remove 'driver:' or 'external:'.",
        )
    for key in sorted(net.spec.model_fields_set & _OF_OVERLAYS):
        problems.error(
            "NC286",
            (*net.path, key),
            f"{net.label} has no '{key}' of its own, but that of {overlay.label}",
            f"Remove '{key}'.",
        )
    own = [end.path for end in overlay.endpoints if end.hosts & net.hosts]
    own += [port.path for port in overlay.ports if port.hosts & net.hosts]
    if own:
        problems.error(
            "NC286",
            own[0],
            f"what is attached to {overlay.label} itself cannot be on a host where {net.label} is its leg",
            "Attach it elsewhere, or choose different 'hosts:' for one of the two.",
        )
    earlier = legs.take(name, net.hosts, net.path)
    if earlier is not None:
        problems.error(
            "NC286",
            path,
            f"{overlay.label} has a leg on the same host already, {spell(earlier)}",
            "Choose different 'hosts:'.",
        )


def _name(net: DockerNet, names: Occupancy[str], problems: Problems) -> None:
    if net.docker_name in PREDEFINED and not net.spec.is_reference:
        problems.error(
            "NC282",
            (*net.path, "name"),
            f"Docker's own network '{net.docker_name}' cannot be made or changed",
            "Say 'external: true' to refer to it, or choose another name.",
        )
    earlier = names.take(net.docker_name, net.hosts, net.path)
    if earlier is not None and not net.spec.is_reference:
        problems.error(
            "NC283",
            net.path,
            f"{spell(net.path)} and {spell(earlier)} are both the Docker network '{net.docker_name}'",
            "Rename one of them, or choose different 'hosts:'.",
        )


def _settings(net: DockerNet, problems: Problems) -> None:
    """A network that is only referred to takes no settings; and nothing joins the host's, or none."""
    spec = net.spec
    extra = sorted(spec.model_fields_set - _OF_REFERENCES) if spec.is_reference else []
    if extra:
        problems.error(
            "NC282",
            (*net.path, extra[0]),
            f"{net.label} is only referred to, so that '{extra[0]}' cannot be set",
            f"Remove '{extra[0]}', or 'external:' to have the network made.",
        )
    if spec.attach and net.docker_name in _JOINING_NOTHING:
        problems.error(
            "NC284",
            (*net.path, "attach"),
            f"Docker cannot attach containers to its network '{net.docker_name}' once they are made",
            f"Make the container with it: docker run --network {net.docker_name}.",
        )
    if spec.nat is not None and spec.driver != "bridge":
        problems.error(
            "NC281",
            (*net.path, "nat"),
            f"driver '{spec.driver}' does no NAT",
            "Remove 'nat:', or use 'driver: bridge'.",
        )
    if spec.ipv6 and net.space is not None and all(pool.prefix.family == 4 for pool in net.pools):
        problems.error(
            "NC281", (*net.path, "ipv6"), f"{net.space.label} has no IPv6 CIDR", "Add one, or remove 'ipv6: true'."
        )
    if spec.ipv6 is False and any(pool.prefix.family == 6 for pool in net.pools):
        problems.error(
            "NC281", (*net.path, "ipv6"), f"{net.label} has an IPv6 CIDR, but no IPv6", "Remove one of the two."
        )


def _pools(net: DockerNet, problems: Problems) -> None:
    for pool in net.pools:
        if pool.ranges and range_of(pool) is None and net.space is not None:
            problems.error(
                "NC281",
                (*net.space.path, "range"),
                f"Docker assigns from one CIDR of a family, and the range of {net.space.label} is none",
                "Write 'range' as a CIDR, such as the upper half of the subnet.",
            )
        if sum(span.size for span in pool.reserved) > _MOST_RESERVED and net.space is not None:
            problems.error(
                "NC281",
                (*net.space.path, "reserved"),
                f"Docker is told of each reserved address by itself, and {net.space.label} has over {_MOST_RESERVED}",
                "Reserve fewer, or give Docker a 'range' to assign from.",
            )
    for name, text in net.spec.aux_addresses.items():
        family, value = parse_address(text)
        if not any(pool.prefix.holds(family, value) for pool in net.pools):
            problems.error(
                "NC220",
                (*net.path, "aux_addresses", name),
                f"address {text} is outside the subnet of {net.label}",
                "Choose an address within it.",
            )


def _labels(net: DockerNet, problems: Problems) -> None:
    for label in net.spec.labels:
        if label.startswith(OWN_LABELS):
            problems.error(
                "NC281",
                (*net.path, "labels", label),
                f"label '{label}' is netctl's own",
                f"Choose a label that does not begin with '{OWN_LABELS}'.",
            )


def _attached(net: DockerNet, topology: Topology, problems: Problems) -> None:
    containers: Occupancy[str] = Occupancy()
    addresses: Occupancy[tuple[int, int]] = Occupancy()
    for entry in net.attached:
        if isinstance(entry.spec, NamedContainer):
            earlier = containers.take(entry.spec.container, entry.hosts, entry.path)
            if earlier is not None:
                problems.error(
                    "NC284",
                    (*entry.path, "container"),
                    f"container '{entry.spec.container}' is attached to {net.label} already, by {spell(earlier)}",
                    "Remove one of the two, or choose different 'hosts:'.",
                )
        for family, value in entry.addresses:
            for code, message, advice in _mistakes(net, entry, family, value, topology):
                problems.error(code, (*entry.path, "address"), message, advice)
            earlier = addresses.take((family, value), entry.hosts, entry.path)
            if earlier is not None:
                problems.error(
                    "NC222",
                    (*entry.path, "address"),
                    f"address {format_address(family, value)} is given twice in {net.label}, first by {spell(earlier)}",
                    "Give each container an address of its own, or leave one out to have it assigned.",
                )


def _mistakes(
    net: DockerNet, entry: Attached, family: int, value: int, topology: Topology
) -> Iterator[tuple[str, str, str]]:
    """What is wrong with a declared address; of a network that is only referred to, nothing is known."""
    address = format_address(family, value)
    if net.docker_name == "bridge":
        yield (
            "NC284",
            f"Docker gives no fixed address on its default network, such as {address}",
            "Use another network.",
        )
    if net.spec.is_reference:
        return
    if net.space is None:
        yield (
            "NC220",
            f"address {address} is given, but {net.label} has no subnet",
            "Give the network a 'subnet:'; Docker takes fixed addresses only within a declared one.",
        )
        return
    pool = next((pool for pool in net.pools if pool.prefix.family == family), None)
    for host in sorted(entry.hosts):
        prefix = pool.on(topology.hosts.number(host)) if pool else None
        if pool is None or prefix is None or not prefix.holds(family, value):
            yield "NC220", f"address {address} is outside {net.space.label}", "Choose an address within it."
            return
        if not prefix.usable.first <= value <= prefix.usable.last:
            yield "NC221", f"address {address} is the network or broadcast address of {prefix}", "Choose another."
            return
        if value == gateway_of(pool, prefix):
            yield "NC221", f"address {address} is the gateway of {net.label}", "Choose another."
            return
