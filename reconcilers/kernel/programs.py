"""Which program is behind a netlink port."""

from pathlib import Path

_LARGEST_PID = 1 << 22
"""Beyond it, a port was chosen by the kernel for a process that has several (PID_MAX_LIMIT)."""


def program(port: int) -> str:
    """``ip (4711)``, or ``process 4711`` where that has ended; empty where a port does not tell.

    A process's first netlink socket has its process number for a port.
    """
    if not 0 < port <= _LARGEST_PID:
        return ""
    try:
        return f"{Path(f'/proc/{port}/comm').read_text(encoding='utf-8', errors='replace').strip()} ({port})"
    except OSError:
        return f"process {port}"
