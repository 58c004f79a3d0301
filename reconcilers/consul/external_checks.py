"""The checks of external services: unlike an agent, the catalog tells how they are defined."""

import json
from collections.abc import Iterable
from typing import Any

from netctl.kinds.consul import Check, Sealed
from netctl.kinds.consul_entries import spelled_duration
from reconcilers.answers import Record, record, text

_DURATIONS = frozenset({"Interval", "Timeout", "DeregisterCriticalServiceAfter"})
_TOLD = ("HTTP", "TLSSkipVerify", "Header", "Method", "Body", "TCP", *sorted(_DURATIONS))
"""What every version keeps of a definition in the catalog (``api.HealthCheckDefinition``)."""
_EMPTY: dict[str, Any] = {"Header": {}, "Body": ""}
"""What is not told of those that are sealed, where it is empty."""


def checks_as_they_are(
    found: Iterable[Record], defined: Iterable[Check], service: str, prefix: str
) -> tuple[Check, ...]:
    """The checks that netctl has put on the *service*, as they were defined; of one that is not, only what it is.

    *found* is what the catalog has on the node. Of that, what is not *defined* is netctl's where its id has the prefix.
    """
    live = {text(row.get("CheckID")): row for row in found}
    known = {check.id: check for check in defined}
    kept = [_as_it_is(check, live[check.id], service) for check in known.values() if check.id in live]
    others = [
        Check(ident, text(row.get("Type")))
        for ident, row in live.items()
        if ident not in known and ident.startswith(prefix) and row.get("ServiceID") == service
    ]
    return (*kept, *others)


def _as_it_is(check: Check, row: Record, service: str) -> Check:
    settings = dict(check.settings)
    definition = record(row.get("Definition"))
    about = {"ServiceID": service, "Name": _plain(settings, "Name"), "Notes": _plain(settings, "Notes")}
    same = all(text(row.get(name)) == (value or "") for name, value in about.items()) and all(
        _is_told(check.id, name, settings, definition) for name in _TOLD
    )
    return check if same else Check(check.id, check.type)


def _is_told(ident: str, name: str, settings: dict[str, str], definition: Record) -> bool:
    """Whether the definition has the setting as it is in the settings."""
    if settings.get(name, "").startswith(Sealed.PREFIX):
        value = definition.get(name) or _EMPTY.get(name)
        return settings[name] == str(Sealed.of(ident, json.dumps(value, separators=(",", ":"), sort_keys=True)))
    same: bool = _spelled(name, _plain(settings, name)) == _spelled(name, definition.get(name))
    return same


def _plain(settings: dict[str, str], name: str) -> Any:
    return json.loads(settings.get(name, "null"))


def _spelled(name: str, value: Any) -> Any:
    """One spelling of each value; None for what is none."""
    return (spelled_duration(text(value)) if name in _DURATIONS else value) or None
