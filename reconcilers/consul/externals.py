"""External services: each a node of its own in the catalog, by the conventions of Consul's external monitor.

A node of the cluster's is never touched: what is registered there by hand its agent removes again. On a node of
netctl's, the service that bears netctl's id is netctl's; others may have put theirs beside it.
"""

from collections.abc import Iterator
from typing import Any

from netctl.engine.change import Change
from netctl.engine.protocol import Scope, Unread
from netctl.engine.resource import Key, Live, Owner
from netctl.kinds.consul import STACK_META, SYSTEM, Check, External, Service, external_key
from reconcilers.answers import Record, entries, record, strings, text
from reconcilers.consul.api import Api, ReadApi
from reconcilers.consul.definitions import registration, service_row, settings
from reconcilers.consul.external_checks import checks_as_they_are
from reconcilers.consul.marks import defined_checks, definitions, marked, owner_of, unmarked
from reconcilers.requests import segment

PART = "external services"
EXTERNAL_NODE, _PROBE = "external-node", "external-probe"


def observe_externals(api: ReadApi, scope: Scope) -> tuple[dict[Key, Live], list[Unread]]:
    """The stack's external services, and what bears the name of a desired one's node."""
    desired = (want.attributes for want in scope.desired.values())
    wanted = {want.node: want.service or "" for want in desired if isinstance(want, External)}
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
    desired = scope.desired.get(key)
    wanted = desired.attributes if desired is not None and isinstance(desired.attributes, External) else None
    service = _chosen(record(answer.get("Services")), _id_of(name, wanted, owner), owner)
    return Live(key, _as_it_is(node, service, wanted, _checks(api, name, service, wanted, owner)), owner)


def discover_externals(api: ReadApi) -> Iterator[Live]:
    """Every service on an external's node, whoever has put it there. Raises BackendError."""
    for listed in entries(api.get("catalog/nodes", **{"node-meta": f"{EXTERNAL_NODE}:true"})):
        name = text(listed.get("Node"))
        answer = record(api.get(f"catalog/node/{segment(name)}"))
        node = record(answer.get("Node"))
        owner = owner_of(strings(node.get("Meta")), name)
        own = _id_of(name, None, owner)
        for ident, row in record(answer.get("Services")).items():
            service, owns = record(row), owner if ident == own else None
            yield Live(
                external_key(name), _as_it_is(node, service, None, _checks(api, name, service, None, owns)), owns
            )


def _as_it_is(node: Record, service: Record, wanted: External | None, checks: tuple[Check, ...]) -> External:
    """What the catalog tells of a service on an external's node."""
    found = service_row(service, (), None).service
    is_overridden = wanted is not None and wanted.enable_tag_override and found.enable_tag_override
    return External(
        text(node.get("Node")),
        found.id,
        _address(node, found.address, wanted),
        found.name,
        found.port,
        wanted.tags if wanted is not None and is_overridden else found.tags,
        found.meta,
        strings(node.get("Meta")).get(_PROBE) == "true",
        checks,
        found.weights,
        found.tagged_addresses,
        found.enable_tag_override,
    )


def _id_of(node: str, wanted: External | None, owner: Owner | None) -> str:
    """The id of netctl's own service on the node; empty for a node with which netctl has nothing to do."""
    if wanted is not None:
        return wanted.id or ""
    return node.removeprefix(f"{owner.stack}-") if owner is not None else ""


def _chosen(services: Record, ident: str, owner: Owner | None) -> Record:
    """The service that bears the id; on a node that is not netctl's, else one of its name, or any where none is meant.

    Nothing where there are only others: they are whoever's put them there.
    """
    if ident in services or owner is not None:
        return record(services.get(ident))
    rows = map(record, services.values())
    return next((row for row in rows if not ident or row.get("Service") == ident), {})


def _address(node: Record, service: str | None, wanted: External | None) -> str:
    """The service's address, which goes before its node's; the node's where the service's is as it is wanted."""
    own = service or text(node.get("Address"))
    return text(node.get("Address")) if wanted is not None and own == wanted.address else own


def _checks(
    api: ReadApi, name: str, service: Record, wanted: External | None, owner: Owner | None
) -> tuple[Check, ...]:
    """The checks that netctl has put on the service. The catalog is asked for them only where there is one to be."""
    if owner is None:
        return ()
    expected = (wanted.checks or ()) if wanted is not None else ()
    defined = defined_checks(strings(service.get("Meta")), expected)
    if not (defined or expected):
        return ()
    found = entries(api.get(f"health/node/{segment(name)}"))
    ident = text(service.get("ID"))
    return checks_as_they_are(found, defined, ident, f"{owner.stack}:{ident}:")


class ExternalWriter:
    """Makes changes to external services."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def make(self, change: Change) -> None:
        """Make one. Raises BackendError."""
        before, after = change.before, change.after
        if not isinstance(after, External):
            if isinstance(before, External):
                self._leave(before)
            return
        stays = isinstance(before, External) and (before.id, before.service) == (after.id, after.service)
        if isinstance(before, External) and not stays:
            self._remove(before)
        had = before.checks if isinstance(before, External) and stays else ()
        kept = {check.id for check in after.checks or ()}
        for check in had or ():
            if check.id not in kept:
                self._api.put("catalog/deregister", {"Node": after.node, "CheckID": check.id})
        new = [check for check in after.checks or () if check not in (had or ())]
        self._api.put("catalog/register", _registration(after, change, new))

    def _remove(self, external: External) -> None:
        """Remove the service, and with it its checks."""
        if external.id:
            self._api.put("catalog/deregister", {"Node": external.node, "ServiceID": external.id})

    def _leave(self, external: External) -> None:
        """Remove the node with all that is on it; one on which others have services, or may have, becomes theirs."""
        answer = record(self._api.get(f"catalog/node/{segment(external.node)}", consistent=""))
        others = record(answer.get("Services")).keys() - {external.id}
        if not others and not self._api.unreadable("service", [""]):
            self._api.put("catalog/deregister", {"Node": external.node})
            return
        self._remove(external)
        node = record(answer.get("Node"))
        kept = {name: node.get(name) for name in ("ID", "Node", "Address", "TaggedAddresses")}
        self._api.put("catalog/register", kept | {"NodeMeta": dict(unmarked(strings(node.get("Meta"))))})


def _registration(external: External, change: Change, checks: list[Check]) -> dict[str, Any]:
    mark = marked({}, external.node, change.owner)
    conventions = {EXTERNAL_NODE: "true", _PROBE: "true" if external.probe else "false"}
    # As an agent is told of an instance, less what only an agent knows; the mark is on the node.
    told = registration(_as_instance(external), None, checks=())
    service = {name: value for name, value in told.items() if name not in {"Name", "Checks"}}
    return {
        "Node": external.node,
        "Address": external.address,
        "NodeMeta": mark | conventions,
        "Service": service
        | {
            "Service": external.service,
            "Meta": told["Meta"] | (definitions(external.checks or ()) if change.owner is not None else {}),
        },
        "Checks": [_check(external, check) for check in checks],
    }


def _as_instance(external: External) -> Service:
    return Service(
        external.id or "",
        external.service,
        external.address,
        external.port,
        external.tags,
        external.meta,
        external.weights,
        external.tagged_addresses,
        external.enable_tag_override,
    )


def _check(external: External, check: Check) -> dict[str, Any]:
    """A check for the external monitor to run; what it has found so far is its own, and left alone by an update."""
    told = settings(check)
    shared: dict[str, Any] = {name: told.pop(name) for name in ("Name", "Notes", "Status") if name in told}
    return {
        "Node": external.node, "CheckID": check.id, "ServiceID": external.id, "Status": "passing",
        "Definition": told, **shared,
    }  # fmt: skip
