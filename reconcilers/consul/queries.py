"""Prepared queries. They have no metadata: the mark is among the ids of checks that do not count, as one that no check
has (``netctl:shop:web:services.web``: the stack, the query, the declaration). It is there from the first moment, goes
with the query, and does not count for a query of another name.
"""

import json
from functools import cached_property
from typing import Any, NamedTuple

from netctl.engine.change import Change
from netctl.engine.protocol import Scope, Unread
from netctl.engine.resource import Key, Live, Owner
from netctl.kinds.consul import SYSTEM
from netctl.kinds.consul_entries import spelled_duration
from netctl.kinds.consul_mesh import Query, query_key
from reconcilers.answers import Record, entries, number, record, strings, text, texts
from reconcilers.consul.api import Api, ReadApi
from reconcilers.consul.identified import set_identified
from reconcilers.consul.refusals import RefusalError, refuse_stale

PART = "prepared queries"
_MARK = "netctl:"
_GONE = 410
_HIDDEN = "<hidden>"


class QueryRow(NamedTuple):
    """A query of Consul's."""

    query: Query
    owner: Owner | None
    answer: Record
    """All that Consul tells of it: what the language does not know stays."""


def observe_queries(api: ReadApi, scope: Scope) -> tuple[dict[Key, Live], list[Unread]]:
    """The stack's queries, and what bears the name of a desired one. Raises BackendError."""
    wanted = frozenset(key for key in scope.desired if key[:2] == (SYSTEM, "query"))
    live = {
        key: Live(key, row.query, row.owner)
        for key, row in read_queries(api).items()
        if key in wanted or (row.owner is not None and row.owner.stack == scope.stack)
    }
    hidden = _denied(api, wanted) - live.keys()
    return live, [Unread(SYSTEM, PART, "the token may not see them", hidden)] if hidden else []


def _denied(api: ReadApi, wanted: frozenset[Key]) -> frozenset[Key]:
    names = api.unreadable("query", (key.id for key in wanted))
    return frozenset(key for key in wanted if key.id in names)


def read_queries(api: ReadApi) -> dict[Key, QueryRow]:
    """Every query that has a name. Raises BackendError."""
    try:
        answers = entries(api.get("query"))
    except RefusalError as refusal:
        if not refusal.is_denial:
            raise
        return {}  # what is denied is asked for beside it
    rows = (_row(answer) for answer in answers if text(answer.get("Name")))
    return {query_key(row.query.name): row for row in rows}


def _row(answer: Record) -> QueryRow:
    name, service = text(answer.get("Name")), record(answer.get("Service"))
    failover, ignored = record(service.get("Failover")), texts(service.get("IgnoreCheckIDs"))
    query = Query(
        name,
        text(service.get("Service")),
        texts(service.get("Tags")),
        text(service.get("Near")),
        number(failover.get("NearestN")),
        texts(failover.get("Datacenters")),
        bool(service.get("OnlyPassing")),
        bool(service.get("Connect")),
        tuple(check for check in ignored if not check.startswith(_MARK)),
        tuple(sorted(strings(service.get("NodeMeta")).items())),
        tuple(sorted(strings(service.get("ServiceMeta")).items())),
        spelled_duration(text(record(answer.get("DNS")).get("TTL"))),
        _template(record(answer.get("Template"))),
    )
    owner = next((owner for check in ignored if (owner := _owner(check, name)) is not None), None)
    return QueryRow(query, owner, answer)


def _template(answer: Record) -> str:
    """A template in JSON; empty where the query is none."""
    told = {name: value for name, value in sorted(answer.items()) if value}
    return json.dumps(told) if told else ""


def _owner(check: str, name: str) -> Owner | None:
    stack, query, declaration = [*check.removeprefix(_MARK).split(":", 2), "", ""][:3]
    return Owner(stack, declaration) if check.startswith(_MARK) and query == name else None


class QueryWriter:
    """Makes changes to queries."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @cached_property
    def _rows(self) -> dict[Key, QueryRow]:
        return read_queries(self._api)

    def make(self, change: Change) -> None:
        """Make one. Raises BackendError."""
        known = self._rows.get(change.key)
        refuse_stale("query", change, (known.query, known.owner) if known else (None, None))
        answer = known.answer if known else {}
        definition = _definition(change.after, change.owner, answer) if isinstance(change.after, Query) else None
        set_identified(self._api, "query", answer, definition)


def _definition(query: Query, owner: Owner | None, known: Record) -> dict[str, Any]:
    """The query as Consul takes it, with what is *known* beside it. Raises RefusalError."""
    if known.get("Token") == _HIDDEN:
        raise RefusalError(
            _GONE, "it has a token, which Consul does not tell this one", "Use a token that may manage access control."
        )
    mark = [f"{_MARK}{owner.stack}:{query.name}:{owner.declaration}"] if owner is not None else []
    service = {
        **record(known.get("Service")),
        "Service": query.service,
        "Tags": list(query.tags or ()),
        "Near": query.near or "",
        "Failover": {"NearestN": query.nearest or 0, "Datacenters": list(query.failover or ())},
        "OnlyPassing": bool(query.only_passing),
        "Connect": bool(query.connect),
        "IgnoreCheckIDs": [*(query.ignored_checks or ()), *mark],
        "NodeMeta": dict(query.node_meta or ()),
        "ServiceMeta": dict(query.service_meta or ()),
    }
    kept = {name: value for name, value in known.items() if name not in {"CreateIndex", "ModifyIndex"}}
    template = json.loads(query.template) if query.template else {}
    return {**kept, "Name": query.name, "Service": service, "DNS": {"TTL": query.ttl or ""}, "Template": template}
