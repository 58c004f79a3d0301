"""Intentions by the API that they have of their own before Consul 1.9; later ones have them in config entries."""

from functools import cached_property
from typing import Any, NamedTuple

from netctl.engine.change import Change
from netctl.engine.protocol import Scope, Unread
from netctl.engine.resource import Key, Live, Owner
from netctl.kinds.consul import SYSTEM
from netctl.kinds.consul_mesh import Intention, intention_key
from reconcilers.answers import Record, entries, strings, text
from reconcilers.consul.api import Api, ReadApi
from reconcilers.consul.identified import set_identified
from reconcilers.consul.marks import marked, owner_of, unmarked
from reconcilers.consul.refusals import refuse_stale

PART = "intentions"
_PATH = "connect/intentions"
_USUAL = frozenset({"", "default"})
"""The namespace where there are none, or none is named."""
_TOLD = frozenset({"ID", "Precedence", "CreatedAt", "UpdatedAt", "Hash", "CreateIndex", "ModifyIndex"})
"""What Consul tells, and does not want to be told."""


class IntentionRow(NamedTuple):
    """An intention of Consul's."""

    intention: Intention
    owner: Owner | None
    answer: Record
    """All that Consul tells of it."""


def observe_intentions(api: ReadApi, scope: Scope) -> tuple[dict[Key, Live], list[Unread], bool]:
    """The stack's intentions, what is between the same services as a desired one, and whether this Consul has them as
    config entries. Raises BackendError.
    """
    wanted = {key: want.attributes for key, want in scope.desired.items() if key[:2] == (SYSTEM, "intention")}
    answers = entries(api.get(_PATH))
    # Wanted as config entries, for a later version or one that is not known: then nothing here is undeclared.
    are_entries = any(key.kind == "config" and key.id.startswith("service-intentions/") for key in scope.desired)
    live = {
        key: Live(key, row.intention, row.owner)
        for key, row in _rows(answers).items()
        if key in wanted or (row.owner is not None and row.owner.stack == scope.stack and not are_entries)
    }
    hidden = _denied(api, wanted) - live.keys()
    unread = [Unread(SYSTEM, PART, "the token may not see them", hidden)] if hidden else []
    return live, unread, _are_entries(answers)


def _are_entries(answers: list[Record]) -> bool:
    """Whether there is one that is part of a config entry, and so has no id of its own."""
    return any(not text(answer.get("ID")) for answer in answers)


def _denied(api: ReadApi, wanted: dict[Key, Any]) -> frozenset[Key]:
    names = api.unreadable("intention", (intention.destination for intention in wanted.values()))
    return frozenset(key for key, intention in wanted.items() if intention.destination in names)


def read_intentions(api: ReadApi) -> tuple[dict[Key, IntentionRow], bool]:
    """Every intention that is no part of a config entry, and whether there are such. Raises BackendError."""
    answers = entries(api.get(_PATH))
    return _rows(answers), _are_entries(answers)


def _rows(answers: list[Record]) -> dict[Key, IntentionRow]:
    own = [
        answer
        for answer in answers
        if text(answer.get("ID")) and {text(answer.get("SourceNS")), text(answer.get("DestinationNS"))} <= _USUAL
    ]
    return {intention_key(row.intention.source, row.intention.destination): row for row in map(_row, own)}


def _row(answer: Record) -> IntentionRow:
    source, destination = text(answer.get("SourceName")), text(answer.get("DestinationName"))
    intention = Intention(source, destination, text(answer.get("Action")), text(answer.get("Description")))
    return IntentionRow(intention, owner_of(strings(answer.get("Meta")), f"{source}:{destination}"), answer)


class IntentionWriter:
    """Makes changes to intentions."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @cached_property
    def _rows(self) -> dict[Key, IntentionRow]:
        return read_intentions(self._api)[0]

    def make(self, change: Change) -> None:
        """Make one. Raises BackendError."""
        known = self._rows.get(change.key)
        refuse_stale("intention", change, (known.intention, known.owner) if known else (None, None))
        answer = known.answer if known else {}
        definition = _definition(change.after, change, answer) if isinstance(change.after, Intention) else None
        set_identified(self._api, _PATH, answer, definition)


def _definition(intention: Intention, change: Change, known: Record) -> dict[str, Any]:
    kept = {name: value for name, value in known.items() if name not in _TOLD}
    meta = dict(unmarked(strings(known.get("Meta"))))
    return {
        **kept,
        "SourceName": intention.source,
        "DestinationName": intention.destination,
        "SourceType": "consul",
        "Action": intention.action,
        "Description": intention.description or "",
        "Meta": marked(meta, change.key.id, change.owner),
    }
