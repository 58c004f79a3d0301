"""Reads an ordinary command line: options by their whole names, each value after its name or after ``=``.

Whatever is not plainly that (a mistake, a call for help, flags in a cluster, a word for the shell's completion) is left
to Typer, which knows all of it, and takes longer to load than most commands take to run. What is read here means the
same there.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING
from enum import Enum
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from netctl.cli import COMPLETE
from netctl.cli.commands import COMMANDS
from netctl.cli.parameters import Argument, Option, Parameter, options_of, parameters_of

_NUMBERS = {int: re.compile(r"[0-9]+"), float: re.compile(r"[0-9]+(\.[0-9]+)?")}


def read(arguments: Sequence[str]) -> Callable[[], int] | None:
    """The command with its options, ready to run; None where the line is not ordinary."""
    if COMPLETE in os.environ:
        return None
    try:
        module, words = _command(arguments)
        run = runner(module)
        options = options_of(run)
        return partial(run, options(**_values(parameters_of(options), words)))
    except ValueError:
        return None


def runner(module: str) -> Callable[[Any], int]:
    """What a command's module runs."""
    found: Callable[[Any], int] = import_module(f"netctl.cli.{module}").run
    return found


def _command(arguments: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The module of the command that is named, and what follows the name. Raises ValueError."""
    name, *words = arguments or ("",)
    for command in COMMANDS:
        if command.name == name and not command.verbs:
            return command.module, words
        if command.name == name and words and words[0] in command.verbs:
            return f"{command.module}.{words[0]}", words[1:]
    raise ValueError(name)


def _values(parameters: Sequence[Parameter], words: Sequence[str]) -> dict[str, Any]:
    """The value of each field that is given one. Raises ValueError."""
    named = {name: entry for entry in parameters if isinstance(entry.declared, Option) for name in entry.declared.names}
    values: dict[str, Any] = {}
    placed: list[str] = []
    rest = iter(words)
    for word in rest:
        if _is_value(word):
            placed.append(word)
        else:
            _take(word, rest, named, values)
    _place(parameters, placed, values)
    _recall(parameters, values)
    return values


def _is_value(word: str) -> bool:
    return word == "-" or not word.startswith("-")


def _take(word: str, rest: Iterator[str], named: dict[str, Parameter], values: dict[str, Any]) -> None:
    """Take an option, and from the *rest* its value. Raises ValueError."""
    name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
    parameter = named.get(name)
    if parameter is None or (parameter.name in values and not parameter.is_list):
        raise ValueError(word)
    if parameter.type is bool:
        if equals:
            raise ValueError(word)
        values[parameter.name] = True
        return
    found = _converted(parameter, value if equals else next(rest, ""))
    if parameter.is_list:
        values.setdefault(parameter.name, []).append(found)
    else:
        values[parameter.name] = found


def _place(parameters: Sequence[Parameter], placed: list[str], values: dict[str, Any]) -> None:
    """Give the arguments their values, in order. Raises ValueError where there are too many or too few."""
    for parameter in parameters:
        if not isinstance(parameter.declared, Argument):
            continue
        if placed and parameter.is_list:
            values[parameter.name] = [_converted(parameter, word) for word in placed]
            placed = []
        elif placed:
            values[parameter.name] = _converted(parameter, placed.pop(0))
        elif parameter.default is MISSING:
            raise ValueError(parameter.name)
    if placed:
        raise ValueError(placed)


def _recall(parameters: Sequence[Parameter], values: dict[str, Any]) -> None:
    """Take from the environment what is not given. Raises ValueError."""
    for parameter in parameters:
        variable = parameter.declared.envvar if isinstance(parameter.declared, Option) else None
        if variable and variable in os.environ and parameter.name not in values:
            values[parameter.name] = _converted(parameter, os.environ[variable])


def _converted(parameter: Parameter, word: str) -> Any:
    """The value that a word stands for. Raises ValueError."""
    if not word or not _is_value(word):
        raise ValueError(word)
    if parameter.type in _NUMBERS:
        return _number(parameter, word)
    if isinstance(parameter.declared, Option) and parameter.declared.check:
        parameter.declared.check(word)
    if parameter.type in {str, Path} or issubclass(parameter.type, Enum):
        return parameter.type(word)
    raise ValueError(word)


def _number(parameter: Parameter, word: str) -> float:
    """A number within its bounds. Raises ValueError."""
    if not _NUMBERS[parameter.type].fullmatch(word):
        raise ValueError(word)
    number: float = parameter.type(word)
    declared = parameter.declared
    least, most = (declared.min, declared.max) if isinstance(declared, Option) else (None, None)
    if (least is not None and number < least) or (most is not None and number > most):
        raise ValueError(word)
    return number
