"""Health checks that netctl makes itself while it watches: by HTTP and TCP, of services that Consul is not told of.

Their keys mean what they mean to Consul (https://developer.hashicorp.com/consul/docs/services/usage/checks), but for
the beginning: an endpoint is well until a check of it fails, unless `status` says otherwise.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from netctl.compiler.balancing.frontends import backends_by_service
from netctl.compiler.consul.registration import first_port, instance_id, registered
from netctl.compiler.topology import Topology
from netctl.policy.model import Endpoint
from netctl.stack.consul_models import Check
from netctl.stack.durations import milliseconds

_DEFAULT_TIME = "10s"
_PORTS = {"http": 80, "https": 443}


class HttpRequest(NamedTuple):
    """What is asked by HTTP."""

    method: str
    path: str
    authority: str
    """Host and port, as in the URL."""
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    tls: bool = False
    verify: bool = True
    server_name: str = ""
    """The name that the certificate is for."""


class Probe(NamedTuple):
    """A check of one endpoint."""

    instance: str
    """The endpoint as an instance of the service: ``shop:web:10.10.0.20``."""
    name: str
    """For people: ``http /healthz``."""
    host: str
    port: int
    request: HttpRequest | None
    """None: it is enough that a TCP connection is accepted."""
    interval: float
    """Seconds from one beginning to the next."""
    timeout: float
    """Seconds."""
    successes: int
    """So many in a row make it well."""
    failures: int
    """So many in a row make it unwell."""
    begins_well: bool


def probes(
    topology: Topology, endpoints: Mapping[str, Endpoint], services: Collection[str], host: str
) -> Iterator[Probe]:
    """The checks that *host* makes of these services' endpoints: of all those that it would send connections to."""
    told = registered(topology.stack)
    checked = {name: topology.stack.services[name] for name in services if name not in told}
    reached = backends_by_service(topology, endpoints, host) if any(one.checks for one in checked.values()) else {}
    for name, service in sorted(checked.items()):
        for check in service.checks:
            for end in reached[name] if check.kind in {"http", "tcp"} else ():
                if end.weight:
                    ident = instance_id(topology.stack.stack, name, end.address)
                    yield _probe(check, ident, end.address, first_port(service))


def _probe(check: Check, ident: str, address: str, port: int) -> Probe:
    host, number, request = _http(check, address, port) if check.http else (*_tcp(check.tcp or "", address, port), None)
    return Probe(
        ident,
        check.name or f"{check.kind} {check.http or check.tcp}",
        host,
        number,
        request,
        milliseconds(check.interval or _DEFAULT_TIME) / 1000,
        milliseconds(check.timeout or _DEFAULT_TIME) / 1000,
        max(1, check.success_before_passing or 0),
        max(1, check.failures_before_critical or 0),
        check.status != "critical",
    )


def _http(check: Check, address: str, port: int) -> tuple[str, int, HttpRequest]:
    own = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    url = check.http or ""
    parts = urlsplit(f"http://{own}{url}" if url.startswith("/") else url)
    headers = tuple((name, value) for name, values in (check.headers or {}).items() for value in values)
    request = HttpRequest(
        check.method or "GET",
        f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}",
        parts.netloc.rpartition("@")[2],
        headers,
        check.body or "",
        parts.scheme == "https",
        not check.tls_skip_verify,
        check.tls_server_name or "",
    )
    return parts.hostname or address, _port(parts), request


def _port(parts: SplitResult) -> int:
    """That of a URL; 0, which nobody listens at, where it names one that cannot be."""
    try:
        return parts.port or _PORTS[parts.scheme]
    except ValueError:
        return 0


def _tcp(target: str, address: str, port: int) -> tuple[str, int]:
    if target == "true":
        return address, port
    host, _, number = target.rpartition(":")
    return host.strip("[]") or address, int(number.partition("/")[0])
