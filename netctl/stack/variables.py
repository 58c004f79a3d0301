"""The substitution of variables in a stack.

Substitution is in scalar values, after parsing, so that a value cannot inject structure. A value that is one reference
and nothing else (``mtu: ${mtu}``) takes the variable's type; within other text a variable is its text. The values
themselves are not expanded.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from netctl.codes import CODES
from netctl.stack.core_schema import Scalar, resolve, written
from netctl.stack.references import MalformedReferenceError, Reference, names, parse, shortened
from netctl.stack.source import MAX_BYTES
from netctl.stack.yaml_events import Path

_IN_KEY = "Variables are not expanded in keys."

MAX_NESTING = 16
"""Defaults within defaults, as in ``${a:-${b:-c}}``, may be nested so deep."""


class Unexpandable(NamedTuple):
    """What is wrong with a text that refers to variables."""

    code: str
    message: str
    advice: str
    excerpt: str
    """The reference that is wrong."""
    path: Path = ()
    is_key: bool = False
    """Whether the reference is in the last key of the path, rather than in the value."""


class ExpansionError(Exception):
    """A text cannot be expanded."""

    def __init__(self, code: str, message: str, excerpt: str, advice: str = "") -> None:
        super().__init__(message)
        self.problem = Unexpandable(code, message, advice or CODES[code].advice, excerpt)


class Variables:
    """The values of all variables, and what has been done with them."""

    def __init__(self, values: Mapping[str, Scalar]) -> None:
        self._values = values
        self._budget = MAX_BYTES
        self.mentioned: set[str] = set()

    def expand(self, text: str) -> Scalar:
        """The text with its references replaced; of another type where it is one reference. Raises ExpansionError."""
        self.mentioned.update(names(text))
        return self._expand(text, 0)

    def _expand(self, text: str, nesting: int) -> Scalar:
        if nesting > MAX_NESTING:
            raise ExpansionError("NC142", f"Defaults are nested more than {MAX_NESTING} deep.", text)
        try:
            pieces = parse(text)
        except MalformedReferenceError as error:
            raise ExpansionError("NC142", f"'{shortened(str(error))}' is no variable reference.", str(error)) from None
        if len(pieces) == 1 and isinstance(pieces[0], Reference):
            return self._value(pieces[0], nesting)
        return self._charged("".join(self._text(piece, nesting) for piece in pieces))

    def _text(self, piece: str | Reference, nesting: int) -> str:
        if isinstance(piece, str):
            return piece
        value = self._value(piece, nesting)
        return "" if value is None else self._charged(str(written(value)))

    def _value(self, reference: Reference, nesting: int) -> Scalar:
        name, operator = reference.name, reference.operator
        value = self._values.get(name)
        is_present = name in self._values if not operator else value is not None
        if operator.startswith(":"):
            is_present = value not in {None, ""}
        if operator.endswith("+"):
            return self._operand(reference, nesting) if is_present else None
        if is_present:
            return value
        if operator.endswith("-"):
            return self._operand(reference, nesting)
        raise self._undefined(reference)

    def _operand(self, reference: Reference, nesting: int) -> Scalar:
        value = self._expand(reference.operand, nesting + 1)
        is_reference = reference.operand.startswith("$") and not reference.operand.startswith("$$")
        return resolve(value) if isinstance(value, str) and not is_reference else value

    def _undefined(self, reference: Reference) -> ExpansionError:
        name = reference.name
        if reference.operator:
            reason = reference.operand or "it has no value"
            return ExpansionError("NC141", f"The variable '{name}' is needed: {shortened(reason)}.", reference.text)
        near = get_close_matches(name, self._values, 1)
        advice = f"Did you mean '{near[0]}'? {CODES['NC141'].advice}" if near else ""
        return ExpansionError("NC141", f"The variable '{name}' is not defined.", reference.text, advice)

    def _charged(self, text: str) -> str:
        self._budget -= len(text)
        if self._budget < 0:
            raise ExpansionError("NC145", "The stack's variables expand to more than 16 MiB.", "$")
        return text


def substitute(content: dict[str, Any], variables: Variables) -> tuple[dict[str, Any], list[Unexpandable]]:
    """The content with its references replaced, and what could not be: it stays as it is written."""
    substitution = _Substitution(variables)
    result: dict[str, Any] = substitution.of(content)
    return result, substitution.problems


class _Substitution:
    def __init__(self, variables: Variables) -> None:
        self.problems: list[Unexpandable] = []
        self._variables = variables
        self._path: list[str | int] = []

    def of(self, value: Any) -> Any:
        """A new value: an alias may share the old one with another place, which would be expanded twice."""
        if isinstance(value, str):
            return self._scalar(value) if "$" in value else value
        if isinstance(value, dict):
            return {key: self._entry(key, item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._entry(index, item) for index, item in enumerate(value)]
        return value

    def _entry(self, step: str | int, value: Any) -> Any:
        self._path.append(step)
        if isinstance(step, str) and "${" in step:
            self._refuse(Unexpandable("NC142", _IN_KEY, "Write the key out.", step, is_key=True))
        result = self.of(value)
        self._path.pop()
        return result

    def _scalar(self, text: str) -> Scalar:
        try:
            return self._variables.expand(text)
        except ExpansionError as error:
            self._refuse(error.problem)
            return text

    def _refuse(self, problem: Unexpandable) -> None:
        self.problems.append(problem._replace(path=tuple(self._path)))
