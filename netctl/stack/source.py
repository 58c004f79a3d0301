"""Where a stack is read from: files, directories, patterns and standard input, to checked text.

A `Source` is text that is known to be UTF-8, without NUL and within `MAX_BYTES`. What is wrong with a file is raised
as a `DeclarationError` of one diagnostic, which the loader collects over all files.
"""

import codecs
import glob
import hashlib
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from netctl.codes import CODES
from netctl.errors import DeclarationError, Diagnostic, Position

MAX_BYTES = 16 * 1024 * 1024
"""Size of one file at most; a larger one is refused before it is read."""

STDIN = "-"
STDIN_NAME = "<stdin>"

# The line breaks of libyaml, so that lines are counted as the parser counts them.
LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
# Everything but c-printable of YAML 1.2, section 5.1; what all of it needs to be compiled takes milliseconds.
_ASCII_CONTROL = re.compile("[^\t\n\r\x20-\x7e]")
_CONTROL = "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_SENSITIVE = re.compile(r"""["']?\bsensitive["']?:\s*true\b""")
_VALUE = re.compile(r"""(["']?\bvalue["']?:\s*)("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^,}\s][^,}]*)""")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LIMIT = f"{MAX_BYTES // 1024 // 1024} MiB"


@dataclass(frozen=True)
class Source:
    """One file's text."""

    name: str
    """The path as the user would write it."""
    text: str
    sha256: str
    identity: Path | None = None
    """The resolved path, by which a cycle of includes is found; None for standard input."""

    @cached_property
    def lines(self) -> list[str]:
        """The text's lines, without their line breaks."""
        return LINE_BREAK.split(self.text)

    def position(self, line: int, column: int) -> Position:
        """The place with its line's text; line and column count from 1."""
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        if any(map(_SENSITIVE.search, self.lines[max(line - 2, 0) : line + 1])):
            text = _VALUE.sub(_masked, text)
        return Position(self.name, line, column, text)

    def control_character(self) -> Diagnostic | None:
        """The first character that YAML does not allow, if there is one."""
        pattern = _ASCII_CONTROL if self.text.isascii() else re.compile(_CONTROL)
        if not (found := pattern.search(self.text)):
            return None
        before = LINE_BREAK.split(self.text[: found.start()])
        position = self.position(len(before), len(before[-1]) + 1)
        name = "a NUL byte" if found[0] == "\0" else f"the control character U+{ord(found[0]):04X}"
        return mistake("NC105", f"The file holds {name}.", position)


def _masked(found: re.Match[str]) -> str:
    """The key as it is written, and its value in as many asterisks: diagnostics are read by others, too."""
    return found[1] + "*" * len(found[2])


def mistake(code: str, message: str, position: Position | None = None, advice: str = "") -> Diagnostic:
    """A diagnostic with the code's own advice unless another is given."""
    return Diagnostic(code, message, advice or CODES[code].advice, position)


def expand(argument: str) -> list[str]:
    """The files that one ``-f`` names, in the order in which they are merged. Raises DeclarationError."""
    path = Path(argument)
    if argument == STDIN:
        return [STDIN]
    if not argument:
        # Python takes it for the working directory; it comes of a shell variable that is not set.
        raise DeclarationError([mistake("NC102", "An empty path names no file.")])
    if path.is_dir():
        return _directory(path)
    if os.path.lexists(path) or not glob.has_magic(argument):
        return [argument]
    found = sorted(glob.glob(argument, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
    if not found:
        raise DeclarationError([mistake("NC102", f"The pattern '{argument}' matches no file.")])
    return [file for name in found for file in expand(name)]


def _directory(path: Path) -> list[str]:
    """The directory's YAML files by name. Hidden ones are left out: editors leave their backups there."""
    try:
        entries = sorted(path.iterdir())
    except OSError as error:
        raise _unreadable(str(path), error) from error
    found = [
        str(entry)
        for entry in entries
        if entry.suffix in {".yaml", ".yml"} and not entry.name.startswith(".") and not entry.is_dir()
    ]
    if not found:
        message = f"The directory '{path}' holds no *.yaml or *.yml file."
        raise DeclarationError([mistake("NC102", message, Position(str(path)))])
    return found


def read(path: str, stdin: BinaryIO | None = None) -> Source:
    """The source at the path, or standard input for ``-``. Raises DeclarationError."""
    if path == STDIN:
        return _decoded(STDIN_NAME, _stdin(stdin), None)
    return _decoded(path, _content(path), Path(os.path.realpath(path)))


def _stdin(stream: BinaryIO | None) -> bytes:
    if stream is None:
        raise DeclarationError([mistake("NC101", "Standard input is not available.", Position(STDIN_NAME))])
    content = stream.read(MAX_BYTES + 1)
    _refuse_oversize(STDIN_NAME, len(content))
    return content


def _content(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            status = os.fstat(file.fileno())
            if S_ISREG(status.st_mode):
                _refuse_oversize(path, status.st_size)
            # A pipe has no size: it is read to one byte beyond the limit.
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    _refuse_oversize(path, len(content))
    return content


def _unreadable(path: str, error: OSError | ValueError) -> DeclarationError:
    reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    return DeclarationError([mistake("NC101", f"'{path}' cannot be read: {reason}.", Position(path))])


def _refuse_oversize(name: str, size: int) -> None:
    if size <= MAX_BYTES:
        return
    measured = f"over {_LIMIT}" if size == MAX_BYTES + 1 else f"{size / 1024 / 1024:.1f} MiB"
    message = f"'{name}' has {measured}; a stack file may have {_LIMIT} at most."
    raise DeclarationError([mistake("NC103", message, Position(name))])


def _decoded(name: str, content: bytes, identity: Path | None) -> Source:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DeclarationError([_not_utf8(name, content, error)]) from error
    source = Source(name, text, hashlib.sha256(content).hexdigest(), identity)
    if "\0" in text and (found := source.control_character()):
        raise DeclarationError([found])
    return source


def _not_utf8(name: str, content: bytes, error: UnicodeDecodeError) -> Diagnostic:
    if content.startswith(_UTF16):
        return mistake("NC104", f"'{name}' is UTF-16, not UTF-8.", Position(name, 1, 1))
    # The codec leaves a byte order mark out of its count.
    start = error.start + (len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0)
    before, after = content[:start].decode("utf-8-sig"), content[start:]
    rest = LINE_BREAK.split(after.partition(b"\n")[0].decode(errors="replace"))[0]
    lines = LINE_BREAK.split(before)
    position = Position(name, len(lines), len(lines[-1]) + 1, lines[-1] + rest)
    return mistake("NC104", f"The byte 0x{content[start]:02x} at offset {start} is not UTF-8.", position)
