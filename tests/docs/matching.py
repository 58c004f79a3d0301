"""Whether what was printed is what a page shows.

``…`` in a line of the page stands for any text within the line, a line ``[...]`` for any number of lines. What differs
each time needs no such sign: durations in seconds and milliseconds, process ids, points in time. White space at the end
of a line, and empty lines at the end, do not count. All else must be the same.
"""

import re
from collections.abc import Sequence

ANY_LINES = "[...]"
_VARYING = (
    (re.compile(r"\b[\d./]+ ?m?s\b"), "(duration)"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*"), "(time)"),
    (re.compile(r"\bprocess \d+"), "process (id)"),
)


def matches(shown: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether the lines *printed* are those *shown*."""
    pattern = "".join(r"(?:.*\n)*?" if line.strip() == ANY_LINES else _line(line) for line in shown)
    return re.fullmatch(pattern, "".join(f"{_alike(line)}\n" for line in printed)) is not None


def lines_of(output: str) -> list[str]:
    """The output's lines, without white space at the end of each, and of all."""
    return [line.rstrip() for line in output.rstrip().splitlines()]


def _line(shown: str) -> str:
    return ".*".join(re.escape(part) for part in _alike(shown).split("…")) + r"\n"


def _alike(line: str) -> str:
    """The line with what differs each time replaced by its name."""
    for varying, name in _VARYING:
        line = varying.sub(name, line)
    return line.rstrip()
