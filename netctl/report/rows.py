"""The lines of a plan, before they are laid out: one a change, sorted, with what goes along folded in.

The order is by system and kind, then by name; it depends on neither the order of declarations nor that of execution.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from netctl.engine.change import Action, Change, Reason
from netctl.engine.plan import Plan
from netctl.engine.resource import Attributes, Key
from netctl.kinds.docker import Network, containers_on, held_elsewhere
from netctl.kinds.link import Macvlan, Port, Veth, VethPeer
from netctl.kinds.nftables import Table
from netctl.kinds.sysctl import Sysctl
from netctl.report.wording import declared_map, field_changes, inner_changes, reason_text, summary, value_text

_KINDS = ("link", "port", "address", "route", "rule", "neighbour", "fdb", "sysctl", "network", "attachment")
_RANK = {kind: rank for rank, kind in enumerate(_KINDS)}
_INNER_LINES = 12
"""Lines that one changed table of nftables has, unless more are asked for."""
_NUMBER = re.compile(r"(\d+)")


class Row(NamedTuple):
    """One change as it is shown."""

    action: Action
    kind: str
    name: str
    what: str
    source: str
    notes: tuple[str, ...] = ()
    """Lines of their own under it: who is disconnected, what goes along."""


def key_order(key: Key) -> tuple[bool, str, int, str, list[str | int]]:
    """Sorts keys as people expect: the kernel first, links before addresses, ``eth2`` before ``eth10``."""
    rank = _RANK.get(key.kind, len(_KINDS))
    return key.system != "kernel", key.system, rank, key.kind, natural_order(key.id)


def natural_order(text: str) -> list[str | int]:
    """Sorts digits by their number; text and numbers alternate, so any two compare."""
    return [int(part) if index % 2 else part for index, part in enumerate(_NUMBER.split(text))]


def rows_by_system(plan: Plan, *, verbose: bool = False) -> dict[str, list[Row]]:
    """The plan's changes as rows, by system. *verbose* gives implied changes rows of their own."""
    dependants = _Dependants(plan.changes)
    rows: dict[str, list[Row]] = {}
    for change in sorted(plan.changes, key=lambda change: key_order(change.key)):
        if verbose or not change.implied:
            rows.setdefault(change.key.system, []).append(_row(change, dependants, verbose=verbose))
    return rows


def _row(change: Change, dependants: "_Dependants", *, verbose: bool) -> Row:
    return Row(
        change.action,
        change.key.kind,
        change.key.id,
        _what(change),
        _source(change),
        tuple(_notes(change, dependants, verbose=verbose)),
    )


def _what(change: Change) -> str:
    """What changes, in one line."""
    if change.action is Action.CREATE:
        return summary(change.after or ())
    if change.action is Action.DELETE:
        return _gone(change.before or ())
    phrases = field_changes(change) or [reason_text(change)]
    if change.reason is Reason.ADOPTED:
        former = change.owner_before
        taken = f"taken over from stack {former.stack}" if former else "taken over"
        return "; ".join([taken, *(phrase for phrase in phrases if not phrase.startswith("owner: "))])
    return "; ".join(phrases)


def _gone(attributes: Attributes) -> str:
    """What goes; of what is only borrowed, what becomes of it."""
    if isinstance(attributes, Sysctl):
        return f"{summary(attributes)}; gets back its former value"
    return f"{summary(attributes)}; released" if isinstance(attributes, Port) else summary(attributes)


def _all_lines(attributes: Attributes) -> list[str]:
    """Every managed attribute; a table of nftables as nft writes it."""
    if isinstance(attributes, Table):
        return str(attributes).expandtabs(4).splitlines()
    return [_detail(attributes)]


def _detail(attributes: Attributes) -> str:
    parts = (
        f"{name}: {value_text(value)}" for name, value in declared_map(attributes).items() if value not in {"", ()}
    )
    return ", ".join(parts)


def _source(change: Change) -> str:
    if change.origin is not None:
        return change.origin.place
    owner = change.owner_before
    return f"was {owner.declaration}" if owner is not None and owner.declaration else change.reason.value


def _notes(change: Change, dependants: "_Dependants", *, verbose: bool) -> Iterator[str]:
    if change.action is Action.REPLACE and not change.implied:
        yield f"replaced because {_forced_by(change)} cannot be changed in place"
    if change.action in {Action.REPLACE, Action.DELETE} and not change.implied:
        yield from _disconnected(change, dependants)
    if isinstance(change.before, Network):
        yield from _disconnected_containers(change)
        if held := held_elsewhere(change):
            yield f"impossible while others of the swarm are on it: {enumerated(held)}"
    if verbose and change.action is Action.CREATE:
        yield from _all_lines(change.after or ())
    inner = inner_changes(change)
    shown = inner if verbose else inner[:_INNER_LINES]
    yield from shown
    if len(inner) > len(shown):
        yield f"and {len(inner) - len(shown)} more (shown with -v)"
    if not verbose and (folded := dependants.folded.get(change.key)):
        yield f"along with it: {_counted(folded)}"


def _forced_by(change: Change) -> str:
    if "type" in change.fields and type(change.before) is not type(change.after):
        return "the type of a device"
    *first, last = change.fields or ("it",)
    return f"{', '.join(first)} and {last}" if first else last


def _disconnected(change: Change, dependants: "_Dependants") -> Iterator[str]:
    names = sorted(dependants.namespaces(change), key=natural_order)
    if not names:
        return
    shown = enumerated(names)
    noun = "network namespace" if len(names) == 1 else "network namespaces"
    yield f"disconnects the {noun} {shown}" + (" meanwhile" if change.action is Action.REPLACE else "")


def _disconnected_containers(change: Change) -> Iterator[str]:
    """Who is on a Docker network that goes, or is made anew: for another attribute, or to bear the stack's mark."""
    names = sorted(containers_on(change.before), key=natural_order)
    if not names or (change.action is Action.UPDATE and "owner" not in change.fields):
        return
    shown = enumerated(names)
    noun = "container" if len(names) == 1 else "containers"
    yield f"disconnects the {noun} {shown}" + ("" if change.action is Action.DELETE else " meanwhile")


def enumerated(names: Sequence[str]) -> str:
    """The first of the names, and how many more there are."""
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _counted(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {plural(kind, count)}" for kind, count in sorted(kinds.items()))


def plural(noun: str, count: int) -> str:
    """*noun* as it goes with *count*; the kinds' names are the nouns."""
    irregular = {"address": "addresses", "fdb": "fdb entries"}
    singular = {"fdb": "fdb entry"}.get(noun, noun)
    return singular if count == 1 else irregular.get(noun, f"{noun}s")


class _Dependants:
    """What goes with each change: implied changes by the change that brings them about, namespaces that it cuts off."""

    def __init__(self, changes: Iterable[Change]) -> None:
        self._changes = {change.key: change for change in changes}
        self._needed_by: defaultdict[Key, list[Key]] = defaultdict(list)
        self.folded: dict[Key, Counter[str]] = defaultdict(Counter)
        for change in self._changes.values():
            self._enter(change)

    def _enter(self, change: Change) -> None:
        needs: Sequence[Key] = change.needs if change.within is None else (*change.needs, change.within)
        for need in needs:
            if need in self._changes:
                self._needed_by[need].append(change.key)
        if change.implied:
            self.folded[self._container(change)][change.key.kind] += 1

    def _container(self, change: Change) -> Key:
        """The change, not implied itself, that brings *change* about."""
        key, seen = change.key, set[Key]()
        while key not in seen and self._changes[key].implied:
            seen.add(key)
            within = self._changes[key].within
            if within is None or within not in self._changes:
                break
            key = within
        return key

    def namespaces(self, change: Change) -> set[str]:
        """The network namespaces with an interface that is gone while *change* is under way."""
        if change.key.kind != "link":
            return set()
        found: set[str] = set()
        queue, seen = [change.key], {change.key}
        while queue:
            key = queue.pop()
            found |= _namespace_of(self._changes[key])
            more = [need for need in self._needed_by[key] if need not in seen and need.kind == "link"]
            seen.update(more)
            queue.extend(more)
        return found


def _namespace_of(change: Change) -> set[str]:
    attributes = change.before or change.after
    if isinstance(attributes, Veth) and attributes.peer:
        return {attributes.peer.rpartition("/")[0]} - {""}
    if isinstance(attributes, VethPeer | Macvlan):
        return {attributes.netns} - {""}
    return set()
