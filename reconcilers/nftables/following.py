"""Following nftables: a transaction becomes the live state of what it touched, as small as can be.

Of a set the elements that came or went are told, of a chain its rules, both as a table that has nothing else; the
desired table is cut to the same. So an element that was removed is put back at the same cost, however many there are.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from typing import NamedTuple, Protocol, TypeVar, cast

from netctl.engine.following import Tidings
from netctl.engine.protocol import Context, Scope
from netctl.engine.resource import Desired, Key, Live
from netctl.kinds.nftables import SYSTEM, Chain, ForeignRule, Set, Table
from reconcilers.nftables import uapi
from reconcilers.nftables.chains import read_chains, read_rules, rules_by_key
from reconcilers.nftables.elements import ElementCodec, is_writable
from reconcilers.nftables.marks import Place, table_of
from reconcilers.nftables.messages import Interrupted
from reconcilers.nftables.tables import Head, read_head, read_set, read_table
from reconcilers.nftables.transactions import News, TableNews
from reconcilers.nftables.transport import Connection

T = TypeVar("T")
_DATA = " : "
_SHOWN = 5


class Consistent(Protocol):
    """Reads again for as long as the rule set changes meanwhile."""

    def __call__(self, read: Callable[[], T]) -> T:
        """What *read* returns."""
        ...


class _WantedSet:
    """A desired set, and what is needed to compare single elements with it."""

    def __init__(self, declared: Set) -> None:
        self.declared = declared
        self.codec = ElementCodec(declared)
        self.divisible = not (self.codec.interval and len(declared.key) == 1)
        """False where an element's end is told apart from its beginning."""

    @cached_property
    def by_key(self) -> dict[str, str]:
        """The elements of a map by what is looked up."""
        return {element.partition(_DATA)[0]: element for element in self.declared.elements}

    def wanted(self, element: str) -> str | None:
        """The desired element with the key of *element*."""
        if self.declared.data:
            return self.by_key.get(element.partition(_DATA)[0])
        return element if element in self.declared.elements else None


class _Cut(NamedTuple):
    """The same part of a table, desired and live."""

    wanted: list[Set | Chain]
    live: list[Set | Chain]


class NftablesFollower:
    """Follows the nftables of one network namespace."""

    def __init__(self, context: Context, connection: Connection, consistent: Consistent) -> None:
        self._connection = connection
        self._consistent = consistent
        self._events = Connection(context.netns, context.timeout, (uapi.NFNLGRP_NFTABLES,))
        self._events.__enter__()
        self._stack = ""
        self._desired: dict[Key, Desired] = {}
        self._sets: dict[tuple[Key, str], _WantedSet] = {}

    def descriptors(self) -> Sequence[int]:
        """The socket of events."""
        return (self._events.fileno(),)

    def close(self) -> None:
        """Stop listening."""
        self._events.close()

    def attend(self, scope: Scope) -> None:
        """Tell of what concerns this desired state, which has just been observed whole."""
        self._stack = scope.stack
        self._desired = {key: want for key, want in scope.desired.items() if key.system == SYSTEM}
        self._sets = {}

    def take(self) -> Tidings:
        """What has arrived; never waits."""
        news = News()
        try:
            for author, reply in self._events.queued():
                # What this process changed is as it wants it to be.
                if author != self._connection.port:
                    news.add(reply)
        except Interrupted:
            return Tidings(everything="events of nftables were lost")
        if not news:
            return Tidings()
        live: dict[Key, Live | None] = {}
        wanted: dict[Key, Desired] = {}
        for key in news.tables.keys() & self._desired.keys():
            self._consistent(partial(self._look, key, news.tables[key], live, wanted))
        live |= self._rules(news)
        parts = {key: _named(cast(Table, want.attributes), live[key]) for key, want in wanted.items()}
        return Tidings(live, wanted, parts=parts, facts=news.foreign, culprit=lambda key: news.authors.get(key, ""))

    def _look(self, key: Key, touched: TableNews, live: dict[Key, Live | None], wanted: dict[Key, Desired]) -> None:
        head = read_head(self._connection, *table_of(key))
        if head is None:
            live[key] = None
            return
        want = self._desired[key]
        table = cast(Table, want.attributes)
        cut = None if touched.whole or head.flags or not self._is_ours(head) else self._cut(key, table, touched)
        if cut is None:
            chains = read_chains(self._connection)
            live[key] = Live(key, read_table(self._connection, head, chains), head.owner)
            return
        wanted[key] = want._replace(attributes=_table(table, cut.wanted))
        live[key] = Live(key, _table(table, cut.live), head.owner)

    def _is_ours(self, head: Head) -> bool:
        return head.owner is not None and head.owner.stack == self._stack

    def _cut(self, key: Key, table: Table, touched: TableNews) -> _Cut | None:
        """The part that was touched; None where it cannot be told from the rest."""
        parts: list[tuple[Set | Chain, Set | Chain]] = []
        sets = {declared.name: declared for declared in table.sets}
        chains = {chain.name: chain for chain in table.chains}
        if not (touched.elements.keys() <= sets.keys() and touched.chains <= chains.keys()):
            return None
        for name, messages in touched.elements.items():
            known = self._sets.get((key, name)) or self._sets.setdefault((key, name), _WantedSet(sets[name]))
            part = self._elements(table, known, messages)
            if part is None:
                return None
            parts.append(part)
        for name in touched.chains:
            rules = read_rules(self._connection, table.family, table.name, sets, name).get(name, [])
            parts.append((chains[name], chains[name]._replace(rules=tuple(rules))))
        return _Cut([want for want, _ in parts], [have for _, have in parts])

    def _elements(
        self, table: Table, known: _WantedSet, messages: Sequence[tuple[bool, bytes]]
    ) -> tuple[Set, Set] | None:
        declared = known.declared
        if not known.divisible:
            whole = read_set(self._connection, table.family, table.name, declared.name)
            return None if whole is None or whole[:-1] != declared[:-1] else (declared, whole)
        there: dict[str, bool] = {}
        try:
            for came, elements in messages:
                there |= dict.fromkeys(known.codec.decode([elements]), came)
        except (KeyError, ValueError):
            return None
        wanted = frozenset(want for element in there if (want := known.wanted(element)) is not None)
        live = frozenset(element for element, came in there.items() if came)
        if not all(map(is_writable, live)):  # a table that has such has to be made anew, so it is looked at whole
            return None
        return declared._replace(elements=wanted), declared._replace(elements=live)

    def _rules(self, news: News) -> Iterator[tuple[Key, Live | None]]:
        """The stack's rules in the chains of other tools that were touched; in all where chains came or went."""
        places = set(news.rules.values())
        ours = {key: want for key, want in self._desired.items() if key.kind == "rule"}
        if news.foreign:
            places |= {_place(want) for want in ours.values()}
        if not places:
            return
        found = self._consistent(lambda: rules_by_key(self._connection, sorted(places)))
        for key, want in ours.items():
            if _place(want) in places and key not in found:
                yield key, None
        for key, marked in found.items():
            if marked.owner.stack == self._stack:
                yield key, Live(key, ForeignRule(*marked.place, marked.rule), marked.owner)


def _place(want: Desired) -> Place:
    rule = cast(ForeignRule, want.attributes)
    return Place(rule.family, rule.table, rule.chain)


def _named(wanted: Table, live: Live | None) -> str:
    """What a part of a table is: ``set members: 10.0.0.5``, ``chain forward``."""
    had = {member.name: member.elements for member in cast(Table, live.attributes).sets} if live else {}
    names = [f"set {member.name}: {_listed(member.elements | had[member.name])}" for member in wanted.sets]
    return "; ".join(names + [f"chain {chain.name}" for chain in wanted.chains])


def _listed(elements: frozenset[str]) -> str:
    return ", ".join(sorted(elements)[:_SHOWN]) + (f" and {len(elements) - _SHOWN} more" * (len(elements) > _SHOWN))


def _table(table: Table, members: Sequence[Set | Chain]) -> Table:
    sets = tuple(member for member in members if isinstance(member, Set))
    return Table(table.family, table.name, sets, tuple(member for member in members if isinstance(member, Chain)))
