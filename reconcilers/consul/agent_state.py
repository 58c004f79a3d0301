"""One reading of the host's own agent: its services, with their checks."""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from netctl.engine.facts import ConsulFacts
from netctl.engine.protocol import Scope, Unread
from netctl.engine.resource import Key, Live
from netctl.kinds.consul import SYSTEM, Service, service_key
from reconcilers.answers import Record, record, text
from reconcilers.consul.api import ReadApi
from reconcilers.consul.definitions import ServiceRow, service_row
from reconcilers.consul.together import Meanwhile

PART = "services of the agent"


class AgentState(NamedTuple):
    """What the agent has."""

    rows: dict[str, ServiceRow]
    """By the service's id."""
    denied: frozenset[str]
    """Names of services, of those asked for, that the token may not see."""
    is_whole: bool
    """Whether the token may see every service."""


def read_agent(api: ReadApi, beside: ReadApi, wanted: Mapping[str, Service]) -> AgentState:
    """The agent's services. A list that access control has thinned looks like a short one, so it is asked what is seen.

    The checks are read *beside* it. *wanted* are those that are probably there, by their ids. Raises BackendError.
    """
    with Meanwhile(lambda: record(beside.get("agent/checks"))) as reading:
        denied = api.unreadable("service", {"", *(service.name or "" for service in wanted.values())})
        services = record(api.get("agent/services"))
    checks: defaultdict[str, list[Record]] = defaultdict(list)
    for check in map(record, reading.result().values()):
        checks[text(check.get("ServiceID"))].append(check)
    rows = {
        ident: service_row(record(answer), checks.get(ident, ()), wanted.get(ident))
        for ident, answer in services.items()
    }
    return AgentState(rows, denied - {""}, "" not in denied)


def observe_services(api: ReadApi, beside: ReadApi, scope: Scope) -> tuple[dict[Key, Live], list[Unread]]:
    """The stack's services, and what bears the id of a desired one. Raises BackendError."""
    wanted = {key.id: want.attributes for key, want in scope.desired.items() if isinstance(want.attributes, Service)}
    state = read_agent(api, beside, wanted)
    live: dict[Key, Live] = {}
    for ident, (service, owner) in state.rows.items():
        want = wanted.get(ident)
        if want is not None or (owner is not None and owner.stack == scope.stack):
            key = service_key(ident)
            live[key] = Live(key, service if service is want else _overridden(service, want), owner)
    hidden = frozenset(
        service_key(ident)
        for ident, service in wanted.items()
        if service.name in state.denied and service_key(ident) not in live
    )
    unread = []
    if hidden or not state.is_whole:
        unread.append(Unread(SYSTEM, PART, "the token may not see every service", hidden))
    return live, unread


def _overridden(live: Service, wanted: Service | None) -> Service:
    """The service; where others may change its tags in the catalog, those that they have set are as wanted."""
    if wanted is not None and wanted.enable_tag_override and live.enable_tag_override:
        return live._replace(tags=wanted.tags)
    return live


def agent_facts(api: ReadApi) -> ConsulFacts:
    """What the compiler may know of the agent. Raises BackendError."""
    answer = record(api.get("agent/self"))
    config, debug = record(answer.get("Config")), record(answer.get("DebugConfig"))
    return ConsulFacts(
        text(config.get("NodeName")),
        _version(config),
        # What is registered by HTTP counts as remote, whoever asks.
        bool(debug.get("EnableRemoteScriptChecks")),
    )


def _version(config: Record) -> tuple[int, ...]:
    parts = text(config.get("Version")).partition("-")[0].partition("+")[0].split(".")
    return tuple(int(part) for part in parts if part.isdigit())
