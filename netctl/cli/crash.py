"""What becomes of an exception that nobody expected: a file to attach to a report, and a short message."""

import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from netctl import __version__

DEFAULT_STATE_DIR = "/var/lib/netctl"


def write_crash(error: Exception, arguments: Sequence[str]) -> str:
    """Write the traceback to the state directory (else to the temporary one); the message that tells where it is."""
    summary = f"netctl: this is a bug in netctl, not a mistake of yours: {type(error).__name__}: {error}"
    path = _store(_details(error, arguments), _directories(arguments))
    if path is None:
        return f"{''.join(traceback.format_exception(error))}{summary}"
    return f"{summary}\n  Please report it with {path}; what had been changed is shown by netctl plan."


def _details(error: Exception, arguments: Sequence[str]) -> str:
    head = [
        f"netctl {__version__}",
        f"Python {platform.python_version()}, {platform.system()} {platform.release()}",
        f"arguments: {list(arguments)}",
        f"time: {datetime.now(UTC).isoformat(timespec='seconds')}",
    ]
    return "\n".join([*head, "", *traceback.format_exception(error)])


def _directories(arguments: Sequence[str]) -> list[str]:
    """Where the file may go: the state directory, and where that takes none the temporary one."""
    given = [value for option, value in pairwise(arguments) if option == "--state-dir"]
    given += [argument.partition("=")[2] for argument in arguments if argument.startswith("--state-dir=")]
    state_dirs = [*given, os.environ.get("NETCTL_STATE_DIR", ""), DEFAULT_STATE_DIR]
    return [next(filter(None, state_dirs)), tempfile.gettempdir()]


def _store(text: str, directories: Sequence[str]) -> Path | None:
    """The file that holds *text*, in the first directory that takes it."""
    for directory in directories:
        try:
            handle, name = tempfile.mkstemp(prefix="netctl-crash-", suffix=".txt", dir=directory)
        except OSError:
            continue
        with os.fdopen(handle, "w", encoding=sys.getfilesystemencoding(), errors="backslashreplace") as stream:
            stream.write(text)
        return Path(name)
    return None
