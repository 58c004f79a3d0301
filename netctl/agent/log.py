"""What the agent tells as it happens: one line an event, for people or (JSON) for machines."""

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum


class LogFormat(StrEnum):
    """How log lines are written."""

    TEXT = "text"
    JSON = "json"


def _to_stderr(line: str) -> None:
    with suppress(OSError):  # who reads it may have gone; the host is kept all the same
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


class Log:
    """Writes lines to standard error."""

    def __init__(
        self, form: LogFormat = LogFormat.TEXT, *, quiet: bool = False, write: Callable[[str], None] = _to_stderr
    ) -> None:
        self._form = form
        self._quiet = quiet
        self._write = write

    def info(self, message: str, **fields: object) -> None:
        """Something that is as it should be."""
        if not self._quiet:
            self._line("info", message, fields)

    def warning(self, message: str, **fields: object) -> None:
        """Something that someone may want to look at."""
        self._line("warning", message, fields)

    def error(self, message: str, **fields: object) -> None:
        """Something that someone must look at."""
        self._line("error", message, fields)

    def _line(self, level: str, message: str, fields: dict[str, object]) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        shown = {name: _value(value) for name, value in fields.items() if value is not None and value != ""}
        if self._form is LogFormat.JSON:
            document = {"time": now, "level": level, "message": message, **shown}
            self._write(json.dumps(document, ensure_ascii=False))
        else:
            details = " ".join(f"{name}={_plain(value)}" for name, value in shown.items())
            self._write(f"{now} {level:<7} {message}" + (f"  {details}" if details else ""))


def _value(value: object) -> str | int | float:
    return value if isinstance(value, int | float) else str(value)


def _plain(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text.isprintable() or '"' in text or " " in text else text
