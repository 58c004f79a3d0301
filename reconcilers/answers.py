"""The JSON that a system answers with, taken apart. Nothing in it is trusted to be of the type that it should be."""

from typing import Any

Record = dict[str, Any]


def record(value: Any) -> Record:
    """An object; an empty one where there is none."""
    return value if isinstance(value, dict) else {}


def entries(value: Any) -> list[Record]:
    """The objects of a list; none where there is none."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """A string; an empty one where there is none."""
    return value if isinstance(value, str) else ""


def texts(value: Any) -> tuple[str, ...]:
    """The strings of a list, in order."""
    return tuple(entry for entry in value if isinstance(entry, str)) if isinstance(value, list) else ()


def number(value: Any) -> int:
    """An integer; 0 where there is none."""
    return value if isinstance(value, int) else 0


def strings(value: Any) -> dict[str, str]:
    """The strings of an object, by their keys."""
    return {key: entry for key, entry in record(value).items() if isinstance(entry, str)}
