"""Resolved policies to what one host's kernel holds."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from netctl.compiler.enforcement.chains import Chains
from netctl.compiler.enforcement.hooks import (
    DISCOVERY,
    endpoint_chains,
    failsafe_set,
    host_chains,
    link_local_set,
    local_map,
)
from netctl.compiler.enforcement.lanes import ADDRESS_TYPE, FAMILIES, LANES, Lane, addresses_of
from netctl.compiler.enforcement.members import (
    Classes,
    classes_of,
    definitions,
    named_set,
    peer_addresses,
    prefix_elements,
    services,
)
from netctl.compiler.enforcement.spoofing import guard, link_local
from netctl.kinds.nftables import Chain, Set, Table
from netctl.policy.model import Direction, Endpoint, Failsafe, PolicySet

HOST, ADDRESS, CONTAINER = "host", "address", "container"


class Enforcement(NamedTuple):
    """What judges packets on one host."""

    sets: tuple[Set, ...] = ()
    """Of the stack's table; sorted by name."""
    chains: tuple[Chain, ...] = ()
    """Of the stack's table; sorted by name."""
    guard: Table | None = None
    """The stack's table of family ``bridge``, against spoofed sources."""
    governed: frozenset[str] = frozenset()
    """The endpoints here that a policy governs."""
    networks: frozenset[str] = frozenset()
    """Those whose bridge has to hand frames to IPv4 and IPv6 filtering (``nf_call_iptables``, ``nf_call_ip6tables``),
    so that what stays on the bridge is judged, too."""
    unreachable: tuple[str, ...] = ()
    """Governed endpoints whose traffic does not pass the host's IP filtering: macvlans."""
    peers: Mapping[str, tuple[int, tuple[str, ...]]] = {}
    """The sets of peers' addresses: the family, and the keys of the peers in it."""
    prefixes: Mapping[str, tuple[int, tuple[str, ...]]] = {}
    named: Mapping[str, tuple[int, str]] = {}


def enforce(policies: PolicySet, host: str, stack: str) -> Enforcement:
    """What enforces the policies on a host (empty where the stack declares none).

    A stack without policies is only guarded against spoofing. Everything but the elements of sets depends on how
    policies and endpoints are declared alone, not on which endpoints there are.
    """
    local = {name: end for name, end in policies.endpoints.items() if end.host == host}
    classes = classes_of(policies.policies, local)
    governed = frozenset(name for part in classes.values() for name in part)
    judgement = _Judgement(policies, stack, local, classes)
    judgement.compile()
    here = [local[name] for name in governed if local[name].kind != HOST]
    return Enforcement(
        tuple(judgement.sets[name] for name in sorted(judgement.sets)),
        tuple(judgement.chains.chains[name] for name in sorted(judgement.chains.chains)),
        guard(local.values(), stack),
        governed,
        frozenset(end.network for end in here if end.network and not is_unreachable(end)),
        tuple(sorted(end.name for end in here if is_unreachable(end))),
        judgement.chains.peers,
        judgement.chains.prefixes,
        judgement.chains.named,
    )


def is_unreachable(endpoint: Endpoint) -> bool:
    """Whether an endpoint's traffic does not pass the host's IP filtering."""
    return endpoint.kind not in {HOST, ADDRESS, CONTAINER} and not endpoint.interface


def judged_elements(
    endpoint: Endpoint, direction: Direction, places: tuple[int, ...], chains: Chains
) -> Iterator[tuple[str, str]]:
    """What a governed endpoint is in the maps and sets that packets are first looked up in: set and element."""
    for family in FAMILIES:
        addresses = addresses_of(endpoint, family)
        if not addresses:
            continue
        lane = Lane(direction, family)
        verdict = f"jump {chains.of_class(places, lane)}"
        for address in addresses:
            element = f"{address} : {verdict}"
            yield str(lane), element
            if endpoint.kind == ADDRESS:
                yield local_map(lane), element
    if endpoint.interface and endpoint.mac:
        yield link_local_set(direction), link_local(endpoint.mac)


def unambiguous(classes: Mapping[str, tuple[int, ...]], local: Mapping[str, Endpoint]) -> dict[str, tuple[int, ...]]:
    """The classes of endpoints; those that share an address are governed by the policies of all of them."""
    first: dict[str, str] = {}
    shared: dict[str, set[str]] = {}
    for name in classes:
        if local[name].kind != HOST:
            for address in local[name].addresses:
                holder = first.setdefault(address, name)
                if holder is not name:
                    shared.setdefault(address, {holder}).add(name)
    found = dict(classes)
    for names in shared.values():
        places = tuple(sorted({place for name in names for place in found[name]}))
        found.update(dict.fromkeys(names, places))
    return found


class _Judgement:
    """Works out the sets and chains of the stack's table."""

    def __init__(self, policies: PolicySet, stack: str, local: Mapping[str, Endpoint], classes: Classes) -> None:
        self.policies = policies
        self.local = local
        self.classes = classes
        self.chains = Chains(policies.policies, stack)
        self.sets: dict[str, Set] = {}
        self._elements: dict[str, set[str]] = {}

    def compile(self) -> None:
        """Fill `sets` and `chains`."""
        hosts = {end.name for end in self.local.values() if end.kind == HOST}
        own: dict[Lane, str] = {}
        for direction, classes in self.classes.items():
            for name, places in unambiguous(classes, self.local).items():
                if name in hosts:
                    lanes = (Lane(direction, family) for family in FAMILIES)
                    own.update({lane: self.chains.of_class(places, lane) for lane in lanes})
                    continue
                for set_, element in judged_elements(self.local[name], direction, places, self.chains):
                    self._elements.setdefault(set_, set()).add(element)
        self._add_hooks(own, any(name not in hosts for part in self.classes.values() for name in part))
        self._add_definitions()

    def _add_hooks(self, own: Mapping[Lane, str], judged: bool) -> None:
        held = [lane for lane in LANES if local_map(lane) in self._elements]
        if judged:
            self._add_chains(endpoint_chains())
            for lane in LANES:
                self._add(_verdicts(str(lane), lane))
            for direction in Direction:
                self._add(Set(link_local_set(direction), ("ipv6_addr",)))
        for lane in held:
            self._add(_verdicts(local_map(lane), lane))
        if own or held:
            self._add_chains(host_chains(own, held))
        for direction in {lane.direction for lane in own}:
            self.sets[failsafe_set(direction)] = _failsafe(direction, self.policies.failsafe)
        if own or judged:
            self._add(DISCOVERY)

    def _add_definitions(self) -> None:
        known = definitions(self.policies.policies)
        endpoints = self.policies.endpoints
        self.sets.update(self.chains.sets)
        for name, (family, keys) in self.chains.peers.items():
            members = known.peers[keys[0]].endpoints.union(*(known.peers[key].endpoints for key in keys[1:]))
            elements = frozenset(peer_addresses(members, endpoints, family))
            self._add(Set(name, (ADDRESS_TYPE[family],), elements=elements))
        for name, (family, keys) in self.chains.prefixes.items():
            self._add(Set(name, (ADDRESS_TYPE[family],), (), ("interval",), prefix_elements(keys, known, family)))
        for name, (family, key) in self.chains.named.items():
            self._add(named_set(name, key, family, known, endpoints))

    def _add(self, declared: Set) -> None:
        found = self._elements.get(declared.name)
        self.sets[declared.name] = declared if found is None else declared._replace(elements=frozenset(found))

    def _add_chains(self, chains: Iterable[Chain]) -> None:
        self.chains.chains.update({chain.name: chain for chain in chains})


def _verdicts(name: str, lane: Lane) -> Set:
    return Set(name, (ADDRESS_TYPE[lane.family],), ("verdict",))


def _failsafe(direction: Direction, failsafe: Failsafe) -> Set:
    ranges = failsafe.ingress if direction is Direction.INGRESS else failsafe.egress
    elements = frozenset(element for family in FAMILIES for element in services(frozenset(ranges), family))
    return Set(failsafe_set(direction), ("inet_proto", "inet_service"), (), ("interval",), elements)
