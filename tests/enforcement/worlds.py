"""Endpoints and policies made up by chance, as they come from the language: resolved."""

from collections.abc import Sequence

from hypothesis import strategies as st

from netctl.engine.resource import Origin
from netctl.policy.model import (
    Action,
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

HOST = "node1"
ELSEWHERE = "node2"
NO_FAILSAFE = Failsafe((), ())
ORIGIN = Origin("policies")
OUTSIDERS = ("192.0.2.77", "10.9.0.5", "2001:db8::77")
"""Addresses that are no endpoint's."""

PREFIXES = (
    "10.0.0.0/29",
    "10.0.0.8/31",
    "10.9.0.0/16",
    "192.0.2.0/24",
    "0.0.0.0/0",
    "fd00::/125",
    "2001:db8::/32",
    "::/0",
)
RANGES = (
    PortRange(Protocol.TCP, 80, 80),
    PortRange(Protocol.TCP, 81, 81),
    PortRange(Protocol.TCP, 80, 90),
    PortRange(Protocol.TCP),
    PortRange(Protocol.UDP, 80, 80),
    PortRange(Protocol.UDP, 53, 54),
    PortRange(Protocol.UDP),
    PortRange(Protocol.SCTP, 80, 80),
    PortRange(Protocol.ICMP),
)
MESSAGES = (IcmpMatch(8), IcmpMatch(8, 0), IcmpMatch(128), IcmpMatch(3, 4), IcmpMatch(3), IcmpMatch(13, 0))
NAMES = {"http": (RANGES[0], RANGES[2], RANGES[4]), "dns": (RANGES[5], RANGES[7])}
TIERS = ("first", "second", "default")


@st.composite
def worlds(draw: st.DrawFn, most: int = 16) -> PolicySet:
    """Up to six endpoints on two hosts, the hosts, and up to *most* policies."""
    count = draw(st.integers(1, 6))
    found = [draw(_endpoint(number)) for number in range(count)]
    found += [
        Endpoint(f"host/{HOST}", "host", HOST, "", ("192.0.2.1", "fd00::1"), {}),
        Endpoint(f"host/{ELSEWHERE}", "host", ELSEWHERE, "", ("192.0.2.2",), {}),
    ]
    endpoints = {end.name: end for end in sorted(found)}
    plain = draw(st.booleans())
    policies = [draw(_policy(f"p{number}", endpoints, plain=plain)) for number in range(draw(st.integers(0, most)))]
    ordered = sorted(policies, key=lambda policy: TIERS.index(policy.tier))
    failsafe = draw(st.sampled_from([NO_FAILSAFE, Failsafe(RANGES[1:2], RANGES[5:6])]))
    return PolicySet(endpoints, tuple(ordered), TIERS, failsafe)


@st.composite
def _endpoint(draw: st.DrawFn, number: int) -> Endpoint:
    host = draw(st.sampled_from([HOST, HOST, ELSEWHERE]))
    four, six = f"10.0.0.{number + 2}", f"fd00::{number + 2}"
    addresses = draw(st.sampled_from([(four, six), (four,), (six,), (four, f"10.0.1.{number + 2}")]))
    ports = {name: draw(st.sampled_from(ranges)) for name, ranges in NAMES.items() if draw(st.booleans())}
    kind = draw(st.sampled_from(["attachment", "attachment", "attachment", "address"]))
    attached = kind == "attachment"
    return Endpoint(
        f"net/e{number}" if attached else f"service/s/e{number}",
        kind,
        host,
        "net",
        addresses,
        {},
        ports,
        interface=f"veth{number}" if attached else "",
        mac=f"02:00:00:00:00:{number + 2:02x}" if attached else "",
        netns=f"e{number}" if attached else "",
        anti_spoofing=draw(st.booleans()),
    )


@st.composite
def _policy(draw: st.DrawFn, name: str, endpoints: dict[str, Endpoint], *, plain: bool) -> Policy:
    """A policy; a *plain* one only allows somebody, and shares its tier with all others."""
    selected = draw(st.frozensets(st.sampled_from(sorted(endpoints)), min_size=1))
    governs = draw(st.sampled_from([(True, True), (True, False), (False, True)]))
    tier = TIERS[-1] if plain else draw(st.sampled_from(TIERS))
    staged = not plain and draw(st.integers(0, 5)) == 0
    actions = [Action.ALLOW] if plain else [Action.ALLOW, Action.ALLOW, Action.DENY, Action.LOG, Action.PASS]
    sides = [
        tuple(draw(st.lists(_rule(endpoints, selected, actions, ingress=ingress), max_size=4))) if governed else None
        for ingress, governed in zip((True, False), governs, strict=True)
    ]
    return Policy(name, tier, staged, selected, sides[0], sides[1], ORIGIN)


@st.composite
def _rule(
    draw: st.DrawFn, endpoints: dict[str, Endpoint], selected: frozenset[str], actions: list[Action], *, ingress: bool
) -> Rule:
    ports = draw(st.none() | st.lists(st.sampled_from(RANGES), max_size=3).map(tuple))
    may_be_all = len(actions) > 1 or ports is not None
    peers = draw(_peers(endpoints) | st.none() if may_be_all else _peers(endpoints))
    icmp: tuple[IcmpMatch, ...] = ()
    names: tuple[str, ...] = ()
    if ports is not None:
        icmp = draw(st.lists(st.sampled_from(MESSAGES), max_size=3).map(tuple))
        names = draw(st.sampled_from([(), (), ("http",), ("dns", "http")]))
    named = _named(endpoints, selected if ingress else _reached(peers, endpoints), names)
    action = draw(st.sampled_from(actions))
    return Rule(action, peers, ports, icmp, named, ORIGIN, "", names if draw(st.booleans()) else ())


@st.composite
def _peers(draw: st.DrawFn, endpoints: dict[str, Endpoint]) -> Peers:
    names = draw(st.frozensets(st.sampled_from(sorted(endpoints))))
    prefixes = tuple(sorted(draw(st.sets(st.sampled_from(PREFIXES)))))
    kept = tuple(one for one in prefixes if not any(one != other and _within(one, other) for other in prefixes))
    definition = draw(st.sampled_from(["", f"{sorted(names)} {kept}"]))
    return Peers(names, kept, definition)


def _within(one: str, other: str) -> bool:
    return other in {"0.0.0.0/0", "::/0"} and (":" in one) == (":" in other)


def _reached(peers: Peers | None, endpoints: dict[str, Endpoint]) -> Sequence[str]:
    if peers is None or peers.prefixes:
        return sorted(endpoints)
    return sorted(peers.endpoints)


def _named(
    endpoints: dict[str, Endpoint], destinations: Sequence[str] | frozenset[str], names: tuple[str, ...]
) -> tuple[tuple[str, tuple[PortRange, ...]], ...]:
    found = (
        (name, tuple(sorted({endpoints[name].ports[port] for port in names if port in endpoints[name].ports})))
        for name in sorted(destinations)
    )
    return tuple((name, ranges) for name, ranges in found if ranges)
