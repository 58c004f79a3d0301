"""``netctl fmt``."""

import os
import sys
import tempfile
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from netctl.cli.options import Voice
from netctl.cli.parameters import Argument, Option
from netctl.errors import NetctlError, UsageError

if TYPE_CHECKING:  # imported where it is read
    from netctl.stack.source import Source


@dataclass(frozen=True, kw_only=True)
class Options(Voice):
    """What ``netctl fmt`` takes."""

    files: Annotated[list[str], Argument(metavar="FILES", help="Files, directories, patterns, or - (stdin).")]
    write: Annotated[bool, Option("-w", "--write", help="Write the files in place.")] = False
    check: Annotated[bool, Option("--check", help="Only say which files would change; exit with 1 if any.")] = False


def run(options: Options) -> int:
    """Format declarations: indentation, spacing, the order of sections. Comments are kept."""
    from netctl.stack.formatting import formatted
    from netctl.stack.source import expand, read

    terminal = options.terminal()
    if options.write and options.check:
        raise UsageError("both --write and --check were given", "Give one of them.")
    sources = [read(name, sys.stdin.buffer) for argument in options.files for name in expand(argument)]
    texts = [(source, formatted(source)) for source in sources]
    if not options.write and not options.check:
        for _, text in texts:
            terminal.result(text)
        return 0
    changed = [(source, text) for source, text in texts if text != source.text]
    for source, text in changed:
        if options.write:
            _replace(source, text)
            terminal.remark(f"formatted {source.name}")
        else:
            terminal.say(_difference(source, text))
    return 1 if options.check and changed else 0


def _difference(source: "Source", text: str) -> str:
    lines = unified_diff(
        source.text.splitlines(keepends=True), text.splitlines(keepends=True), source.name, f"{source.name} (formatted)"
    )
    return "".join(lines)


def _replace(source: "Source", text: str) -> None:
    """Write the file whole or not at all; its mode is kept."""
    if source.identity is None:
        raise UsageError("standard input cannot be written in place", "Leave --write out, or name a file, not -.")
    path = source.identity
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:200]}.", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            os.fchmod(handle, path.stat().st_mode & 0o7777)
            stream.write(text)
        Path(name).replace(path)
    except OSError as error:
        raise NetctlError(f"{source.name} cannot be written: {error.strerror}") from error
