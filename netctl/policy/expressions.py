"""Expressions that choose endpoints by their labels, in Calico's selector grammar.

    expression  = conjunction { "||" conjunction }
    conjunction = term { "&&" term }
    term        = { "!" } ( "(" expression ")" | "has(" key ")" | "all()" | key test )
    test        = "==" value | "!=" value | "contains" value | "starts with" value | "ends with" value
                | "in" "{" [ value { "," value } ] "}" | "not in" "{" … "}"

A key has letters, digits, ``_``, ``.``, ``/`` and ``-``; a value is in single or double quotes, and has none of these.
White space separates words and means nothing else. Of a label that an endpoint does not have, ``!=`` and ``not in`` are
true, and every other test is false.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple

MAX_DEPTH = 64
"""How deep parentheses may be nested."""

_TOKEN = re.compile(
    r"""\s*(?:(?P<value>'[^']*'|"[^"]*") | (?P<word>[\w./-]+) | (?P<sign>==|!=|&&|\|\||[(){},!]))""",
    re.VERBOSE | re.ASCII,
)
_SPACE = re.compile(r"\s*")
_NEGATED = {"!=", "not in"}
_TESTS = ("==", "!=", "in", "not in", "contains", "starts with", "ends with")
_ALMOST = {"=": "==", "&": "&&", "|": "||", "notin": "not in", "startswith": "starts with", "endswith": "ends with"}


@dataclass(frozen=True, slots=True)
class All:
    """True of every endpoint."""


@dataclass(frozen=True, slots=True)
class Has:
    """The label is there."""

    key: str


@dataclass(frozen=True, slots=True)
class In:
    """The label has one of the values."""

    key: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Contains:
    """The label's value has the text in it, or (by `test`) begins or ends with it."""

    key: str
    text: str
    test: str
    """``contains``, ``starts with`` or ``ends with``."""

    def holds(self, value: str) -> bool:
        """Whether a value passes."""
        if self.test == "starts with":
            return value.startswith(self.text)
        return value.endswith(self.text) if self.test == "ends with" else self.text in value


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary."""

    operand: "Expression"


@dataclass(frozen=True, slots=True)
class And:
    """All of several."""

    operands: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """Any of several."""

    operands: "tuple[Expression, ...]"


Expression = All | Has | In | Contains | Not | And | Or


class ExpressionError(ValueError):
    """An expression that cannot be read; `column` counts from 1, within the expression."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(f"{message}, at column {column} of the expression")
        self.column = column


@lru_cache(maxsize=1 << 12)  # the loader reads each expression once to check it, the compiler to use it
def parse(text: str) -> Expression:
    """The expression that the text spells. Raises ExpressionError."""
    return _Parser(text).parse()


class _Token(NamedTuple):
    kind: str
    """``value``, ``word``, ``sign``; empty at the end."""
    text: str
    column: int


class _Parser:
    """Reads by recursive descent; `_next` is the token that has not been taken yet."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._index = 0
        self._depth = 0
        self._next = self._scan()

    def parse(self) -> Expression:
        found = self._expression()
        if self._next.kind:
            raise self._unexpected("'&&', '||' or the end")
        return found

    def _scan(self) -> _Token:
        start = _SPACE.match(self._text, self._index).end()  # type: ignore[union-attr]  # it matches nothing, too
        if start == len(self._text):
            return _Token("", "", start + 1)
        match = _TOKEN.match(self._text, start)
        if match is None:
            raise self._unreadable(start)
        self._index = match.end()
        kind = match.lastgroup or ""
        return _Token(kind, match[kind], start + 1)

    def _unreadable(self, start: int) -> ExpressionError:
        character = self._text[start]
        if character in "'\"":
            return ExpressionError("a quote is opened and not closed", start + 1)
        meant = _ALMOST.get(character)
        return ExpressionError(
            f"'{character}' means nothing{f' (did you mean {meant!r}?)' if meant else ''}", start + 1
        )

    def _take(self) -> _Token:
        token = self._next
        self._next = self._scan()
        return token

    def _takes(self, text: str) -> bool:
        """Takes the next token if it is this word or sign."""
        is_it = self._next.kind != "value" and self._next.text == text
        if is_it:
            self._take()
        return is_it

    def _demand(self, text: str) -> None:
        if not self._takes(text):
            raise self._unexpected(f"'{text}'")

    def _unexpected(self, wanted: str, hint: str = "") -> ExpressionError:
        found = f"not {self._shown()}" if self._next.kind else "but nothing follows"
        return ExpressionError(f"expected {wanted}, {found}{hint}", self._next.column)

    def _shown(self) -> str:
        text = self._next.text
        return text if self._next.kind == "value" else f"'{text}'"

    def _expression(self) -> Expression:
        return self._joined("||", self._conjunction, Or)

    def _conjunction(self) -> Expression:
        return self._joined("&&", self._term, And)

    def _joined(self, sign: str, operand: Callable[[], Expression], join: type[And | Or]) -> Expression:
        operands = [operand()]
        while self._takes(sign):
            operands.append(operand())
        return operands[0] if len(operands) == 1 else join(tuple(operands))

    def _term(self) -> Expression:
        is_negated = False
        while self._takes("!"):
            is_negated = not is_negated
        found = self._positive()
        return Not(found) if is_negated else found

    def _positive(self) -> Expression:
        if self._next.text == "(" and self._next.kind == "sign":
            return self._group()
        if self._next.kind != "word":
            raise self._unexpected("a label's name, 'has(…)', 'all()', '!' or '('")
        word = self._take()
        if word.text in {"has", "all"} and self._takes("("):
            return self._call(word.text)
        return self._test(word.text)

    def _group(self) -> Expression:
        if self._depth == MAX_DEPTH:
            raise ExpressionError(f"parentheses are nested more than {MAX_DEPTH} deep", self._next.column)
        self._depth += 1
        self._demand("(")
        found = self._expression()
        self._demand(")")
        self._depth -= 1
        return found

    def _call(self, name: str) -> Expression:
        found: Expression = All()
        if name == "has":
            if self._next.kind != "word":
                raise self._unexpected("a label's name")
            found = Has(self._take().text)
        self._demand(")")
        return found

    def _test(self, key: str) -> Expression:
        test = self._operator(key)
        if test in {"==", "!="}:
            found: Expression = In(key, frozenset({self._value()}))
        elif test in {"in", "not in"}:
            found = In(key, self._values())
        else:
            found = Contains(key, self._value(), test)
        return Not(found) if test in _NEGATED else found

    def _operator(self, key: str) -> str:
        first = self._next
        second = {"not": "in", "starts": "with", "ends": "with"}.get(first.text, "")
        if first.kind != "value" and (second or first.text in _TESTS):
            self._take()
            if second:
                self._demand(second)
            return f"{first.text} {second}".rstrip()
        listed = ", ".join(f"'{test}'" for test in _TESTS)
        near = _ALMOST.get(first.text) or next(iter(get_close_matches(first.text, _TESTS, 1)), "")
        hint = f" (did you mean '{near}'?)" if near else ""
        raise self._unexpected(f"one of {listed} after '{key}'", hint)

    def _value(self) -> str:
        if self._next.kind != "value":
            raise self._unexpected("a value in quotes")
        return self._take().text[1:-1]

    def _values(self) -> frozenset[str]:
        self._demand("{")
        values: list[str] = []
        while not self._takes("}"):
            if values and not self._takes(","):
                raise self._unexpected("',' or '}'")
            values.append(self._value())
        return frozenset(values)
