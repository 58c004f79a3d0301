"""What requests to a system by HTTP need: a connected Unix socket, and names as parts of a path."""

import socket
from urllib.parse import quote


def unix_socket(path: str, timeout: float | None) -> socket.socket:
    """A connected socket; *timeout* is of each operation, in seconds. Raises OSError."""
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        opened.settimeout(timeout)
        opened.connect(path)
    except OSError:
        opened.close()
        raise
    return opened


def segment(name: str) -> str:
    """*name* as one segment of a path, whatever is in it."""
    return quote(name, safe="")
