"""Frontends as sets and chains of the stack's table.

Connections are translated before routing (``services-prerouting``), and what the host itself opens on its way out
(``services-output``): both before any policy looks, which so judges the real endpoint. What still has a virtual address
afterwards is for no service that has endpoints, and is refused at once.

An endpoint must answer through the host that translated, or the client would not know the answer. So the client's
address becomes the host's own (``services-postrouting``) where it would answer another way: where client and endpoint
are on one bridge, or one and the same; where the host itself is the client; and where the client is outside of the
stack and the endpoint on another host.

A client that is remembered has a slot in ``affinity4``, from its first connection on and as long after the last as the
affinity lasts. The slot is passed from one rule to the next as the packet's priority, which nothing has looked at yet:
the packet mark belongs to others.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from netctl.compiler.balancing.frontends import Frontend
from netctl.compiler.balancing.slots import slots, steady_size, steady_slots
from netctl.compiler.prefixes import outermost
from netctl.kinds.nftables import (
    PUBLISHED,
    Chain,
    Lookup,
    Masquerade,
    Match,
    Recall,
    Reject,
    Remember,
    Rule,
    Set,
    Table,
    Translate,
    VerdictMap,
    rule,
)

_ADDRESS = {4: "ipv4_addr", 6: "ipv6_addr"}
_IP = {4: "ip", 6: "ip6"}
_LOOPBACK = {4: "127.0.0.0/8", 6: "::1"}
_SERVICE = ("meta l4proto", "th dport")
_SERVICE_TYPES = ("inet_proto", "inet_service")
_USUAL = range(1, 9)
"""Numbers of slots that have their chain before any service needs it, so that the first one adds elements only."""
_NONE: frozenset[str] = frozenset()
TRANSLATION, REFUSAL, SOURCE = -100, -90, 100
"""Priorities of the hooks."""


class Surroundings(NamedTuple):
    """The prefixes of the stack's networks, as a host sees them; no two of one kind overlap."""

    segments: tuple[str, ...] = ()
    """Of the links that the host is on."""
    here: tuple[str, ...] = ()
    """Of those, the ones that do not go on on other hosts."""
    inside: tuple[str, ...] = ()
    """Of the whole stack."""


class Balancing(NamedTuple):
    """What balances connections on one host."""

    sets: tuple[Set, ...] = ()
    chains: tuple[Chain, ...] = ()


class _Way(NamedTuple):
    """Frontends of a family: with a virtual address, or on every address of the host."""

    family: int
    published: bool

    @property
    def front(self) -> tuple[str, ...]:
        return _SERVICE if self.published else (f"{_IP[self.family]} daddr", *_SERVICE)

    @property
    def types(self) -> tuple[str, ...]:
        return _SERVICE_TYPES if self.published else (_ADDRESS[self.family], *_SERVICE_TYPES)

    @property
    def client(self) -> str:
        return f"{_IP[self.family]} saddr"

    def named(self, noun: str) -> str:
        """The name of a set: ``backends4``, ``published-backends4``."""
        return f"{'published-' if self.published else ''}{noun}{self.family}"

    @property
    def map(self) -> str:
        """The map of frontends."""
        return PUBLISHED[self.family] if self.published else f"services{self.family}"

    def chain(self, size: int, affinity: int) -> str:
        """The name of the chain that chooses among so many slots."""
        spread = f"{'published-' if self.published else ''}spread{self.family}-{size}"
        return f"{spread}-{affinity}s" if affinity else spread


def balance(fronts: Sequence[Frontend], around: Surroundings) -> Balancing:
    """The sets and chains for a host's frontends; none where there is no frontend."""
    sets: list[Set] = []
    ways = _ways(fronts)
    for way, own in ways.items():
        sets += _maps(way, own)
    for family in sorted({way.family for way in ways}):
        sets += _surroundings(family, fronts, around)
    return Balancing(tuple(sets), tuple(_chains(ways)))


def rebalanced(table: Table, before: Sequence[Frontend], after: Sequence[Frontend]) -> Table:
    """The table as it is to be when frontends have other backends: what `balance` would make of them.

    *before* and *after* are all of them, in one order. Only elements of those that differ are worked out.
    """
    pairs = [(old, new) for old, new in zip(before, after, strict=True) if old is not new]
    gone, come = (_elements([pair[side] for pair in pairs]) for side in (0, 1))
    touched = gone.keys() | come.keys()
    sets = [
        entry._replace(elements=entry.elements - gone.get(entry.name, _NONE) | come.get(entry.name, _NONE))
        if entry.name in touched
        else entry
        for entry in table.sets
    ]
    former = {chain.name for chain in _chains(_ways(before))}
    others = [chain for chain in table.chains if chain.name not in former]
    chains = sorted((*others, *_chains(_ways(after))), key=lambda chain: chain.name)
    return table._replace(sets=tuple(sets), chains=tuple(chains))


def _ways(fronts: Iterable[Frontend]) -> dict[_Way, list[Frontend]]:
    """The frontends by the maps that they are in, sorted."""
    found: dict[_Way, list[Frontend]] = {}
    for front in fronts:
        found.setdefault(_way_of(front), []).append(front)
    return dict(sorted(found.items()))


def _way_of(front: Frontend) -> _Way:
    return _Way(front.family, not front.address)


def _maps(way: _Way, fronts: Sequence[Frontend]) -> Iterator[Set]:
    """The maps of frontends and of their slots."""
    elements = _elements(fronts)
    yield Set(way.map, way.types, ("verdict",), elements=elements.get(way.map, _NONE))
    backends = way.named("backends")
    target = (_ADDRESS[way.family], "inet_service")
    yield Set(backends, (*way.types, "mark"), target, elements=elements.get(backends, _NONE))
    if any(front.affinity for front in fronts):
        yield Set(way.named("affinity"), (_ADDRESS[way.family], *way.types), ("mark",), ("dynamic", "timeout"))


def _elements(fronts: Iterable[Frontend]) -> dict[str, frozenset[str]]:
    """The elements of the maps, by the name of the map."""
    found: dict[str, list[str]] = {}
    for front in fronts:
        if not front.backends:
            continue
        way = _way_of(front)
        key = f"{front.protocol} . {front.port}"
        key = f"{front.address} . {key}" if front.address else key
        chosen = _chosen(front)
        targets = [f"{end.address} . {front.target}" for end in front.backends]
        found.setdefault(way.map, []).append(f"{key} : goto {way.chain(len(chosen), front.affinity)}")
        backends = found.setdefault(way.named("backends"), [])
        backends += [f"{key} . 0x{slot:08x} : {targets[place]}" for slot, place in enumerate(chosen)]
    return {name: frozenset(elements) for name, elements in found.items()}


def _chosen(front: Frontend) -> tuple[int, ...]:
    weights = tuple(end.weight for end in front.backends)
    if front.affinity:
        return steady_slots([end.address for end in front.backends], weights)
    return slots(weights)


def _size(front: Frontend) -> int:
    """How many slots a frontend has; cheaper than the slots themselves."""
    return steady_size(len(front.backends)) if front.affinity else len(_chosen(front))


def _chains(ways: Mapping[_Way, Sequence[Frontend]]) -> Iterator[Chain]:
    for way, fronts in ways.items():
        sizes = {(size, 0) for size in _USUAL}
        sizes |= {(_size(front), front.affinity) for front in fronts if front.backends}
        yield from (_choice(way, size, affinity) for size, affinity in sorted(sizes))
    if ways:
        yield from _hooks(list(ways))


def _choice(way: _Way, size: int, affinity: int) -> Chain:
    """A slot at random; for a client that is remembered its own, unless there is no memory left for it."""
    version = Match("meta nfproto", f"ipv{way.family}")
    number = f"numgen random mod {size}"
    rules = [rule(version, Translate(way.family, (*way.front, number), way.named("backends")))]
    if affinity:
        key, memory = (way.client, *way.front), way.named("affinity")
        remembered = Translate(way.family, (*way.front, "meta priority"), way.named("backends"))
        rules.insert(0, rule(version, Remember(key, number, memory, affinity)))
        rules.insert(1, rule(version, Recall(key, memory), remembered))
    return Chain(way.chain(size, affinity), tuple(rules))


def _surroundings(family: int, fronts: Iterable[Frontend], around: Surroundings) -> Iterator[Set]:
    own = [front for front in fronts if front.family == family]
    address = _ADDRESS[family]
    # Those that rest, too: connections to them go on.
    ends = {f"{e.address} . {front.protocol} . {front.target}" for front in own for e in front.backends + front.resting}
    yield Set(f"endpoints{family}", (address, *_SERVICE_TYPES), elements=frozenset(ends))
    yield Set(f"vips{family}", (address,), elements=frozenset(front.address for front in own if front.address))
    pairs = (f"{prefix} . {prefix}" for prefix in outermost(around.segments, family))
    yield Set(f"services-near{family}", (address, address), (), ("interval",), frozenset(pairs))
    for noun, prefixes in (("here", around.here), ("stack", around.inside)):
        elements = frozenset(outermost(prefixes, family))
        yield Set(f"services-{noun}{family}", (address,), (), ("interval",), elements)


def _hooks(ways: Sequence[_Way]) -> Iterator[Chain]:
    incoming = [rule(*_local(way), VerdictMap(way.front, way.map)) for way in ways]
    outgoing = [rule(*_local(way), *_not_loopback(way), VerdictMap(way.front, way.map)) for way in ways]
    yield Chain("services-prerouting", tuple(incoming), "nat", "prerouting", TRANSLATION, "accept")
    yield Chain("services-output", tuple(outgoing), "nat", "output", TRANSLATION, "accept")
    families = sorted({way.family for way in ways})
    sources = tuple(entry for family in families for entry in _sources(family))
    yield Chain("services-postrouting", sources, "nat", "postrouting", SOURCE, "accept")
    refused = tuple(entry for way in ways if not way.published for entry in _refusals(way.family))
    for hook in ("prerouting", "output") if refused else ():
        yield Chain(f"services-refused-{hook}", refused, "filter", hook, REFUSAL, "accept")


def _local(way: _Way) -> Iterator[Match]:
    yield Match("meta nfproto", f"ipv{way.family}")
    if way.published:
        yield Match("fib daddr type", "local")


def _not_loopback(way: _Way) -> Iterator[Match]:
    """The kernel routes nothing from a loopback address to another interface."""
    if way.published:
        yield Match(f"{_IP[way.family]} daddr", _LOOPBACK[way.family], "!=")


def _sources(family: int) -> Iterator[Rule]:
    ip = _IP[family]
    translated = (
        Match("meta nfproto", f"ipv{family}"),
        Match("ct status", "dnat"),
        Lookup((f"{ip} daddr", *_SERVICE), f"endpoints{family}"),
    )
    masquerade = Masquerade(("fully-random",))
    yield rule(*translated, Lookup((f"{ip} saddr", f"{ip} daddr"), f"services-near{family}"), masquerade)
    yield rule(*translated, Match("fib saddr type", "local"), masquerade)
    yield rule(
        *translated,
        Lookup((f"{ip} saddr",), f"services-stack{family}", negated=True),
        Lookup((f"{ip} daddr",), f"services-here{family}", negated=True),
        masquerade,
    )


def _refusals(family: int) -> Iterator[Rule]:
    virtual = Match("meta nfproto", f"ipv{family}"), Lookup((f"{_IP[family]} daddr",), f"vips{family}")
    yield rule(*virtual, Match("meta l4proto", "tcp"), Reject("tcp reset"))
    yield rule(*virtual, Reject())


def extended(there: Balancing, fronts: Sequence[Frontend]) -> Balancing | None:
    """What there is, with more frontends; None where that takes more than elements of its sets."""
    more = balance(fronts, Surroundings())
    chains = {chain.name for chain in there.chains}
    added = {entry.name: entry.elements for entry in more.sets}
    if any(chain.name not in chains for chain in more.chains) or not added.keys() <= {s.name for s in there.sets}:
        return None
    sets = (
        entry._replace(elements=entry.elements | added[entry.name]) if added.get(entry.name) else entry
        for entry in there.sets
    )
    return there._replace(sets=tuple(sets))
