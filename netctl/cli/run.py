"""The one place that turns exceptions into exit codes.

0 done, or nothing to do · 1 failed, or a bug of netctl's · 2 with ``--detailed-exitcode``: changes, or no connection ·
64 the command line is wrong (EX_USAGE of sysexits.h) · 130 interrupted.
"""

import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from netctl.cli.command_line import read
from netctl.cli.terminal import Terminal, discard
from netctl.engine.apply import ApplyError
from netctl.errors import DeclarationError, NetctlError
from netctl.report.paint import Paint, printable

FAILED = 1
INTERRUPTED = 130


def run(arguments: Sequence[str]) -> int:
    """The exit code of the command; whatever goes wrong has been said on stderr."""
    _open_standard_streams()
    terminal = Terminal(no_color="--no-color" in arguments)
    try:
        with _collector_off():
            code = _dispatch(arguments)
            sys.stdout.flush()
    except BrokenPipeError:
        return silence()
    except KeyboardInterrupt as interrupt:
        after = "".join(f"; {note}" for note in getattr(interrupt, "__notes__", ()))
        terminal.error(f"\nnetctl: interrupted{after}")
        return INTERRUPTED
    except NetctlError as error:
        terminal.error(failure_text(error, terminal.error_paint, verbose="-v" in arguments or "--verbose" in arguments))
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the last resort: a bug is reported, not shown as a traceback
        from netctl.cli.crash import write_crash

        terminal.error(write_crash(error, arguments))
        return FAILED
    return code


def _open_standard_streams() -> None:
    """Put the null device where the caller has closed a standard stream, lest a socket of ours gets its number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8"))


def silence() -> int:
    """Leave quietly when the reader of our output has gone."""
    discard(sys.stdout)
    return FAILED


def unwritten(error: OSError) -> int:
    """The exit code where standard output cannot be written; what the reason is has been said."""
    if not isinstance(error, BrokenPipeError):
        Terminal().error(f"netctl: error: standard output cannot be written: {error.strerror}")
    return silence()


def failure_text(error: NetctlError, paint: Paint, *, verbose: bool = False) -> str:
    """An expected error for people: what went wrong, the details it carries, what to do."""
    lines = []
    if isinstance(error, DeclarationError):
        from netctl.report.diagnostics import text

        lines.append(text(error.diagnostics, paint))
    if isinstance(error, ApplyError):
        from netctl.report.apply_report import failure_text as story

        lines.append(story(error.report, paint, verbose=verbose))
    code = f"[{error.code}]" if error.code else ""
    lines.append(f"{paint('red', f'netctl: error{code}:')} {printable(error.message)}")
    if error.advice:
        lines.append(f"  {printable(error.advice)}")
    return "\n".join(line for line in lines if line)


def _dispatch(arguments: Sequence[str]) -> int:
    command = read(arguments)
    if command is None:
        from netctl.cli.app import parse

        command = parse(arguments)
    return command()


@contextmanager
def _collector_off() -> Iterator[None]:
    """No cycles are made here that matter, and looking for them costs a quarter of the time of a large stack."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
