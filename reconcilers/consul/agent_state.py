"""One reading of the host's own agent: its services, with their checks."""

from collections import defaultdict
from typing import NamedTuple

from netctl.engine.facts import ConsulFacts
from netctl.engine.protocol import Scope, Unread
from netctl.engine.resource import Desired, Key, Live
from netctl.kinds.consul import SYSTEM, Service, service_key
from reconcilers.consul.answers import Record, record, text
from reconcilers.consul.api import ReadApi
from reconcilers.consul.definitions import LiveCheck, ServiceRow, live_check, service_row

PART = "services of the agent"


class AgentState(NamedTuple):
    """What the agent has."""

    rows: dict[str, ServiceRow]
    """By the service's id."""
    denied: frozenset[str]
    """Names of services, of those asked for, that the token may not see."""
    is_whole: bool
    """Whether the token may see every service."""


def read_agent(api: ReadApi, names: frozenset[str]) -> AgentState:
    """The agent's services. A list that access control has thinned looks like a short one, so it is asked what is seen.

    Raises BackendError.
    """
    asked = ["", *sorted(names)]
    whole, *named = api.permits([{"Resource": "service", "Segment": name, "Access": "read"} for name in asked])
    checks: defaultdict[str, list[LiveCheck]] = defaultdict(list)
    services = record(api.get("agent/services"))
    for answer in record(api.get("agent/checks")).values():
        check = live_check(record(answer))
        checks[check.service].append(check)
    rows = {ident: service_row(record(answer), checks.get(ident, ())) for ident, answer in services.items()}
    denied = frozenset(name for name, permitted in zip(asked[1:], named, strict=True) if not permitted)
    return AgentState(rows, denied, whole)


def observe_services(api: ReadApi, scope: Scope) -> tuple[dict[Key, Live], list[Unread], AgentState]:
    """The stack's services, and what bears the id of a desired one."""
    wanted = {key: want for key, want in scope.desired.items() if key[:2] == (SYSTEM, "service")}
    names = frozenset(want.attributes.name for want in wanted.values() if isinstance(want.attributes, Service))
    state = read_agent(api, frozenset(name for name in names if name))
    live: dict[Key, Live] = {}
    for ident, row in state.rows.items():
        key = service_key(ident)
        if key in wanted or (row.owner is not None and row.owner.stack == scope.stack):
            live[key] = Live(key, _overridden(row.service, wanted.get(key)), row.owner)
    hidden = frozenset(key for key, want in wanted.items() if key not in live and want.attributes[1] in state.denied)
    unread = []
    if hidden or not state.is_whole:
        unread.append(Unread(SYSTEM, PART, "the token may not see every service", hidden))
    return live, unread, state


def _overridden(live: Service, want: Desired | None) -> Service:
    """The service; where others may change its tags in the catalog, those that they have set are as wanted."""
    wanted = want.attributes if want is not None else None
    if isinstance(wanted, Service) and wanted.enable_tag_override and live.enable_tag_override:
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
