"""A session with the systems of one host: their readers (or writers), opened together, spoken to as one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain
from types import TracebackType
from typing import Generic, Self, TypeVar

from netctl.engine.change import Change, Failure, Outcome
from netctl.engine.diff import Kinds
from netctl.engine.facts import Facts
from netctl.engine.plan import Plan, make_plan
from netctl.engine.protocol import Context, Observation, Reader, Scope, System, Unread, Writer
from netctl.engine.registry import kinds_of
from netctl.engine.resource import Desired, Key, Live
from netctl.errors import BackendError

AnyReader = TypeVar("AnyReader", bound=Reader)
Item = TypeVar("Item")


class Session(Generic[AnyReader]):
    """Readers or writers by system; and *witnesses*, of systems that are left out and only asked for facts."""

    def __init__(self, kinds: Kinds, members: Mapping[str, AnyReader], witnesses: Sequence[Reader] = ()) -> None:
        self.kinds = kinds
        self.members = members
        self.witnesses = witnesses
        self.leads = True
        """Whether what is cluster-wide is this host's to see to; otherwise it is neither looked at nor changed."""
        self.known: frozenset[str] = frozenset()
        """Systems in which the stack is known to have had something."""
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            for member in self._readers():
                opening.enter_context(member)
            self._stack = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def facts(self) -> Facts:
        """What the compiler may know of the host, from all systems."""
        facts = Facts()
        for member in self._readers():
            facts = facts.merged(member.facts())
        return facts

    def concerns(self, key: Key) -> bool:
        """Whether a resource is this host's to see to."""
        kind = self.kinds.get((key.system, key.kind))
        return self.leads or kind is None or not kind.cluster_wide

    def observe(self, scope: Scope) -> Observation:
        """The live state of all systems. One that fails is unread, with every desired resource of its own."""
        scope = scope._replace(desired=self._own(scope.desired), known=scope.known | self.known)
        live: dict[Key, Live] = {}
        unread: list[Unread] = list(self._unserved(scope))
        for name, member in self.members.items():
            try:
                seen = member.observe(scope)
            except BackendError as error:
                unread.append(_nothing_of(name, str(error), scope))
            else:
                live.update(self._own(seen.live))
                unread.extend(seen.unread)
        return Observation(live, tuple(unread))

    def plan(self, desired: Mapping[Key, Desired], *, stack: str, host: str, adopt: bool = False) -> Plan:
        """Observe, and compare with *desired*."""
        wanted = self._own(desired)
        observation = self.observe(Scope(stack, wanted))
        return make_plan(wanted, observation, self.kinds, stack=stack, host=host, adopt=adopt)

    def execute(self: "Session[Writer]", batch: Sequence[Change]) -> Iterator[Outcome]:
        """Make the changes, each system's share in one call; the outcomes as the systems return.

        Where a system fails, all of its share is taken to have failed: some of it may have been made.
        """
        for share in shares(batch):
            try:
                yield from self.members[share[0].key.system].execute(share)
            except BackendError as error:
                yield from failed(share, error.message, error.advice)

    def _readers(self) -> Iterator[Reader]:
        yield from self.members.values()
        yield from self.witnesses

    def _own(self, found: Mapping[Key, Item]) -> Mapping[Key, Item]:
        """What of it concerns this host."""
        return found if self.leads else {key: item for key, item in found.items() if self.concerns(key)}

    def _unserved(self, scope: Scope) -> Sequence[Unread]:
        systems = {key.system for key in chain(scope.desired, _needs(scope))}
        return [_nothing_of(name, "it was left out", scope) for name in sorted(systems - set(self.members))]


def read_session(systems: Sequence[System], context: Context, witnesses: Sequence[System] = ()) -> Session[Reader]:
    """A session that cannot change anything."""
    members = {system.name: system.reader(context) for system in systems}
    return Session(kinds_of(systems), members, _readers(witnesses, context))


def write_session(systems: Sequence[System], context: Context, witnesses: Sequence[System] = ()) -> Session[Writer]:
    """A session that can. Entering it raises PrivilegeError where changes are not permitted."""
    members = {system.name: system.writer(context) for system in systems}
    return Session(kinds_of(systems), members, _readers(witnesses, context))


def shares(batch: Iterable[Change]) -> Iterable[Sequence[Change]]:
    """The changes of a batch, by system."""
    found: dict[str, list[Change]] = {}
    for change in batch:
        found.setdefault(change.key.system, []).append(change)
    return found.values()


def _readers(systems: Sequence[System], context: Context) -> list[Reader]:
    return [system.reader(context) for system in systems]


def failed(share: Sequence[Change], answer: str, advice: str = "") -> Iterator[Outcome]:
    """The outcomes of changes that failed together."""
    return (Outcome(change, Failure(f"{change.action} {change.key}", answer, advice)) for change in share)


def _nothing_of(system: str, reason: str, scope: Scope) -> Unread:
    """Of a system, nothing could be read."""
    keys = frozenset(key for key in scope.desired if key.system == system)
    return Unread(system, "everything", reason, keys, frozenset(n for n in _needs(scope) if n.system == system) - keys)


def _needs(scope: Scope) -> set[Key]:
    return set(chain.from_iterable(want.needs for want in scope.desired.values()))
