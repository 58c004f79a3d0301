"""Which address an endpoint, a bridge and a gateway has: worked out from the declaration alone.

An endpoint that declares no address of a family gets one by a hash of its network, namespace and interface (and, on
a segment that spans hosts, its host), so that every host works out the same plan and the order of declarations does
not matter. Where two hashes meet, an endpoint that is there already keeps its address (`netctl.compiler.held`), and
otherwise the one whose name sorts later takes the next that is free.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import accumulate
from types import MappingProxyType
from typing import NamedTuple

from netctl.compiler.hosts import Hosts
from netctl.compiler.prefixes import Prefix, Span, format_address
from netctl.compiler.subnets import Pool
from netctl.compiler.topology import Endpoint, Net, Role


class Local(NamedTuple):
    """What one family of a network is on one host."""

    prefix: Prefix
    bridge: int | None
    """The address of the host's bridge; None for a macvlan network, which has none."""
    gateway: int | None
    """What endpoints send everything through; None for a macvlan network whose gateway is not declared."""


class Slots:
    """Assignable addresses as one sequence, for an index to choose from."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._spans = spans
        self._firsts = [span.first for span in spans]
        self._ends = list(accumulate(span.size for span in spans))
        self.count = self._ends[-1] if self._ends else 0

    def __getitem__(self, index: int) -> int:
        at = bisect_right(self._ends, index)
        return self._spans[at].last - (self._ends[at] - 1 - index)

    def __contains__(self, address: int) -> bool:
        at = bisect_right(self._firsts, address) - 1
        return at >= 0 and address <= self._spans[at].last


def local_of(net: Net, pool: Pool, host: str, hosts: Hosts) -> Local:
    """The prefix, the bridge's address and the gateway of one family on *host*."""
    number = hosts.number(host)
    prefix = pool.on(number)
    if net.role is Role.MACVLAN:
        return Local(prefix, None, pool.gateway)
    if net.role is Role.BRIDGED:
        bridge = prefix.first + number
        return Local(prefix, bridge, bridge if pool.gateway is None else pool.gateway)
    gateway = prefix.first_usable if pool.gateway is None else pool.gateway
    return Local(prefix, gateway, gateway)


def occupied(net: Net, pool: Pool, prefix: Prefix, hosts: Hosts) -> set[int]:
    """Addresses of a segment that no endpoint can have: gateways, the bridges' and the hosts' own."""
    first = prefix.first_usable if pool.gateway is None else pool.gateway
    taken = set(hosts.addresses_in(prefix))
    if net.role is not Role.BRIDGED:
        return taken | {first}
    taken.update(prefix.first + hosts.number(host) for host in net.hosts)
    return taken if pool.gateway is None else taken | {pool.gateway}


def addresses_on(net: Net, host: str, hosts: Hosts) -> dict[tuple[str, str], tuple[str, ...]]:
    """The addresses, with prefix length, of each endpoint (namespace, interface) of *net* on *host*."""
    here = [endpoint for endpoint in net.endpoints if host in endpoint.hosts]
    if not here:
        return {}
    found: dict[tuple[str, str], list[str]] = {(end.spec.netns, end.spec.interface): [] for end in here}
    for pool in net.pools:
        prefix = pool.on(hosts.number(host))
        chosen = _choose(net, pool, prefix, host, hosts)
        for end in here:
            values = _declared(end, prefix.family) or [chosen[_identity(net, end, host)]]
            texts = [f"{format_address(prefix.family, value)}/{prefix.length}" for value in values]
            found[end.spec.netns, end.spec.interface] += texts
    return {name: tuple(addresses) for name, addresses in found.items()}


def placed(net: Net, hosts: Hosts, only: str | None = None) -> Iterator[tuple[Endpoint, str, tuple[str, ...]]]:
    """Each endpoint of *net* on each host that it is on, with its addresses there: without prefix length, IPv4 first.

    The work grows with the endpoints, not with the hosts; where *only* one host is asked for, with its own. The stack
    has been checked: no pool is exhausted.
    """
    for part, names in _parts(net):
        if only is not None and only not in names:
            continue
        pools = [(pool, pool.on(hosts.number(names[0]))) for pool in net.pools]
        chosen = [(prefix.family, _choose(part, pool, prefix, names[0], hosts)) for pool, prefix in pools]
        for end in part.endpoints:
            for host in sorted(end.hosts.intersection(names if only is None else (only,))):
                yield end, host, tuple(_addresses(net, end, host, chosen))


def _parts(net: Net) -> Iterator[tuple[Net, list[str]]]:
    """The endpoints that share a segment, and its hosts."""
    if net.shared:
        if net.endpoints and net.hosts:
            yield net, sorted(net.hosts)
        return
    found: dict[str, list[Endpoint]] = {}
    for end in net.endpoints:
        for host in end.hosts:
            found.setdefault(host, []).append(end)
    for host in sorted(found):
        yield net._replace(endpoints=tuple(found[host])), [host]


def _addresses(net: Net, end: Endpoint, host: str, chosen: list[tuple[int, dict[str, int]]]) -> Iterator[str]:
    for family, values in chosen:
        for value in _declared(end, family) or [values[_identity(net, end, host)]]:
            yield format_address(family, value)


def assign(
    identities: Iterable[str], slots: Slots, taken: set[int], held: Mapping[str, Sequence[int]] = MappingProxyType({})
) -> dict[str, int]:
    """An address for each identity, none of them in *taken*; those for which none is left are missing.

    One that has *held* an address keeps it; the others take what is left.
    """
    waiting = sorted(identities)
    used = set(taken)
    chosen: dict[str, int] = {}
    for identity in waiting if held else ():
        kept = next((address for address in held.get(identity, ()) if address in slots and address not in used), None)
        if kept is not None:
            used.add(kept)
            chosen[identity] = kept
    for identity in waiting:
        if identity in chosen:
            continue
        start = int.from_bytes(sha256(identity.encode()).digest()[:16], "big")
        for step in range(min(slots.count, len(used) + 1)):
            address = slots[(start + step) % slots.count]
            if address not in used:
                used.add(address)
                chosen[identity] = address
                break
    return chosen


def _choose(net: Net, pool: Pool, prefix: Prefix, host: str, hosts: Hosts) -> dict[str, int]:
    taken = occupied(net, pool, prefix, hosts)
    pending: list[str] = []
    held: dict[str, list[int]] = {}
    for end in net.endpoints:
        where = end.hosts if net.shared else end.hosts & {host}
        declared = _declared(end, prefix.family) if where else []
        taken.update(declared)
        for identity in () if declared else [_identity(net, end, name) for name in where]:
            pending.append(identity)
            if end.held:
                held[identity] = [value for family, value in end.held if family == prefix.family]
    return assign(pending, Slots(pool.assignable(prefix)), taken, held) if pending else {}


def _declared(end: Endpoint, family: int) -> list[int]:
    return [value for kind, value in end.addresses if kind == family]


def _identity(net: Net, end: Endpoint, host: str) -> str:
    parts = (net.name, end.spec.netns, end.spec.interface)
    return "\0".join((*parts, host) if net.shared else parts)
