"""What Consul has against instances of services: their checks that are critical, maintenance, nodes that are gone.

The host's own agent knows of its own instances before any server does, so that what it says of them counts. Of the
others the catalog tells in one answer, and in one more for each node that is unwell as a whole.
"""

from collections.abc import Iterable, Iterator

from reconcilers.answers import Record, entries, record, text
from reconcilers.consul.api import ReadApi
from reconcilers.requests import segment

CRITICAL = "health/state/critical"
_MAINTENANCE = ("_service_maintenance", "_node_maintenance")
_LONGEST = 80


def complaints(api: ReadApi) -> dict[str, str]:
    """Why instances are not healthy, by their ids. Raises BackendError."""
    own = [record(check) for check in record(api.get("agent/checks")).values()]
    nodes = {text(check.get("Node")) for check in own}
    # What servers that have no leader remember is better than nothing.
    elsewhere = [check for check in entries(api.get(CRITICAL, stale="")) if text(check.get("Node")) not in nodes]
    found = dict(_of_services(elsewhere))
    for node, reason in _of_nodes(elsewhere):
        services = record(record(api.get(f"catalog/node/{segment(node)}", stale="")).get("Services"))
        found = dict.fromkeys(services, reason) | found
    critical = [check for check in own if check.get("Status") == "critical"]
    for _, reason in _of_nodes(critical):
        found = dict.fromkeys(record(api.get("agent/services")), reason) | found
    return found | dict(_of_services(critical))


def _of_services(checks: Iterable[Record]) -> Iterator[tuple[str, str]]:
    """By the service's id; where several are critical, maintenance goes before others."""
    ordered = sorted(checks, key=lambda check: (_is_maintenance(check), text(check.get("CheckID"))))
    return ((text(check.get("ServiceID")), _reason(check)) for check in ordered if check.get("ServiceID"))


def _of_nodes(checks: Iterable[Record]) -> Iterator[tuple[str, str]]:
    """The nodes that are unwell as a whole."""
    found = {text(check.get("Node")): _reason(check) for check in checks if not check.get("ServiceID")}
    return ((node, f"node {_shown(node)}: {reason}") for node, reason in sorted(found.items()) if node)


def _is_maintenance(check: Record) -> bool:
    return text(check.get("CheckID")).startswith(_MAINTENANCE)


def _reason(check: Record) -> str:
    if _is_maintenance(check):
        notes = _shown(text(check.get("Notes")))
        return f"in maintenance{f': {notes}' if notes else ''}"
    return f"check '{_shown(text(check.get('Name')) or text(check.get('CheckID')))}' is critical in Consul"


def _shown(said: str) -> str:
    """What others have written, fit for a line."""
    return "".join(char if char.isprintable() else " " for char in said[:_LONGEST]).strip()
