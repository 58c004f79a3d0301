"""Consul's blocking queries, as a request to look again: what they tell is never trusted beyond that.

One thread waits for each of the node's services, the node's checks, and the folders of the stack's keys, over a
connection of its own.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from email.message import Message
from queue import Empty, Queue
from threading import Event, Thread

from netctl.engine.resource import Key
from netctl.errors import BackendError
from reconcilers.consul.agent_state import agent_facts
from reconcilers.consul.api import ReadApi
from reconcilers.consul.keys import folders, path_segment
from reconcilers.consul.refusals import RefusalError
from reconcilers.requests import segment

WAIT = 300
"""Seconds that an unanswered query lasts; Consul adds up to a sixteenth."""
TIMEOUT = WAIT * 1.1
_CALM = 0.2
"""Seconds in which what happens is told once."""


def changes(connect: Callable[[], ReadApi], paths: Iterable[str]) -> Iterator[frozenset[Key]]:
    """An empty set whenever something of this node, or below a folder of the *paths*, has changed.

    Raises BackendError where Consul cannot be asked any more.
    """
    api = connect()
    try:
        node = segment(agent_facts(api).node)
    finally:
        api.close()
    watched = [f"catalog/node/{node}", f"health/node/{node}", *_key_queries(paths)]
    told: Queue[BackendError | None] = Queue()
    ended = Event()
    for path in watched:
        Thread(target=_watch, args=(connect(), path, told, ended), name=f"consul {path}", daemon=True).start()
    try:
        while True:
            error = told.get()
            time.sleep(_CALM)
            for one in [error, *_drained(told)]:
                if one is not None:
                    raise one
            yield frozenset()
    finally:
        ended.set()


def _key_queries(paths: Iterable[str]) -> list[str]:
    outermost, alone = folders(frozenset(paths))
    return [f"kv/{path_segment(path)}" for path in (*outermost, *alone)]


def _drained(told: "Queue[BackendError | None]") -> Iterator[BackendError | None]:
    while True:
        try:
            yield told.get_nowait()
        except Empty:
            return


def _watch(api: ReadApi, path: str, told: "Queue[BackendError | None]", ended: Event) -> None:
    index = 0
    try:
        while not ended.is_set():
            before, index = index, _next_index(api, path, index)
            if before and index != before:
                told.put(None)
    except BackendError as error:
        told.put(error)
    finally:
        api.close()


def _next_index(api: ReadApi, path: str, index: int) -> int:
    """The index that the query's answer has, once it is not *index* any more; at least 1, and 0 to begin anew."""
    query = {"index": str(index), "wait": f"{WAIT}s"} if index else {}
    if path.startswith("kv/"):
        query["keys"] = ""
    found = int(_headers(api, path, query).get("X-Consul-Index") or 0)
    return 0 if found < index else max(found, 1)


def _headers(api: ReadApi, path: str, query: dict[str, str]) -> Message:
    """The headers of the answer; that a key is not there is one too."""
    try:
        return api.answer(path, **query).headers
    except RefusalError as refusal:
        if not refusal.is_absence or refusal.headers is None:
            raise
        return refusal.headers
