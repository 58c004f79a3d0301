"""Where the Engine listens, as Docker's own environment variables say it.

``DOCKER_HOST`` (unix, tcp, http, https), ``DOCKER_TLS_VERIFY``, ``DOCKER_CERT_PATH`` and ``DOCKER_CLIENT_TIMEOUT`` mean
what they mean to Docker's own clients.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from netctl.engine.protocol import Context
from netctl.errors import BackendError

DEFAULT_SOCKET = "/var/run/docker.sock"
_READING = 10.0
_PORT, _TLS_PORT = 2375, 2376


class Limits(NamedTuple):
    """Seconds that a request may wait."""

    reading: float = _READING
    writing: float = 30.0
    """The Engine looks for a missing plugin for fifteen."""


class Engine(NamedTuple):
    """An address of the Engine's API."""

    url: str
    """As it was given, for messages."""
    socket: str = ""
    """The path of a Unix socket; empty for TCP."""
    host: str = ""
    port: int = 0
    certificates: Path | None = None
    """The directory of ``ca.pem``, ``cert.pem`` and ``key.pem``; None without TLS."""
    verify: bool = False
    """Whether the Engine's own certificate is checked."""
    limits: Limits = Limits()
    is_default: bool = False
    """Whether nobody has named it."""


def find_engine(context: Context, environment: Mapping[str, str] | None = None) -> Engine:
    """The Engine that the environment names, or the machine's own. Raises BackendError."""
    variables = os.environ if environment is None else environment
    said = _seconds(variables.get("DOCKER_CLIENT_TIMEOUT", ""))
    limits = Limits(min(said or _READING, context.timeout), said or context.timeout)
    url = variables.get("DOCKER_HOST", "")
    if not url:
        return Engine(f"unix://{DEFAULT_SOCKET}", DEFAULT_SOCKET, is_default=True, limits=limits)
    scheme, _, rest = url.partition("://")
    if scheme == "unix" and rest.startswith("/"):
        return Engine(url, rest, limits=limits)
    if scheme in {"tcp", "http", "https"}:
        return _remote(url, variables)._replace(limits=limits)
    raise BackendError(
        f"DOCKER_HOST is '{url}', and netctl speaks to Docker by unix:// and tcp:// only",
        "Run netctl on the Engine's host, or forward its socket: ssh -L /run/far.sock:/run/docker.sock HOST.",
    )


def _remote(url: str, variables: Mapping[str, str]) -> Engine:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "localhost", parts.port
    except ValueError:
        raise BackendError(
            f"DOCKER_HOST is '{url}', which is no address", "Write it as tcp://192.0.2.1:2376."
        ) from None
    verify = bool(variables.get("DOCKER_TLS_VERIFY"))
    secure = verify or parts.scheme == "https" or bool(variables.get("DOCKER_TLS"))
    directory = Path(variables.get("DOCKER_CERT_PATH") or Path.home() / ".docker")
    return Engine(
        url, "", host, port or (_TLS_PORT if secure else _PORT), directory if secure else None, verify
    )  # fmt: skip


def _seconds(text: str) -> float:
    """A time limit; 0 where none is given."""
    try:
        return max(float(text), 0.1)
    except ValueError:
        return 0.0
