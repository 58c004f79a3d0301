"""Durations as the language writes them: ``10s``, ``5m``, ``1h30m``, ``250ms``."""

import re
from typing import Annotated

from pydantic import AfterValidator

from netctl.stack.scalars import AS_WRITTEN

_PART = re.compile(r"(\d{1,9})(ms|s|m|h)", re.ASCII)
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}


def milliseconds(text: str) -> int:
    """The length of a duration. Raises ValueError."""
    parts = _PART.findall(text)
    if not parts or "".join(map("".join, parts)) != text:
        hint = f"; did you mean {text}s?" if text.isascii() and text.isdigit() else " such as 10s, 5m or 1h30m"
        said = "has no unit" if text.isascii() and text.isdigit() else "is not a duration"
        raise ValueError(f"'{text}' {said}{hint}")
    return sum(int(number) * _MILLISECONDS[unit] for number, unit in parts)


def duration(text: str) -> str:
    """The one spelling of a duration: ``90s`` is ``1m30s``. Raises ValueError."""
    rest = milliseconds(text)
    if not rest:
        raise ValueError(f"'{text}' is no time at all")
    spelled = ""
    for unit in ("h", "m", "s", "ms"):
        number, rest = divmod(rest, _MILLISECONDS[unit])
        spelled += f"{number}{unit}" if number else ""
    return spelled


Duration = Annotated[str, AfterValidator(duration), AS_WRITTEN]
