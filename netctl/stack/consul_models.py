"""The language's models of what Consul is told of services, and of its keys and values."""

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema, model_validator

from netctl.stack.declaration import Declaration
from netctl.stack.durations import Duration
from netctl.stack.mesh_models import ClusterEntries
from netctl.stack.scalars import AS_WRITTEN, LISTED, ONE_OR_MORE, Text, canonical_address

_TARGET = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):(?P<port>\d{1,5})(?P<path>/\S+)?\Z", re.ASCII)
_OWN_PORT = re.compile(r"(?P<port>\d{1,5})(?P<path>/\S+)?\Z", re.ASCII)
_LONGEST_HOST = 253
_LABEL = "[a-zA-Z0-9_]([-a-zA-Z0-9_]{0,61}[a-zA-Z0-9_])?"
_LONGEST_KEY = 512
_LONGEST_ID = 128
_KINDS = ("http", "tcp", "udp", "grpc", "h2ping", "ttl", "script", "docker", "alias")


def check_url(text: str) -> str:
    """A URL, or a path on the service's own address and port. Raises ValueError."""
    if text.startswith("/") or (re.match(r"https?://[^/\s]+", text) and _has_a_possible_port(text)):
        return text
    raise ValueError(f"'{text}' is neither a path such as /healthz nor a URL such as http://127.0.0.1:8080/healthz")


def _has_a_possible_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def check_target(text: str) -> str:
    """``true`` (the service's own address and port), a port of its address, or ``host:port``. Raises ValueError."""
    if text == "true":
        return text
    match = _OWN_PORT.match(text) or _TARGET.match(text)
    if match is None:
        raise ValueError(f"'{text}' is neither 'true', nor a port, nor host:port")
    if not 1 <= int(match["port"]) <= 65535:
        raise ValueError(f"port {match['port']} is not from 1 to 65535")
    return text


def key_path(text: str) -> str:
    """A key of Consul's that no client can mistake for another one. Raises ValueError."""
    parts = text.split("/")
    if not text or parts[0] == "" or {".", ".."}.intersection(parts) or "" in parts[1:-1]:
        raise ValueError(f"'{text}' cannot be a key: it begins with '/', or has a part that is empty, '.' or '..'")
    if len(text.encode()) > _LONGEST_KEY:
        raise ValueError(f"'{text[:20]}…' is {len(text.encode())} bytes long; a key has {_LONGEST_KEY} at most")
    if not text.isprintable():
        raise ValueError(f"'{text}' cannot be a key: it has a control character")
    return text


def external_host(text: str) -> str:
    """A host name, or an address. Raises ValueError."""
    if len(text.removesuffix(".")) <= _LONGEST_HOST and re.fullmatch(rf"{_LABEL}(\.{_LABEL})*\.?", text):
        return canonical_address(text) if re.fullmatch(r"[\d.]+", text) else text.lower().rstrip(".")
    try:
        return canonical_address(text)
    except ValueError:
        raise ValueError(f"'{text}' is neither a host name nor an address") from None


def tagged_address(text: str) -> str:
    """An address, or ``address:port`` (``[address]:port``). Raises ValueError."""
    match = re.fullmatch(r"(?:\[(?P<six>[^\]]+)\]|(?P<four>[^:]+)):(?P<port>\d{1,5})", text, re.ASCII)
    if match is None:
        return canonical_address(text)
    if not 1 <= int(match["port"]) <= 65535:
        raise ValueError(f"port {match['port']} is not from 1 to 65535")
    address = canonical_address(match["six"] or match["four"])
    return f"[{address}]:{match['port']}" if ":" in address else f"{address}:{match['port']}"


def instance_id(text: str) -> str:
    """An id that can be part of an address. Raises ValueError."""
    if not text or not text.isprintable() or len(text.encode()) > _LONGEST_ID or {".", ".."} & set(text.split("/")):
        raise ValueError(f"'{text[:40]}' cannot be the id of an instance: it is empty, too long, or has '..'")
    return text


Url = Annotated[str, AfterValidator(check_url), AS_WRITTEN]
Target = Annotated[
    str,
    AfterValidator(check_target),
    AS_WRITTEN,
    WithJsonSchema({"anyOf": [{"const": True}, {"type": ["integer", "string"]}]}),
]
InstanceId = Annotated[str, AfterValidator(instance_id), AS_WRITTEN]
KeyPath = Annotated[str, AfterValidator(key_path), AS_WRITTEN]
ExternalHost = Annotated[str, AfterValidator(external_host), AS_WRITTEN]
TaggedAddress = Annotated[str, AfterValidator(tagged_address), AS_WRITTEN]
Texts = Annotated[list[Text], LISTED, ONE_OR_MORE]


class Check(Declaration):
    """A health check of a service: what is asked, in one of nine ways, and how often."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    http: Url | None = Field(None, description="GET a URL, or a path of the service: healthy at 2xx, warning at 429.")
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] | None = Field(
        None, description="Of `http`; default: `GET`."
    )
    headers: dict[Text, Texts] | None = Field(None, description="Of `http`; never shown nor kept readable.")
    body: Text | None = Field(None, description="Of `http`; never shown nor kept readable.")
    tcp: Target | None = Field(None, description="Connect: `true`, a port of the service, or `host:port`.")
    udp: Target | None = Field(None, description="Send a datagram, as `tcp`. Consul 1.13 and later.")
    grpc: Target | None = Field(None, description="gRPC's own health protocol: as `tcp`, or `host:port/service`.")
    h2ping: Target | None = Field(None, description="An HTTP/2 ping, as `tcp`. Consul 1.10 and later.")
    tls: bool | None = Field(None, description="Whether `grpc` and `h2ping` use TLS.")
    tls_skip_verify: bool | None = Field(None, description="Accept any certificate.")
    tls_server_name: Text | None = Field(
        None, description="The name that the certificate is for. Consul 1.9 and later."
    )
    ttl: Duration | None = Field(None, description="The service reports by itself, at least this often.")
    script: Texts | None = Field(None, description="A program and its arguments; the agent must allow script checks.")
    docker: Text | None = Field(None, description="A container, in which `args` is run; as for `script`.")
    args: Texts | None = Field(None, description="Of `docker`: a program and its arguments.")
    shell: Text | None = Field(None, description="Of `docker`: the shell; default: `/bin/sh`.")
    alias: Text | None = Field(None, description="As healthy as another service of this stack, or of the agent.")
    name: Text | None = Field(None, description="For people; default: made from the service and the kind of check.")
    notes: Text | None = Field(None, description="For people.")
    interval: Duration | None = Field(None, description="Time between two checks; default: `10s`.")
    timeout: Duration | None = Field(None, description="Default: Consul's, 10 s.")
    status: Literal["passing", "warning", "critical"] | None = Field(
        None, description="Until the first result; default: `critical`."
    )
    success_before_passing: int | None = Field(None, ge=0, le=1000, description="Results in a row, to become healthy.")
    failures_before_critical: int | None = Field(None, ge=0, le=1000, description="Results in a row, to become so.")
    output_max_size: int | None = Field(None, ge=1, le=1 << 20, description="Bytes of output that are kept.")
    deregister_after: Duration | None = Field(
        None, description="Remove the service that has been critical for so long; `1m` at least."
    )

    @property
    def kind(self) -> str:
        """Which of the nine ways."""
        return next(kind for kind in _KINDS if getattr(self, kind) is not None)

    @model_validator(mode="after")
    def _is_one(self) -> "Check":
        """Refuses what is no check, or several. Raises ValueError."""
        kinds = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(kinds) != 1:
            said = " and ".join(f"'{kind}'" for kind in kinds) or "none"
            raise ValueError(f"a check has one of the keys {', '.join(_KINDS)}, and this has {said}")
        return self


class Weights(Declaration):
    """How often DNS answers with an instance, beside others."""

    passing: int = Field(1, ge=1, le=65535, description="While it is healthy.")
    warning: int = Field(1, ge=0, le=65535, description="While a check warns.")


class KeyEntry(Declaration):
    """A key's value, with flags or from a file."""

    value: Text | None = Field(None, description="The value.")
    file: Text | None = Field(None, description="A file that has the value; relative to the file that names it.")
    sensitive: bool | None = Field(
        None, description="Never show the value. Default: only that of a `file` is not shown."
    )
    flags: int = Field(0, ge=0, le=0xFFFFFFFFFFFFFFFF, description="A number of the application's own.")

    @property
    def is_sensitive(self) -> bool:
        """Whether the value is never shown."""
        return self.file is not None if self.sensitive is None else self.sensitive

    @model_validator(mode="after")
    def _has_one_source(self) -> "KeyEntry":
        """Refuses a value from nowhere, or from two places. Raises ValueError."""
        if (self.value is None) == (self.file is None):
            raise ValueError("a key needs either 'value' or 'file'")
        return self


class ConsulSettings(Declaration):
    """What is asked of Consul beyond single services. Where it listens is told by the environment, not here."""

    register_: bool = Field(True, alias="register", description="Register services that do not say otherwise.")
    intentions: bool = Field(False, description="Derive intentions from `policies`, for services without their own.")
    config_entries: ClusterEntries | None = Field(None, description="Config entries that bear no service's name.")
