"""A thousand services and keys in Consul: registered, and planned with nothing to do, against bare requests."""

import http.client
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from statistics import median
from typing import NamedTuple

from benchmarks.cases import Row
from benchmarks.stage import HOST, host
from benchmarks.workload import uncollected
from netctl.compiler.compile import compile_stack
from netctl.engine.apply import apply_plan
from netctl.engine.protocol import Context
from netctl.engine.registry import find_systems
from netctl.engine.resource import Desired, Key, Owner
from netctl.engine.session import read_session, write_session
from netctl.kinds.consul import Service
from netctl.stack.loader import load
from netctl.system.namespaces import inside
from reconcilers.consul.definitions import registration

_STACK = "bench"
_ROUNDS = 15
_PATIENCE = 30.0
_READ = ("agent/services", "agent/checks", "kv/netctl/bench/kv/?recurse", "kv/bench/?recurse")


class Figures(NamedTuple):
    """Seconds."""

    registered: float
    """The services, acknowledged by the agent and known to the catalog."""
    put: float
    """The same, one bare request after the other."""
    planned: float
    """Everything read and compared, with nothing to do."""
    read: float
    """The same read by bare requests, from JSON."""


def registering() -> Iterator[Row]:
    """A thousand of each."""
    count = 1_000
    found = at_size(count)
    requests = "bare requests, one after the other"
    yield Row("services registered with Consul", count, found.registered, requests, found.put, "<= 1.2")
    yield Row(
        "no-op plan, services and keys", 2 * count, found.planned, "bare requests, from JSON", found.read, "<= 1.5"
    )


def at_size(count: int) -> Figures:
    """What so many services, each with a check, and as many keys take."""
    desired = _desired(count)
    services = {key: want for key, want in desired.items() if key.kind == "service"}
    with host():
        with _agent(), uncollected(), inside(HOST):
            put = _put(services)
        with _agent(), uncollected():
            registered = _apply(services)
            _apply(desired)
            rounds = [(_plan(desired), _read()) for _ in range(_ROUNDS)]
    planned, read = (median(seconds) for seconds in zip(*rounds, strict=True))
    return Figures(registered, put, planned, read)


def _desired(count: int) -> dict[Key, Desired]:
    lines = [f"stack: {_STACK}", "services:"]
    for number in range(count):
        address = f"10.{number // 65536}.{number // 256 % 256}.{number % 256}"
        lines.append(f"  s{number}: {{port: 80, endpoints: [{address}], tags: [a], checks: [{{ttl: 24h}}]}}")
    lines += ["kv:", *(f"  bench/{number}: value {number}" for number in range(count))]
    loaded = load(["-"], stdin=BytesIO("\n".join(lines).encode()))
    compiled = compile_stack(loaded.stack, loaded, None, None)
    return {key: want for key, want in compiled.resources.items() if key.system == "consul"}


@contextmanager
def _agent() -> Iterator[None]:
    """An agent on Consul's own ports of the host."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            ["ip", "netns", "exec", HOST, "consul", "agent", "-dev", "-log-level=err"], stdout=log, stderr=log
        )
        try:
            end = time.monotonic() + _PATIENCE
            while not _is_ready():
                if time.monotonic() > end:
                    raise AssertionError("Consul does not start")
                time.sleep(0.1)
            yield
        finally:
            process.kill()
            process.wait()


def _is_ready() -> bool:
    with inside(HOST):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", 8500, timeout=5)
            connection.request("GET", "/v1/catalog/service/consul")
            return len(json.loads(connection.getresponse().read())) > 0
        except (OSError, ValueError):
            return False


def _put(services: Mapping[Key, Desired]) -> float:
    bodies = [
        json.dumps(registration(want.attributes, Owner(_STACK, "services"), checks=want.attributes.checks or ()))
        for want in services.values()
        if isinstance(want.attributes, Service)
    ]
    connection = http.client.HTTPConnection("127.0.0.1", 8500, timeout=30)
    connection.connect()
    started = time.perf_counter()
    for body in bodies:
        connection.request("PUT", "/v1/agent/service/register", body.encode())
        answer = connection.getresponse()
        answer.read()
        if answer.status != http.client.OK:
            raise AssertionError(answer.status)
    seconds = time.perf_counter() - started
    connection.close()
    return seconds


def _read() -> float:
    connection = http.client.HTTPConnection("127.0.0.1", 8500, timeout=30)
    with inside(HOST):
        connection.connect()
    started = time.perf_counter()
    for path in _READ:
        connection.request("GET", f"/v1/{path}")
        json.loads(connection.getresponse().read())
    seconds = time.perf_counter() - started
    connection.close()
    return seconds


def _apply(desired: Mapping[Key, Desired]) -> float:
    """What making the changes takes; the plan is made before, and what was made is verified after."""
    with write_session(find_systems(["consul"]), Context(HOST)) as session:
        plan = session.plan(desired, stack=_STACK, host="")
        started = time.perf_counter()
        for batch in plan.batches:
            if any(outcome.failure for outcome in session.execute(batch)):
                raise AssertionError("a change was refused")
        seconds = time.perf_counter() - started
        apply_plan(session.plan(desired, stack=_STACK, host=""), desired, session)
    return seconds


def _plan(desired: Mapping[Key, Desired]) -> float:
    with read_session(find_systems(["consul"]), Context(HOST)) as session:
        started = time.perf_counter()
        plan = session.plan(desired, stack=_STACK, host="")
        seconds = time.perf_counter() - started
    if plan:
        raise AssertionError("there is something to do")
    return seconds
