"""Consul as the store by which hosts are coordinated: keys, sessions, and keys that a session holds.

A session is tied to the health of its node (serfHealth), so that gossip decides whether a host is alive. It ends
without a delay (LockDelay): who holds a key is compared by session each time, so that nobody acts on a lock that was.
Everything is read consistently: a leader that has just been elected may know less than it will be told.
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from netctl.engine.protocol import Context
from netctl.engine.store import Entry, Place, Reading, Write
from netctl.errors import BackendError
from reconcilers.answers import entries, number, record, text, texts
from reconcilers.consul.agent import find_agent
from reconcilers.consul.api import Api
from reconcilers.consul.keys import path_segment
from reconcilers.consul.refusals import RefusalError
from reconcilers.requests import segment

_JITTER, _SPARE = 17 / 16, 10.0
"""An answer comes after what a query may wait and a sixteenth of it; and so many seconds are for all else."""


class ConsulStore:
    """One connection to the host's agent, and another for what waits."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._open: Api | None = None
        self._waiting: Api | None = None
        self._patience = 0.0
        """Seconds that queries by the second one may wait."""

    def place(self) -> Place:
        """The agent's node, and the address that it advertises."""
        answer = record(self._api.get("agent/self"))
        config, member = record(answer.get("Config")), record(answer.get("Member"))
        return Place(text(config.get("NodeName")), text(member.get("Addr")))

    def read(self, prefix: str, after: int = 0, seconds: float = 0) -> Reading:
        """The keys that begin with *prefix*."""
        self._demand_permission(prefix)
        query = {"index": str(after), "wait": f"{max(int(seconds * 1000), 1)}ms"} if after else {}
        api = self._patient(seconds) if after else self._api
        try:
            answer = api.answer(f"kv/{path_segment(prefix)}", recurse="", consistent="", **query)
        except RefusalError as refusal:
            if not refusal.is_absence or refusal.headers is None:
                raise
            return Reading({}, _next(refusal.headers.get("X-Consul-Index"), after))
        found = {text(row.get("Key")): _entry(row) for row in entries(answer.body)}
        return Reading(found, _next(answer.headers.get("X-Consul-Index"), after))

    def keys(self, prefix: str) -> tuple[str, ...]:
        """The names of the keys that begin with *prefix*."""
        self._demand_permission(prefix)
        try:
            return texts(self._api.get(f"kv/{path_segment(prefix)}", keys="", consistent=""))
        except RefusalError as refusal:
            if refusal.is_absence:
                return ()
            raise

    def get(self, key: str) -> Entry | None:
        """One key."""
        self._demand_permission(key)
        try:
            rows = entries(self._api.get(f"kv/{path_segment(key)}", consistent=""))
        except RefusalError as refusal:
            if refusal.is_absence:
                return None
            raise
        return _entry(rows[0]) if rows else None

    def write(self, writes: Sequence[Write]) -> bool:
        """Make all of them or none, by a transaction; one alone goes by itself, and may be larger."""
        if len(writes) == 1 and writes[0].value is not None:
            key, value, modified = writes[0]
            query = {} if modified is None else {"cas": str(modified)}
            return self._api.put(f"kv/{path_segment(key)}", value, **query) is True
        try:
            self._api.put("txn", [{"KV": _operation(write)} for write in writes])
        except RefusalError as refusal:
            if refusal.status == HTTPStatus.CONFLICT and "index is stale" in refusal.body:
                return False
            raise
        return True

    def open_session(self, name: str) -> str:
        """A session that ends with the node's health."""
        answer = self._api.put("session/create", {"Name": name, "LockDelay": "0s", "Behavior": "release"})
        if found := text(record(answer).get("ID")):
            return found
        raise BackendError("Consul has opened a session, and does not tell which", "See whether Consul works.")

    def sessions(self, node: str, name: str) -> tuple[str, ...]:
        """The sessions of a node by their name."""
        rows = entries(self._api.get(f"session/node/{segment(node)}", consistent=""))
        return tuple(text(row.get("ID")) for row in rows if row.get("Name") == name)

    def session_node(self, session: str) -> str:
        """The node of a session."""
        rows = entries(self._api.get(f"session/info/{segment(session)}", consistent=""))
        return text(rows[0].get("Node")) if rows else ""

    def end_session(self, session: str) -> None:
        """End a session."""
        self._api.put(f"session/destroy/{segment(session)}")

    def acquire(self, key: str, value: bytes, session: str, holder: str = "") -> bool:
        """Hold the key for the session; where it is taken from another one, in one step: nobody comes between."""
        if not holder:
            return self._api.put(f"kv/{path_segment(key)}", value, acquire=session) is True
        pair = {"Key": key, "Value": b64encode(value).decode()}
        steps = [{**pair, "Verb": "unlock", "Session": holder}, {**pair, "Verb": "lock", "Session": session}]
        try:
            self._api.put("txn", [{"KV": step} for step in steps])
        except RefusalError as refusal:
            if refusal.status == HTTPStatus.CONFLICT:
                return False
            raise
        return True

    def close(self) -> None:
        """Close both connections."""
        for api in (self._open, self._waiting):
            if api is not None:
                api.close()
        self._open = self._waiting = None

    def _demand_permission(self, prefix: str) -> None:
        """Consul leaves out what a token may not read, and says nothing of it."""
        if self._api.unreadable("key", [prefix]):
            raise RefusalError(HTTPStatus.FORBIDDEN, f"the token may not read the keys below {prefix}")

    @property
    def _api(self) -> Api:
        if self._open is None:
            self._open = Api(find_agent(), self._context.netns, self._context.timeout)
        return self._open

    def _patient(self, seconds: float) -> Api:
        """A connection of its own for queries that wait: its timeout exceeds theirs."""
        if self._waiting is not None and seconds > self._patience:
            self._waiting.close()
            self._waiting = None
        if self._waiting is None:
            self._patience = seconds
            self._waiting = Api(find_agent(), self._context.netns, seconds * _JITTER + _SPARE)
        return self._waiting


class Consul:
    """The store that the entry point names."""

    def open(self, context: Context) -> ConsulStore:
        """A store of the agent that the environment names, or the host's own."""
        return ConsulStore(context)


STORE = Consul()


def _operation(write: Write) -> dict[str, Any]:
    if write.value is None:
        verb = "delete-tree" if write.modified is None else "delete-cas"
        return {"Verb": verb, "Key": write.key} | ({} if write.modified is None else {"Index": write.modified})
    value = b64encode(write.value).decode()
    if write.modified is None:
        return {"Verb": "set", "Key": write.key, "Value": value}
    return {"Verb": "cas", "Key": write.key, "Value": value, "Index": write.modified}


def _entry(row: dict[str, Any]) -> Entry:
    try:
        value = b64decode(text(row.get("Value")))
    except Base64Error:
        value = b""
    return Entry(value, number(row.get("ModifyIndex")), text(row.get("Session")))


def _next(header: str | None, index: int) -> int:
    """The index to wait from: at least 1, and anew where it has gone backwards (a server was restored)."""
    found = int(header) if header and header.isdigit() else 0
    return 1 if found < index else max(found, 1)
