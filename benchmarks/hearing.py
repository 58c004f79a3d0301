"""How long a foreign change in Docker or Consul lasts under ``netctl watch``, from when it is told of there."""

import http.client
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from benchmarks.cases import Row
from benchmarks.docker import engine_of_its_own
from benchmarks.stage import HOST, host
from benchmarks.watching import watched
from netctl.engine.protocol import Context
from netctl.system.namespaces import inside
from reconcilers.docker.api import Api
from reconcilers.docker.engine import find_engine
from tests.consul.agent import Agent

_PAUSE = 0.1
_ROUNDS = 5
"""One resource is changed no more often in a row, lest it be taken for contended."""
_CONTAINERS, _KEYS = 6, 6
_LIMIT = 0.1


def hearing() -> Iterator[Row]:
    """Docker, then Consul; nothing of what is not installed."""
    for program, case in (("dockerd", _docker), ("consul", _consul)):
        if shutil.which(program) is None:
            print(f"{program} is not there, and left out", file=sys.stderr)
        else:
            yield from case()


def _rows(what: str, seconds: list[float]) -> Iterator[Row]:
    limit = f"{_LIMIT * 1000:g} ms"
    yield Row(f"{what}, repaired", 0, median(seconds), limit, _LIMIT, "<= 1")
    yield Row(f"{what}, slowest of {len(seconds)}", 0, max(seconds), limit, _LIMIT, "<= 1")


def _docker() -> Iterator[Row]:
    names = [f"c{number}" for number in range(_CONTAINERS)]
    attach = ", ".join(f"{{container: {name}}}" for name in names)
    text = f"stack: bench\nnetworks: {{n: {{provider: docker, attach: [{attach}]}}}}\n"
    with engine_of_its_own() as engine:
        os.environ["DOCKER_HOST"] = engine.url
        for name in names:
            engine.run(name)
        api = Api(find_engine(Context()))
        with watched(text, engine.namespace):
            wanted = {"type": ["network"], "event": ["connect", "disconnect", "create", "destroy"]}
            events = api.lines("/events", filters=json.dumps(wanted))

            def disconnected(name: str) -> float:
                engine.api.disconnect_container_from_network(name, "bench_n")
                return _between(events, "disconnect", "connect")

            seconds = [_after_a_pause(disconnected, name) for name in names for _ in range(_ROUNDS)]
        api.close()
        del os.environ["DOCKER_HOST"]
    yield from _rows("Docker: a container disconnected", seconds)


def _after_a_pause(change: Callable[[str], float], name: str) -> float:
    time.sleep(_PAUSE)
    return change(name)


def _between(events: Iterator[Any], begun: str, ended: str) -> float:
    """Seconds from one event to the other."""
    while next(events)["Action"] != begun:
        pass
    started = time.perf_counter()
    while next(events)["Action"] != ended:
        pass
    return time.perf_counter() - started


class _Asking:
    """Consul's blocking queries, from the host."""

    def __init__(self) -> None:
        with inside(HOST):
            self._connection = http.client.HTTPConnection("127.0.0.1", 8500, timeout=60)
            self._connection.connect()

    def ask(self, path: str, index: int = 0) -> tuple[int, Any]:
        """The answer's index, and its body, once the index is another one."""
        self._connection.request("GET", f"/v1/{path}" + (f"?index={index}&wait=60s" if index else ""))
        answer = self._connection.getresponse()
        return int(answer.headers["X-Consul-Index"]), json.loads(answer.read() or b"null")

    def await_state(self, path: str, holds: Callable[[Any], bool]) -> float:
        """When it holds (of ``perf_counter``)."""
        index, body = self.ask(path)
        while not holds(body):
            index, body = self.ask(path, index)
        return time.perf_counter()


def _consul() -> Iterator[Row]:
    keys = "".join(f"  bench/{number}: right\n" for number in range(_KEYS))
    services = "".join(f"  s{number}: {{port: 80, endpoints: [10.20.0.{number + 1}]}}\n" for number in range(_KEYS))
    with host(), _agent() as agent, watched(f"stack: bench\nkv:\n{keys}services:\n{services}", HOST):
        asking = _Asking()

        def key_changed(name: str) -> float:
            agent.put(f"kv/bench/{name}", b"wrong")
            told = time.perf_counter()
            return asking.await_state(f"kv/bench/{name}", lambda rows: rows[0]["Value"] != "d3Jvbmc=") - told

        def deregistered(name: str) -> float:
            path = f"catalog/service/s{name}"
            agent.put(f"agent/service/deregister/bench:s{name}:10.20.0.{int(name) + 1}")
            told = asking.await_state(path, lambda rows: not rows)
            return asking.await_state(path, bool) - told

        names = [str(number) for number in range(_KEYS) for _ in range(_ROUNDS)]
        changed = [_after_a_pause(key_changed, name) for name in names]
        lost = [_after_a_pause(deregistered, name) for name in names]
    yield from _rows("Consul: a key changed", changed)
    yield from _rows("Consul: a service deregistered", lost)


@contextmanager
def _agent() -> Iterator[Agent]:
    agent = Agent(HOST)
    try:
        agent.start()
        yield agent
    finally:
        agent.remove()
