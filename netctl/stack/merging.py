"""Several documents as one, as Compose merges: by name, later over earlier.

A scalar that is given twice is the later one's, mappings merge, a list is replaced. The cost is that of what the
documents hold, not of what has been merged before, so that ten thousand small documents take no longer than one.
"""

from collections.abc import Iterable, Mapping
from typing import Any


def merge(contents: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The merged content. A section or a declaration without a value (``frontend:``) is an empty one.

    What is returned is the caller's at its two outermost levels; below, it shares the contents' values.
    """
    result: dict[str, Any] = {}
    for content in contents:
        for key, value in content.items():
            if isinstance(value, dict):
                _add_section(result, key, value)
            elif value is not None:
                result[key] = value
    return result


def _add_section(result: dict[str, Any], key: str, section: Mapping[str, Any]) -> None:
    under = result.get(key)
    if not isinstance(under, dict):
        under = result[key] = {}
    for name, declaration in section.items():
        if declaration is None:
            under.setdefault(name, {})
        else:
            under[name] = _over(under.get(name), declaration)


def _over(under: Any, over: Any) -> Any:
    """A new value where both are mappings: an alias may share either with another place."""
    if isinstance(under, dict) and isinstance(over, dict):
        return {**under, **{key: _over(under.get(key), value) for key, value in over.items()}}
    return over
