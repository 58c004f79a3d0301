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
"""Those that are sealed, and what is not told of them: where they are empty."""


def checks_as_they_are(
    found: Iterable[Record], defined: Iterable[Check], service: str, prefix: str
) -> tuple[Check, ...]:
    """The checks that netctl has put on the *service*: as they were defined, or as they are now where that is not so.

    *found* is what the catalog has on the node. Of that, what is not *defined* is netctl's where its id has the prefix.
    """
    live = {text(row.get("CheckID")): row for row in found}
    known = {check.id: check for check in defined}
    kept = [_as_it_is(check, live[check.id], service) for check in known.values() if check.id in live]
    others = [
        _found(row)
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
    if same:
        return check
    found = _found(row)
    return found if found != check else Check(check.id, check.type)


def _found(row: Record) -> Check:
    """A check as the catalog tells of it."""
    ident, definition = text(row.get("CheckID")), record(row.get("Definition"))
    told = {name: text(row.get(name)) for name in ("Name", "Notes")}
    told |= {name: _spelled(name, definition.get(name)) for name in _TOLD}
    settings = {
        name: Sealed.of(ident, _json(value)) if name in _EMPTY else _json(value)
        for name, value in sorted(told.items())
        if value
    }
    return Check(ident, text(row.get("Type")), tuple(settings.items()))


def _is_told(ident: str, name: str, settings: dict[str, str], definition: Record) -> bool:
    """Whether the definition has the setting as it is in the settings."""
    if settings.get(name, "").startswith(Sealed.PREFIX):
        value = definition.get(name) or _EMPTY.get(name)
        return settings[name] == str(Sealed.of(ident, _json(value)))
    same: bool = _spelled(name, _plain(settings, name)) == _spelled(name, definition.get(name))
    return same


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def _plain(settings: dict[str, str], name: str) -> Any:
    return json.loads(settings.get(name, "null"))


def _spelled(name: str, value: Any) -> Any:
    """One spelling of each value; None for what is none."""
    return (spelled_duration(text(value)) if name in _DURATIONS else value) or None
