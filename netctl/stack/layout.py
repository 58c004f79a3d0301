"""The indentation of a document: what column each line is to begin at.

The parser's tokens tell which level a line belongs to. A line keeps all but its indentation, so that comments,
quotes, hand-made alignment and flow style stay as they are; what continues a value on further lines moves with it.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml.cyaml import CParser  # type: ignore[attr-defined]  # exported, but not by name
from ruamel.yaml.tokens import (
    BlockEndToken,
    BlockEntryToken,
    BlockMappingStartToken,
    BlockSequenceStartToken,
    DirectiveToken,
    DocumentEndToken,
    DocumentStartToken,
    FlowMappingEndToken,
    FlowMappingStartToken,
    FlowSequenceEndToken,
    FlowSequenceStartToken,
    KeyToken,
    ScalarToken,
    StreamEndToken,
    StreamStartToken,
)

STEP = 2
"""Columns from one level to the next."""

# The header of a block scalar that keeps its last newlines.
_KEEPING = re.compile(r"[|>][0-9]?\+")
_FLOW_STARTS = (FlowMappingStartToken, FlowSequenceStartToken)
_FLOW_ENDS = (FlowMappingEndToken, FlowSequenceEndToken)
_WITHOUT_TEXT = (BlockMappingStartToken, BlockSequenceStartToken, StreamStartToken)
_DOCUMENT_MARKS = (DocumentStartToken, DocumentEndToken, DirectiveToken)


class UnusualLayoutError(Exception):
    """The text is laid out in a way that is left alone."""


@dataclass(frozen=True)
class Level:
    """A block collection: the column of its keys or dashes, and the one that it is to have."""

    column: int
    new_column: int
    is_mapping: bool
    is_indentless: bool = False
    """A sequence whose dashes are in the column of the key that it belongs to."""

    @property
    def shift(self) -> int:
        return self.new_column - self.column


@dataclass
class Line:
    """What is known of one line; nothing for blank lines and comments."""

    column: int | None = None
    """Of its first token, unless it continues a value."""
    new_column: int = 0
    dashes: int = 0
    """Dashes that it begins with."""
    shift: int | None = None
    """For a line that continues a value: how far it moves."""
    is_verbatim: bool = False
    """Whether white space at its end may matter."""
    levels: tuple[Level, ...] = ()
    """The levels that are open at its end."""
    in_flow: bool = False
    """Whether a bracket is open at its end."""
    top_key: str | None = None
    """The key of the root mapping that it begins with."""
    is_document_mark: bool = False


def laid_out(texts: list[str]) -> list[Line]:
    """What each line is to be moved to. Raises UnusualLayoutError, and YAMLError where the text is no YAML."""
    scan = _Scan([Line() for _ in texts], texts)
    following = CParser("\n".join(texts)).get_token
    while type(token := following()) is not StreamEndToken:
        scan.take(token)
    return scan.lines


@dataclass
class _Scan:
    lines: list[Line]
    texts: list[str]
    levels: list[Level] = field(default_factory=list)
    flow_depth: int = 0
    last_line: int = -1
    """The last line that a token has been on."""
    top_line: Line | None = None
    """The line that begins with a key of the root mapping, until that key is known."""

    def take(self, token: Any) -> None:
        """Takes the next token into account."""
        kind = type(token)
        if kind is BlockEndToken:
            self._close_indentless()
            self.levels.pop()
            return
        if self.flow_depth == 0:
            self._follow_structure(token)
        if kind not in _WITHOUT_TEXT:
            self._place(token)
        self.flow_depth += (kind in _FLOW_STARTS) - (kind in _FLOW_ENDS)
        self.lines[max(self.last_line, 0)].in_flow = self.flow_depth > 0

    def _follow_structure(self, token: Any) -> None:
        kind, mark = type(token), token.start_mark
        if kind in {BlockMappingStartToken, BlockSequenceStartToken}:
            new_column = self.levels[-1].new_column + STEP if self.levels else 0
            self.levels.append(Level(mark.column, new_column, is_mapping=kind is BlockMappingStartToken))
        elif kind is BlockEntryToken and self.levels and self.levels[-1].is_mapping:
            new_column = self.levels[-1].new_column + STEP
            self.levels.append(Level(mark.column, new_column, is_mapping=False, is_indentless=True))
        elif kind is KeyToken:
            self._close_indentless()
            if self.texts[mark.line][mark.column : mark.column + 1] == "?":
                raise UnusualLayoutError

    def _close_indentless(self) -> None:
        if self.levels and self.levels[-1].is_indentless:
            self.levels.pop()

    def _place(self, token: Any) -> None:
        """Notes what the token says of the lines that it is on."""
        start, end = token.start_mark, token.end_mark
        line = self.lines[start.line]
        if start.line > self.last_line:
            if self.flow_depth:
                line.shift = self._shift
            else:
                self._begin(line, token)
        if type(token) is BlockEntryToken and line.column is not None and self._leads(token, line):
            line.dashes += 1
        if type(token) is ScalarToken and self.top_line:
            self.top_line.top_key, self.top_line = token.value, None
        last = self._last_line(token)
        for number in range(start.line + 1, last + 1):
            self.lines[number].shift = self._shift
        # Of a quoted value the last line's end is outside the quotes.
        for number in range(start.line, last if end.line == last else last + 1):
            self.lines[number].is_verbatim = end.line > start.line
        self.last_line = max(self.last_line, last)
        self.lines[last].levels = tuple(self.levels)

    def _last_line(self, token: Any) -> int:
        """The last line of the token, without blank lines that are no part of a block scalar's value."""
        start, end = token.start_mark, token.end_mark
        if end.line == start.line or end.column:
            return int(end.line)
        last = end.line - 1
        is_kept = _KEEPING.match(self.texts[start.line], start.column)
        while last > start.line and not is_kept and not self.texts[last].strip():
            last -= 1
        return int(last)

    def _begin(self, line: Line, token: Any) -> None:
        kind = type(token)
        line.column = token.start_mark.column
        line.is_document_mark = kind in _DOCUMENT_MARKS
        if kind is KeyToken and len(self.levels) == 1:
            self.top_line = line
        if line.is_document_mark or not self.levels:
            line.new_column = 0
        elif kind in {KeyToken, BlockEntryToken}:
            line.new_column = self.levels[-1].new_column
        else:
            line.new_column = self.levels[-1].new_column + STEP

    def _leads(self, token: Any, line: Line) -> bool:
        """Whether there are only dashes before the token on its line."""
        return not self.texts[token.start_mark.line][line.column : token.start_mark.column].strip("- \t")

    @property
    def _shift(self) -> int:
        return self.levels[-1].shift if self.levels else 0
