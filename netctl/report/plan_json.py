"""A plan for programs, in the shape of Terraform's plan representation.

Like there, ``change.actions`` of a replacement is ``["delete", "create"]``, ``replace_paths`` lists what forces it, and
a reader must ignore fields that it does not know within one major ``format_version``.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from netctl import __version__
from netctl.engine.change import Action, Change, Reason
from netctl.engine.diff import Conflict
from netctl.engine.plan import Plan
from netctl.engine.resource import Key
from netctl.kinds.route import NextHop
from netctl.report.rows import key_order
from netctl.report.wording import attribute_map, declared_map, owner_text

FORMAT_VERSION = "1.0"

ACTIONS: dict[Action, list[str]] = {
    Action.CREATE: ["create"],
    Action.UPDATE: ["update"],
    Action.REPLACE: ["delete", "create"],
    Action.DELETE: ["delete"],
}
REASONS: dict[Reason, str] = {
    Reason.DECLARED: "create_because_declared",
    Reason.DIFFERS: "update_because_differs",
    Reason.IMMUTABLE: "replace_because_cannot_update",
    Reason.CONTAINER: "replace_by_triggers",
    Reason.UNDECLARED: "delete_because_no_resource_config",
    Reason.ADOPTED: "update_because_adopted",
    Reason.UNDO: "undo",
}


def plan_document(plan: Plan, *, warnings: Sequence[str] = ()) -> dict[str, Any]:
    """The plan as what ``json.dumps`` takes; its schema is ``schemas/plan.schema.json``."""
    counts = plan.count()
    return {
        "format_version": FORMAT_VERSION,
        "netctl_version": __version__,
        "stack": plan.stack,
        "host": plan.host,
        "applyable": bool(plan.batches) and not plan.conflicts,
        "complete": not plan.unread,
        "fingerprint": plan.fingerprint,
        "summary": {action.value: counts[action] for action in Action},
        "warnings": list(warnings),
        "resource_changes": [_change(change) for change in sorted(plan.changes, key=lambda c: key_order(c.key))],
        "conflicts": [
            _conflict(conflict) for conflict in sorted(plan.conflicts, key=lambda c: key_order(c.desired.key))
        ],
        "unread": [_unread_part(part.system, part.part, part.reason, part.keys) for part in plan.unread],
        "blocked": _addresses(plan.blocked),
    }


def json_value(value: Any) -> Any:
    """An attribute's value in JSON's types; records within become objects."""
    if isinstance(value, NextHop) or hasattr(value, "_fields"):
        return {name: json_value(part) for name, part in attribute_map(value).items()}
    if isinstance(value, tuple | list):
        return [json_value(part) for part in value]
    if isinstance(value, frozenset | set):
        return sorted(json_value(part) for part in value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)


def json_attributes(attributes: tuple[Any, ...] | None) -> dict[str, Any] | None:
    """The managed attributes as an object; None where there is no resource."""
    if attributes is None:
        return None
    return {name: json_value(value) for name, value in declared_map(attributes).items()}


def _change(change: Change) -> dict[str, Any]:
    body: dict[str, Any] = {
        "actions": ACTIONS[change.action],
        "before": json_attributes(change.before),
        "after": json_attributes(change.after),
    }
    if change.action is Action.REPLACE:
        body["replace_paths"] = [[name] for name in change.fields]
    return {
        "address": str(change.key),
        "provider": change.key.system,
        "type": change.key.kind,
        "name": change.key.id,
        "change": body,
        "changed": list(change.fields),
        "action_reason": REASONS[change.reason],
        "implied": change.implied,
        **_declaration(change),
    }


def _declaration(change: Change) -> dict[str, Any]:
    """Where a change comes from; a deletion names the declaration that its mark names."""
    if change.origin is None:
        owner = change.owner_before
        return {"declaration": owner.declaration if owner else "", "source": None}
    source = {"file": change.origin.file, "line": change.origin.line} if change.origin.file else None
    return {"declaration": change.origin.declaration, "source": source}


def _conflict(conflict: Conflict) -> dict[str, Any]:
    return {
        "address": str(conflict.desired.key),
        "declaration": conflict.desired.origin.declaration,
        "owner": owner_text(conflict.live.owner),
        "adoptable": conflict.adoptable,
        "live": json_attributes(conflict.live.attributes),
        "desired": json_attributes(conflict.desired.attributes),
    }


def _unread_part(system: str, part: str, reason: str, keys: Iterable[Key]) -> dict[str, Any]:
    return {"provider": system, "part": part, "reason": reason, "addresses": _addresses(keys)}


def _addresses(keys: Iterable[Key]) -> list[str]:
    return [str(key) for key in sorted(keys, key=key_order)]


def object_schema(properties: Mapping[str, Any], optional: Iterable[str] = ()) -> dict[str, Any]:
    """A JSON Schema of an object whose properties are all required but the *optional* ones."""
    left_out = set(optional)
    required = [name for name in properties if name not in left_out]
    return {"type": "object", "properties": dict(properties), "required": required}
