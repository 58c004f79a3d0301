"""Endpoints: addresses that they cannot have, pools that are exhausted, what two of them claim."""

from collections.abc import Iterator

from netctl.compiler.addressing import Slots, local_of, occupied
from netctl.compiler.checks.occupancy import Occupancy, spell
from netctl.compiler.hosts import Hosts
from netctl.compiler.places import Problems
from netctl.compiler.prefixes import Prefix, format_address
from netctl.compiler.subnets import Pool
from netctl.compiler.topology import Endpoint, Net, Role, Topology


def check_endpoints(topology: Topology, problems: Problems) -> None:
    """Declared addresses and MACs, exhausted pools, namespaces that get one interface or default route twice."""
    attached: Occupancy[tuple[str, str]] = Occupancy()
    routed: Occupancy[tuple[str, int]] = Occupancy()
    for net in topology.nets:
        if net.endpoints:
            _addresses(net, topology.hosts, problems)
            _exhaustion(net, topology.hosts, problems)
            _macs(net, problems)
            _interfaces(net, attached, problems)
            _default_routes(net, routed, problems)


def _addresses(net: Net, hosts: Hosts, problems: Problems) -> None:
    used: Occupancy[tuple[int, int]] = Occupancy()
    for end in net.endpoints:
        for family, value in end.addresses:
            mistake = _mistake(net, end, family, value, hosts)
            if mistake is not None:
                problems.error(mistake[0], (*end.path, "address"), *mistake[1:])
                continue
            earlier = used.take((family, value), frozenset({""}) if net.shared else end.hosts, end.path)
            if earlier is not None:
                problems.error(
                    "NC222",
                    (*end.path, "address"),
                    f"address {format_address(family, value)} is given twice in {net.label}, first by {spell(earlier)}",
                    "Give each endpoint an address of its own, or leave one out to have it assigned.",
                )


def _mistake(net: Net, end: Endpoint, family: int, value: int, hosts: Hosts) -> tuple[str, str, str] | None:
    """The code, message and advice of what is wrong with one declared address."""
    address = format_address(family, value)
    if net.space is None:
        return _no_subnet(net, address)
    pool = next((pool for pool in net.pools if pool.prefix.family == family), None)
    if pool is None or not pool.prefix.holds(family, value):
        cidrs = " and ".join(net.space.subnet.cidr)
        return "NC220", f"address {address} is outside {net.space.label} ({cidrs})", "Choose an address within it."
    if len(end.hosts) > 1 and (net.shared or pool.block is not None):
        return (
            "NC224",
            f"address {address} is given on {len(end.hosts)} hosts at once",
            "Name one host in this attachment's 'hosts:', or leave the address out to have one assigned on each.",
        )
    for host in end.hosts:
        if (mistake := _mistake_on(net, pool, host, value, hosts)) is not None:
            return mistake
        if pool.block is None:
            break
    return None


def _no_subnet(net: Net, address: str) -> tuple[str, str, str] | None:
    if net.spec.subnet is not None:
        return None
    return (
        "NC220",
        f"address {address} is given, but {net.label} has no subnet",
        "Give the network a 'subnet:'; it tells the prefix length and the gateway.",
    )


def _mistake_on(net: Net, pool: Pool, host: str, value: int, hosts: Hosts) -> tuple[str, str, str] | None:
    """What is wrong with a declared address that lies in the subnet, on one of its endpoint's hosts."""
    if _unnumbered(pool, host, hosts):
        return None
    prefix = pool.on(hosts.number(host))
    address = format_address(prefix.family, value)
    advice = "Choose another address, or leave it out to have one assigned."
    if not prefix.holds(prefix.family, value):
        return (
            "NC220",
            f"address {address} is outside {prefix}, the block of host '{host}'",
            "Choose an address within the block, or attach the endpoint on the host that has the address's block.",
        )
    if not prefix.usable.first <= value <= prefix.usable.last:
        return "NC221", f"address {address} is the network or broadcast address of {prefix}", advice
    if any(first <= value <= last for first, last in pool.reserved):
        return "NC221", f"address {address} is in a reserved range of {prefix}", advice
    if value in _gateways(net, pool, prefix, host, hosts):
        return "NC221", f"address {address} is a gateway of {net.label}", advice
    if value in hosts.addresses_in(prefix):
        return "NC221", f"address {address} is a host's own", advice
    return None


def _gateways(net: Net, pool: Pool, prefix: Prefix, host: str, hosts: Hosts) -> set[int]:
    if net.role is Role.BRIDGED:
        return occupied(net, pool, prefix, hosts)
    gateway = local_of(net, pool, host, hosts).gateway
    return set() if gateway is None else {gateway}


def _unnumbered(pool: Pool, host: str, hosts: Hosts) -> bool:
    """Whether the host's block is unknown for want of an id, or not there; that is reported elsewhere."""
    return pool.block is not None and not 0 < hosts.number(host) <= pool.blocks


def _exhaustion(net: Net, hosts: Hosts, problems: Problems) -> None:
    for pool in net.pools:
        if _has_room(net, pool, hosts):
            continue
        for segment in _segments(net, pool, hosts):
            wanted, free = _demand(net, pool, segment, hosts)
            if wanted > free:
                prefix = pool.on(hosts.number(min(segment)))
                where = f" on host '{min(segment)}'" if len(segment) == 1 and hosts.declared else ""
                problems.error(
                    "NC223",
                    (*net.path, "attach"),
                    f"{prefix} has {free} address{'es' * (free != 1)} to assign, but {wanted} of the endpoints of "
                    f"{net.label}{where} need one",
                    "Choose a larger subnet (or 'per_host' blocks), widen 'range', or reserve fewer addresses.",
                )
                break


def _has_room(net: Net, pool: Pool, hosts: Hosts) -> bool:
    """Whether no host can run short, judged by counting alone: true for all but nearly full pools."""
    if pool.ranges:
        return False
    usable = pool.on(0).usable.size
    gone = sum(span.size for span in pool.reserved) + len(hosts.addresses_in(pool.prefix)) + 1
    ends = sum(len(end.hosts) for end in net.endpoints) if net.shared else len(net.endpoints)
    bridges = len(net.hosts) if net.role is Role.BRIDGED else 0
    declared = sum(len(end.addresses) for end in net.endpoints)
    return ends + declared + bridges + gone <= usable


def _segments(net: Net, pool: Pool, hosts: Hosts) -> Iterator[frozenset[str]]:
    if net.shared:
        yield net.hosts
    else:
        for host in sorted(net.hosts):
            if not _unnumbered(pool, host, hosts):
                yield frozenset({host})


def _demand(net: Net, pool: Pool, segment: frozenset[str], hosts: Hosts) -> tuple[int, int]:
    """How many endpoints of a segment need an address to be assigned, and how many addresses there are for them."""
    prefix = pool.on(hosts.number(min(segment))) if segment else pool.prefix
    taken = occupied(net, pool, prefix, hosts)
    wanted = 0
    for end in net.endpoints:
        here = len(end.hosts & segment)
        declared = [value for family, value in end.addresses if family == prefix.family]
        if here and declared:
            taken.update(declared)
        else:
            wanted += here
    slots = Slots(pool.assignable(prefix))
    return wanted, slots.count - sum(address in slots for address in taken)


def _macs(net: Net, problems: Problems) -> None:
    used: Occupancy[str] = Occupancy()
    for end in net.endpoints:
        mac = end.spec.mac
        if mac is None:
            continue
        earlier = used.take(mac, frozenset({""}) if net.shared else end.hosts, end.path)
        if earlier is not None or (net.shared and len(end.hosts) > 1):
            twice = f"first by {spell(earlier)}" if earlier is not None else f"on {len(end.hosts)} hosts"
            problems.error(
                "NC227",
                (*end.path, "mac"),
                f"MAC address {mac} is given twice in {net.label}, {twice}",
                "Give each endpoint a MAC address of its own, or leave it out to have one derived.",
            )


def _interfaces(net: Net, attached: Occupancy[tuple[str, str]], problems: Problems) -> None:
    for end in net.endpoints:
        earlier = attached.take((end.spec.netns, end.spec.interface), end.hosts, end.path)
        if earlier is not None:
            problems.error(
                "NC225",
                end.path,
                f"interface '{end.spec.interface}' of namespace '{end.spec.netns}' is attached already, "
                f"by {spell(earlier)}",
                "Give this attachment another 'interface:', or choose different 'hosts:'.",
            )


def _default_routes(net: Net, routed: Occupancy[tuple[str, int]], problems: Problems) -> None:
    families = net.default_route_families
    for end in net.endpoints if families else ():
        earlier = [
            path
            for family in families
            if end.spec.default_route
            and (path := routed.take((end.spec.netns, family), end.hosts, end.path)) is not None
        ]
        if earlier:
            problems.error(
                "NC226",
                end.path,
                f"namespace '{end.spec.netns}' gets a second default route; the first is by {spell(earlier[0])}",
                "Say 'default_route: false' on all but one of the namespace's attachments.",
            )
