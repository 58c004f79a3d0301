"""Changes Consul."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, cast

from netctl.engine.change import Action, Change, Failure, Outcome
from netctl.engine.resource import Key
from netctl.errors import BackendError
from reconcilers.consul.reader import Reader
from reconcilers.consul.refusals import UnreachableError

if TYPE_CHECKING:  # what speaks HTTP is imported where there is an agent to speak to
    from reconcilers.consul.agent import Agent
    from reconcilers.consul.api import Api


class _Making(Protocol):
    def make(self, change: Change) -> None: ...


Results = dict[Key, BackendError | None]
_VERBS = {Action.CREATE: "register", Action.DELETE: "deregister", Action.UPDATE: "change", Action.REPLACE: "replace"}
_KEY_VERBS = {Action.CREATE: "create", Action.DELETE: "delete", Action.UPDATE: "change", Action.REPLACE: "change"}
_REGISTERED = frozenset({"service", "external"})
_NOUNS = {
    "service": "service", "external": "external service", "kv": "key", "config": "config entry",
    "query": "prepared query", "intention": "intention",
}  # fmt: skip


class Writer(Reader):
    """Reads, and makes changes."""

    @property
    def writing(self) -> "Api":
        """Consul's API, whole. Raises BackendError."""
        return cast("Api", self.api)

    def _open(self, agent: "Agent") -> "Api":
        from reconcilers.consul.api import Api

        return Api(agent, self.context.netns, self.context.timeout, self._unanswered)

    def execute(self, batch: Sequence[Change]) -> list[Outcome]:
        """Make the changes; one outcome for each, in order."""
        self._unanswered.forget()
        by_kind: dict[str, list[Change]] = {}
        for change in batch:
            by_kind.setdefault(change.key.kind, []).append(change)
        results: Results = {}
        for kind, changes in by_kind.items():
            results |= self._making(kind)(changes)
        return [Outcome(change, _failure(change, results[change.key])) for change in batch]

    def _making(self, kind: str) -> Callable[[Sequence[Change]], Results]:
        return {
            "service": self._services, "external": self._externals, "kv": self._keys, "config": self._entries,
            "query": self._queries, "intention": self._intentions,
        }[kind]  # fmt: skip

    def _services(self, changes: Sequence[Change]) -> Results:
        from reconcilers.consul.service_writer import ServiceWriter

        return self._confirmed(changes, self._one_by_one(changes, ServiceWriter(self.writing)))

    def _externals(self, changes: Sequence[Change]) -> Results:
        from reconcilers.consul.externals import ExternalWriter

        return self._one_by_one(changes, ExternalWriter(self.writing))

    def _keys(self, changes: Sequence[Change]) -> Results:
        from reconcilers.consul.key_writer import KeyWriter

        owner = next(owner for change in changes if (owner := change.owner or change.owner_before) is not None)
        return KeyWriter(self.writing, owner.stack, self.keys).make(changes)

    def _entries(self, changes: Sequence[Change]) -> Results:
        from reconcilers.consul.entries import EntryWriter

        return EntryWriter(self.writing, self.entries).make(changes)

    def _queries(self, changes: Sequence[Change]) -> Results:
        from reconcilers.consul.queries import QueryWriter

        return self._one_by_one(changes, QueryWriter(self.writing))

    def _intentions(self, changes: Sequence[Change]) -> Results:
        from reconcilers.consul.intentions import IntentionWriter

        return self._one_by_one(changes, IntentionWriter(self.writing))

    @staticmethod
    def _one_by_one(changes: Sequence[Change], writer: _Making) -> Results:
        """Each change by itself. With Consul gone, the rest is not tried."""
        results: Results = {}
        lost: UnreachableError | None = None
        for change in changes:
            results[change.key] = lost
            try:
                if lost is None:
                    writer.make(change)
            except BackendError as error:
                results[change.key] = error
                lost = error if isinstance(error, UnreachableError) else None
        return results

    def _confirmed(self, changes: Sequence[Change], results: Results) -> Results:
        """The results, once the servers know of what the agent has acknowledged: it does so without them."""
        from reconcilers.consul.service_writer import confirm

        made = [change for change in changes if results[change.key] is None]
        return results | confirm(self.writing, made)


def _failure(change: Change, error: BackendError | None) -> Failure | None:
    if error is None:
        return None
    verbs = _VERBS if change.key.kind in _REGISTERED else _KEY_VERBS
    return Failure(f"{verbs[change.action]} {_NOUNS[change.key.kind]} {change.key.id}", error.message, error.advice)
