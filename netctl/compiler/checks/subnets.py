"""Subnets: contradictions within one, and overlaps between two."""

from netctl.compiler.checks.occupancy import Occupancy, spell
from netctl.compiler.docker_networks import DockerNet
from netctl.compiler.places import Path, Problems
from netctl.compiler.prefixes import BITS, Prefix, format_address, parse_address, parse_prefix, parse_span
from netctl.compiler.subnets import Space
from netctl.compiler.topology import Net, Role, Topology


def check_subnets(topology: Topology, problems: Problems) -> None:
    """Malformed and overlapping subnets, those with too few blocks, and those that two networks use."""
    for space in topology.spaces:
        subnet = space.subnet
        _unicast(space, problems)
        if len(subnet.cidr) > 1 or subnet.per_host or subnet.gateway or subnet.reserved or subnet.range:
            _families(space, problems)
            _per_host(space, problems)
            _gateways(space, problems)
            _ranges(space, problems)
    _overlaps(topology, problems)
    _users(topology, problems)
    for net in topology.nets:
        _numbers(net, topology, problems)


_OF_OTHER_USE = tuple(
    (parse_prefix(prefix), use)
    for prefix, use in (
        ("0.0.0.0/8", "the unspecified address"),
        ("127.0.0.0/8", "loopback"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/127", "loopback and the unspecified address"),
        ("fe80::/10", "link-local"),
        ("ff00::/8", "multicast"),
    )
)
"""The IANA's special-purpose registries; what of them no interface of a network can have."""


def _unicast(space: Space, problems: Problems) -> None:
    for text in space.subnet.cidr:
        cidr = parse_prefix(text)
        for other, use in _OF_OTHER_USE:
            if cidr.family == other.family and cidr.first <= other.last and other.first <= cidr.last:
                problems.error(
                    "NC233",
                    (*space.path, "cidr"),
                    f"{space.label} has {text}, and {other} in it is for {use}"
                    if cidr.length < other.length
                    else f"{space.label} has {text}, which is for {use}",
                    "Choose a subnet of private or global unicast addresses.",
                )
                break


def _families(space: Space, problems: Problems) -> None:
    if len({":" in cidr for cidr in space.subnet.cidr}) != len(space.subnet.cidr):
        problems.error(
            "NC210",
            (*space.path, "cidr"),
            f"{space.label} has two CIDRs of one family: {' and '.join(space.subnet.cidr)}",
            "Give one CIDR, or one IPv4 and one IPv6 CIDR; declare a second subnet for the other.",
        )


def _per_host(space: Space, problems: Problems) -> None:
    lengths, cidrs = space.subnet.per_host, space.subnet.cidr
    if not lengths:
        return
    path = (*space.path, "per_host")
    if len(lengths) != len(cidrs):
        problems.error(
            "NC213",
            path,
            f"{space.label} has {len(cidrs)} CIDR{'s' * (len(cidrs) > 1)}, but 'per_host' has {len(lengths)}",
            "Give one prefix length for each CIDR, in the same order.",
        )
        return
    for prefix, length in zip(map(parse_prefix, cidrs), lengths, strict=True):
        if not prefix.length < length <= BITS[prefix.family]:
            problems.error(
                "NC213",
                path,
                f"a /{length} for each host does not fit into {prefix}",
                f"Choose a prefix length from {prefix.length + 1} to {BITS[prefix.family]}.",
            )


def _gateways(space: Space, problems: Problems) -> None:
    path = (*space.path, "gateway")
    gateways = [parse_address(text) for text in space.subnet.gateway or ()]
    if gateways and space.subnet.per_host:
        problems.error(
            "NC215",
            path,
            f"{space.label} has a gateway and 'per_host'",
            "Leave 'gateway' out: each host's gateway is the first address of its block.",
        )
        return
    if len({family for family, _ in gateways}) != len(gateways):
        problems.error("NC215", path, f"{space.label} has two gateways of one family", "Give one for each CIDR.")
    for family, value in gateways:
        prefix = next((pool.prefix for pool in space.pools if pool.prefix.family == family), None)
        if prefix is None or not prefix.usable.first <= value <= prefix.usable.last:
            problems.error(
                "NC215",
                path,
                f"gateway {format_address(family, value)} is not a usable address of {space.label}",
                f"Choose one from {_extent(prefix)}." if prefix else f"Give a CIDR of family IPv{family} too.",
            )


def _ranges(space: Space, problems: Problems) -> None:
    for key, texts in (("reserved", space.subnet.reserved), ("range", space.subnet.range)):
        for index, text in enumerate(texts):
            _range(space, (*space.path, key, index), text, problems)


def _range(space: Space, path: Path, text: str, problems: Problems) -> None:
    family, span = parse_span(text)
    _, dash, last = text.partition("-")
    if dash and (":" in last) != (family == 6):
        problems.error("NC217", path, f"'{text}' goes from one family to another", "Give one range for each family.")
    elif not span.size:
        first = text.partition("-")[0]
        problems.error("NC217", path, f"'{text}' ends before it begins", f"Write '{last}-{first}'.")
    elif not any(
        pool.prefix.holds(family, span.first) and pool.prefix.holds(family, span.last) for pool in space.pools
    ):
        cidrs = " or ".join(space.subnet.cidr)
        problems.error("NC216", path, f"'{text}' is not within {space.label}", f"Choose addresses within {cidrs}.")


def _overlaps(topology: Topology, problems: Problems) -> None:
    """Found in one pass over the prefixes in ascending order: an overlap is with the widest one before."""
    entries = sorted((pool.prefix, at) for at, space in enumerate(topology.spaces) for pool in space.pools)
    widest: tuple[Prefix, int] | None = None
    for prefix, at in entries:
        if widest is not None and widest[0].holds(prefix.family, prefix.first):
            first, second = sorted((widest, (prefix, at)), key=lambda entry: entry[1])
            one, other = topology.spaces[first[1]], topology.spaces[second[1]]
            problems.error(
                "NC211",
                (*other.path, "cidr"),
                f"{other.label} ({second[0]}) overlaps {one.label} ({first[0]})",
                "Choose prefixes that do not overlap; to use one subnet in several networks that share no host, "
                "declare it under 'subnets:' and refer to it by name.",
            )
        if widest is None or widest[0].family != prefix.family or prefix.last > widest[0].last:
            widest = prefix, at


def _users(topology: Topology, problems: Problems) -> None:
    users: Occupancy[str] = Occupancy()
    everywhere = frozenset(topology.hosts.names)
    kept_whole = {net.spec.subnet for net in topology.nets if net.shared and isinstance(net.spec.subnet, str)}
    nets: list[Net | DockerNet] = [*topology.nets, *topology.dockers]
    for net in nets:
        if not isinstance(net.spec.subnet, str):
            continue
        hosts = everywhere if net.spec.subnet in kept_whole else net.hosts
        earlier = users.take(net.spec.subnet, hosts, net.path)
        if earlier is not None:
            problems.error(
                "NC212",
                (*net.path, "subnet"),
                f"{net.label} uses subnet '{net.spec.subnet}', which {spell(earlier)} uses already",
                "Give each its own subnet; only bridges and routed overlays that share no host can have the same one.",
            )


def _numbers(net: Net, topology: Topology, problems: Problems) -> None:
    """Hosts whose id is beyond the last block, or beyond the last address of a segment that spans hosts."""
    if not (net.numbered and net.space and net.hosts):
        return
    last = max(sorted(net.hosts), key=topology.hosts.number)
    number = topology.hosts.number(last)
    for pool in net.pools:
        prefix = pool.prefix
        if pool.block is not None and number > pool.blocks:
            problems.error(
                "NC214",
                (*net.space.path, "per_host"),
                f"{prefix} has /{pool.block} blocks for ids 1 to {pool.blocks}, but host '{last}' has id {number}",
                "Choose smaller blocks (a longer prefix), a larger CIDR, or smaller ids.",
            )
        elif net.role is Role.BRIDGED and pool.block is None and prefix.first + number > prefix.usable.last:
            problems.error(
                "NC214",
                (*net.space.path, "cidr"),
                f"{prefix} has no address for host '{last}': its id is {number}",
                "Choose a larger CIDR, or smaller ids: on a bridged overlay a host's address is the base plus its id.",
            )


def _extent(prefix: Prefix) -> str:
    usable = prefix.usable
    return f"{format_address(prefix.family, usable.first)} to {format_address(prefix.family, usable.last)}"
