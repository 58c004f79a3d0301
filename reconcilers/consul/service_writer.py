"""Changes to services of the agent.

Nothing is registered anew that need not be: a check starts from the beginning then, and one that waits for heartbeats
counts as healthy without one. Checks are therefore registered and removed one by one, and an operator's maintenance
mode, which is a check too, stays.
"""

import time
from collections.abc import Mapping, Sequence

from netctl.engine.change import Action, Change
from netctl.engine.resource import Key
from netctl.errors import BackendError
from netctl.kinds.consul import Check, Service
from reconcilers.answers import record, strings, text
from reconcilers.consul.agent_state import agent_facts
from reconcilers.consul.api import Api
from reconcilers.consul.definitions import MAINTENANCE, check_registration, registration
from reconcilers.consul.marks import marked
from reconcilers.consul.refusals import RefusalError, UnreachableError
from reconcilers.requests import segment

_CATALOG = 10.0
"""Seconds that the agent is given to tell the servers; it takes milliseconds."""
_PAUSE = 0.02
_UNSYNCED = f"the agent has it, and within {_CATALOG:g} s has not told Consul's servers of it"
_SYNC_ADVICE = (
    "See the agent's log: its token may lack node:write, or netctl's service:write, or the servers have no leader."
)


class ServiceWriter:
    """Makes changes to services."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def make(self, change: Change) -> None:
        """Make one. Raises BackendError."""
        before, after = _service(change.before), _service(change.after)
        if after is None:
            if before is not None:
                self._deregister(before.id)
        elif before is None:
            self._register(change, after, after.checks or ())
        elif change.action is Action.REPLACE:
            self._replace(change, before, after)
        else:
            self._update(change, before, after)

    def _register(self, change: Change, service: Service, checks: Sequence[Check]) -> None:
        self._api.put("agent/service/register", registration(service, change.owner, checks=checks))

    def _deregister(self, ident: str) -> None:
        """Remove a service; later versions refuse for one that is gone."""
        try:
            self._api.put(f"agent/service/deregister/{segment(ident)}")
        except RefusalError as refusal:
            if not refusal.is_absence:
                raise

    def _replace(self, change: Change, before: Service, after: Service) -> None:
        reason = self._maintenance(before.id)
        self._deregister(before.id)
        self._register(change, after, after.checks or ())
        if reason is not None:
            path = f"agent/service/maintenance/{segment(after.id)}"
            self._api.put(path, enable="true", reason=reason)

    def _maintenance(self, ident: str) -> str | None:
        found = record(self._api.get("agent/checks")).get(f"{MAINTENANCE}{ident}")
        return None if found is None else text(record(found).get("Notes"))

    def _update(self, change: Change, before: Service, after: Service) -> None:
        """Checks first, since what defines them is in the service's metadata: broken off, they differ from it still."""
        had = {check.id: check for check in before.checks or ()}
        for check in after.checks or ():
            if had.pop(check.id, None) != check:
                self._api.put("agent/check/register", check_registration(check, after.id))
        for ident in had if after.checks is not None else ():
            self._remove_check(ident)
        self._register(change, after, ())

    def _remove_check(self, ident: str) -> None:
        try:
            self._api.put(f"agent/check/deregister/{segment(ident)}")
        except RefusalError as refusal:
            if not refusal.is_absence:
                raise


def confirm(api: Api, made: Sequence[Change]) -> dict[Key, BackendError | None]:
    """The changes, of those that the agent has acknowledged, that the catalog does not have in the end."""
    if not made:
        return {}
    expected = {change.key: _expected(change) for change in made}
    try:
        node = agent_facts(api).node
        end = time.monotonic() + _CATALOG
        while missing := _missing(api, node, expected):
            if time.monotonic() >= end:
                break
            time.sleep(_PAUSE)
    except BackendError as error:
        return dict.fromkeys(expected, error)
    return dict.fromkeys(missing, UnreachableError(_UNSYNCED, _SYNC_ADVICE))


def _expected(change: Change) -> dict[str, str] | None:
    """A service's metadata in the catalog; None where it is to be gone."""
    after = _service(change.after)
    return None if after is None else marked(dict(after.meta or ()), after.id, change.owner, after.checks or ())


def _missing(api: Api, node: str, expected: Mapping[Key, dict[str, str] | None]) -> list[Key]:
    services = record(record(api.get(f"catalog/node/{segment(node)}")).get("Services"))
    known = {ident: strings(record(row).get("Meta")) for ident, row in services.items()}
    return [key for key, meta in expected.items() if known.get(key.id) != meta]


def _service(attributes: object) -> Service | None:
    if attributes is None or isinstance(attributes, Service):
        return attributes
    raise TypeError(f"not a service: {attributes!r}")
