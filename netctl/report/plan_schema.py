"""The JSON Schema (2020-12) of what ``netctl plan -o json`` prints and ``--out`` stores."""

from typing import Any

from netctl.engine.change import Action
from netctl.report.plan_json import ACTIONS, FORMAT_VERSION, REASONS, object_schema

_STRING = {"type": "string"}
_STRINGS = {"type": "array", "items": _STRING}
_COUNT = {"type": "integer", "minimum": 0}
_ATTRIBUTES = {"type": ["object", "null"]}
SHA256 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}


def plan_schema() -> dict[str, Any]:
    """The schema. Additional properties are allowed: a later minor version may bring some."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://netctl.dev/schemas/plan.schema.json",
        "title": "netctl plan",
        "description": "What would change on one host so that it matches its stack.",
        **object_schema(
            {
                "format_version": {"const": FORMAT_VERSION, "description": "Of this representation."},
                "netctl_version": _STRING,
                "stack": _STRING,
                "host": _STRING,
                "applyable": {"type": "boolean", "description": "There are changes, and no conflict is in their way."},
                "complete": {"type": "boolean", "description": "False where part of the live state could not be read."},
                "fingerprint": SHA256 | {"description": "Of the changes: equal where two plans do the same."},
                "summary": object_schema({action.value: _COUNT for action in Action}),
                "warnings": _STRINGS | {"description": "Changes that may cut the connection netctl is run over."},
                "resource_changes": {"type": "array", "items": _resource_change()},
                "conflicts": {"type": "array", "items": _conflict()},
                "unread": {"type": "array", "items": _unread()},
                "blocked": _STRINGS | {"description": "Resources left out because what they need could not be read."},
                "inputs": _inputs(),
            },
            optional=("inputs",),
        ),
    }


def _resource_change() -> dict[str, Any]:
    change = object_schema(
        {
            "actions": {"enum": list(ACTIONS.values())},
            "before": _ATTRIBUTES | {"description": "The live attributes; null where there is nothing."},
            "after": _ATTRIBUTES | {"description": "The managed attributes afterwards; null for a deletion."},
            "replace_paths": {"type": "array", "items": _STRINGS, "description": "What forces a replacement."},
        },
        optional=("replace_paths",),
    )
    source = object_schema({"file": _STRING, "line": _COUNT})
    return object_schema(
        {
            "address": _STRING | {"description": "provider/type/name"},
            "provider": _STRING,
            "type": _STRING,
            "name": _STRING,
            "change": change,
            "changed": _STRINGS | {"description": "The attributes that differ; `owner` where the mark does."},
            "action_reason": {"enum": list(REASONS.values())},
            "implied": {"type": "boolean", "description": "Brought about by another change of this plan."},
            "declaration": _STRING,
            "source": {"anyOf": [source, {"type": "null"}]},
        }
    )


def _conflict() -> dict[str, Any]:
    return object_schema(
        {
            "address": _STRING,
            "declaration": _STRING,
            "owner": _STRING | {"description": "`foreign`, or another stack."},
            "adoptable": {"type": "boolean", "description": "`apply --adopt` can take it over."},
            "live": _ATTRIBUTES,
            "desired": _ATTRIBUTES,
        }
    )


def _unread() -> dict[str, Any]:
    return object_schema({"provider": _STRING, "part": _STRING, "reason": _STRING, "addresses": _STRINGS})


def _inputs() -> dict[str, Any]:
    """What a saved plan was computed from."""
    source = object_schema({"path": _STRING | {"description": "Absolute."}, "sha256": SHA256})
    return object_schema(
        {
            "files": _STRINGS | {"description": "What `-f` named, as absolute paths or patterns."},
            "sources": {"type": "array", "items": source, "description": "Every file that was read."},
            "variables": _STRINGS | {"description": "What `--var` gave."},
            "variable_files": _STRINGS,
            "environment": {"type": "object", "additionalProperties": _STRING, "description": "NETCTL_VAR_*."},
            "withheld": _STRINGS | {"description": "Variables that are secrets, needed again to apply."},
            "host": _STRING,
            "netns": _STRING,
            "adopt": {"type": "boolean"},
            "targets": _STRINGS,
            "providers": _STRINGS,
            "consul": {"type": "boolean", "description": "Whether hosts that had joined in Consul were part of it."},
        }
    ) | {"description": "Only in a plan that was saved: what it was computed from."}
