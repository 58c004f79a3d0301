"""What a few endpoints change: worked out from the sets that are there, without compiling everything again.

It holds where policies are declared as before, and endpoints come, go or change in classes that other endpoints are in,
too. Anything else changes chains, and is a matter for `enforce`; so is a change of many endpoints at once.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from operator import attrgetter

from netctl.compiler.enforcement.chains import Chains
from netctl.compiler.enforcement.comparison import changed_names, changed_policies, changed_rules
from netctl.compiler.enforcement.compile import HOST, Enforcement, is_unreachable, judged_elements
from netctl.compiler.enforcement.lanes import addresses_of
from netctl.compiler.enforcement.members import classes_of, named_elements
from netctl.compiler.enforcement.spoofing import elements_of, is_guarded
from netctl.compiler.enforcement.steps import Place, named_key, peers_key, places_of
from netctl.kinds.nftables import Set, Table
from netctl.policy.model import Endpoint, PolicySet, PortRange, Rule

FEW = 64
"""So many endpoints at most: more are compiled as fast."""

Elements = frozenset[tuple[str, str]]
"""Names of sets, and elements of them."""


def revise(
    enforcement: Enforcement, before: PolicySet, after: PolicySet, host: str, stack: str
) -> Enforcement | None:  # fmt: skip
    """What ``enforce(after, host, stack)`` returns, where *enforcement* is what it returned for *before*.

    None where more than elements of sets may differ: then that is what has to be called.
    """
    policies = changed_policies(before, after)
    if policies is None:
        return None
    rules = changed_rules(policies)
    changed = changed_names(before, after, policies, rules)
    if not changed:
        return enforcement
    if len(changed) > FEW or _have_other_prefixes(rules) or _share_addresses(changed, before, after):
        return None
    if changed.isdisjoint(before.endpoints) or changed.isdisjoint(after.endpoints):
        places = [(place, rule) for place, rule, _ in rules], [(place, rule) for place, _, rule in rules]
    else:
        # One that stays is also in rules that have not changed.
        places = list(places_of(before.policies)), list(places_of(after.policies))
    old = _Part(before, changed, host, stack, places[0])
    new = _Part(after, changed, host, stack, places[1])
    return _exchanged(enforcement, old, new) if old.hosts() == new.hosts() else None


def _have_other_prefixes(rules: Iterable[tuple[Place, Rule, Rule]]) -> bool:
    return any(one.peers and other.peers and one.peers.prefixes != other.peers.prefixes for _, one, other in rules)


class _Part:
    """What some endpoints contribute, before or after they change."""

    def __init__(
        self, policies: PolicySet, names: frozenset[str], host: str, stack: str, rules: list[tuple[Place, Rule]]
    ) -> None:
        self.names = names
        self._rules = rules
        self.known = policies.endpoints
        self.local = {name: end for name in names if (end := self.known.get(name)) and end.host == host}
        self._classes = classes_of(policies.policies, self.local)
        self._chains = Chains(policies.policies, stack)
        self._first = frozenset(self._first_elements())

    def hosts(self) -> list[tuple[str, tuple[int, ...]]]:
        """Which policies govern the host itself, where it is among the endpoints."""
        found = [sorted(part.items()) for part in self._classes.values()]
        return [entry for part in found for entry in part if self.local[entry[0]].kind == HOST]

    def governed(self) -> frozenset[str]:
        """Those that a policy governs here."""
        return frozenset(name for part in self._classes.values() for name in part)

    def judged_here(self) -> list[Endpoint]:
        """The same, but for the host itself."""
        return [self.local[name] for name in self.governed() if self.local[name].kind != HOST]

    def judged(self, enforcement: Enforcement) -> Elements:
        """The elements in the stack's table."""
        return self._first.union(self._peer_elements(enforcement.peers), self._named_elements(enforcement.named))

    def guarded(self) -> Elements:
        """The elements in the table of frames."""
        return frozenset(element for end in self.local.values() if is_guarded(end) for element in elements_of(end))

    def verdicts(self) -> frozenset[tuple[str, str]]:
        """The maps that lead to chains, and the verdicts."""
        return frozenset((name, element.partition(" : ")[2]) for name, element in self._first if " : " in element)

    def _first_elements(self) -> Iterator[tuple[str, str]]:
        for direction, part in self._classes.items():
            for name, places in part.items():
                if self.local[name].kind != HOST:
                    yield from judged_elements(self.local[name], direction, places, self._chains)

    def _peer_elements(self, sets: Mapping[str, tuple[int, tuple[str, ...]]]) -> Iterator[tuple[str, str]]:
        touched: dict[str, frozenset[str]] = {}
        for place, rule in self._rules:
            if rule.peers is not None and not self.names.isdisjoint(rule.peers.endpoints):
                touched[peers_key(place, rule.peers)] = self.names & rule.peers.endpoints
        for set_, (family, keys) in sets.items() if touched else ():
            if touched.keys().isdisjoint(keys):
                continue
            for name in frozenset[str]().union(*(touched[key] for key in keys if key in touched)):
                yield from ((set_, address) for address in addresses_of(self.known[name], family))

    def _named_elements(self, sets: Mapping[str, tuple[int, str]]) -> Iterator[tuple[str, str]]:
        meant = self._named_ranges()
        for set_, (family, key) in sets.items():
            for name, ranges in meant.get(key, {}).items():
                for element in named_elements(self.known[name], frozenset(ranges), family):
                    yield set_, element

    def _named_ranges(self) -> dict[str, dict[str, set[PortRange]]]:
        """By key, what the named ports of rules are on these endpoints."""
        meant: dict[str, dict[str, set[PortRange]]] = {}
        read: set[tuple[str, int]] = set()
        for place, rule in self._rules:
            key = named_key(place, rule) if rule.named_ports else ""
            if key and (key, id(rule.named_ports)) not in read:
                read.add((key, id(rule.named_ports)))
                for name, ranges in rule.named_ports:
                    if name in self.names:
                        meant.setdefault(key, {}).setdefault(name, set()).update(ranges)
        return meant


def _share_addresses(changed: frozenset[str], before: PolicySet, after: PolicySet) -> bool:
    """Whether one of the endpoints has an address or a MAC address that another one has as well."""
    ends = [known[name] for known in (before.endpoints, after.endpoints) for name in changed if name in known]
    owned = {(text, end.name) for end in ends for text in (*end.addresses, end.mac) if text}
    wanted = {text for text, _ in owned}
    others = [end for name, end in after.endpoints.items() if name not in changed]
    held = chain(chain.from_iterable(map(attrgetter("addresses"), others)), map(attrgetter("mac"), others))
    return len(owned) > len(wanted) or not wanted.isdisjoint(held)


def _exchanged(enforcement: Enforcement, old: _Part, new: _Part) -> Enforcement | None:
    """With the new part in place of the old one; None where that takes other chains or sets."""
    sets = _revised(enforcement.sets, old.judged(enforcement), new.judged(enforcement))
    guard = _revised_guard(enforcement.guard, old.guarded(), new.guarded())
    if sets is None or guard is None or not _has_chains(enforcement, new.verdicts() - old.verdicts()):
        return None
    if _is_deserted(old.verdicts() - new.verdicts(), sets):
        return None
    governed = enforcement.governed - old.names | new.governed()
    beyond = {end.name for end in new.judged_here() if is_unreachable(end)}
    return enforcement._replace(
        sets=sets,
        guard=guard[0],
        governed=governed,
        networks=_networks(enforcement.networks, old, new, governed),
        unreachable=tuple(sorted({*enforcement.unreachable} - old.names | beyond)),
    )


def _revised(sets: tuple[Set, ...], removed: Elements, added: Elements) -> tuple[Set, ...] | None:
    """The sets with other elements; None where one is missing, or would have to be declared otherwise."""
    names = {name for name, _ in removed ^ added}
    touched = {place: entry for place, entry in enumerate(sets) if entry.name in names}
    if len(touched) < len(names):
        return None
    revised = list(sets)
    for place, entry in touched.items():
        less, more = ({element for name, element in part if name == entry.name} for part in (removed, added))
        # `^` copies its right side, which may be large, and goes through the left one.
        moved = (less - more) & entry.elements | more - entry.elements
        changed = entry._replace(elements=frozenset(moved) ^ entry.elements)
        if _has_ranges(entry, less | more) or not changed.elements:
            return None
        revised[place] = changed
    return tuple(revised)


def _has_ranges(entry: Set, elements: Iterable[str]) -> bool:
    """Whether elements decide on how the set of named ports is declared."""
    return len(entry.key) > 1 and "inet_service" in entry.key and any("-" in element for element in elements)


def _revised_guard(guard: Table | None, removed: Elements, added: Elements) -> tuple[Table | None] | None:
    """The table of frames, in a tuple; None where it comes or goes."""
    if removed == added:
        return (guard,)
    sets = _revised(guard.sets, removed, added) if guard else None
    return None if guard is None or sets is None else (guard._replace(sets=sets),)


def _has_chains(enforcement: Enforcement, verdicts: frozenset[tuple[str, str]]) -> bool:
    """Whether all chains that verdicts lead to are there."""
    wanted = {verdict.removeprefix("jump ") for _, verdict in verdicts}
    return not wanted or wanted <= set(map(attrgetter("name"), enforcement.chains))


def _is_deserted(verdicts: frozenset[tuple[str, str]], sets: tuple[Set, ...]) -> bool:
    """Whether nothing leads to one of these verdicts any more, so that its chain has to go."""
    if not verdicts:
        return False
    maps = {name for name, _ in verdicts}
    known = {entry.name: entry for entry in sets if entry.name in maps}
    return any(
        not any(element.endswith(f" : {verdict}") for element in known[name].elements) for name, verdict in verdicts
    )


def _networks(before: frozenset[str], old: _Part, new: _Part, governed: frozenset[str]) -> frozenset[str]:
    """The networks whose bridges hand over what they forward."""
    left = {end.network for end in old.judged_here()}
    here = (new.known[name] for name in governed) if left else iter(new.judged_here())
    held = {end.network for end in here if end.network and end.kind != HOST and not is_unreachable(end)}
    return before - left | held
