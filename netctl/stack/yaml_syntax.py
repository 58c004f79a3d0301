"""What the YAML parser complains of, placed and put into sentences."""

from typing import Any

from ruamel.yaml.error import YAMLError
from ruamel.yaml.reader import ReaderError

from netctl.errors import Diagnostic, Position
from netctl.stack.source import Source, mistake

NO_DIRECTIVES = "A stack file is YAML 1.2 without directives."

_DIRECTIVES = {
    "found incompatible YAML document",
    "found unknown directive name",
    "found undefined tag handle",
    "found duplicate %YAML directive",
    "found duplicate %TAG directive",
}
_SENTENCES = {
    "found character that cannot start any token": "A value cannot begin with this character; tabs do not indent.",
    "found a tab character that violates indentation": "Tabs do not indent; use spaces.",
    "mapping values are not allowed in this context": "A ':' makes no sense here.",
    "could not find expected ':'": "This line is no key: it lacks a ':'.",
    "found unexpected end of stream": "The file ends within a quoted value.",
    "did not find expected ',' or ']'": "A list in brackets lacks a ',' or its ']'.",
    "did not find expected ',' or '}'": "A mapping in braces lacks a ',' or its '}'.",
    "did not find expected key": "A key is expected here.",
    "did not find expected '-' indicator": "A list's entry begins with '-' in the same column as the others.",
    "did not find expected <document start>": "The document has ended before this line; another begins with '---'.",
    "did not find expected node content": "A value is expected here.",
    "block sequence entries are not allowed in this context": "A list begins on a line of its own.",
    "found unknown escape character": "Double quotes know no such escape; in single quotes a backslash is just that.",
    "found invalid Unicode character escape code": "The escape names no Unicode character.",
}


def syntax_mistake(source: Source, error: YAMLError) -> Diagnostic:
    """The parser's complaint as a diagnostic."""
    if isinstance(error, ReaderError):
        found = source.control_character()
        return found or mistake("NC107", f"This is not YAML: {error.reason}.", Position(source.name))
    problem, mark = str(getattr(error, "problem", error)), getattr(error, "problem_mark", None)
    position = source.position(mark.line + 1, mark.column + 1) if mark else Position(source.name)
    if problem in _DIRECTIVES:
        return mistake("NC126", NO_DIRECTIVES, position)
    if _is_variable(position):
        return mistake("NC107", 'Within braces or brackets a value with a variable is quoted: "${name}".', position)
    sentence = _SENTENCES.get(problem, f"This is not YAML: {problem}.")
    return mistake("NC107", sentence + _context(error, position), position)


def _is_variable(position: Position) -> bool:
    """Whether the place is the brace of a ``${``, which opens a mapping where it is not quoted."""
    return position.text[position.column - 2 : position.column] == "${"


def _context(error: Any, position: Position) -> str:
    mark = getattr(error, "context_mark", None)
    context = str(getattr(error, "context", "") or "").removeprefix("while parsing ").removeprefix("while scanning ")
    if not mark or not context or mark.line + 1 == position.line:
        return ""
    return f" It belongs to {context} that begins in line {mark.line + 1}."
