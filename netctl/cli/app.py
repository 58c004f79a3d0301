"""From classes of options to a command line.

Only the module of the command at hand is imported; for help and completion all are.
"""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, fields
from functools import partial
from importlib import import_module
from inspect import Parameter, Signature
from typing import Annotated, Any, get_type_hints

import typer
from typer.core import TyperCommand

from netctl import __version__
from netctl.cli import COMPLETE
from netctl.cli.commands import COMMANDS, Command, help_text
from netctl.cli.options import Voice

_VOICE = frozenset(field.name for field in fields(Voice))
_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
_PYTHON_TYPE = re.compile(r"(?m)^(  \S+) <(?:str|path|list\[str\])>")


class _Command(TyperCommand):
    """A command whose help does not name Python's types beside its arguments."""

    def get_help(self, ctx: Any) -> str:  # of the Click that Typer has within, which is not public
        return _PYTHON_TYPE.sub(lambda found: found[1].ljust(len(found[0])), super().get_help(ctx))


def build(arguments: Sequence[str] = ()) -> typer.Typer:
    """The command line, complete as far as *arguments* need it."""
    app = typer.Typer(
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=True,
        no_args_is_help=False,
        context_settings=_CONTEXT,
    )
    app.callback(invoke_without_command=True)(_root)
    for command in _needed(arguments):
        _register(app, command)
    return app


def _needed(arguments: Sequence[str]) -> list[Command]:
    """The command that is named, or all of them."""
    named = [command for command in COMMANDS if arguments and command.name == arguments[0]]
    return named if named and COMPLETE not in os.environ else list(COMMANDS)


def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version.", is_eager=True)] = False,
) -> None:
    """Declarative container networking: declare, plan, apply, verify."""
    if version:
        typer.echo(f"netctl {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(help_text())
        raise typer.Exit


def _register(app: typer.Typer, command: Command) -> None:
    if not command.verbs:
        _add(app, command.name, command.module)
        return
    group = typer.Typer(rich_markup_mode=None, add_completion=False, context_settings=_CONTEXT)
    for verb in command.verbs:
        _add(group, verb, f"{command.module}.{verb}")
    app.add_typer(group, name=command.name, help=f"{command.summary}.")


def _add(app: typer.Typer, name: str, module: str) -> None:
    run = import_module(f"netctl.cli.{module}").run
    app.command(name, cls=_Command, help=run.__doc__, context_settings=_CONTEXT)(command_function(run))


def command_function(run: Callable[[Any], int]) -> Callable[..., Callable[[], int]]:
    """A function with a parameter for each option of *run*; what it returns runs the command.

    So nothing of the command runs within Typer, which has an opinion of its own on interrupts and broken pipes.
    """
    options: type = get_type_hints(run)["options"]

    def call(**values: Any) -> Callable[[], int]:
        return partial(run, options(**values))

    parameters = [_parameter(field) for field in sorted(fields(options), key=_rank)]
    call.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # what inspect.signature() looks for
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


def _rank(field: Field[Any]) -> int:
    """The order in the help: what is declared first, how much is said last, the others as they are defined."""
    return -1 if field.name == "file" else int(field.name in _VOICE)


def _parameter(field: Field[Any]) -> Parameter:
    default = field.default if field.default_factory is MISSING else field.default_factory()
    default = Parameter.empty if default is MISSING else default
    return Parameter(field.name, Parameter.KEYWORD_ONLY, default=default, annotation=field.type)
