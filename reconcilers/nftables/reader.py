"""Reads nftables: the stack's tables, its rules in other tools' chains, and who drops forwarded traffic."""

import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self, TypeVar

from netctl.engine.facts import Facts
from netctl.engine.protocol import Capability, Context, Observation, Scope, Unread
from netctl.engine.resource import Key, Live
from netctl.errors import BackendError, PrivilegeError
from netctl.kinds.nftables import OWN_FAMILIES, SYSTEM, ForeignRule, table_key
from reconcilers.nftables.capabilities import capabilities
from reconcilers.nftables.chains import forward_drops, read_chains, rules_by_key
from reconcilers.nftables.events import changed_keys
from reconcilers.nftables.following import NftablesFollower
from reconcilers.nftables.marks import table_of
from reconcilers.nftables.messages import Interrupted, RequestError
from reconcilers.nftables.publications import publications
from reconcilers.nftables.tables import read_head, read_table
from reconcilers.nftables.transport import Connection

T = TypeVar("T")


class Reader:
    """Reads the nftables of one network namespace."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.connection = Connection(context.netns, context.timeout)

    def __enter__(self) -> Self:
        self.connection.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()

    def facts(self) -> Facts:
        """Who drops forwarded traffic, and what stacks publish, when that is asked for.

        Empty without the privilege to look, or in a kernel without nf_tables; then nothing can be observed either, so
        that nothing is deleted for it.
        """
        try:
            drops = forward_drops(self._consistent(lambda: read_chains(self.connection)))
        except (PrivilegeError, RequestError):
            return Facts()
        return Facts(forward_drops=drops, published=self._published)

    def _published(self) -> Mapping[tuple[str, int], frozenset[str]]:
        with suppress(PrivilegeError, RequestError):
            return self._consistent(lambda: publications(self.connection))
        return {}

    def observe(self, scope: Scope) -> Observation:
        """The stack's tables and its rules in other tools' chains."""
        try:
            live = self._consistent(lambda: self._read(scope))
        except (PrivilegeError, RequestError) as error:
            return Observation({}, (Unread(SYSTEM, "everything", error.message, _own_keys(scope)),))
        if scope.keys is not None:
            live = {key: resource for key, resource in live.items() if key in scope.keys}
        return Observation(live)

    def discover(self) -> Iterable[Live]:
        """Nothing: rules are not declared one by one, so that there is nothing to import."""
        return ()

    def capabilities(self) -> Sequence[Capability]:
        """What this kernel and these privileges allow, and who drops forwarded traffic."""
        return capabilities(self.connection, self.facts)

    def events(self) -> Generator[frozenset[Key], None, None]:
        """The keys of what changes, a transaction at a time; an empty set where other tools' chains come or go."""
        return changed_keys(self.context)

    def follow(self) -> NftablesFollower:
        """A follower that reads by this reader's connection."""
        return NftablesFollower(self.context, self.connection, self._consistent)

    def _read(self, scope: Scope) -> dict[Key, Live]:
        chains = read_chains(self.connection)
        found: dict[Key, Live] = {}
        for key in _tables_of(scope):
            head = read_head(self.connection, *table_of(key))
            if head is not None:
                found[key] = Live(key, read_table(self.connection, head, chains), head.owner)
        places = [chain.place for chain in chains if chain.forwards]
        for key, marked in rules_by_key(self.connection, places).items():
            if marked.owner.stack == scope.stack:
                found[key] = Live(key, ForeignRule(*marked.place, marked.rule), marked.owner)
        return found

    def _consistent(self, read: Callable[[], T]) -> T:
        """What *read* returns, read again for as long as the rule set changes meanwhile."""
        deadline = time.monotonic() + self.context.timeout
        while time.monotonic() < deadline:
            generation = self.connection.generation()
            try:
                result = read()
            except Interrupted:
                continue
            if self.connection.generation() == generation:
                return result
        raise BackendError(
            f"nftables kept changing for {self.context.timeout:g} s while it was read",
            "find out what changes it: nft monitor",
        )


def _tables_of(scope: Scope) -> set[Key]:
    """The stack's own tables, and whichever are desired."""
    desired = {key for key in scope.desired if key.system == SYSTEM and key.kind == "table"}
    tables = desired | {table_key(scope.stack, family) for family in OWN_FAMILIES}
    return tables if scope.keys is None else tables & scope.keys


def _own_keys(scope: Scope) -> frozenset[Key]:
    return frozenset(key for key in scope.desired if key.system == SYSTEM)
