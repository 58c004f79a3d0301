"""The syntax of variable references, which is Compose's: ``$name``, ``${name}``, ``${name:-default}``, ``$$``, …

A text is parsed into literal pieces and references; what they stand for is the business of `netctl.stack.variables`.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
NAME = re.compile(_NAME)
_OPENING = re.compile(rf"\$(?:(?P<dollar>\$)|(?P<bare>{_NAME})|\{{(?P<braced>{_NAME}))")
_OPERATOR = re.compile(r":?[-?+]")
_BRACE = re.compile(r"\$\$|\$\{|\}")
_MENTION = re.compile(rf"\$(?:\$|\{{?({_NAME}))")


class Reference(NamedTuple):
    """A reference to a variable."""

    name: str
    operator: str
    """What follows the name: ``:-``, ``-``, ``:?``, ``?``, ``:+``, ``+`` or nothing."""
    operand: str
    """The text after the operator."""
    text: str
    """The reference as it is written."""


class MalformedReferenceError(Exception):
    """A dollar sign that begins no reference; the argument is the text from there on."""


def parse(text: str) -> list[str | Reference]:
    """The literal pieces and references that make up the text. Raises MalformedReferenceError."""
    pieces: list[str | Reference] = []
    index = 0
    while (dollar := text.find("$", index)) >= 0:
        if dollar > index:
            pieces.append(text[index:dollar])
        piece, index = _piece(text, dollar)
        pieces.append(piece)
    if index < len(text):
        pieces.append(text[index:])
    return pieces


def names(text: str) -> Iterator[str]:
    """The names of all variables that the text mentions, in defaults too."""
    return (name for name in _MENTION.findall(text) if name)


def shortened(text: str) -> str:
    """The text as far as a message has room for it."""
    return text if len(text) <= 60 else f"{text[:57]}..."


def _piece(text: str, dollar: int) -> tuple[str | Reference, int]:
    """What begins at the dollar sign, and the index after it."""
    match = _OPENING.match(text, dollar)
    if match is None:
        raise MalformedReferenceError(text[dollar:])
    if match["dollar"]:
        return "$", match.end()
    if match["bare"]:
        return Reference(match["bare"], "", "", match[0]), match.end()
    return _braced(text, dollar, match["braced"], match.end())


def _braced(text: str, dollar: int, name: str, index: int) -> tuple[Reference, int]:
    operator = _OPERATOR.match(text, index)
    begin = operator.end() if operator else index
    end = _closing_brace(text, begin) if operator else index
    if end < 0 or text[end : end + 1] != "}":
        raise MalformedReferenceError(text[dollar:])
    return Reference(name, operator[0] if operator else "", text[begin:end], text[dollar : end + 1]), end + 1


def _closing_brace(text: str, index: int) -> int:
    """Where the brace is that closes an operand; -1 where none does."""
    depth = 0
    for found in _BRACE.finditer(text, index):
        if found[0] == "}":
            if depth == 0:
                return found.start()
            depth -= 1
        elif found[0] == "${":
            depth += 1
    return -1
