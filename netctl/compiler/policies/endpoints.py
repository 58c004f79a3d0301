"""Every endpoint of a stack, on every host: attached namespaces, and the hosts themselves."""

from collections import Counter
from collections.abc import Iterable, Iterator
from sys import intern

from netctl.compiler import topology as compiled
from netctl.compiler.addressing import local_of, placed
from netctl.compiler.docker_networks import DockerNet
from netctl.compiler.hosts import ALONE
from netctl.compiler.naming import mac
from netctl.compiler.policies.ports import named_ports
from netctl.compiler.prefixes import BITS, format_address
from netctl.compiler.topology import Net, Role, Topology
from netctl.policy.model import Endpoint
from netctl.stack.models import MacvlanNetwork, VxlanOverlay

HOST = "host"
ATTACHMENT = "attachment"
ADDRESS = "address"
CONTAINER = "container"
_BRIDGED = "bridge"


def attachments(topology: Topology) -> Iterator[Endpoint]:
    """The attached namespaces, each on each of its hosts."""
    twins = _shared_names(topology)
    for net in topology.nets:
        names = Counter(_plain_name(net, end, twins) for end in net.endpoints for _ in end.hosts)
        for end, host, addresses in placed(net, topology.hosts):
            name = _plain_name(net, end, twins)
            full = f"{name}@{host}" if names[name] > 1 else name
            yield _attachment(topology.stack.stack, net, end, host, addresses)._replace(name=full)


def attachments_on(topology: Topology, host: str) -> Iterator[Endpoint]:
    """The attached namespaces of one host, without names: what guards them knows them by their interfaces."""
    for net in topology.nets:
        for end, place, addresses in placed(net, topology.hosts, host):
            yield _attachment(topology.stack.stack, net, end, place, addresses)


def containers(topology: Topology) -> Iterator[Endpoint]:
    """The containers on Docker networks, each on each of its networks; those whose address is known."""
    nets = {net.name: net for net in topology.dockers}
    overlays = {net.name: is_masqueraded(net) for net in topology.nets if net.overlay}
    names = Counter((member.network, member.container) for member in topology.members)
    for member in topology.members:
        if not member.addresses:
            continue
        net = nets[member.network]
        where = f"@{member.host}" if names[member.network, member.container] > 1 else ""
        labels = {**member.labels, **({"host": member.host} if member.host else {}), "network": net.name}
        yield Endpoint(
            f"{net.name}/{member.container}{where}",
            CONTAINER,
            member.host,
            net.name,
            member.addresses,
            labels,
            named_ports(member.entry.spec.ports) if member.entry is not None else {},
            masqueraded=_is_masqueraded_by_docker(net)
            if net.spec.overlay is None
            else overlays.get(net.spec.overlay, False),
            spans_hosts=net.spans_hosts,
        )


def _is_masqueraded_by_docker(net: DockerNet) -> bool:
    return net.spec.driver == _BRIDGED and not net.spec.internal and net.spec.nat != "none"


def host_endpoints(topology: Topology) -> Iterator[Endpoint]:
    """The declared hosts, with every address that they have in the stack: the underlay's first."""
    declared = topology.stack.hosts
    held: dict[str, list[str]] = {name: [host.address] for name, host in declared.items()}
    for net in topology.nets:
        for name in net.hosts - {ALONE}:
            held[name] += _bridge_addresses(topology, net, name)
    for name in sorted(declared):
        addresses = tuple(sorted(dict.fromkeys(held[name]), key=lambda address: ":" in address))
        yield Endpoint(f"{HOST}/{name}", HOST, name, "", addresses, {**declared[name].labels, "host": name})


def interned(end: Endpoint) -> Endpoint:
    """The same endpoint, of strings that all endpoints share: to compare ten thousand with what they were a moment ago
    is then to compare references.
    """
    return end._replace(
        name=intern(end.name),
        addresses=tuple(map(intern, end.addresses)),
        labels={intern(key): intern(value) for key, value in end.labels.items()},
        interface=intern(end.interface),
        mac=intern(end.mac),
        netns=intern(end.netns),
    )


def inside(topology: Topology) -> dict[str, tuple[str, ...]]:
    """By host, the prefixes that its endpoints reach under their own addresses."""
    nets: list[Net | DockerNet] = [net for net in topology.nets if not isinstance(net.spec, MacvlanNetwork)]
    return _prefixes(topology, [*nets, *(net for net in topology.dockers if net.spec.driver == _BRIDGED)])


def open_overlays(topology: Topology) -> dict[str, tuple[str, ...]]:
    """By host, the prefixes of overlays that its networks may reach."""
    overlays = [net for net in topology.nets if net.overlay]
    return _prefixes(topology, [net for net in overlays if not _is_fenced(net)])


def _is_fenced(net: Net) -> bool:
    spec = net.spec
    return not isinstance(spec, MacvlanNetwork) and (spec.internal or spec.isolated)


def _prefixes(topology: Topology, nets: Iterable[Net | DockerNet]) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for net in nets:
        for host in net.hosts:
            for pool in net.pools:
                prefix = pool.prefix if isinstance(net, Net) and net.overlay else pool.on(topology.hosts.number(host))
                found.setdefault(host, set()).add(str(prefix))
    return {host: tuple(sorted(prefixes)) for host, prefixes in sorted(found.items())}


def is_masqueraded(net: Net) -> bool:
    """Whether what is sent from a network to the outside takes the host's address."""
    return not isinstance(net.spec, MacvlanNetwork) and not net.spec.internal and net.spec.nat != "none"


def _shared_names(topology: Topology) -> set[str]:
    """What both a network and an overlay are called."""
    return topology.stack.networks.keys() & topology.stack.overlays.keys()


def _plain_name(net: Net, end: compiled.Endpoint, twins: set[str]) -> str:
    network = f"overlays/{net.name}" if net.overlay and net.name in twins else net.name
    interface = end.spec.interface
    return f"{network}/{end.spec.netns}" + (f"/{interface}" if interface != "eth0" else "")


def _attachment(stack: str, net: Net, end: compiled.Endpoint, host: str, addresses: tuple[str, ...]) -> Endpoint:
    spec = end.spec
    macvlan = isinstance(net.spec, MacvlanNetwork)
    return Endpoint(
        "",
        ATTACHMENT,
        host,
        net.name,
        addresses,
        {**spec.labels, **({"host": host} if host else {}), "network": net.name},
        named_ports(spec.ports),
        interface="" if macvlan else end.host_end.name,
        mac=spec.mac or mac(stack, host, net.name, spec.netns, spec.interface),
        netns=spec.netns,
        masqueraded=is_masqueraded(net),
        spans_hosts=net.overlay,
        anti_spoofing=spec.anti_spoofing,
    )


def _bridge_addresses(topology: Topology, net: Net, host: str) -> Iterator[str]:
    """The host's own addresses on a network: its bridge's, and its tunnel's."""
    tunnelled = net.role is Role.ROUTED and isinstance(net.spec, VxlanOverlay)
    for pool in net.pools:
        prefix, bridge, _ = local_of(net, pool, host, topology.hosts)
        if bridge is not None:
            yield format_address(prefix.family, bridge)
        if tunnelled and prefix.length < BITS[prefix.family]:
            yield format_address(prefix.family, prefix.first)
