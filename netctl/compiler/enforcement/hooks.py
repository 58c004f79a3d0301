"""Where packets are judged: the base chains, of which there are four at most, each with a fixed number of rules.

``egress`` (prerouting) has everything that endpoints send, whether it is routed, bridged or for the host itself;
``ingress`` (postrouting) everything that is sent to endpoints, also by the host. Both see true addresses: destination
translation comes before, source translation after them. ``host-ingress`` (input) and ``host-egress`` (output) are the
host's own traffic.

Always accepted are the answers to what was judged, ICMP errors about it, and neighbour discovery, without which IPv6
does not work at all. To have the answers told from the rest, the kernel follows connections.
"""

from collections.abc import Iterable, Iterator, Mapping

from netctl.compiler.enforcement.lanes import FAMILIES, LANES, VERSION, Lane
from netctl.kinds.nftables import Chain, Counter, Lookup, Match, Rule, Set, Verdict, VerdictMap, rule
from netctl.policy.model import Direction

DISCOVERY = Set(
    "neighbour-discovery",
    ("icmpv6_type",),
    elements=frozenset(map(str, (130, 131, 132, 133, 134, 135, 136, 137, 143))),
)
"""ICMPv6 that no policy is about: neighbour discovery (RFC 4861) and multicast listeners (RFC 2710, RFC 3810)."""
_HOOKS = {Direction.EGRESS: "prerouting", Direction.INGRESS: "postrouting"}
_HOST_HOOKS = {Direction.INGRESS: "input", Direction.EGRESS: "output"}
_LOOPBACK = {Direction.INGRESS: "iifname", Direction.EGRESS: "oifname"}
_ACCEPT = Verdict("accept")


def link_local_set(direction: Direction) -> str:
    """The name of the set of link-local addresses of endpoints that policies govern."""
    return f"link-local-{direction}"


def failsafe_set(direction: Direction) -> str:
    """The name of the set of ports that no policy of the host closes."""
    return f"failsafe-{direction}"


def local_map(lane: Lane) -> str:
    """The name of the map of addresses that are the host's own and an endpoint's."""
    return f"local-{lane}"


def endpoint_chains() -> Iterator[Chain]:
    """The base chains for what endpoints send and what is sent to them."""
    for direction, hook in _HOOKS.items():
        rules: list[Rule] = list(_always())
        for family in FAMILIES:
            lane = Lane(direction, family)
            if family == 6:
                # Nobody names endpoints by these addresses, so that no policy can allow them.
                unnamed = Lookup((lane.own,), link_local_set(direction))
                rules.append(rule(VERSION[6], unnamed, Counter(), Verdict("drop")))
            rules.append(rule(VERSION[family], VerdictMap((lane.own,), str(lane))))
        yield _base(direction, hook, rules)


def host_chains(hosts: Mapping[Lane, str], local: Iterable[Lane]) -> Iterator[Chain]:
    """The base chains for the host's own traffic: by *hosts* the chains of its policies, and the *local* maps."""
    held = set(local)
    for direction, hook in _HOST_HOOKS.items():
        lanes = [lane for lane in LANES if lane.direction is direction]
        judging = [
            rule(VERSION[lane.family], VerdictMap((lane.own,), local_map(lane))) for lane in lanes if lane in held
        ]
        if any(lane in hosts for lane in lanes):
            judging.append(rule(Lookup(("meta l4proto", "th dport"), failsafe_set(direction)), _ACCEPT))
            judging += [rule(VERSION[lane.family], Verdict("jump", hosts[lane])) for lane in lanes]
        if judging:
            alone = rule(Match(_LOOPBACK[direction], "lo"), _ACCEPT)
            yield _base(f"host-{direction}", hook, [alone, *_always(), *judging])


def _always() -> Iterator[Rule]:
    yield rule(Match("ct direction", "reply"), _ACCEPT)
    for protocol in ("icmp", "ipv6-icmp"):
        yield rule(Match("ct state", "related"), Match("meta l4proto", protocol), _ACCEPT)
    discovery = Lookup(("icmpv6 type",), DISCOVERY.name)
    yield rule(VERSION[6], Match("meta l4proto", "ipv6-icmp"), discovery, _ACCEPT)


def _base(name: str, hook: str, rules: list[Rule]) -> Chain:
    return Chain(name, tuple(rules), "filter", hook, 0, "accept")
