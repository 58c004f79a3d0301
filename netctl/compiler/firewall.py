"""The stack's nftables tables, and the acceptance of its traffic where another tool drops what it does not know.

What the rules mean, for the *segments* (local legs of networks and overlays) of one host:

Masquerading
    What comes from the prefixes of a masqueraded segment takes the host's address when it leaves the stack: not on the
    way to any segment of the stack, nor back out of the segment's own interface; nor, for an overlay's own prefixes, to
    the remote part of an overlay. Between segments the true source stays visible, because policies select by it, and
    because both ends can answer. What is on another host cannot answer a network of this one, so that to the remote
    part of an overlay a network's packets take the host's address there.

Internal segments
    Nothing is forwarded into or out of one. An overlay's traffic among its own addresses passes, whichever interface
    it takes (the tunnel, or the underlay where a peer is reached directly).

Isolated segments
    Nothing is forwarded between one and any other segment of the stack; everything else is.

Networks are elements of sets. The number of rules does not grow with them, so that another network is an element more,
and no packet passes more rules for it. A forbidden packet is dropped in the stack's own table. An accepting verdict
there would not overrule another table's drop, so acceptance goes to the dropping chain itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from netctl.compiler.balancing.tables import Balancing
from netctl.compiler.enforcement import Enforcement
from netctl.compiler.prefixes import outermost
from netctl.engine.facts import Facts, ForwardDrop
from netctl.engine.resource import Desired, Origin
from netctl.kinds.nftables import (
    BRIDGE,
    Chain,
    Counter,
    ForeignRule,
    Lookup,
    Masquerade,
    Match,
    Rule,
    Set,
    Verdict,
    own_table,
    rule,
    rule_key,
    table_key,
)

_FAMILIES = (4, 6)
_IP = {4: "ip", 6: "ip6"}
_ADDRESS = {4: "ipv4_addr", 6: "ipv6_addr"}
_FENCE = Verdict("jump", "fence")


class Segment(NamedTuple):
    """The local leg of a network or an overlay, as the firewall sees it."""

    interface: str
    """The bridge."""
    prefixes: tuple[str, ...]
    """The segment's own, IPv4 and IPv6; of a routed overlay, this host's blocks."""
    cluster: tuple[str, ...] = ()
    """An overlay's prefixes over all hosts; empty for a network."""
    here: tuple[str, ...] = ()
    """Of an overlay's prefixes, what is on this host."""
    masquerade: bool = False
    internal: bool = False
    isolated: bool = False
    extra_interfaces: tuple[str, ...] = ()
    """Others that the segment's own traffic takes: the tunnel."""
    origin: Origin = Origin("")

    @property
    def interfaces(self) -> tuple[str, ...]:
        """All of its own."""
        return (self.interface, *self.extra_interfaces)


def compile_firewall(
    stack: str,
    segments: Sequence[Segment],
    facts: Facts | None,
    enforcement: Enforcement | None = None,
    balancing: Balancing | None = None,
) -> Iterator[Desired]:
    """The stack's tables, unless nothing needs one, and a rule for each segment and direction in each dropping chain.

    Without *facts* no chain is known to drop. Policies have chains of their own, so that a packet has to pass both.
    Virtual addresses have theirs, which come before.
    """
    chains = [chain for chain in (_postrouting(segments), _forward(segments), _fence(segments)) if chain.rules]
    judgement = enforcement or Enforcement()
    services = balancing or Balancing()
    if chains or judgement.chains or services.chains:
        sets = (*_used_sets(segments, chains), *judgement.sets, *services.sets)
        own = own_table(stack, sets, (*chains, *judgement.chains, *services.chains))
        yield Desired(table_key(stack), own, _origin(segments))
    if judgement.guard is not None:
        yield Desired(table_key(stack, BRIDGE), judgement.guard, _origin(segments))
    for drop in facts.forward_drops if facts else ():
        for segment in segments:
            yield from _acceptance(stack, segment, drop)


def _origin(segments: Sequence[Segment]) -> Origin:
    """The first segment's declaration by its name, wherever that is written."""
    return min((segment.origin for segment in segments), default=Origin("policies"))


def _postrouting(segments: Sequence[Segment]) -> Chain:
    rules = [
        rule(
            Match("meta nfproto", f"ipv{family}"),
            Lookup((f"{_IP[family]} saddr",), f"masquerade{family}"),
            Lookup(("oifname", f"{_IP[family]} saddr"), f"own{family}", negated=True),
            Lookup((f"{_IP[family]} daddr",), f"inside{family}", negated=True),
            # Ports at random: concurrent connections of one source port do not race for one translation.
            Masquerade(("fully-random",)),
        )
        for family in _FAMILIES
        if any(segment.masquerade and _of_family(segment.prefixes, family) for segment in segments)
    ]
    rules += [
        rule(
            Match("meta nfproto", f"ipv{family}"),
            Lookup((f"{_IP[family]} saddr",), f"networks{family}"),
            Lookup((f"{_IP[family]} daddr",), f"overlays{family}"),
            Lookup((f"{_IP[family]} daddr",), f"here{family}", negated=True),
            Masquerade(("fully-random",)),
        )
        for family in _FAMILIES
        if _has_networks_and_overlays(segments, family)
    ]
    return Chain("postrouting", tuple(rules), "nat", "postrouting", 100, "accept")


def _has_networks_and_overlays(segments: Sequence[Segment], family: int) -> bool:
    networks = any(_is_network(segment) and _of_family(segment.prefixes, family) for segment in segments)
    return networks and any(_of_family(segment.cluster, family) for segment in segments if _is_open(segment))


def _is_network(segment: Segment) -> bool:
    """Whether it is a masqueraded network of this host alone."""
    return segment.masquerade and not segment.cluster


def _is_open(segment: Segment) -> bool:
    """Whether other segments may reach it: behind its host's address they could not be told from the outside."""
    return not (segment.internal or segment.isolated)


def _forward(segments: Sequence[Segment]) -> Chain:
    rules: list[Rule] = []
    if any(segment.internal for segment in segments):
        rules += [rule(Lookup((direction,), "internal"), _FENCE) for direction in ("iifname", "oifname")]
    if any(segment.isolated for segment in segments):
        rules.append(rule(Lookup(("iifname",), "isolated"), Lookup(("oifname",), "segments"), _FENCE))
        rules.append(rule(Lookup(("oifname",), "isolated"), Lookup(("iifname",), "segments"), _FENCE))
        rules += _isolated_from_afar(segments)
    return Chain("forward", tuple(rules), "filter", "forward", 0, "accept")


def _isolated_from_afar(segments: Sequence[Segment]) -> Iterator[Rule]:
    """The remote part of an overlay may be reached by the underlay's interface, which is no segment's."""
    for family in _FAMILIES:
        if any(_of_family(segment.cluster, family) for segment in segments):
            for interface, address in (("iifname", "daddr"), ("oifname", "saddr")):
                yield rule(
                    Lookup((interface,), "isolated"),
                    Match("meta nfproto", f"ipv{family}"),
                    Lookup((f"{_IP[family]} {address}",), f"inside{family}"),
                    _FENCE,
                )


def _fence(segments: Sequence[Segment]) -> Chain:
    """What passes between the interfaces of one segment, or the addresses of one overlay; the rest is dropped."""
    fenced = [segment for segment in segments if not _is_open(segment)]
    if not fenced:
        return Chain("fence")
    rules = [rule(Lookup(("iifname", "oifname"), "within"), Verdict("return"))]
    rules += [
        rule(
            Match("meta nfproto", f"ipv{family}"),
            Lookup((f"{_IP[family]} saddr", f"{_IP[family]} daddr"), f"cluster{family}"),
            Verdict("return"),
        )
        for family in _FAMILIES
        if any(_of_family(segment.cluster, family) for segment in fenced)
    ]
    return Chain("fence", (*rules, rule(Counter(), Verdict("drop"))))


def _used_sets(segments: Sequence[Segment], chains: Sequence[Chain]) -> Iterator[Set]:
    used = {
        statement.set
        for chain in chains
        for entry in chain.rules
        for statement in entry.statements
        if isinstance(statement, Lookup)
    }
    return (candidate for candidate in _all_sets(segments) if candidate.name in used)


def _all_sets(segments: Sequence[Segment]) -> Iterator[Set]:
    yield _interfaces("segments", segments)
    yield _interfaces("internal", (segment for segment in segments if segment.internal))
    yield _interfaces("isolated", (segment for segment in segments if segment.isolated))
    fenced = [segment for segment in segments if not _is_open(segment)]
    pairs = (f"{one} . {other}" for segment in fenced for one in segment.interfaces for other in segment.interfaces)
    yield Set("within", ("ifname", "ifname"), elements=frozenset(pairs))
    for family in _FAMILIES:
        yield from _address_sets(segments, fenced, family)


def _address_sets(segments: Sequence[Segment], fenced: Sequence[Segment], family: int) -> Iterator[Set]:
    address = _ADDRESS[family]
    masqueraded = [segment for segment in segments if segment.masquerade]
    sources = (prefix for segment in masqueraded for prefix in segment.prefixes)
    yield _prefixes(f"masquerade{family}", sources, family)
    everything = (prefix for segment in segments for prefix in segment.prefixes + segment.cluster)
    yield _prefixes(f"inside{family}", everything, family)
    yield _prefixes(
        f"networks{family}", (prefix for one in segments if _is_network(one) for prefix in one.prefixes), family
    )
    yield _prefixes(
        f"overlays{family}", (prefix for one in segments if _is_open(one) for prefix in one.cluster), family
    )
    yield _prefixes(f"here{family}", (prefix for segment in segments for prefix in segment.here), family)
    own = (
        f"{interface} . {prefix}"
        for segment in masqueraded
        for prefix in outermost(segment.prefixes, family)
        for interface in segment.interfaces
    )
    yield Set(f"own{family}", ("ifname", address), flags=("interval",), elements=frozenset(own))
    clusters = (
        f"{one} . {other}"
        for segment in fenced
        for one in outermost(segment.cluster, family)
        for other in outermost(segment.cluster, family)
    )
    yield Set(f"cluster{family}", (address, address), flags=("interval",), elements=frozenset(clusters))


def _interfaces(name: str, segments: Iterable[Segment]) -> Set:
    names = (interface for segment in segments for interface in segment.interfaces)
    return Set(name, ("ifname",), elements=frozenset(names))


def _prefixes(name: str, prefixes: Iterable[str], family: int) -> Set:
    return Set(name, (_ADDRESS[family],), flags=("interval",), elements=frozenset(outermost(prefixes, family)))


def _of_family(prefixes: Iterable[str], family: int) -> list[str]:
    return [prefix for prefix in prefixes if (":" in prefix) == (family == 6)]


def _acceptance(stack: str, segment: Segment, drop: ForwardDrop) -> Iterator[Desired]:
    """Plain rules that ``iptables -S`` can print; each in a form that Docker and ufw leave alone."""
    for direction, field in (("in", "iifname"), ("out", "oifname")):
        key = rule_key(stack, *drop, f"{direction}:{segment.interface}")
        accept = rule(Match(field, segment.interface), Counter(), Verdict("accept"))
        yield Desired(key, ForeignRule(*drop, accept), segment.origin)
