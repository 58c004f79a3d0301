"""The console script ``netctl``. What is cheap is answered here; everything else imports what it needs."""

import gc
import os
import sys
from collections.abc import Sequence

from netctl import __version__
from netctl.cli import COMPLETE

_HELP = frozenset({(), ("--help",), ("-h",), ("help",)})
_VERSION = frozenset({("--version",), ("-V",), ("version",)})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name; return its exit code."""
    given = tuple(sys.argv[1:] if arguments is None else arguments)
    completes = COMPLETE in os.environ
    match given:
        case ("help", command):
            given = (command, "--help")
    if given in _VERSION and not completes:
        return _print(f"netctl {__version__}")
    if given in _HELP and not completes:
        from netctl.cli.commands import help_text

        return _print(help_text())
    # Pydantic would look through every installed distribution for plugins, longer than it takes to check a stack.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from netctl.cli.run import run

    return run(given)


def console() -> int:
    """As `main`, for a process that ends then.

    Interpreters look for cycles once more before they end; among all that a command has made, for 60 milliseconds.
    """
    code = main()
    gc.freeze()
    return code


def _print(text: str) -> int:
    """Print, and succeed; where nobody reads, end quietly, and where there is no room, say so."""
    try:
        print(text, flush=True)  # noqa: T201 - the terminal's own module would cost more than all of this
    except OSError as error:
        from netctl.cli.run import unwritten

        return unwritten(error)
    return 0
