"""A host that joins a hundred others: from its being shown in Consul to the entries for it in a peer's kernel."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.cases import Row
from benchmarks.stage import HOST, host
from benchmarks.workload import uncollected
from netctl.cluster.completion import complete
from netctl.cluster.document import document_of
from netctl.cluster.layout import Layout
from netctl.cluster.membership import View
from netctl.cluster.publication import publish
from netctl.cluster.records import HostRecord, Lease
from netctl.compiler import compile_stack
from netctl.engine.apply import apply_plan
from netctl.engine.protocol import Context
from netctl.engine.registry import find_systems
from netctl.engine.session import write_session
from netctl.engine.store import Store, Write, find_coordinator
from netctl.stack.loader import load
from tests.consul.agent import Agent

_STACK = b"""\
stack: bench
subnets: {pods: {cidr: 10.0.0.0/8, per_host: 24}}
overlays: {pods: {backend: vxlan, subnet: pods, vni: 42}}
"""
_LAYOUT = Layout("bench")
_PEERS, _ROUNDS, _MANY = 100, 20, 1_000
_JOINED, _PLANNED = 1.0, 0.5


def clustering() -> Iterator[Row]:
    """Joining; then a plan with a thousand peers."""
    if shutil.which("consul") is None:
        print("consul is not there, and left out", file=sys.stderr)
    else:
        joined = _joining()
        limit = f"{_JOINED:g} s"
        yield Row("a host joins, programmed on a peer", _PEERS, median(joined), limit, _JOINED, "<= 1")
        yield Row(f"a host joins, slowest of {len(joined)}", _PEERS, max(joined), limit, _JOINED, "<= 1")
    yield Row("no-op plan, with so many peers", _MANY, _planning(), f"{_PLANNED:g} s", _PLANNED, "<= 1")


def _address(number: int) -> str:
    return f"172.20.{number // 250}.{1 + number % 250}"


def _joining() -> list[float]:
    """Seconds for each of several hosts."""
    with host(), _agent(), TemporaryDirectory() as directory:
        store = find_coordinator("consul").open(Context(netns=HOST))
        try:
            loaded = load(["-"], stdin=BytesIO(_STACK))
            publish(store, _LAYOUT, document_of(loaded), None, "bench")
            session = store.open_session("simulated")
            for number in range(1, _PEERS):
                _join(store, session, number)
            with _watched(Path(directory)):
                return [_timed_join(store, session, _PEERS + number) for number in range(_ROUNDS)]
        finally:
            store.close()


def _join(store: Store, session: str, number: int) -> None:
    """Show a simulated host, as its watch would."""
    name = f"n{number}"
    store.write([Write(f"{_LAYOUT.ids}{number + 1}", Lease(host=name).encoded(), 0)])
    store.acquire(_LAYOUT.hosts + name, HostRecord(address=_address(number), node="simulated").encoded(), session)


def _timed_join(store: Store, session: str, number: int) -> float:
    block = f"10.0.{number + 1}.0/24"
    monitor = ["ip", "-n", HOST, "-o", "monitor", "route"]
    with subprocess.Popen(monitor, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        time.sleep(0.3)  # it tells nobody when it listens
        started = time.perf_counter()
        _join(store, session, number)
        for line in process.stdout:
            if line.startswith(block):
                break
        seconds = time.perf_counter() - started
        process.kill()
    return seconds


def _planning() -> float:
    """A plan for one host, its overlay compiled and everything read and compared."""
    loaded = load(["-"], stdin=BytesIO(_STACK))
    hosts = {f"n{number}": HostRecord(address=_address(number)) for number in range(_MANY + 1)}
    leases = {name: number + 1 for number, name in enumerate(hosts)}
    view = View(None, hosts, {}, leases, frozenset(leases.values()))
    seconds: list[float] = []
    with host(), uncollected(), write_session(find_systems(["kernel", "nftables"]), Context(HOST)) as session:
        facts = session.facts()
        for _ in range(5):
            started = time.perf_counter()
            completed = loaded.having(complete(loaded.stack, view).stack)
            compiled = compile_stack(completed.stack, completed, "n0", facts)
            plan = session.plan(compiled.resources, stack="bench", host="n0")
            seconds.append(time.perf_counter() - started)
            if plan:
                apply_plan(plan, compiled.resources, session)
    return median(seconds[1:])


@contextmanager
def _watched(directory: Path) -> Iterator[None]:
    """A real watch, the host ``n0``."""
    command = [sys.executable, "-m", "netctl", "watch", "--consul", "--stack", "bench", "--host", "n0"]
    command += ["--netns", HOST, "--address", _address(0), "--state-dir", str(directory), "--log-format", "json"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            while json.loads(process.stderr.readline())["message"] != "watching":
                pass
            yield
        finally:
            process.kill()


@contextmanager
def _agent() -> Iterator[Agent]:
    agent = Agent(HOST)
    try:
        agent.start()
        yield agent
    finally:
        agent.remove()
