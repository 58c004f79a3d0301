"""The elements of sets: what endpoints contribute to them, worked out for all at once or for a few."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from netctl.compiler.enforcement.chains import service_element
from netctl.compiler.enforcement.lanes import FAMILIES, addresses_of
from netctl.compiler.enforcement.steps import LAST_PORT, named_key, peers_key, places_of, port_spans, rules_of
from netctl.compiler.prefixes import outermost
from netctl.kinds.nftables import Set
from netctl.policy.model import Direction, Endpoint, Peers, Policy, PortRange, Protocol, Rule

Classes = dict[Direction, dict[str, tuple[int, ...]]]
"""By direction, for each endpoint that policies govern, the places of these policies in their order."""
NamedPorts = tuple[tuple[str, tuple[PortRange, ...]], ...]

_ICMP = {4: "icmp", 6: "ipv6-icmp"}


class Definitions(NamedTuple):
    """What the keys in steps stand for."""

    peers: Mapping[str, Peers]
    named: Mapping[str, tuple[NamedPorts, ...]]


def definitions(policies: Iterable[Policy]) -> Definitions:
    """The peers and the named ports of all rules, by key."""
    peers: dict[str, Peers] = {}
    named: dict[str, dict[int, NamedPorts]] = {}
    for place, rule in places_of(policies):
        if rule.peers is not None:
            peers.setdefault(peers_key(place, rule.peers), rule.peers)
        if _has_names(rule):
            # Many rules share one tuple, which may be long: by its identity, each is read once.
            named.setdefault(named_key(place, rule), {})[id(rule.named_ports)] = rule.named_ports
    return Definitions(peers, {key: tuple(parts.values()) for key, parts in named.items()})


def classes_of(policies: Iterable[Policy], names: Iterable[str]) -> Classes:
    """Which policies govern each of the endpoints of these names."""
    found: dict[Direction, dict[str, list[int]]] = {direction: {} for direction in Direction}
    wanted = frozenset(names)
    for place, policy in enumerate(policies):
        chosen = policy.selected & wanted
        if not chosen:
            continue
        for direction, governed in found.items():
            if rules_of(policy, direction) is not None:
                for name in chosen:
                    governed.setdefault(name, []).append(place)
    return {direction: {name: tuple(places) for name, places in part.items()} for direction, part in found.items()}


def peer_addresses(names: Iterable[str], endpoints: Mapping[str, Endpoint], family: int) -> Iterator[str]:
    """The addresses of one family of the endpoints of these names."""
    for name in names:
        for address in endpoints[name].addresses:
            if (":" in address) == (family == 6):
                yield address


def prefix_elements(keys: Iterable[str], known: Definitions, family: int) -> frozenset[str]:
    """The prefixes of peers, as the elements of a set."""
    return frozenset(outermost((prefix for key in keys for prefix in known.peers[key].prefixes), family))


def named_set(name: str, key: str, family: int, known: Definitions, endpoints: Mapping[str, Endpoint]) -> Set:
    """The set of what named ports mean: destinations' addresses with protocol and port."""
    meant: dict[str, set[PortRange]] = {}
    for part in known.named[key]:
        for endpoint, ranges in part:
            meant.setdefault(endpoint, set()).update(ranges)
    elements = frozenset(
        element
        for endpoint, ranges in meant.items()
        for element in named_elements(endpoints[endpoint], frozenset(ranges), family)
    )
    flags = ("interval",) if any("-" in element for element in elements) else ()
    return Set(name, ADDRESS_KEY[family], (), flags, elements)


def named_elements(endpoint: Endpoint, ranges: frozenset[PortRange], family: int) -> list[str]:
    """What a destination's named ports are in a set."""
    return [
        f"{address} . {service}" for address in addresses_of(endpoint, family) for service in services(ranges, family)
    ]


@lru_cache(1024)  # endpoints have a few ports, and mostly the same
def services(ranges: frozenset[PortRange], family: int) -> tuple[str, ...]:
    """Ports as elements ``tcp . 80``; all of ICMP as any port of it, since its header is as long."""
    spans = port_spans(part for part in ranges if part.protocol is not Protocol.ICMP)
    found = [service_element(*span) for span in spans]
    if any(part.protocol is Protocol.ICMP for part in ranges):
        found.append(service_element(_ICMP[family], 0, LAST_PORT))
    return tuple(found)


ADDRESS_KEY = {family: (f"ipv{family}_addr", "inet_proto", "inet_service") for family in FAMILIES}


def _has_names(rule: Rule) -> bool:
    return rule.ports is not None and bool(rule.named_ports or rule.port_names)
