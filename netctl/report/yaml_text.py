"""Plain mappings, lists and scalars as YAML 1.2: block style outside, one line for what is small and flat."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@+-]*\Z|\d+(\.\d+){3}(/\d+)?\Z")
_RESERVED = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_WIDTH = 100
_ESCAPED = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), 0x2028, 0x2029, 0xFEFF)}
"""What JSON leaves as it is and YAML folds as the end of a line, or does not allow."""


def yaml_text(content: Mapping[str, Any], comments: Sequence[str] = ()) -> str:
    """The document, *comments* first; a blank line before each section."""
    lines = [f"# {' '.join(comment.split())}" for comment in comments]
    for key, value in content.items():
        if lines and isinstance(value, Mapping | list):
            lines.append("")
        lines += _entry(key, value, 0)
    return "\n".join(lines) + "\n"


def one_or_more(values: list[Any]) -> Any:
    """A list as the language has it written: what is alone, without brackets."""
    return values[0] if len(values) == 1 else values


def _entry(key: str, value: Any, depth: int) -> Iterator[str]:
    head = f"{'  ' * depth}{scalar(key)}:"
    if not isinstance(value, Mapping | list):
        yield f"{head} {scalar(value)}"
    elif not value or (depth and _is_flat(value) and len(f"{head} {_flow(value)}") < _WIDTH):
        yield f"{head} {_flow(value)}"
    else:
        yield head
        yield from _block(value, depth + 1)


def _block(value: Mapping[str, Any] | list[Any], depth: int) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _entry(key, item, depth)
        return
    for item in value:
        yield f"{'  ' * depth}- {_flow(item)}"


def _is_flat(value: Mapping[str, Any] | list[Any]) -> bool:
    items = value.values() if isinstance(value, Mapping) else value
    return not any(isinstance(item, Mapping) for item in items)


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return scalar(value)


def scalar(value: Any) -> str:
    """A scalar, in quotes (JSON's, which YAML has too) where it would be read as something else without."""
    if isinstance(value, str) and _PLAIN.match(value) and value.lower() not in _RESERVED:
        return value
    return json.dumps(value, ensure_ascii=False).translate(_ESCAPED)
