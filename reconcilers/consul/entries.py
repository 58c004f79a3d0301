"""Config entries: compared without what Consul adds, written against what was read, in the order that Consul wants.

Consul refuses a splitter whose service speaks no HTTP, and to take the protocol away from one that is split. Which
entry needs which follows from what is declared and from what there was before. So the entries of one batch are tried in
the usual order, and those that are refused again after the others, for as long as that helps.
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from netctl.engine.change import Action, Change
from netctl.engine.protocol import Scope, Unread
from netctl.engine.resource import Key, Live, Owner
from netctl.errors import BackendError
from netctl.kinds.consul import SYSTEM
from netctl.kinds.consul_entries import canonical, references, written
from netctl.kinds.consul_fields import FIELDS
from netctl.kinds.consul_mesh import ConfigEntry, config_key
from reconcilers.answers import Record, entries, number, strings, text
from reconcilers.consul.api import Api, ReadApi
from reconcilers.consul.marks import marked, owner_of, unmarked
from reconcilers.consul.refusals import RefusalError, UnreachableError
from reconcilers.requests import segment

PART = "config entries"
_INTENTIONS = "service-intentions"
_ORDER = (
    *("proxy-defaults", "service-defaults", "service-resolver", "service-splitter", "service-router"),
    *("ingress-gateway", "terminating-gateway", _INTENTIONS),
)
"""What is needed by those after it."""
_OWN_FIELDS = frozenset({"Kind", "Name", "Meta", "CreateIndex", "ModifyIndex", "Hash", "Status"})


class EntryRow(NamedTuple):
    """An entry of Consul's."""

    entry: ConfigEntry
    owner: Owner | None
    modified: int
    """The index of its last change."""
    meta: Mapping[str, str]
    rest: Mapping[str, Any]
    """Fields that the language does not know; they stay."""


def observe_entries(
    api: ReadApi, scope: Scope, *, has_intentions: bool
) -> tuple[dict[Key, Live], list[Unread], dict[Key, EntryRow]]:
    """The stack's entries, and what bears the kind and name of a desired one. Raises BackendError.

    *has_intentions* says that this Consul has intentions as entries; an older one refuses to be asked for them.
    """
    wanted = frozenset(key for key in scope.desired if key[:2] == (SYSTEM, "config"))
    denied = _denied(api, wanted)
    has_intentions |= any(key.id.startswith(_INTENTIONS) for key in wanted)
    rows = read_entries(api, has_intentions=has_intentions)
    live = {
        key: Live(key, row.entry, row.owner, needs=_needs(row.entry))
        for key, row in rows.items()
        if key in wanted or (row.owner is not None and row.owner.stack == scope.stack)
    }
    hidden = denied - live.keys()
    unread = [Unread(SYSTEM, PART, "the token may not see every service", hidden)] if hidden else []
    return live, unread, rows


def read_entries(api: ReadApi, *, has_intentions: bool) -> dict[Key, EntryRow]:
    """Every entry of the kinds that can be declared. Raises BackendError."""
    return {
        config_key(row.entry.kind, row.entry.name): row
        for kind in _ORDER
        if kind != _INTENTIONS or has_intentions
        for row in map(_row, entries(api.get(f"config/{kind}")))
    }


def _row(answer: Record) -> EntryRow:
    kind, name = text(answer.get("Kind")), text(answer.get("Name"))
    meta = strings(answer.get("Meta"))
    rest = {field: value for field, value in answer.items() if field not in _OWN_FIELDS and field not in FIELDS[kind]}
    entry = ConfigEntry(kind, name, written(canonical(kind, answer)))
    return EntryRow(entry, owner_of(meta, f"{kind}/{name}"), number(answer.get("ModifyIndex")), meta, rest)


def _denied(api: ReadApi, wanted: frozenset[Key]) -> frozenset[Key]:
    services = {key: key.id.partition("/")[2] for key in wanted if not key.id.startswith("proxy-defaults/")}
    names = api.unreadable("service", services.values())
    return frozenset(key for key, service in services.items() if service in names)


def _needs(entry: ConfigEntry) -> tuple[Key, ...]:
    """What Consul refuses to delete while the entry is there."""
    body = {name: json.loads(value) for name, value in entry.settings or ()}
    names = sorted({entry.name, *references(body)})
    earlier = _ORDER[1 : max(_ORDER.index(entry.kind), 1)]
    found = [config_key(kind, name) for kind in earlier for name in names]
    return (*found, config_key("proxy-defaults", "global")) if entry.kind != "proxy-defaults" else ()


class EntryWriter:
    """Makes changes to entries, against what has been read of them."""

    def __init__(self, api: Api, rows: Mapping[Key, EntryRow]) -> None:
        self._api = api
        self._rows = dict(rows)
        """What was read; a change uses it up."""

    def make(self, changes: Sequence[Change]) -> dict[Key, BackendError | None]:
        """What became of each change; None where it was made."""
        outcomes: dict[Key, BackendError | None] = {}
        pending = sorted(changes, key=_rank)
        while pending:
            refused = []
            for change in pending:
                outcomes[change.key] = error = self._attempt(change)
                if isinstance(error, UnreachableError):
                    return {**dict.fromkeys((one.key for one in changes), error), **_made(outcomes)}
                if error is not None:
                    refused.append(change)
            if len(refused) == len(pending):
                break
            pending = refused
        return outcomes

    def _attempt(self, change: Change) -> BackendError | None:
        try:
            if isinstance(change.after, ConfigEntry):
                self._put(change, change.after)
            else:
                self._delete(change.key)
        except BackendError as error:
            return error
        self._rows.pop(change.key, None)
        return None

    def _put(self, change: Change, entry: ConfigEntry) -> None:
        known = self._known(change.key)
        meta = marked(dict(unmarked(known.meta)) if known else {}, change.key.id, change.owner)
        fields = {name: json.loads(value) for name, value in entry.settings or ()}
        body = {**(known.rest if known else {}), **fields, "Kind": entry.kind, "Name": entry.name, "Meta": meta}
        if self._api.put("config", body, cas=str(known.modified if known else 0)) is not True:
            raise _stale(change.key)

    def _delete(self, key: Key) -> None:
        known = self._known(key)
        if known is None:
            return
        kind, name = known.entry.kind, known.entry.name
        if self._api.delete(f"config/{kind}/{segment(name)}", cas=str(known.modified)) is False:
            raise _stale(key)

    def _known(self, key: Key) -> EntryRow | None:
        """The entry as it was when it was last looked at."""
        if key not in self._rows:
            kind, _, name = key.id.partition("/")
            try:
                self._rows[key] = _row(self._api.get(f"config/{kind}/{segment(name)}"))
            except RefusalError as refusal:
                if not refusal.is_absence:
                    raise
                return None
        return self._rows[key]


def _made(outcomes: Mapping[Key, BackendError | None]) -> dict[Key, None]:
    return {key: None for key, error in outcomes.items() if error is None}


def _rank(change: Change) -> tuple[int, Key]:
    rank = _ORDER.index(change.key.id.partition("/")[0])
    return (-rank if change.action is Action.DELETE else rank), change.key


def _stale(key: Key) -> RefusalError:
    return RefusalError(HTTPStatus.CONFLICT, f'failed to set config entry "{key.id}", index is stale')
