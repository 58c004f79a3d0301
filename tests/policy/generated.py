"""Random policies over a handful of endpoints, for properties that must hold of all."""

from ipaddress import ip_address, ip_network
from typing import Any

from hypothesis import strategies as st

from netctl.engine.resource import Origin
from netctl.policy.model import (
    Action,
    Connection,
    Endpoint,
    Failsafe,
    IcmpMatch,
    Peers,
    Policy,
    PolicySet,
    PortRange,
    Protocol,
    Rule,
)
from netctl.policy.ranges import first_of_family

NOWHERE = Origin("")
TIERS = ("first", "second", "default")
DEFAULT_ACTIONS = st.just(Action.ALLOW)
ACTIONS = st.sampled_from(Action)

_PREFIXES = (
    "10.0.0.0/30",
    "10.0.0.4/30",
    "10.0.1.0/24",
    "192.0.2.0/28",
    "10.64.0.0/10",
    "fd00::/126",
    "fd00::4/126",
    "fd00:1::/64",
)
_PORTS = (80, 81, 443)

_ranges = st.one_of(
    st.sampled_from(Protocol).map(PortRange),
    st.builds(
        lambda protocol, first, more: PortRange(protocol, first, first + more),
        st.sampled_from([Protocol.TCP, Protocol.UDP, Protocol.SCTP]),
        st.sampled_from(_PORTS),
        st.sampled_from([0, 0, 1, 400]),
    ),
)
_icmp = st.builds(IcmpMatch, st.sampled_from([8, 128, 3]), st.sampled_from([None, 0, 1]))
services = st.one_of(
    st.tuples(st.sampled_from([Protocol.TCP, Protocol.UDP, Protocol.SCTP]), st.sampled_from((*_PORTS, 444)), st.none()),
    st.tuples(st.just(Protocol.ICMP), st.just(0), st.one_of(st.none(), _icmp)),
)


@st.composite
def endpoint_maps(draw: st.DrawFn) -> dict[str, Endpoint]:
    """A few attachments on two hosts, the hosts, and an address elsewhere."""
    found: list[Endpoint] = []
    for number in range(draw(st.integers(1, 5))):
        host = draw(st.sampled_from(["a", "b"]))
        offset = draw(st.integers(1, 6))
        addresses = draw(st.sampled_from([("4",), ("6",), ("4", "6")]))
        known = {"4": f"10.0.{number % 2}.{number * 6 + offset}", "6": f"fd00:{number % 2:x}::{number * 6 + offset:x}"}
        ports = {"http": PortRange(Protocol.TCP, port, port)} if (port := draw(st.sampled_from([0, *_PORTS]))) else {}
        found.append(
            Endpoint(
                f"n/e{number}", "attachment", host, "n", tuple(known[key] for key in addresses), {}, ports,
                netns=draw(st.sampled_from([f"e{number}", "shared"])), masqueraded=draw(st.booleans()),
                spans_hosts=draw(st.booleans()),
            )
        )  # fmt: skip
    for host, number in (("a", 1), ("b", 2)):
        bridge = draw(st.sampled_from([(), ("10.0.0.3",), ("10.0.1.254", "10.0.0.254")]))
        addresses = (f"192.0.2.{number}", *bridge, *(("fd00:2::1", "fd00::3") if draw(st.booleans()) else ()))
        found.append(Endpoint(f"host/{host}", "host", host, "", addresses, {}))
    found.append(Endpoint("service/s/10.66.0.1", "address", draw(st.sampled_from(["", "b"])), "", ("10.66.0.1",), {}))
    return {end.name: end for end in sorted(found, key=lambda end: end.name)}


@st.composite
def policy_sets(draw: st.DrawFn, actions: st.SearchStrategy[Action] = ACTIONS) -> PolicySet:
    """Endpoints and policies over them, in the order of consultation."""
    endpoints = draw(endpoint_maps())
    names = sorted(endpoints)
    policies = [draw(_policies(names, endpoints, actions, f"p{number}")) for number in range(draw(st.integers(0, 5)))]
    policies.sort(key=lambda policy: TIERS.index(policy.tier))
    failsafe = Failsafe((PortRange(Protocol.TCP, 443, 443),), draw(st.sampled_from([(), (PortRange(Protocol.UDP),)])))
    inside = {"a": ("10.0.0.0/24", "fd00::/64"), "b": draw(st.sampled_from([(), ("10.0.0.0/16", "10.0.1.0/24")]))}
    overlays = {host: prefixes[: draw(st.integers(0, 1))] for host, prefixes in inside.items()}
    beyond = draw(st.lists(st.sampled_from(["0.0.0.0/0", "::/0"]), unique=True))
    sources = {end.host: (*_sources(end), *_beyond(end, beyond)) for end in endpoints.values() if end.kind == "host"}
    return PolicySet(endpoints, tuple(policies), TIERS, failsafe, inside, overlays, sources)


def _sources(host: Endpoint) -> tuple[tuple[str, str], ...]:
    """A host sends from each of its further addresses to what is near that."""
    further = [(text, 124 if ":" in text else 28) for text in host.addresses[1:]]
    return tuple((str(ip_network(pair, strict=False)), pair[0]) for pair in further)


def _beyond(host: Endpoint, prefixes: list[str]) -> tuple[tuple[str, str], ...]:
    """What a host sends from to everything else, by the families of these prefixes that it has an address of."""
    ways = ((prefix, first_of_family(host.addresses, 6 if ":" in prefix else 4)) for prefix in prefixes)
    return tuple((prefix, address) for prefix, address in ways if address)


@st.composite
def connections(draw: st.DrawFn, policies: PolicySet) -> Connection:
    """A connection between two of the endpoints."""
    source, destination = (draw(st.sampled_from(sorted(policies.endpoints))) for _ in range(2))
    return Connection(source, destination, *draw(services), family=draw(st.sampled_from([4, 6])))


@st.composite
def rules(draw: st.DrawFn, names: list[str], endpoints: Any, actions: st.SearchStrategy[Action] = ACTIONS) -> Rule:
    """A rule about some of the endpoints."""
    prefixes = tuple(
        sorted(draw(st.sets(st.sampled_from(_PREFIXES), max_size=2)), key=lambda text: (":" in text, ip_network(text)))
    )
    peers = draw(
        st.one_of(st.none(), st.builds(Peers, st.frozensets(st.sampled_from(names), max_size=3), st.just(prefixes)))
    )
    ports = draw(st.one_of(st.none(), st.lists(_ranges, max_size=2).map(tuple)))
    named = tuple((name, (end.ports["http"],)) for name, end in sorted(endpoints.items()) if "http" in end.ports)
    icmp = () if ports is None else tuple(draw(st.lists(_icmp, max_size=1)))
    kept = named if ports is not None and draw(st.booleans()) else ()
    return Rule(draw(actions), peers, ports, icmp, kept, NOWHERE)


@st.composite
def _policies(
    draw: st.DrawFn, names: list[str], endpoints: Any, actions: st.SearchStrategy[Action], name: str
) -> Policy:
    several = st.one_of(st.none(), st.lists(rules(names, endpoints, actions), max_size=3).map(tuple))
    return Policy(
        name,
        draw(st.sampled_from(TIERS)),
        draw(st.sampled_from([False, False, False, True])),
        draw(st.frozensets(st.sampled_from(names))),
        draw(several),
        draw(several),
        NOWHERE,
    )


def has_family(endpoint: Endpoint, family: int) -> bool:
    """Whether an endpoint has an address of a family."""
    return any(ip_address(text).version == family for text in endpoint.addresses)
