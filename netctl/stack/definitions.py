"""The definitions of variables.

Of several sources the later wins: ``vars`` of the stack, the environment, variable files, the command line. In files a
value has the type that YAML gives it; elsewhere it has that of a plain scalar of YAML.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, NamedTuple

from netctl.errors import DeclarationError, Diagnostic, Position
from netctl.stack.core_schema import Scalar, resolve
from netctl.stack.references import NAME, shortened
from netctl.stack.source import Source, mistake, read
from netctl.stack.variables import Variables
from netctl.stack.yaml_events import Document, Path, documents

ENVIRONMENT_PREFIX = "NETCTL_VAR_"


class VariableInputs(NamedTuple):
    """What is given beside the stack."""

    command_line: Sequence[str] = ()
    """Each ``NAME=VALUE``."""
    files: Sequence[str] = ()
    """Paths of YAML files that map names to values."""
    environment: Mapping[str, str] = MappingProxyType({})
    """The process's environment, of which only ``NETCTL_VAR_<name>`` is read."""


def define(
    stack: Iterable[Document], inputs: VariableInputs, problems: list[Diagnostic]
) -> tuple[Variables, list[Source]]:
    """The variables of the stack's documents and of the inputs, and the variable files that were read."""
    values: dict[str, Scalar] = {}
    sources: list[Source] = []
    for document in stack:
        if (declared := document.content.get("vars")) is not None:
            values.update(_declared(document, declared, ("vars",), problems))
    values.update(_from_environment(inputs.environment, problems))
    for path in inputs.files:
        values.update(_from_file(path, sources, problems))
    values.update(_from_command_line(inputs.command_line, problems))
    return Variables(values), sources


def unused(inputs: VariableInputs, stack: Iterable[Document], mentioned: set[str]) -> list[Diagnostic]:
    """A mistake for each variable of the command line that the stack neither declares nor mentions."""
    known = mentioned.union(*(document.content.get("vars") or () for document in stack))
    given = [definition.partition("=")[0] for definition in inputs.command_line]
    return [_unknown(name, known) for name in dict.fromkeys(given) if name not in known]


def _unknown(name: str, known: set[str]) -> Diagnostic:
    near = get_close_matches(name, known, 1)
    advice = f"Did you mean '{near[0]}'?" if near else ""
    return mistake("NC144", f"The stack has no variable '{name}'.", Position("--var"), advice)


def _declared(document: Document, declared: Any, path: Path, problems: list[Diagnostic]) -> dict[str, Scalar]:
    """The valid definitions of a mapping in a document."""

    def place(name: str) -> Position:
        return document.source.position(*document.positions.get((*path, name), document.positions.get(path, (1, 1))))

    if not isinstance(declared, dict):
        problems.append(mistake("NC143", "'vars' maps names to values.", place("")))
        return {}
    wrong = {name: fault for name, value in declared.items() if (fault := _fault(name, value))}
    problems.extend(mistake("NC143", fault, place(name)) for name, fault in wrong.items())
    return {name: value for name, value in declared.items() if name not in wrong}


def _fault(name: str, value: Any) -> str:
    """What is wrong with a definition in a file; nothing where it is right."""
    if not NAME.fullmatch(name):
        return f"'{shortened(name)}' is no name of a variable."
    if isinstance(value, dict | list):
        return f"The variable '{name}' is a {'mapping' if isinstance(value, dict) else 'list'}, not a single value."
    if isinstance(value, str) and re.search(r"\$\{", value):
        return f"The variable '{name}' refers to another; variables' values are not expanded."
    return ""


def _from_environment(environment: Mapping[str, str], problems: list[Diagnostic]) -> dict[str, Scalar]:
    found = {
        key.removeprefix(ENVIRONMENT_PREFIX): value
        for key, value in environment.items()
        if key.startswith(ENVIRONMENT_PREFIX) and NAME.fullmatch(key.removeprefix(ENVIRONMENT_PREFIX))
    }
    return {
        name: resolve(value)
        for name, value in found.items()
        if _is_text(f"{ENVIRONMENT_PREFIX}{name}", value, Position("environment"), problems)
    }


def _from_file(path: str, sources: list[Source], problems: list[Diagnostic]) -> dict[str, Scalar]:
    values: dict[str, Scalar] = {}
    try:
        source = read(path)
        sources.append(source)
        for document in documents(source, problems):
            values.update(_declared(document, document.content, (), problems))
    except DeclarationError as error:
        problems.extend(error.diagnostics)
    return values


def _from_command_line(definitions: Sequence[str], problems: list[Diagnostic]) -> dict[str, Scalar]:
    values: dict[str, Scalar] = {}
    for definition in definitions:
        name, equals, value = definition.partition("=")
        if not equals or not NAME.fullmatch(name):
            message = f"'{shortened(definition)}' is no definition NAME=VALUE of a variable."
            problems.append(mistake("NC143", message, Position("--var")))
        elif _is_text(name, value, Position("--var"), problems):
            values[name] = resolve(value)
    return values


def _is_text(name: str, value: str, place: Position, problems: list[Diagnostic]) -> bool:
    """Python keeps bytes that are not UTF-8 in arguments and in the environment as surrogates."""
    if value.isascii() or not re.search("[\ud800-\udfff]", value):
        return True
    problems.append(mistake("NC143", f"The value of '{name}' is not UTF-8.", place))
    return False
