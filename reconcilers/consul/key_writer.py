"""Changes to keys, as many to a transaction as Consul takes.

A transaction is made whole or not at all. Of one that is refused, the operations at fault are named: their keys have
failed, and the others are tried again without them.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from json import JSONDecodeError, loads
from typing import Any, NamedTuple

from netctl.engine.change import Change
from netctl.engine.resource import Key
from netctl.errors import BackendError
from netctl.kinds.consul import KeyValue, claim_of, note_of
from reconcilers.answers import entries, number, record, text
from reconcilers.consul.api import Api
from reconcilers.consul.keys import KeyRow, KeyState, path_segment, read_key
from reconcilers.consul.refusals import RefusalError

_MOST_OPERATIONS = 64
_MOST_BYTES = 384 * 1024
"""Of a transaction; a single value may be larger, and then goes by itself."""

Operation = dict[str, Any]


class Work(NamedTuple):
    """The operations that one change takes."""

    change: Change
    operations: list[Operation]
    bulk: bytes | None = None
    """A value too large for a transaction, to be written after it."""

    @property
    def size(self) -> int:
        """The bytes of its values."""
        return sum(len(operation["KV"].get("Value") or "") for operation in self.operations)


class KeyWriter:
    """Makes changes to keys, against what has been read of them."""

    def __init__(self, api: Api, stack: str, state: KeyState | None) -> None:
        self._api = api
        self._stack = stack
        self._rows = state.rows if state else {}
        """What was read; a change uses it up."""

    def make(self, changes: Sequence[Change]) -> dict[Key, BackendError | None]:
        """What became of each change; None where it was made."""
        outcomes: dict[Key, BackendError | None] = {}
        works: list[Work] = []
        for change in changes:
            try:
                works.append(self._work(change))
            except BackendError as error:
                outcomes[change.key] = error
        for group in _grouped(works):
            outcomes |= self._transact(group)
        return outcomes

    def _work(self, change: Change) -> Work:
        path = change.key.id
        known = self._known(path)
        if known is not None and known.session:
            raise RefusalError(
                HTTPStatus.CONFLICT,
                f"it is locked by session {known.session}",
                "Wait until it is released, or destroy the session: consul lock, /v1/session/destroy.",
            )
        if not isinstance(change.after, KeyValue):
            return Work(change, [*_deletion(path, known), *self._marking(change)])
        content = change.after.content
        if len(content) > _MOST_BYTES // 2:
            return Work(change, self._marking(change), content)
        flags = change.after.flags or 0
        pair = {
            "Verb": "cas", "Key": path, "Value": b64encode(content).decode(), "Flags": flags,
            "Index": known.modified if known else 0,
        }  # fmt: skip
        return Work(change, [{"KV": pair}, *self._marking(change)])

    def _marking(self, change: Change) -> list[Operation]:
        """That the key is the stack's, or not any more; and whether its value may be shown, where that changes."""
        path, after = change.key.id, change.after
        is_claimed = change.owner is not None and after is not None
        found = [_presence(claim_of(self._stack, path), is_there=is_claimed)]
        was, now = (isinstance(pair, KeyValue) and bool(pair.sensitive) for pair in (change.before, after))
        if was or now:
            found.append(_presence(note_of(self._stack, path), is_there=is_claimed and now))
        return found

    def _known(self, path: str) -> KeyRow | None:
        if path not in self._rows:
            self._rows[path] = read_key(self._api, path)
        return self._rows[path]

    def _transact(self, works: list[Work]) -> dict[Key, BackendError | None]:
        outcomes: dict[Key, BackendError | None] = {}
        while works:
            try:
                self._api.put("txn", [operation for work in works for operation in work.operations])
            except RefusalError as refusal:
                failed = _at_fault(works, refusal)
                outcomes |= failed or {work.change.key: refusal for work in works}
                works = [work for work in works if work.change.key not in failed] if failed else []
                continue
            except BackendError as error:
                return outcomes | {work.change.key: error for work in works}
            outcomes |= {work.change.key: self._write_bulk(work) for work in works}
            break
        for key in outcomes:
            self._rows.pop(key.id, None)
        return outcomes

    def _write_bulk(self, work: Work) -> BackendError | None:
        if work.bulk is None or not isinstance(work.change.after, KeyValue):
            return None
        path = work.change.key.id
        known = self._rows.get(path)
        query = {"cas": str(known.modified if known else 0), "flags": str(work.change.after.flags or 0)}
        try:
            if self._api.put(f"kv/{path_segment(path)}", work.bulk, **query) is not True:
                return RefusalError(HTTPStatus.CONFLICT, f'failed to set key "{path}", index is stale')
        except BackendError as error:
            return error
        return None


def _presence(path: str, *, is_there: bool) -> Operation:
    """An empty key, made or removed."""
    return {"KV": {"Verb": "set", "Key": path, "Value": ""} if is_there else {"Verb": "delete", "Key": path}}


def _deletion(path: str, known: KeyRow | None) -> list[Operation]:
    if known is None:
        return []
    return [{"KV": {"Verb": "delete-cas", "Key": path, "Index": known.modified}}]


def _grouped(works: list[Work]) -> Iterator[list[Work]]:
    group: list[Work] = []
    operations = size = 0
    for work in works:
        if group and (operations + len(work.operations) > _MOST_OPERATIONS or size + work.size > _MOST_BYTES):
            yield group
            group, operations, size = [], 0, 0
        group.append(work)
        operations += len(work.operations)
        size += work.size
    if group:
        yield group


def _at_fault(works: list[Work], refusal: RefusalError) -> dict[Key, BackendError]:
    """The changes whose operations a refused transaction names, each with what is said of it."""
    if refusal.status != HTTPStatus.CONFLICT:
        return {}
    by_operation = [work.change.key for work in works for _ in work.operations]
    found: dict[Key, BackendError] = {}
    for error in _errors(refusal.body):
        index = number(error.get("OpIndex"))
        if index < len(by_operation):
            found.setdefault(by_operation[index], RefusalError(refusal.status, text(error.get("What"))))
    return found


def _errors(body: str) -> list[dict[str, Any]]:
    try:
        return entries(record(loads(body)).get("Errors"))
    except JSONDecodeError:
        return []
