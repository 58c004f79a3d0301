"""What the user sees: results on stdout, progress and remarks on stderr, colour and motion only on a terminal."""

import errno
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import TextIO

from netctl.errors import NetctlError
from netctl.report.paint import Paint

_REDRAW = 0.1
"""Seconds between two states of the progress line."""


class Terminal:
    """Standard output and error, spoken to as the options and the environment say."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False, no_color: bool = False) -> None:
        self.quiet = quiet
        self.verbose = verbose
        plain = no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        self.paint = Paint(enabled=not plain and sys.stdout.isatty())
        self.error_paint = Paint(enabled=not plain and sys.stderr.isatty())
        self._moves = not quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def result(self, text: str) -> None:
        """What the command was asked for; printed even when quiet."""
        _write(sys.stdout, text)

    def say(self, text: str) -> None:
        """What a person wants to read and a script can do without."""
        if not self.quiet:
            _write(sys.stdout, text)

    def remark(self, text: str) -> None:
        """Progress and diagnostics, on stderr."""
        if not self.quiet:
            self.error(text)

    def error(self, text: str) -> None:
        """What went wrong, on stderr."""
        sys.stdout.flush()
        _write(sys.stderr, text)

    @property
    def width(self) -> int:
        """Columns of a line on stdout; 100 where that is no terminal."""
        return (os.get_terminal_size(sys.stdout.fileno()).columns if sys.stdout.isatty() else 0) or 100

    @property
    def can_ask(self) -> bool:
        """Whether someone is there to answer."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def ask(self, question: str) -> str:
        """The answer, stripped; empty at the end of input."""
        sys.stdout.flush()
        sys.stderr.write(question)
        sys.stderr.flush()
        return sys.stdin.readline().strip()

    def progress(self, noun: str) -> Callable[[int, int], None] | None:
        """A line that counts, redrawn in place; None where nobody watches."""
        return _Counter(sys.stderr, noun) if self._moves else None


class _Counter:
    """The progress line: ``  120 of 3000 changes``, gone when complete."""

    def __init__(self, stream: TextIO, noun: str) -> None:
        self._stream = stream
        self._noun = noun
        self._drawn = monotonic()

    def __call__(self, count: int, total: int) -> None:
        now = monotonic()
        if count < total and now - self._drawn < _REDRAW:
            return
        self._drawn = now
        text = f"  {count} of {total} {self._noun}" if count < total else ""
        with suppress(OSError):  # a terminal that has gone must not undo what is under way
            self._stream.write(f"\r\x1b[K{text}")
            self._stream.flush()


def _write(stream: TextIO, text: str) -> None:
    if not text:
        return
    try:
        stream.write(text if text.endswith("\n") else f"{text}\n")
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.errno == errno.EIO:  # what a terminal that has gone answers
            raise BrokenPipeError(errno.EPIPE, "the terminal has gone") from error
        discard(stream)
        if stream is not sys.stderr:  # of which nothing could be told anywhere
            raise NetctlError(
                f"standard output cannot be written: {error.strerror}", "Make room, or send it elsewhere."
            ) from error


def discard(stream: TextIO) -> None:
    """Let what is still to be written to *stream* go nowhere, at the end of the process too."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
