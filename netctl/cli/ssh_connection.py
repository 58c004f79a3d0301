"""The SSH connection that this process is run over, also from within ``sudo``, which clears the environment."""

import os
from pathlib import Path

from netctl.report.ssh_cut import Connection, parse_connection

_VARIABLE = "SSH_CONNECTION"
_GENERATIONS = 32


def ssh_connection() -> Connection | None:
    """The connection by the environment, else by that of an ancestor (readable for root); None where there is none."""
    if value := os.environ.get(_VARIABLE):
        return parse_connection(value)
    process = os.getppid()
    for _ in range(_GENERATIONS):
        if process <= 1:
            return None
        if value := _environment(process).get(_VARIABLE):
            return parse_connection(value)
        process = _parent(process)
    return None


def _environment(process: int) -> dict[str, str]:
    entries = (entry.partition("=") for entry in _read(process, "environ").split("\0"))
    return {name: value for name, _, value in entries}


def _parent(process: int) -> int:
    """The parent's id: the second field after the command's name, which is in parentheses (proc_pid_stat(5))."""
    fields = _read(process, "stat").rpartition(")")[2].split()
    return int(fields[1]) if len(fields) > 1 else 0


def _read(process: int, name: str) -> str:
    try:
        return Path(f"/proc/{process}/{name}").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
