"""What a command takes from its command line, declared beside the fields that it is put into.

These declarations are nobody's library's. `netctl.cli.command_line` reads ordinary command lines by them, and
`netctl.cli.app` makes a complete command line of them, with help and completion.
"""

from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from types import UnionType
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints


class Option:
    """A value with a name, such as ``-f`` or ``--file``; of a truth value, the name alone."""

    def __init__(
        self,
        *names: str,
        help: str,  # noqa: A002 - as everywhere else
        metavar: str | None = None,
        min: float | None = None,  # noqa: A002
        max: float | None = None,  # noqa: A002
        envvar: str | None = None,
        check: Callable[[str], None] | None = None,
    ) -> None:
        self.names = names
        self.help = help
        self.metavar = metavar
        """What help calls the value."""
        self.min = min
        self.max = max
        self.envvar = envvar
        """The variable of the environment that has the value where it is not given."""
        self.check = check
        """Raises ValueError, with a sentence, where a given value is wrong."""


class Argument:
    """A value that is told by its place; the places are in the order of the fields."""

    def __init__(self, *, metavar: str, help: str) -> None:  # noqa: A002
        self.metavar = metavar
        self.help = help


class Parameter(NamedTuple):
    """A field of a class of options, and what of the command line it takes."""

    name: str
    annotation: Any
    """The field's type."""
    type: Any
    """Of one value: without the list, and without None."""
    is_list: bool
    default: Any
    """MISSING where a value must be given."""
    declared: Option | Argument


def options_of(run: Callable[[Any], int]) -> type:
    """The class of options of a command."""
    found: type = get_type_hints(run)["options"]
    return found


def parameters_of(options: type) -> list[Parameter]:
    """The parameters of a class of options, in the order of its fields."""
    return [_parameter(field) for field in fields(options)]


def _parameter(field: Field[Any]) -> Parameter:
    annotated: Any = field.type
    annotation, declared = annotated.__origin__, annotated.__metadata__[0]
    is_list = get_origin(annotation) is list
    is_union = isinstance(annotation, UnionType)
    default = field.default if field.default_factory is MISSING else field.default_factory()
    one = get_args(annotation)[0] if is_list or is_union else annotation
    return Parameter(field.name, annotation, one, is_list, default, declared)
