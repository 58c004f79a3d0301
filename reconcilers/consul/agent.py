"""Where Consul listens, and how it is spoken to, as Consul's own environment variables say it.

``CONSUL_HTTP_ADDR`` (host and port, http, https, unix), ``_TOKEN``, ``_TOKEN_FILE``, ``_AUTH``, ``_SSL``,
``_SSL_VERIFY``; ``CONSUL_CACERT``, ``CONSUL_CAPATH``, ``CONSUL_CLIENT_CERT``, ``CONSUL_CLIENT_KEY``,
``CONSUL_TLS_SERVER_NAME``, ``CONSUL_NAMESPACE`` and ``CONSUL_PARTITION`` mean what they mean to Consul's own client.
"""

import os
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from netctl.errors import BackendError

DEFAULT_ADDRESS = "127.0.0.1:8500"
_PORT = 8500
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


@dataclass(frozen=True, slots=True)
class Tls:
    """How the server is trusted, and how this client is known to it."""

    verify: bool = True
    ca_file: str = ""
    ca_directory: str = ""
    certificate: str = ""
    key: str = ""
    server_name: str = ""


@dataclass(frozen=True, slots=True)
class Agent:
    """An address of Consul's HTTP API."""

    url: str
    """For messages; without what is secret."""
    socket: str = ""
    """The path of a Unix socket; empty for TCP."""
    host: str = ""
    port: int = 0
    prefix: str = ""
    """What every path begins with, behind a proxy."""
    tls: Tls | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The token and the password are here, and nowhere else: not in the address, which is logged."""
    query: Mapping[str, str] = field(default_factory=dict)
    """The namespace and the partition, where they are named."""
    is_default: bool = False
    """Whether nobody has named it."""


def find_agent(environment: Mapping[str, str] | None = None) -> Agent:
    """The agent that the environment names, or the machine's own. Raises BackendError."""
    variables = os.environ if environment is None else environment
    named = variables.get("CONSUL_HTTP_ADDR", "")
    address = named or DEFAULT_ADDRESS
    headers, query = _headers(variables), _query(variables)
    if address.startswith("unix://"):
        return Agent(address, address.removeprefix("unix://"), headers=headers, query=query)
    secure = variables.get("CONSUL_HTTP_SSL", "") in _TRUE
    try:
        parts = urlsplit(address if "://" in address else f"{'https' if secure else 'http'}://{address}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if not host or parts.scheme not in {"http", "https"}:
        raise BackendError(
            "CONSUL_HTTP_ADDR is no address that netctl can speak to",
            "Write it as 127.0.0.1:8500, https://consul.example:8501 or unix:///path/consul.sock.",
        )
    tls = _tls(variables) if secure or parts.scheme == "https" else None
    shown = f"[{host}]" if ":" in host else host
    return Agent(
        f"{'https' if tls else 'http'}://{shown}:{port or _PORT}", "", host, port or _PORT, parts.path.rstrip("/"),
        tls, headers, query, not named,
    )  # fmt: skip


def _headers(variables: Mapping[str, str]) -> dict[str, str]:
    headers = {}
    if token := _token(variables):
        headers["X-Consul-Token"] = token
    if auth := variables.get("CONSUL_HTTP_AUTH", ""):
        pair = auth if ":" in auth else f"{auth}:"
        headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    return headers


def _token(variables: Mapping[str, str]) -> str:
    """The token; the file goes before the variable, as with Consul's own client."""
    path = variables.get("CONSUL_HTTP_TOKEN_FILE", "")
    if not path:
        token = variables.get("CONSUL_HTTP_TOKEN", "")
    else:
        try:
            token = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise BackendError(
                f"Consul's token cannot be read from {path}: {reason}", "Correct CONSUL_HTTP_TOKEN_FILE."
            ) from None
    token = token.strip()
    if not token.isascii() or not token.isprintable():
        raise BackendError(
            "Consul's token has characters that no token has", "Correct CONSUL_HTTP_TOKEN or CONSUL_HTTP_TOKEN_FILE."
        )
    return token


def _query(variables: Mapping[str, str]) -> dict[str, str]:
    named = {"ns": variables.get("CONSUL_NAMESPACE", ""), "partition": variables.get("CONSUL_PARTITION", "")}
    return {name: value for name, value in named.items() if value}


def _tls(variables: Mapping[str, str]) -> Tls:
    return Tls(
        variables.get("CONSUL_HTTP_SSL_VERIFY", "") not in _FALSE,
        variables.get("CONSUL_CACERT", ""),
        variables.get("CONSUL_CAPATH", ""),
        variables.get("CONSUL_CLIENT_CERT", ""),
        variables.get("CONSUL_CLIENT_KEY", ""),
        variables.get("CONSUL_TLS_SERVER_NAME", ""),
    )
