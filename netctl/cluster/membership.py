"""Who is there: the hosts that have shown themselves, the ids that they have leased, and which of them have died.

A host that has died has lost its session; its record stays. It is *gone* once that has lasted for a while, and as long
as the store says so: while the store cannot be asked, nobody has gone.
"""

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from netctl.cluster.layout import Layout
from netctl.cluster.publication import understood
from netctl.cluster.records import (
    ContainersRecord,
    HostRecord,
    Lease,
    Publication,
    Record,
    RecordError,
    Rollout,
    is_name,
)
from netctl.engine.store import Entry, Reading
from netctl.errors import NetctlError

HIGHEST_ID = 65535
AnyRecord = TypeVar("AnyRecord", bound=Record)


class View(NamedTuple):
    """What the store says, as of one moment."""

    publication: Publication | None
    """None where nothing has been published, or what has been cannot be understood."""
    hosts: Mapping[str, HostRecord]
    """By name."""
    sessions: Mapping[str, str]
    """By name, of the hosts that have one."""
    leases: Mapping[str, int]
    """By host, its id."""
    taken: frozenset[int]
    """Every id that is somebody's."""
    writer: str = ""
    """The session that holds the lock for what is cluster-wide; empty where none does."""
    rollout: Rollout = Rollout()
    error: str = ""
    """What is wrong with the publication."""
    containers: Mapping[str, ContainersRecord] = {}
    """By host, what it has on the stack's networks."""
    problems: tuple[str, ...] = ()
    """What is wrong with the rest; the hosts that are concerned are left out."""


def view_of(layout: Layout, reading: Reading) -> View:
    """What was read, as far as it can be understood."""
    problems: list[str] = []
    publication, error = _publication(layout, reading.entries.get(layout.current))
    hosts = _named(_records(reading, layout.hosts, HostRecord, problems), layout.hosts, problems)
    sessions = {name: entry.session for name in hosts if (entry := reading.entries[layout.hosts + name]).session}
    leases = _leases(_records(reading, layout.ids, Lease, problems), problems)
    taken = frozenset(_id(key.removeprefix(layout.ids)) for key in reading.entries if key.startswith(layout.ids))
    rollout = _records(reading, layout.rollout, Rollout, problems).get("", Rollout())
    held = reading.entries.get(layout.writer)
    containers = _named(_records(reading, layout.containers, ContainersRecord, problems), layout.containers, problems)
    return View(
        publication, hosts, sessions, leases, taken - {0}, held.session if held else "", rollout, error, containers,
        tuple(problems),
    )  # fmt: skip


def _publication(layout: Layout, entry: Entry | None) -> tuple[Publication | None, str]:
    if entry is None:
        return None, ""
    try:
        return understood(layout, entry.value), ""
    except NetctlError as error:
        return None, error.message


def _records(reading: Reading, prefix: str, kind: type[AnyRecord], problems: list[str]) -> dict[str, AnyRecord]:
    """The records below a prefix, by the rest of their keys."""
    found: dict[str, AnyRecord] = {}
    for key in sorted(key for key in reading.entries if key.startswith(prefix)):
        try:
            found[key.removeprefix(prefix)] = kind.read(key, reading.entries[key].value)
        except RecordError as error:
            problems.append(error.message)
    return found


def _named(found: Mapping[str, AnyRecord], prefix: str, problems: list[str]) -> dict[str, AnyRecord]:
    """The records of what can be a host."""
    problems += [f"the key {prefix}{name} is of no host: that cannot be a name" for name in found if not is_name(name)]
    return {name: record for name, record in found.items() if is_name(name)}


def _id(text: str) -> int:
    """The id that a key names; 0 for none."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    return number if str(number) == text and number <= HIGHEST_ID else 0


def _leases(found: Mapping[str, Lease], problems: list[str]) -> dict[str, int]:
    """By host its id; of several, the lowest counts."""
    leases: dict[str, int] = {}
    for number, lease in sorted((_id(text), lease) for text, lease in found.items()):
        if number and (first := leases.setdefault(lease.host, number)) != number:
            problems.append(f"host '{lease.host}' has leased the ids {first} and {number}: {first} counts")
    return leases


class Absence:
    """Since when hosts have had no session, or no record, as far as the store could be asked. Times are monotonic
    seconds.
    """

    def __init__(self, grace: float, gone: frozenset[str] = frozenset()) -> None:
        self._grace = grace
        self._since = dict.fromkeys(gone, float("-inf"))
        self._last: View | None = None
        self._missing: dict[str, float] = {}

    def hold(self, view: View, now: float) -> View:
        """The view, with the hosts whose records have vanished less than the grace ago: should the store have been
        emptied, all of them are about to show themselves anew.
        """
        last, self._last = self._last or view, view
        vanished = last.hosts.keys() - view.hosts.keys()
        self._missing = {name: self._missing.get(name, now) for name in vanished}
        held = [name for name, since in self._missing.items() if now - since < self._grace]
        if not held:
            return view
        owners = set(view.leases.values())
        hosts = {name: last.hosts[name] for name in held}
        leases = {name: last.leases[name] for name in held if last.leases.get(name, 0) not in {0, *owners}}
        self._last = view._replace(hosts={**hosts, **view.hosts}, leases={**leases, **view.leases})
        return self._last

    def see(self, view: View, now: float) -> frozenset[str]:
        """The hosts that are gone, by what has just been read."""
        absent = view.hosts.keys() - view.sessions.keys()
        self._since = {name: self._since.get(name, now) for name in absent}
        return frozenset(name for name, since in self._since.items() if now - since >= self._grace)

    def interrupt(self, now: float) -> None:
        """The store cannot be asked: who is not gone yet has the whole grace once it can be again."""
        self._since = {name: since for name, since in self._since.items() if now - since >= self._grace}
        self._missing.clear()

    def next_due(self, now: float) -> float | None:
        """In how many seconds the next one may be gone."""
        times = [*self._since.values(), *self._missing.values()]
        waiting = [since + self._grace - now for since in times if now - since < self._grace]
        return min(waiting, default=None)
