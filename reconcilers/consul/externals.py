"""External services: each a node of its own in the catalog, by the conventions of Consul's external monitor.

A node of the cluster's is never touched: what is registered there by hand its agent removes again.
"""

from typing import Any

from netctl.engine.change import Change
from netctl.engine.protocol import Scope, Unread
from netctl.engine.resource import Key, Live
from netctl.kinds.consul import STACK_META, SYSTEM, Check, External, external_key
from reconcilers.answers import entries, number, record, strings, text, texts
from reconcilers.consul.api import Api, ReadApi
from reconcilers.consul.definitions import settings
from reconcilers.consul.marks import defined_checks, marked, owner_of, unmarked
from reconcilers.requests import segment

PART = "external services"
EXTERNAL_NODE, _PROBE = "external-node", "external-probe"


def observe_externals(api: ReadApi, scope: Scope) -> tuple[dict[Key, Live], list[Unread]]:
    """The stack's external services, and what bears the name of a desired one's node."""
    wanted = {key.id: want.attributes[2] for key, want in scope.desired.items() if key[:2] == (SYSTEM, "external")}
    denied = _denied(api, wanted)
    # Servers that have just started answer from what they have read of their log so far, unless they are told to wait.
    # What is read after this is as new.
    listed = entries(api.get("catalog/nodes", consistent="", **{"node-meta": f"{STACK_META}:{scope.stack}"}))
    names = (wanted.keys() - denied) | {text(node.get("Node")) for node in listed} - denied
    found = {
        external_key(name): live for name in sorted(names) if (live := read_external(api, name, scope)) is not None
    }
    hidden = frozenset(external_key(name) for name in denied if name)
    unread = [Unread(SYSTEM, PART, "the token may not see every node and service", hidden)] if denied else []
    return found, unread


def _denied(api: ReadApi, wanted: dict[str, str]) -> frozenset[str]:
    """The nodes that the token may not see, or whose service; the empty name for those that nobody has named."""
    asked = {"": "", **wanted}
    nodes, services = api.unreadable("node", asked), api.unreadable("service", asked.values())
    return frozenset(node for node, service in asked.items() if node in nodes or service in services)


def read_external(api: ReadApi, name: str, scope: Scope) -> Live | None:
    """The service of a node, where it is desired, the stack's or asked for by its key. Raises BackendError."""
    answer = record(api.get(f"catalog/node/{segment(name)}"))
    node, key = record(answer.get("Node")), external_key(name)
    if not node:
        return None
    node_meta = strings(node.get("Meta"))
    owner = owner_of(node_meta, name)
    if key not in scope.desired and key not in (scope.keys or ()) and (owner is None or owner.stack != scope.stack):
        return None
    services = [record(row) for row in record(answer.get("Services")).values()]
    service = services[0] if services else {}
    meta = strings(service.get("Meta"))
    attributes = External(
        name,
        text(node.get("Address")),
        text(service.get("Service")),
        number(service.get("Port")),
        texts(service.get("Tags")),
        unmarked(meta),
        node_meta.get(_PROBE) == "true",
        defined_checks(meta) if owner is not None else (),
    )
    return Live(key, attributes, owner)


class ExternalWriter:
    """Makes changes to external services."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def make(self, change: Change) -> None:
        """Make one. Raises BackendError."""
        before, after = change.before, change.after
        if isinstance(before, External) and (not isinstance(after, External) or after.service != before.service):
            self._api.put("catalog/deregister", {"Node": before.node})
        if not isinstance(after, External):
            return
        had = before.checks if isinstance(before, External) and before.service == after.service else ()
        kept = {check.id for check in after.checks or ()}
        for check in had or ():
            if check.id not in kept:
                self._api.put("catalog/deregister", {"Node": after.node, "CheckID": check.id})
        new = [check for check in after.checks or () if check not in (had or ())]
        self._api.put("catalog/register", _registration(after, change, new))


def _registration(external: External, change: Change, checks: list[Check]) -> dict[str, Any]:
    mark = marked({}, external.node, change.owner)
    conventions = {EXTERNAL_NODE: "true", _PROBE: "true" if external.probe else "false"}
    ident = external.service
    definitions = marked(dict(external.meta or ()), external.node, change.owner, external.checks or ())
    checked = {key: value for key, value in definitions.items() if key not in mark}
    return {
        "Node": external.node,
        "Address": external.address,
        "NodeMeta": mark | conventions,
        "Service": {
            "ID": ident,
            "Service": external.service,
            "Address": external.address,
            "Port": external.port or 0,
            "Tags": list(external.tags or ()),
            "Meta": checked,
        },
        "Checks": [_check(external, check) for check in checks],
    }


def _check(external: External, check: Check) -> dict[str, Any]:
    """A check for the external monitor to run; what it has found so far is its own, and left alone by an update."""
    told = settings(check)
    shared: dict[str, Any] = {name: told.pop(name) for name in ("Name", "Notes", "Status") if name in told}
    return {
        "Node": external.node, "CheckID": check.id, "ServiceID": external.service, "Status": "passing",
        "Definition": told, **shared,
    }  # fmt: skip
