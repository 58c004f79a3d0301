"""Config entries by their fields: what is declared is validated, what Consul answers is made comparable.

Consul adds empty values, writes lengths of time its own way, and later versions add fields that nobody has set.
"""

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from netctl.kinds.consul_fields import FIELDS, By, Leaf, Spec

Path = tuple[str | int, ...]

_LOWERED = frozenset({"Protocol"})
_DEFAULTS: dict[tuple[str, ...], str] = {("ingress-gateway", "Listeners", "Protocol"): "tcp"}
"""What Consul writes where nothing is declared."""
_USUAL = {"Namespace": "default", "Partition": "default"}
"""What Consul writes wherever nothing is declared."""
_POINTERS = frozenset({"EnforcingConsecutive5xx"})
"""Fields of which 0 is not the same as nothing."""
_GO_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_NANOSECONDS = {"ns": 1, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9, "m": 6e10, "h": 3.6e12}
_EMPTY: tuple[object, ...] = (None, "", 0, False, [], {})


class Mistake(NamedTuple):
    """What is wrong with a declared entry, where in it, and what to do."""

    path: Path
    message: str
    advice: str


def mistakes(kind: str, body: Mapping[str, Any]) -> Iterator[Mistake]:
    """Everything in *body* that Consul would refuse or not understand, as far as the types of its fields tell."""
    yield from _mistakes(FIELDS[kind], body, ())


def canonical(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The entry without what is empty, and without fields that the language does not know."""
    found = _canonical(FIELDS[kind], body, (kind,))
    if kind == "service-intentions":  # Consul sorts them by how narrow they are
        found.get("Sources", []).sort(key=lambda source: source.get("Name", ""))
    return found if isinstance(found, dict) else {}


def _mistakes(spec: Spec, value: Any, path: Path) -> Iterator[Mistake]:
    if value is None or spec is Leaf.ANYTHING:
        yield from _nulls(value, path)
    elif isinstance(spec, dict | By):
        if not isinstance(value, Mapping):
            yield Mistake(path, f"'{path[-1]}' is a mapping in Consul", "Write its fields below it.")
            return
        for key, inner in value.items():
            known = spec.values if isinstance(spec, By) else spec.get(key)
            if known is None:
                yield Mistake((*path, key), f"Consul has no field '{key}' here", _hint(key, spec))
            else:
                yield from _mistakes(known, inner, (*path, key))
    elif isinstance(spec, list):
        if not isinstance(value, list):
            yield Mistake(path, f"'{path[-1]}' is a list in Consul", "Write it as a list.")
            return
        for index, inner in enumerate(value):
            yield from _mistakes(spec[0], inner, (*path, index))
    elif not _is(spec, value):
        yield Mistake(path, f"{value!r} is not {spec.value}", f"Write {spec.value}.")


def _nulls(value: Any, path: Path) -> Iterator[Mistake]:
    """Nulls, however deep. A Consul server ends when it is to store one where anything may stand, and at each start
    after that (seen with 1.8.7).
    """
    if value is None:
        yield Mistake(path, f"'{path[-1]}' is null, which Consul cannot store", "Give it a value, or leave it out.")
    elif isinstance(value, Mapping | list):
        for key, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _nulls(inner, (*path, key))


def _hint(key: object, spec: Spec) -> str:
    fields = list(spec) if isinstance(spec, dict) else []
    spelled = {field.lower(): field for field in fields}
    close = get_close_matches(str(key).replace("_", "").lower(), spelled, 1, 0.6)
    return f"Did you mean '{spelled[close[0]]}'?" if close else f"It has {', '.join(fields)}."


def _is(leaf: Leaf, value: Any) -> bool:
    match leaf:
        case Leaf.TEXT:
            return isinstance(value, str | int | float)
        case Leaf.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case Leaf.FLAG:
            return isinstance(value, bool)
        case Leaf.DURATION:
            return isinstance(value, str) and _nanoseconds(value) is not None
        case Leaf.ANYTHING:
            return True


def _canonical(spec: Spec, value: Any, place: tuple[str, ...]) -> Any:
    if isinstance(spec, dict):
        return dict(_fields(spec, value if isinstance(value, Mapping) else {}, place))
    if isinstance(spec, By):
        entries = value if isinstance(value, Mapping) else {}
        return {str(key): _canonical(spec.values, inner, place) for key, inner in sorted(entries.items())}
    if isinstance(spec, list):
        return [_canonical(spec[0], inner, place) for inner in value] if isinstance(value, list) else []
    return _single(spec, value)


def _fields(spec: Mapping[str, Spec], value: Mapping[str, Any], place: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for name in sorted(spec.keys() & value.keys()):
        inner = (*place, name)
        found = _canonical(spec[name], value[name], inner)
        if name in _LOWERED:
            found = str(found).lower()
        is_empty = found in _EMPTY and not (name in _POINTERS and found == 0)
        if is_empty or found in (_DEFAULTS.get(inner), _USUAL.get(name)):
            continue
        yield name, found


def _single(leaf: Leaf, value: Any) -> Any:
    if leaf is Leaf.DURATION and isinstance(value, str):
        return spelled_duration(value)
    if leaf is Leaf.TEXT and isinstance(value, int | float):
        return _written(value)
    return _plain(value)


def _plain(value: Any) -> Any:
    """A value as it is after JSON, where 1.0 is 1."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _written(value: float) -> str:
    """A value where text is wanted, as it was written."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(getattr(value, "written", None) or value)


def spelled_duration(text: str) -> str:
    """The one spelling of a length of time; what is none stays as it is."""
    nanoseconds = _nanoseconds(text)
    return text if nanoseconds is None else _spelled(nanoseconds)


def _nanoseconds(text: str) -> int | None:
    parts = _GO_DURATION.findall(text)
    if not parts or "".join(map("".join, parts)) != text:
        return None
    return round(sum(float(number) * _NANOSECONDS[unit] for number, unit in parts))


def _spelled(nanoseconds: int) -> str:
    """The one spelling of a length of time, as Go reads it; empty for none, which is Consul's default."""
    found = ""
    for unit in ("h", "m", "s", "ms", "ns"):
        count, nanoseconds = divmod(nanoseconds, int(_NANOSECONDS[unit]))
        found += f"{count}{unit}" if count else ""
    return found


def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of an entry's fields, for editors."""
    return _schema(FIELDS[kind])


_TYPES: dict[Leaf, dict[str, Any]] = {
    Leaf.TEXT: {"type": ["string", "number", "boolean"]},
    Leaf.NUMBER: {"type": "number"},
    Leaf.FLAG: {"type": "boolean"},
    Leaf.DURATION: {"type": "string"},
    Leaf.ANYTHING: {},
}


def _schema(spec: Spec) -> dict[str, Any]:
    if isinstance(spec, dict):
        properties = {name: _schema(inner) for name, inner in spec.items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}
    if isinstance(spec, By):
        return {"type": "object", "additionalProperties": _schema(spec.values)}
    if isinstance(spec, list):
        return {"type": "array", "items": _schema(spec[0])}
    return _TYPES[spec]


def references(body: Any) -> Iterator[str]:
    """The names of the services that an entry leads to."""
    if isinstance(body, Mapping):
        for key, value in body.items():
            if key == "Service" and isinstance(value, str):
                yield value
            elif key in {"Services", "Targets"} and isinstance(value, list):
                yield from (str(entry["Name"]) for entry in value if isinstance(entry, Mapping) and "Name" in entry)
                yield from references(value)
            elif key not in {"Config", "Arguments"}:
                yield from references(value)
    elif isinstance(body, list):
        for entry in body:
            yield from references(entry)


def written(body: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """An entry as attributes have it: its fields, each value in JSON."""
    return tuple((name, json.dumps(value, separators=(",", ":"), sort_keys=True)) for name, value in body.items())
