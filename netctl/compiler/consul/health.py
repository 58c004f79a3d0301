"""Checks as Consul takes them: the language's keys under Consul's names, each value in JSON.

The names are those of Consul's agent API (/v1/agent/check/register).
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from netctl.kinds.consul import Check, Sealed
from netctl.stack.consul_models import Check as Declared

DEFAULT_INTERVAL = "10s"
_WITHOUT_INTERVAL = frozenset({"ttl", "alias"})
_PLAIN = {
    "method": "Method",
    "tls_skip_verify": "TLSSkipVerify",
    "tls_server_name": "TLSServerName",
    "shell": "Shell",
    "notes": "Notes",
    "timeout": "Timeout",
    "status": "Status",
    "success_before_passing": "SuccessBeforePassing",
    "failures_before_critical": "FailuresBeforeCritical",
    "output_max_size": "OutputMaxSize",
    "deregister_after": "DeregisterCriticalServiceAfter",
}
_SEALED = {"headers": "Header", "body": "Body"}
_TARGETS = {"tcp": "TCP", "udp": "UDP", "grpc": "GRPC", "h2ping": "H2PING"}
_TLS = {"grpc": "GRPCUseTLS", "h2ping": "H2PingUseTLS"}


class Place(NamedTuple):
    """The instance that checks are for."""

    id: str
    service: str
    address: str
    port: int

    def at(self, port: str = "") -> str:
        """``10.0.0.1:80``, by the instance's own port unless another is given."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{port or self.port}"


def compile_checks(declared: Sequence[Declared], place: Place, instance: Callable[[str], str]) -> tuple[Check, ...]:
    """The checks of an instance. Each has an id of its own, since Consul's would be those of others too.

    *instance* gives the id of the instance that an alias means.
    """
    idents = check_ids(place.id, declared)
    return tuple(
        Check(ident, check.kind, _settings(ident, check, place, instance))
        for ident, check in zip(idents, declared, strict=True)
    )


def alias_check(ident: str, service: str, other: str) -> Check:
    """The check by which an instance, of the id *ident*, is as healthy as the *other* one."""
    settings = {"AliasService": other, "Name": f"{service} alias"}
    return Check(f"{ident}:alias", "alias", tuple((name, _json(value)) for name, value in sorted(settings.items())))


def check_ids(prefix: str, declared: Iterable[Declared]) -> list[str]:
    """``…:http``, ``…:http-2``: by kind, so that another kind of check before it does not change a check's id."""
    seen: Counter[str] = Counter()
    found = []
    for check in declared:
        seen[check.kind] += 1
        number = seen[check.kind]
        found.append(f"{prefix}:{check.kind}" + (f"-{number}" if number > 1 else ""))
    return found


def _settings(ident: str, check: Declared, place: Place, instance: Callable[[str], str]) -> tuple[tuple[str, str], ...]:
    plain: dict[str, Any] = {"Name": check.name or f"{place.service} {check.kind}"}
    plain |= _what(check, place, instance)
    plain |= {name: value for key, name in _PLAIN.items() if (value := getattr(check, key)) is not None}
    if check.kind not in _WITHOUT_INTERVAL:
        plain["Interval"] = check.interval or DEFAULT_INTERVAL
    if check.tls is not None and check.kind in _TLS:
        plain[_TLS[check.kind]] = check.tls
    settings = {name: _json(value) for name, value in plain.items()}
    for key, name in _SEALED.items():
        if (value := getattr(check, key)) is not None:
            settings[name] = Sealed.of(ident, _json(value))
    return tuple(sorted(settings.items()))


def _what(check: Declared, place: Place, instance: Callable[[str], str]) -> dict[str, Any]:
    """What is asked of whom."""
    kind, value = check.kind, getattr(check, check.kind)
    if kind in _TARGETS:
        return {_TARGETS[kind]: _target(value, place)}
    if kind == "http":
        return {"HTTP": f"http://{place.at()}{value}" if value.startswith("/") else value}
    if kind == "script":
        return {"ScriptArgs": list(value)}
    if kind == "docker":
        return {"DockerContainerID": value, "ScriptArgs": list(check.args or ())}
    return {"TTL": value} if kind == "ttl" else {"AliasService": instance(value)}


def _target(value: str, place: Place) -> str:
    number, slash, rest = value.partition("/")
    if value == "true":
        return place.at()
    return f"{place.at(number)}{slash}{rest}" if number.isdigit() else value


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)
