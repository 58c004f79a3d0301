"""From classes of options to a whole command line, with its help, its mistakes and its completion.

Only the module of the command at hand is imported; for help and completion all are.
"""

import inspect
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields
from functools import partial
from inspect import Signature
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from netctl import __version__
from netctl.cli import COMPLETE
from netctl.cli.command_line import runner
from netctl.cli.commands import COMMANDS, Command, help_text
from netctl.cli.habits import meant
from netctl.cli.options import Voice
from netctl.cli.parameters import Argument, Option, Parameter, options_of, parameters_of
from netctl.errors import UsageError

_VOICE = frozenset(field.name for field in fields(Voice))
_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
_PYTHON_TYPE = re.compile(r"(?m)^(  \S+) <(?:str|path|list\[str\])>")


class _Command(TyperCommand):
    """A command whose help does not name Python's types beside its arguments."""

    def get_help(self, ctx: Any) -> str:  # of the Click that Typer has within, which is not public
        return _PYTHON_TYPE.sub(lambda found: found[1].ljust(len(found[0])), super().get_help(ctx))


def parse(arguments: Sequence[str]) -> Callable[[], int]:
    """What the command line asks for, ready to run. Raises UsageError."""
    try:
        parsed = build(arguments)(args=list(arguments), prog_name="netctl", standalone_mode=False)
    except typer.TyperException as error:
        raise _mistyped(error, arguments) from None
    if callable(parsed):
        return partial(parsed)
    return partial(int, parsed if isinstance(parsed, int) else 0)  # Typer has done it: help, completion


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
    run = runner(module)
    app.command(name, cls=_Command, help=run.__doc__, context_settings=_CONTEXT)(command_function(run))


def command_function(run: Callable[[Any], int]) -> Callable[..., Callable[[], int]]:
    """A function with a parameter for each option of *run*; what it returns runs the command.

    So nothing of the command runs within Typer, which has an opinion of its own on interrupts and broken pipes.
    """
    options = options_of(run)

    def call(**values: Any) -> Callable[[], int]:
        return partial(run, options(**values))

    parameters = [_parameter(entry) for entry in sorted(parameters_of(options), key=_rank)]
    call.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # what inspect.signature() looks for
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


def _rank(parameter: Parameter) -> int:
    """The order in the help: what is declared first, how much is said last, the others as they are defined."""
    return -1 if parameter.name == "file" else int(parameter.name in _VOICE)


def _parameter(parameter: Parameter) -> inspect.Parameter:
    default = inspect.Parameter.empty if parameter.default is MISSING else parameter.default
    annotation = Annotated[parameter.annotation, _declared(parameter.declared)]  # type: ignore[name-defined]  # a value
    return inspect.Parameter(parameter.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _declared(declared: Option | Argument) -> Any:
    """What Typer takes for the declaration."""
    if isinstance(declared, Argument):
        return typer.Argument(metavar=declared.metavar, help=declared.help)
    return typer.Option(
        *declared.names,
        metavar=declared.metavar,
        help=declared.help,
        min=declared.min,
        max=declared.max,
        envvar=declared.envvar,
        callback=_checked(declared.check) if declared.check else None,
    )


def _checked(check: Callable[[str], None]) -> Callable[..., str]:
    def checked(context: typer.Context, parameter: typer.CallbackParam, value: str) -> str:
        source = context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE":
            try:
                check(value)
            except ValueError as error:
                raise typer.BadParameter(str(error)) from None
        return value

    return checked


def _mistyped(error: typer.TyperException, arguments: Sequence[str]) -> UsageError:
    """What is wrong with the command line, and where help is."""
    format_message = getattr(error, "format_message", None)
    # The words before the reason are Pydantic's, which Typer checks choices with.
    message = (format_message() if format_message else str(error)).replace(": Value error, ", ": ")
    commands = {command.name for command in COMMANDS}
    known = f"{arguments[0]} " if arguments and arguments[0] in commands else ""
    hint = " ".join(filter(None, [meant(arguments, commands), f"See: netctl {known}--help"]))
    return UsageError(message.rstrip("."), hint)
