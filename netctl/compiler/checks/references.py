"""References to what is not declared, and selectors that select nothing."""

from collections.abc import Iterator, Mapping, Sequence

from netctl.compiler.docker_networks import DockerNet
from netctl.compiler.hosts import Selector, suggestion
from netctl.compiler.places import Path, Problems
from netctl.compiler.topology import Net, Topology
from netctl.stack.docker_models import ContainerAttachment
from netctl.stack.models import Attachment, HostNetwork, Stack


def check_references(topology: Topology, problems: Problems) -> None:
    """Unknown subnets and hosts; host selectors that match nothing."""
    for path, selector in _selectors(topology.stack):
        _selector(topology, path, selector, problems)
    nets: list[Net | DockerNet] = [*topology.nets, *topology.dockers]
    for net in nets:
        if isinstance(net.spec.subnet, str) and net.space is None:
            problems.error(
                "NC201",
                (*net.path, "subnet"),
                f"subnet '{net.spec.subnet}' is not declared",
                suggestion(net.spec.subnet, list(topology.stack.subnets)) or "Declare it under 'subnets:'.",
            )
        for path, hosts in _places(net):
            if net.hosts and not hosts:
                problems.warn(
                    "NC203",
                    (*path, "hosts"),
                    f"this attachment is on no host: {net.label} is not on any host that it selects",
                    f"Choose from the hosts of {net.label}, or widen its 'hosts:'.",
                )


def _places(net: Net | DockerNet) -> list[tuple[Path, frozenset[str]]]:
    """What is attached, and on which hosts."""
    if isinstance(net, DockerNet):
        return [(entry.path, entry.hosts) for entry in net.attached]
    return [(end.path, end.hosts) for end in net.endpoints] + [(port.path, port.hosts) for port in net.ports]


def _selectors(stack: Stack) -> Iterator[tuple[Path, Selector]]:
    """Every ``hosts:`` that is written somewhere."""
    for section, nets in (("networks", stack.networks), ("overlays", stack.overlays)):
        for name, net in sorted(nets.items()):
            if net.hosts is not None:
                yield (section, name, "hosts"), net.hosts
            if not isinstance(net, HostNetwork):
                yield from _attached((section, name, "attach"), net.attach)
    for index, route in enumerate(stack.routes):
        if route.hosts is not None:
            yield ("routes", index, "hosts"), route.hosts
    for index, rule in enumerate(stack.rules):
        if rule.hosts is not None:
            yield ("rules", index, "hosts"), rule.hosts


def _attached(path: Path, attach: Sequence[Attachment | ContainerAttachment]) -> Iterator[tuple[Path, Selector]]:
    for index, attached in enumerate(attach):
        if attached.hosts is not None:
            yield (*path, index, "hosts"), attached.hosts


def _selector(topology: Topology, path: Path, selector: Selector, problems: Problems) -> None:
    declared = topology.stack.hosts
    names = [] if selector is None or isinstance(selector, Mapping) else list(selector)
    for index, name in enumerate(names):
        if name not in declared:
            problems.error(
                "NC202",
                (*path, index),
                f"host '{name}' is not declared",
                suggestion(name, list(declared)) or "Declare it under 'hosts:'.",
            )
    if not names and not topology.hosts.matching(selector):
        problems.warn(
            "NC203",
            path,
            f"no host has the labels {_labels(selector)}" if isinstance(selector, Mapping) else "this selects no host",
            "Declare a host with these labels, or correct them; until then nothing is made.",
        )


def _labels(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))
