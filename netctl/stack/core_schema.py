"""The core schema of YAML 1.2 (chapter 10.3): what a plain scalar is.

A number keeps its spelling where that is not Python's own (``0123``, ``1.10``, ``1e3``), so that a model that wants
text gets what was written. Dates, sexagesimal numbers, ``yes`` and ``on`` are text.
"""

import re
from typing import Any

Scalar = str | int | float | bool | None

_WORDS: dict[str, bool | None] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# A number longer than this is text: Python refuses to convert numbers of over 4,300 digits, and nobody means one.
_LONGEST_NUMBER = 64
_NUMBER = re.compile(
    r"""(?P<decimal>[-+]?[0-9]+)\Z | (?P<prefixed>0o[0-7]+|0x[0-9a-fA-F]+)\Z
      | (?P<float>[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?)\Z
      | (?P<infinite>[-+]?\.(inf|Inf|INF))\Z | (?P<nan>\.(nan|NaN|NAN))\Z""",
    re.VERBOSE,
)

AMBIGUOUS = frozenset({"", *"0123456789+-.~nNtTfF"})
"""First characters (none at all for the empty scalar) of what may be something other than text."""


class WrittenInt(int):
    """An integer with its spelling."""

    written: str


class WrittenFloat(float):
    """A number with its spelling."""

    written: str


def resolve(text: str) -> Scalar:
    """What a plain scalar stands for."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _LONGEST_NUMBER or not (match := _NUMBER.match(text)):
        return text
    if match["decimal"]:
        return _spelled(WrittenInt(text), text)
    if match["prefixed"]:
        return _spelled(WrittenInt(text, 0), text)
    return _spelled(WrittenFloat(text.lower().replace(".inf", "inf").replace(".nan", "nan")), text)


def written(value: Any) -> Any:
    """The text of a number, `true` or `false` where text is wanted; any other value as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return getattr(value, "written", None) or repr(value)
    return value


def _spelled(number: WrittenInt | WrittenFloat, text: str) -> int | float:
    plain: int | float = int(number) if isinstance(number, WrittenInt) else float(number)
    if repr(plain) == text:
        return plain
    number.written = text
    return number
