"""What a key of the language means, read from its JSON Schema.

A path is written as people write it: ``networks.attach.address``, ``networks.frontend.mtu`` (names and positions of the
user's own are passed over), ``overlays.vxlan`` (one form of several, by its driver or backend).
"""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import chain
from typing import Any, NamedTuple

from netctl.errors import UsageError

Schema = Mapping[str, Any]

_TYPES = {"string": "text", "integer": "number", "number": "number", "boolean": "true | false", "null": "null"}
_CHOOSERS = ("driver", "backend")
_WIDTH = 96


class Entry(NamedTuple):
    """What a path leads to: a value, in one form or several."""

    path: tuple[str, ...]
    schema: Schema
    required: bool = False


def explain(root: Schema, path: str) -> str:
    """The text for *path*; for the whole language where it is empty. Raises UsageError where it leads nowhere."""
    language = _Language(root)
    return language.text(language.find([step for step in path.replace("[", ".").replace("]", "").split(".") if step]))


class _Language:
    """The schema, with its references followed."""

    def __init__(self, root: Schema) -> None:
        self._root = root

    def find(self, steps: Sequence[str]) -> Entry:
        entry = Entry((), self._root, required=True)
        for step in steps:
            entry = self._enter(entry, step)
        return entry

    def text(self, entry: Entry) -> str:
        """The entry's type, default and description; its keys, in each of its forms."""
        head = f"{'.'.join(entry.path)}  " if entry.path else ""
        lines = [f"{head}({self._kind(entry.schema)}; {_necessity(entry)})", ""]
        about = _sentence(entry.schema)
        lines += textwrap.wrap(about, _WIDTH)
        for form in self._objects(entry.schema) or self._objects_below(entry.schema):
            lines += [*([""] if lines[-1] else []), *self._form(form, about)]
        return "\n".join(lines).rstrip()

    def _form(self, form: Schema, said: str) -> Iterator[str]:
        """One form's keys; its description unless that has been *said*."""
        parts = (_choice(form), "" if _sentence(form) == said else _sentence(form))
        yield from textwrap.wrap(". ".join(part for part in parts if part), _WIDTH)
        required = form.get("required", [])
        rows = [
            (f"{name}{'*' if name in required else ''}", self._kind(value), value)
            for name, value in form["properties"].items()
        ]
        name_width = max((len(name) for name, _, _ in rows), default=0)
        type_width = min(36, max((len(kind) for _, kind, _ in rows), default=0))
        for name, kind, value in rows:
            start = f"  {name:<{name_width}}  {kind:<{type_width}}  "
            room = max(30, _WIDTH - len(start))
            text = textwrap.wrap(_sentence(value) + _default_text(value), room) or [""]
            yield (start + text[0]).rstrip()
            yield from (" " * len(start) + line for line in text[1:])
        if required:
            yield "  (* is required)"

    def _enter(self, entry: Entry, step: str) -> Entry:
        """One step down. Raises UsageError."""
        named = (*entry.path, "<name>")
        for path, objects in ((entry.path, self._objects(entry.schema)), (named, self._objects_below(entry.schema))):
            holders = [form for form in objects if step in form["properties"]]
            if holders:
                merged = _merged([form["properties"][step] for form in holders])
                return Entry((*path, step), merged, all(step in form.get("required", []) for form in holders))
            if chosen := next((form for form in objects if _choice(form).endswith(f": {step}")), None):
                return Entry((*entry.path, step), chosen)
        if below := self._below(entry.schema):
            return Entry((*entry.path, "<name>"), below)
        if step.isdigit() and self._is_list(entry.schema):
            return entry
        raise self._unknown(entry, step)

    def _unknown(self, entry: Entry, step: str) -> UsageError:
        forms = chain(self._objects(entry.schema), self._objects_below(entry.schema))
        known = sorted({name for form in forms for name in form["properties"]})
        near = get_close_matches(step, known, n=1)
        place = ".".join(entry.path) or "a stack"
        advice = (
            f"Did you mean '{near[0]}'?" if near else f"Its keys: {', '.join(known)}." if known else "It has no keys."
        )
        return UsageError(f"{place} has no key '{step}'", advice)

    def _forms(self, schema: Schema) -> Iterator[Schema]:
        """The alternatives of a schema, references followed, lists entered."""
        if "$ref" in schema:
            yield from self._forms(self._root["$defs"][schema["$ref"].rpartition("/")[2]])
        elif alternatives := schema.get("oneOf") or schema.get("anyOf"):
            for alternative in alternatives:
                yield from self._forms(alternative)
        elif "then" in schema:
            yield from self._forms(schema["then"])
        elif "allOf" in schema:
            for alternative in schema["allOf"]:
                yield from self._forms(alternative)
        elif schema.get("type") == "array":
            yield from self._forms(schema.get("items", {}))
        else:
            yield schema

    def _objects(self, schema: Schema) -> list[Schema]:
        found = {id(form): form for form in self._forms(schema) if "properties" in form}
        return list(found.values())

    def _below(self, schema: Schema) -> Schema | None:
        """What a mapping of the user's own names holds."""
        for form in self._forms(schema):
            for value in form.get("patternProperties", {}).values():
                return dict(value)
            if isinstance(form.get("additionalProperties"), Mapping):
                return dict(form["additionalProperties"])
        return None

    def _objects_below(self, schema: Schema) -> list[Schema]:
        below = self._below(schema)
        return self._objects(below) if below else []

    def _is_list(self, schema: Schema) -> bool:
        return any(option.get("type") == "array" for option in [schema, *schema.get("anyOf", [])])

    def _kind(self, schema: Schema) -> str:
        """The type in words: ``list of text``, ``masquerade | none``."""
        if "$ref" in schema:
            return self._kind(self._root["$defs"][schema["$ref"].rpartition("/")[2]])
        if alternatives := schema.get("oneOf") or schema.get("anyOf"):
            return " | ".join(dict.fromkeys(self._kind(part) for part in alternatives if part.get("type") != "null"))
        if "const" in schema:
            return str(schema["const"])
        if "enum" in schema:
            return " | ".join(map(str, schema["enum"]))
        if schema.get("type") == "array":
            return f"list of {self._kind(schema.get('items', {}))}"
        if schema.get("type") == "object":
            return "mapping"
        return _TYPES.get(str(schema.get("type")), "value")


def _merged(schemas: list[Schema]) -> Schema:
    """One schema for a key that several forms have."""
    distinct = [schema for index, schema in enumerate(schemas) if schema not in schemas[:index]]
    if len(distinct) == 1:
        return distinct[0]
    return {"anyOf": distinct, "description": distinct[0].get("description", "")}


def _choice(form: Schema) -> str:
    """``driver: bridge`` for one form of several."""
    properties = form.get("properties", {})
    return next((f"{key}: {properties[key]['const']}" for key in _CHOOSERS if "const" in properties.get(key, {})), "")


def _sentence(schema: Schema) -> str:
    return str(schema.get("description", ""))


def _default_text(schema: Schema) -> str:
    default = schema.get("default")
    if default in (None, [], {}) or "const" in schema or "efault" in _sentence(schema):
        return ""
    return f" Default: {str(default).lower() if isinstance(default, bool) else default}."


def _necessity(entry: Entry) -> str:
    return "required" if entry.required else "optional"
