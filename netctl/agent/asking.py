"""Asking a running agent how things are, by its socket in the state directory."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_PATIENCE = 5.0
SECOND = b"another watch was refused\n"
"""What a second watch for the same stack and host tells the first."""


def socket_path(state_dir: Path, name: str) -> Path:
    """Where the agent that keeps the stack of that name listens."""
    return state_dir / "agents" / f"{name}.sock"


@contextmanager
def reachable(path: Path, *, make: bool = False) -> Iterator[str]:
    """Another name of a socket, short enough for an address (unix(7): 108 bytes)."""
    if make:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory = os.open(path.parent, os.O_PATH | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def ask(path: Path, told: bytes = b"") -> dict[str, Any] | None:
    """What the agent that listens at *path* says, after it was *told* something; None where there is none."""
    parts: list[bytes] = []
    try:
        with (
            reachable(path) as short,
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as asked,
        ):
            asked.settimeout(_PATIENCE)
            asked.connect(short)
            asked.sendall(told)
            asked.shutdown(socket.SHUT_WR)
            while part := asked.recv(1 << 16):
                parts.append(part)
        found = json.loads(b"".join(parts))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def watch_text(found: dict[str, Any]) -> str:
    """What a running agent says, in a few lines."""
    lines = [f"Watched by process {found.get('process')} since {found.get('since')}: {_state(found)}."]
    lines += [f"  {found[name]}" for name in ("error", "trouble") if found.get(name)]
    if repairs := found.get("repairs"):
        lines.append(f"  {repairs} repairs, the last at {found.get('last_repair')}")
    lines += [f"  contended: {name}" for name in found.get("contended", ())]
    lines += [
        f"  drifted: {entry['resource']}: {entry['drift']}" + (f" ({entry['reason']})" if entry["reason"] else "")
        for entry in found.get("drifted", ())
    ]
    left_out = found.get("left_out", ())
    lines += [f"  left out: {entry['service']} at {entry['endpoint']}: {entry['reason']}" for entry in left_out]
    return "\n".join(lines)


def _state(found: dict[str, Any]) -> str:
    if not found.get("ready"):
        return "not ready"
    return "drift is only reported" if found.get("detect_only") else "kept as declared"
