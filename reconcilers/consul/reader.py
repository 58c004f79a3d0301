"""Reads Consul: the host's own agent, the catalog, keys, what the mesh and DNS are told; each can fail for itself."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from netctl.engine.facts import ConsulFacts, Facts
from netctl.engine.protocol import Capability, Context, Observation, Scope, Unread
from netctl.engine.resource import Key, Live
from netctl.errors import BackendError
from netctl.kinds.consul import SYSTEM, claim_of
from reconcilers.consul.together import Part, Seen, read_together
from reconcilers.consul.unanswered import Unanswered
from reconcilers.silence import reason_of

if TYPE_CHECKING:  # what speaks HTTP is imported where there is an agent to speak to
    from reconcilers.consul.agent import Agent
    from reconcilers.consul.api import ReadApi
    from reconcilers.consul.entries import EntryRow
    from reconcilers.consul.keys import KeyState

_KNOCK = 1.0
"""Seconds to find out whether anything listens where nobody has named an agent."""


class Reader:
    """Reads. Nothing is opened before something is asked."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._opened: dict[str, ReadApi] = {}
        self._unanswered = Unanswered()
        """A watch, which has no patience, asks anew at each look: it is to find out that there is an answer again."""
        self.keys: KeyState | None = None
        """What the last observation has told of keys."""
        self._followed = frozenset[str]()
        """The paths of the stack's keys, and the folder of their claims, which tells of those that are added."""
        self._lists = frozenset[str]()
        """Where else there is something of the stack's in the cluster, as lists of the API's."""
        self.entries: dict[Key, EntryRow] = {}
        """What it has told of config entries."""
        self._intentions_are_entries = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for api in self._opened.values():
            api.close()

    @property
    def api(self) -> "ReadApi":
        """Consul's API. Raises BackendError where the environment names no agent that can be spoken to."""
        return self._connection("agent")

    @property
    def beside(self) -> "ReadApi":
        """As `api`, over a connection of its own, for what is read at the same time."""
        return self._connection("beside")

    @property
    def cluster(self) -> "ReadApi":
        """As `beside`, for what is the cluster's."""
        return self._connection("cluster")

    def _connection(self, name: str) -> "ReadApi":
        if name not in self._opened:
            self._opened[name] = self._open(self._find())
        return self._opened[name]

    def _open(self, agent: "Agent") -> "ReadApi":
        from reconcilers.consul.api import ReadApi

        return ReadApi(agent, self.context.netns, self.context.timeout, self._unanswered)

    @staticmethod
    def _find() -> "Agent":
        from reconcilers.consul.agent import find_agent

        return find_agent()

    def facts(self) -> Facts:
        """The agent's version and settings, and what Consul has against instances; read when they are asked for."""
        self._unanswered.forget()
        return Facts(consul=self._agent_facts, complaints=self._complaints)

    def _agent_facts(self) -> ConsulFacts | None:
        from reconcilers.consul.agent_state import agent_facts

        with suppress(BackendError):
            return agent_facts(self.api)
        return None

    def _complaints(self) -> dict[str, str] | None:
        from reconcilers.consul.complaints import complaints

        with suppress(BackendError):
            return complaints(self.api)
        return None

    def observe(self, scope: Scope) -> Observation:
        """What the stack has in Consul; nothing of an agent that nobody has named, that is not there, and that does not
        concern the stack.
        """
        wanted = frozenset(key for key in scope.desired if key.system == SYSTEM)
        if not wanted and SYSTEM not in scope.known and self._is_absent():
            return Observation({})
        live: dict[Key, Live] = {}
        unread: list[Unread] = []
        kinds = None if scope.keys is None else {key.kind for key in scope.keys}
        parts = [part for part in self._parts(scope) if kinds is None or part.kind in kinds]
        read = read_together(parts)
        if not self.context.patient:
            self._unanswered.forget()
        for part, found in zip(parts, read, strict=True):
            if isinstance(found, BackendError):
                keys = frozenset(key for key in wanted if key.kind == part.kind)
                unread.append(Unread(SYSTEM, part.name, reason_of(found, scope, SYSTEM, keys), keys))
            else:
                live |= found[0]
                unread += found[1]
        if scope.keys is None:
            self._lists = frozenset(_list_of(key) for key in live if key.kind in _LISTED)
        chosen = live if scope.keys is None else {key: live[key] for key in live.keys() & scope.keys}
        return Observation(chosen, _joined(unread))

    def _parts(self, scope: Scope) -> Iterator[Part]:
        from reconcilers.consul import agent_state, entries, externals, intentions, keys, queries

        yield Part("service", agent_state.PART, lambda: self._observe_services(scope), is_local=True)
        yield Part("external", externals.PART, lambda: externals.observe_externals(self.cluster, scope))
        yield Part("kv", keys.PART, lambda: self._observe_keys(scope))
        yield Part("query", queries.PART, lambda: queries.observe_queries(self.cluster, scope))
        yield Part("intention", intentions.PART, lambda: self._observe_intentions(scope))
        yield Part("config", entries.PART, lambda: self._observe_entries(scope))

    def _observe_services(self, scope: Scope) -> Seen:
        from reconcilers.consul.agent_state import observe_services

        return observe_services(self.api, self.beside, scope)

    def _observe_keys(self, scope: Scope) -> Seen:
        from reconcilers.consul.keys import observe_keys

        live, unread, seen = observe_keys(self.cluster, scope)
        known = self.keys.rows if self.keys is not None and scope.keys is not None else {}
        self.keys = seen._replace(rows=known | seen.rows)
        before = frozenset[str]() if scope.keys is None else self._followed
        self._followed = before.union(seen.rows, [claim_of(scope.stack)])
        return live, unread

    def _observe_intentions(self, scope: Scope) -> Seen:
        from reconcilers.consul.intentions import observe_intentions

        live, unread, self._intentions_are_entries = observe_intentions(self.cluster, scope)
        return live, unread

    def _observe_entries(self, scope: Scope) -> Seen:
        from reconcilers.consul.entries import observe_entries

        live, unread, self.entries = observe_entries(self.cluster, scope, has_intentions=self._intentions_are_entries)
        return live, unread

    def _is_absent(self) -> bool:
        """Whether nobody has named an agent, and none listens where one would."""
        from reconcilers.consul.agent import find_agent

        try:
            agent = find_agent()
        except BackendError:
            return False
        if not agent.is_default:
            return False
        from reconcilers.consul.knocking import listens

        return not listens(self.context.netns, agent.host, agent.port, _KNOCK)

    def discover(self) -> Iterable[Live]:
        """Every service of the agent, every external one and every key; nothing where there is no agent."""
        if self._is_absent():
            return ()
        from reconcilers.consul.discovery import discover

        return discover(self.api, self.beside)

    def capabilities(self) -> Sequence[Capability]:
        """Whether the agent can be reached, and what it is."""
        from reconcilers.consul.capabilities import capabilities

        return capabilities(lambda: self.api)

    def events(self) -> Iterator[frozenset[Key]]:
        """Asks for a look at the keys of a folder in which something changes, and at all for the rest of the node."""
        from reconcilers.consul.api import ReadApi
        from reconcilers.consul.events import TIMEOUT, changes

        return changes(
            lambda: ReadApi(self._find(), self.context.netns, TIMEOUT), lambda: self._followed, lambda: self._lists
        )


_LISTED = {"query": "query", "intention": "connect/intentions", "config": "config/"}


def _list_of(key: Key) -> str:
    """The API's list that has a resource of the cluster's."""
    return _LISTED[key.kind] + (key.id.partition("/")[0] if key.kind == "config" else "")


def _joined(unread: list[Unread]) -> tuple[Unread, ...]:
    """One entry for all that failed for one reason."""
    found: dict[str, list[Unread]] = {}
    for part in unread:
        found.setdefault(part.reason.partition(";")[0], []).append(part)
    return tuple(_merged(parts) for parts in found.values())


def _merged(parts: list[Unread]) -> Unread:
    names = [part.part for part in parts]
    keys = frozenset[Key]().union(*(part.keys for part in parts))
    told = next((part for part in parts if part.keys), parts[0])
    return told._replace(part="everything" if len(names) == _PARTS else ", ".join(names), keys=keys)


_PARTS = 6
"""Everything that is read."""
