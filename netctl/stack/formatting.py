"""The formatter: one order of sections, one indentation, no stray white space; comments and all else stay.

The meaning never changes: a text that could not be laid out without that is returned as it is.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from netctl.errors import DeclarationError, Diagnostic
from netctl.stack.core_schema import written
from netctl.stack.layout import Line, UnusualLayoutError, laid_out
from netctl.stack.source import LINE_BREAK, Source
from netctl.stack.yaml_events import documents

ORDER = (
    *("version", "stack", "include", "vars", "x-", "hosts", "subnets", "networks", "overlays"),
    *("services", "dns", "tiers", "failsafe", "policies", "consul", "kv", "routes", "rules", "expect"),
)
"""Top-level keys; those of the user's own are at `x-`, where their anchors come before their aliases."""

_SPACE = " \t"


def formatted(source: Source) -> str:
    """The source's text, formatted. Raises DeclarationError where a stack cannot be written so."""
    return format_text(source.text, source.name)


def format_text(text: str, name: str = "<text>") -> str:
    """The text, formatted; `name` is what its mistakes are placed in. Raises DeclarationError as `formatted` does."""
    meaning = _meaning(text, name)
    for is_ordered in (True, False):
        try:
            formatted = _formatted(text, is_ordered=is_ordered)
            if _meaning(formatted, name) == meaning:
                return formatted
        except (DeclarationError, UnusualLayoutError):
            # Such as an alias that would come before its anchor.
            continue
    return text


def _meaning(text: str, name: str) -> str:
    """What the text says, with the spelling of each scalar, which may matter."""
    problems: list[Diagnostic] = []
    found = documents(Source(name, text.removeprefix("\ufeff"), ""), problems)
    if problems:
        raise DeclarationError(problems)
    return repr([sorted(_spelled(document.content).items()) for document in found])


def _spelled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _spelled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_spelled(item) for item in value]
    return value if isinstance(value, str | bool) else (written(value),)


class _Row(NamedTuple):
    """A line in its new column."""

    text: str
    line: Line

    @property
    def is_blank(self) -> bool:
        return not self.text and self.line.shift is None

    @property
    def is_comment(self) -> bool:
        return self.text.startswith("#") and self.line.shift is None


class _Section(NamedTuple):
    """A top-level key with its value, and the comments directly above it."""

    key: str
    rows: list[_Row]
    is_apart: bool
    """Whether a blank line is before it."""


def _formatted(text: str, *, is_ordered: bool) -> str:
    texts = LINE_BREAK.split(text.removeprefix("\ufeff"))
    lines = laid_out(texts)
    rows = [_Row(moved, line) for moved, line in zip(_moved(texts, lines), lines, strict=True)]
    result = [row for part in _documents(rows) for row in _arranged(part, is_ordered=is_ordered)]
    return "".join(f"{row.text}\n" for row in _without_outer_blanks(result))


def _moved(texts: list[str], lines: list[Line]) -> Iterator[str]:
    """Each line in its new column."""
    before = Line()
    following = _following(lines)
    for text, line, after in zip(texts, lines, following, strict=True):
        if line.shift is not None:
            yield _shifted(text, line.shift) if line.is_verbatim else _shifted(text, line.shift).rstrip(_SPACE)
        elif line.column is not None:
            yield _indented(text, line)
        elif not text.strip(_SPACE):
            yield ""
        elif before.in_flow:
            yield _shifted(text, before.levels[-1].shift if before.levels else 0).rstrip(_SPACE)
        else:
            stripped = text.strip(_SPACE)
            yield " " * _comment_column(len(text) - len(text.lstrip(_SPACE)), before, after) + stripped
        if line.levels or line.column is not None:
            before = line


def _following(lines: list[Line]) -> list[Line]:
    """For each line, the next one that begins with a token."""
    result: list[Line] = []
    after = Line()
    for line in reversed(lines):
        result.append(after)
        if line.column is not None:
            after = line
    return result[::-1]


def _indented(text: str, line: Line) -> str:
    """The line with its new indentation, and one space after each leading dash."""
    rest = text.lstrip(_SPACE)
    for _ in range(line.dashes):
        rest = rest[1:].lstrip(_SPACE)
    result = " " * line.new_column + "- " * line.dashes + rest
    return result if line.is_verbatim else result.rstrip(_SPACE)


def _shifted(text: str, shift: int) -> str:
    """The line moved, as far as there is white space before it."""
    if not text:
        return text
    if shift >= 0:
        return " " * shift + text
    return text[min(-shift, len(text) - len(text.lstrip(" "))) :]


def _comment_column(column: int, before: Line, after: Line) -> int:
    """Where a comment goes: with the next line where both are in one column, else with the level that it is in."""
    if after.column == column:
        return after.new_column
    known = [(level.column, level.new_column) for level in before.levels]
    if after.column is not None:
        known.append((after.column, after.new_column))
    return max((place for place in known if place[0] <= column), default=(0, 0))[1]


def _documents(rows: list[_Row]) -> Iterator[list[_Row]]:
    """The rows of each document, with the marker before it."""
    start, has_content = 0, False
    for number, (_, line) in enumerate(rows):
        if line.is_document_mark and has_content:
            yield rows[start:number]
            start, has_content = number, False
        has_content = has_content or line.top_key is not None
    yield rows[start:]


def _arranged(rows: list[_Row], *, is_ordered: bool) -> list[_Row]:
    """A document's rows with its sections in order, and one blank row at most between any two."""
    header, sections = _sections(rows)
    if is_ordered:
        sections.sort(key=lambda section: _rank(section.key))
    result = _without_outer_blanks(_collapsed(header))
    above: _Section | None = None
    for section in sections:
        is_block = above is not None and (len(section.rows) > 1 or len(above.rows) > 1)
        # A blank line after text that keeps its last newlines (`|+`) would be one more of them.
        if result and result[-1].text and (is_block or section.is_apart):
            result.append(_BLANK)
        result += section.rows
        above = section
    return result


def _sections(rows: list[_Row]) -> tuple[list[_Row], list[_Section]]:
    """What is before the first key, comments directly above it included, and the sections."""
    keys = [number for number, row in enumerate(rows) if row.line.top_key is not None]
    if not keys:
        return rows, []
    starts = [keys[0], *(_with_comments(rows, number) for number in keys[1:])]
    ends = [*starts[1:], len(rows)]
    return rows[: keys[0]], [
        _Section(
            rows[key].line.top_key or "",
            _without_outer_blanks(_collapsed(rows[start:end])),
            is_apart=start > 0 and rows[start - 1].is_blank,
        )
        for key, start, end in zip(keys, starts, ends, strict=True)
    ]


def _with_comments(rows: list[_Row], key: int) -> int:
    """The first of the comments directly above the key."""
    start = key
    while rows[start - 1].is_comment:
        start -= 1
    return start


def _collapsed(rows: list[_Row]) -> list[_Row]:
    return [row for above, row in zip([_BLANK, *rows], rows, strict=False) if not (row.is_blank and above.is_blank)]


def _without_outer_blanks(rows: list[_Row]) -> list[_Row]:
    start, end = 0, len(rows)
    while start < end and rows[start].is_blank:
        start += 1
    while end > start and rows[end - 1].is_blank:
        end -= 1
    return rows[start:end]


def _rank(key: str) -> int:
    shown = "x-" if key.startswith("x-") else key
    return ORDER.index(shown) if shown in ORDER else len(ORDER)


_BLANK = _Row("", Line())
