"""Consul's blocking queries, as a request to look again: what they tell is never trusted beyond that.

One thread waits for each of the node's services, the node's checks, the folders of the stack's keys, and the lists of
what else the stack has in the cluster, over a connection of its own.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from email.message import Message
from os.path import commonprefix
from queue import Empty, Queue
from threading import Event, Thread

from netctl.engine.facts import HEALTH
from netctl.engine.resource import Key
from netctl.errors import BackendError
from netctl.kinds.consul import CLAIMS, SYSTEM, kv_key
from reconcilers.consul.agent_state import agent_facts
from reconcilers.consul.api import ReadApi
from reconcilers.consul.complaints import CRITICAL
from reconcilers.consul.keys import folders, path_segment
from reconcilers.consul.refusals import RefusalError
from reconcilers.requests import segment

WAIT = 300
"""Seconds that an unanswered query lasts; Consul adds up to a sixteenth."""
TIMEOUT = WAIT * 1.1
_CALM = 0.02
"""Seconds in which what happens is told once."""
_IDLE, _PAUSE = 0.01, 1.0
"""Seconds in which no answer without news comes, unless something on the way answers at once; and what it costs it."""
_MOST = 16
"""Folders that have a query each; an agent takes 200 connections of one client."""
_KEYS = "kv/"

Paths = Callable[[], Iterable[str]]
"""The paths of the stack's keys, as they are known now."""


def changes(connect: Callable[[], ReadApi], paths: Paths, lists: Paths) -> Iterator[frozenset[Key]]:
    """What has changed of the node, of what is below the *paths* of keys, and of *lists* of the API's.

    An empty set when all is listened to; then the keys of a folder in which something has changed, one of kind
    `HEALTH` where it is about instances anywhere, or an empty set for something else.

    Raises BackendError where Consul cannot be asked any more.
    """
    api = connect()
    try:
        node = segment(agent_facts(api).node)
    finally:
        api.close()
    queries = _Queries(connect)
    try:
        queries.follow(_wanted(node, paths(), lists()))
        queries.await_all()
        yield frozenset()
        while True:
            # The agent tells the catalog, so that the stack's keys are known by the time that one of them is told of.
            yield _keys(queries.await_some(), paths())
            queries.follow(_wanted(node, paths(), lists()))
    finally:
        queries.end()


def _wanted(node: str, paths: Iterable[str], lists: Iterable[str]) -> list[str]:
    own = f"catalog/node/{node}", f"health/node/{node}"
    return [*own, CRITICAL, *lists, *(f"{_KEYS}{folder}" for folder in _folders(paths))]


def _keys(told: Iterable[str], paths: Iterable[str]) -> frozenset[Key]:
    """What the queries that were answered are about."""
    health = frozenset({Key(SYSTEM, HEALTH, "")} if CRITICAL in told else ())
    others = [query for query in told if query != CRITICAL]
    if not others:
        return health
    below = frozenset[Key]() if any(not query.startswith(_KEYS) for query in others) else _below(others, paths)
    return below | health if below else frozenset()


def _folders(paths: Iterable[str]) -> list[str]:
    """The outermost folders of the paths; where they are many, what they have in common."""
    outermost, alone = folders(frozenset(paths))
    found = [*outermost, *alone]
    if len(found) <= _MOST:
        return found
    own = [folder for folder in found if folder.startswith(CLAIMS)]
    return [*own, commonprefix([folder for folder in found if folder not in own])]  # noqa: RUF071 - a prefix is what Consul takes


def _below(queries: Iterable[str], paths: Iterable[str]) -> frozenset[Key]:
    prefixes = tuple(query.removeprefix(_KEYS) for query in queries)
    return frozenset(kv_key(path) for path in paths if path.startswith(prefixes) and not path.endswith("/"))


class _Queries:
    """A thread for each query, which tells when its answer is another one."""

    def __init__(self, connect: Callable[[], ReadApi]) -> None:
        self._connect = connect
        self._told: Queue[BackendError | str] = Queue()
        self._ended: dict[str, Event] = {}

    def follow(self, queries: Iterable[str]) -> None:
        """Ask these, and no others any more. The first answer to a new one is told, too."""
        wanted = set(queries)
        for query in self._ended.keys() - wanted:
            self._ended.pop(query).set()
        for query in wanted - self._ended.keys():
            ended = self._ended[query] = Event()
            arguments = self._connect(), query, self._told, ended
            Thread(target=_watch, args=arguments, name=f"consul {query}", daemon=True).start()

    def await_all(self) -> None:
        """Wait until each has been answered. Raises BackendError."""
        missing = set(self._ended)
        while missing:
            missing -= self.await_some()

    def await_some(self) -> set[str]:
        """The queries whose answer is another one, once there are any. Raises BackendError."""
        told = [self._told.get()]
        time.sleep(_CALM)
        with suppress(Empty):
            while True:
                told.append(self._told.get_nowait())
        for one in told:
            if isinstance(one, BackendError):
                raise one
        return {one for one in told if isinstance(one, str)}

    def end(self) -> None:
        """Ask no more."""
        for ended in self._ended.values():
            ended.set()


def _watch(api: ReadApi, query: str, told: "Queue[BackendError | str]", ended: Event) -> None:
    index = 0
    try:
        while not ended.is_set():
            asked = time.monotonic()
            before, index = index, _next_index(api, query, index)
            if index < 0:  # denied: what may not be read cannot be followed
                told.put(query)
                return
            if index != before:
                told.put(query)
            elif time.monotonic() - asked < _IDLE:
                ended.wait(_PAUSE)
    except BackendError as error:
        if not ended.is_set():
            told.put(error)
    finally:
        api.close()


def _next_index(api: ReadApi, query: str, index: int) -> int:
    """The index that the query's answer has, once it is not *index* any more; at least 1, 0 to begin anew, and -1 where
    the token may not read it.
    """
    options = {"index": str(index), "wait": f"{WAIT}s"} if index else {}
    if query.startswith(_KEYS):
        options["keys"] = ""
    try:
        headers = _headers(
            api, f"{_KEYS}{path_segment(query.removeprefix(_KEYS))}" if "keys" in options else query, options
        )
    except RefusalError as refusal:
        if refusal.is_denial:
            return -1
        raise
    found = int(headers.get("X-Consul-Index") or 0)
    return 0 if found < index else max(found, 1)


def _headers(api: ReadApi, path: str, query: dict[str, str]) -> Message:
    """The headers of the answer; that a key is not there is one too."""
    try:
        return api.answer(path, **query).headers
    except RefusalError as refusal:
        if not refusal.is_absence or refusal.headers is None:
            raise
        return refusal.headers
