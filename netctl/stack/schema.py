"""The JSON Schema of a stack file, for editors: made from the models, and written as editors follow it best.

Pydantic writes the forms of a network as ``oneOf``, of which an editor can say no more than that none matches. Here the
form follows from its key: ``if driver is macvlan then MacvlanNetwork``. A file may be a part of a stack only, so that
no top-level key is required; and every value may be a variable.
"""

import json
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

from netctl.kinds import consul_entries
from netctl.stack import docker_models, models
from netctl.stack.models import Stack
from netctl.stack.references import NAME
from netctl.stack.shapes import PREAMBLE, Record, Variant, shape_of

Schema = dict[str, Any]

_ID = "https://netctl.dev/schemas/stack.schema.json"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE: Schema = {
    "title": "Variable",
    "description": "A variable in place of a value: `${name}`, `${name:-default}`.",
    "type": "string",
    "pattern": r"\$",
}
_VARS: Schema = {
    "description": PREAMBLE["vars"].description,
    "type": ["object", "null"],
    "propertyNames": {"pattern": f"^{NAME.pattern}$"},
    "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
}
_INCLUDE: Schema = {
    "description": PREAMBLE["include"].description,
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, {"type": "null"}],
}
_CONSTRAINTS = {"enum", "const", "pattern"}


def stack_schema() -> Schema:
    """The schema, of draft 2020-12."""
    generated = Stack.model_json_schema(by_alias=True)
    generated["$defs"] |= _entries(generated["$defs"])
    variants = _variants()
    revise = partial(_revised, names={_refs(variant): name for name, variant in variants.items()})
    definitions = {name: _record(definition, revise) for name, definition in generated["$defs"].items()}
    definitions |= {name: _conditional(name, variant) for name, variant in variants.items()}
    sections = {name: _optional(revise(schema)) for name, schema in generated["properties"].items()}
    schema = {
        "$schema": _DIALECT,
        "$id": _ID,
        "title": "netctl stack",
        "description": generated["description"],
        "type": "object",
        "properties": {"include": _INCLUDE, "vars": _VARS, **sections},
        "patternProperties": {"^x-": {"description": "Of your own: a place for anchors."}},
        "additionalProperties": False,
        "$defs": {**dict(sorted(definitions.items())), "Variable": _VARIABLE},
    }
    return deepcopy(schema)


def schema_text() -> str:
    """The schema as the file holds it."""
    return json.dumps(stack_schema(), indent=2, ensure_ascii=False) + "\n"


def write(path: Path) -> None:
    """Writes the schema's file."""
    path.write_text(schema_text(), encoding="utf-8")


def _entries(definitions: dict[str, Schema]) -> dict[str, Schema]:
    """Consul's config entries, to which the *definitions* of where they stand then refer."""
    by_kind = definitions["ServiceEntries"]["properties"]
    by_name = definitions["ClusterEntries"]["properties"]
    found = {}
    for kind in by_kind.keys() | by_name.keys():
        name = "".join(word.title() for word in kind.split("-"))
        found[name] = consul_entries.schema(kind) | {"description": f"Consul's config entry `{kind}`."}
        if kind in by_kind:
            by_kind[kind]["anyOf"][0] = _reference(name)
        by_name[kind]["anyOf"][0]["additionalProperties"] = _reference(name)
    return found


def _reference(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _variants() -> dict[str, Variant]:
    """What the models call their unions."""
    homes = {"Attachment": models, "ContainerAttachment": docker_models, "Network": models, "Overlay": models}
    named = {name: getattr(home, name) for name, home in homes.items()}
    shapes = {name: shape_of(annotation) for name, annotation in named.items()}
    return {name: shape for name, shape in shapes.items() if isinstance(shape, Variant)}


def _refs(variant: Variant) -> frozenset[str]:
    return frozenset(_ref(record) for record in variant.members.values())


def _ref(record: Record) -> str:
    return f"#/$defs/{record.model.__name__}"


def _record(definition: Schema, revise: "partial[Schema]") -> Schema:
    properties = {name: revise(schema) for name, schema in definition["properties"].items()}
    return {**definition, "properties": properties}


def _revised(schema: Schema, names: dict[frozenset[str], str]) -> Schema:
    """The schema without pydantic's titles, its unions by name, and a variable wherever a plain string is refused."""
    if "oneOf" in schema and (name := names.get(frozenset(part.get("$ref", "") for part in schema["oneOf"]))):
        return {"$ref": f"#/$defs/{name}"}
    kept = {key: value for key, value in schema.items() if key != "title" and (key, value) != ("default", None)}
    if patterns := kept.pop("patternProperties", None):
        # Pydantic's way to say what names are allowed lets all others pass.
        [(pattern, values)] = patterns.items()
        kept |= {"propertyNames": {**kept.get("propertyNames", {}), "pattern": pattern}, "additionalProperties": values}
    for key in ("items", "additionalProperties"):
        if isinstance(kept.get(key), dict):
            kept[key] = _revised(kept[key], names)
    if "anyOf" in kept:
        alternatives = _alternatives([_revised(part, names) for part in kept.pop("anyOf")])
        return {**kept, **(_nullable(alternatives) or {"anyOf": alternatives})}
    if _is_narrow(kept):
        said: Schema = {key: kept.pop(key) for key in ("description", "default") if key in kept}
        return {**said, "anyOf": _alternatives([kept])}
    return kept


def _nullable(alternatives: list[Schema]) -> Schema | None:
    """A list or a mapping that may be left empty, as one schema, by which an editor finds what is wrong within it."""
    match alternatives:
        case [{"type": "array" | "object" as kind} as only, {"type": "null"}]:
            return {**only, "type": [kind, "null"]}
        case _:
            return None


def _alternatives(parts: list[Schema]) -> list[Schema]:
    """The parts and a variable, each once, without unions in unions."""
    flat = [inner for part in parts for inner in (part["anyOf"] if part.keys() == {"anyOf"} else [part])]
    variable = {"$ref": "#/$defs/Variable"}
    is_needed = any(map(_is_narrow, flat))
    return [part for part in flat if part != variable] + ([variable] if is_needed or variable in flat else [])


def _is_narrow(schema: Schema) -> bool:
    """Whether the text of a variable reference would be refused."""
    return schema.get("type") in ("integer", "boolean") or bool(_CONSTRAINTS & schema.keys())


def _optional(section: Schema) -> Schema:
    """A section may be there without a value, as one whose declarations are commented out."""
    return {**section, "type": [section["type"], "null"]} if section.get("type") in {"object", "array"} else section


def _conditional(name: str, variant: Variant) -> Schema:
    """The forms of a variant, each under the condition that chooses it."""
    common: Schema = {"title": name}
    if not variant.key:
        first, second = variant.members.items()
        return {**common, **_chosen({"required": [first[0]]}, first[1]), "else": {"$ref": _ref(second[1])}}
    default = variant.members.get(variant.default)
    is_empty_allowed = default is not None and not any(field.is_required for field in default.fields.values())
    choices = _alternatives([{"enum": variant.choices}])
    told = {variant.key: {"anyOf": choices, **({"default": variant.default} if default else {})}}
    return {
        **common,
        "type": ["object", "null"] if is_empty_allowed else "object",
        **({} if variant.exceptions else {"properties": told}),
        "allOf": [_chosen(_condition(variant, tag), record) for tag, record in variant.members.items()],
    }


def _condition(variant: Variant, tag: str) -> Schema:
    key = variant.key_of(tag)
    required = {} if tag == variant.default else {"required": [key]}
    # Where nothing is chosen, as by a mistyped word, the default form says what is wrong with it.
    chosen: Schema = {"const": tag} if tag != variant.default else {"not": {"enum": _other_choices(variant)}}
    properties = {key: {"const": tag} if not variant.exceptions else chosen}
    if tag in variant.choices:
        properties |= {other: {"not": {"const": name}} for name, other in variant.exceptions}
    return {"type": "object", "properties": properties, **required}


def _other_choices(variant: Variant) -> list[str]:
    return [tag for tag in variant.choices if tag != variant.default]


def _chosen(condition: Schema, record: Record) -> Schema:
    return {"if": condition, "then": {"$ref": _ref(record)}}
