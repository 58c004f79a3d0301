"""Docker read by a plan with nothing to do, over many networks and containers, against the Engine's bare answers."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

from benchmarks.cases import Row
from netctl.engine.protocol import Context, Scope
from reconcilers.docker import SYSTEM
from reconcilers.docker.api import Api
from tests.docker.engine import Engine
from tests.support.namespaces import Namespaces

NETWORKS, CONTAINERS, ROUNDS = 200, 500, 15


def reading() -> Iterator[Row]:
    """Two hundred networks, which the Engine takes minutes to make and to remove; nothing where there is no Engine."""
    if shutil.which("dockerd") is None:
        print("docker: left out, there is no dockerd", file=sys.stderr)
        return
    with engine_of_its_own() as engine:
        os.environ["DOCKER_HOST"] = engine.url
        _fill(engine)
        with SYSTEM.reader(Context()) as reader:
            ours = [_timed(lambda: reader.observe(Scope("bench", {}))) for _ in range(ROUNDS)]
            theirs = [_timed(lambda: _answers(reader.api)) for _ in range(ROUNDS)]
        del os.environ["DOCKER_HOST"]
    yield Row(
        "Docker's networks and containers, read and compared",
        NETWORKS + CONTAINERS,
        median(ours),
        "the Engine's bare answers, from JSON",
        median(theirs),
        "<= 2",
    )


def _fill(engine: Engine) -> None:
    labels = {"io.netctl.stack": "bench", "io.netctl.declaration": "networks.n"}
    for number in range(NETWORKS):
        pool = {"Subnet": f"10.{100 + number // 64}.{number % 64 * 4}.0/22"}
        name = f"bench_{number}"
        engine.api.create_network(name, ipam={"Config": [pool]}, labels={**labels, "io.netctl.name": name})
    for number in range(CONTAINERS):
        engine.create(f"container-{number}", network=f"bench_{number % NETWORKS}", app=f"app-{number % 7}")


def _answers(api: Api) -> None:
    api.get("/networks")
    api.get("/containers/json", all="1")
    api.get("/volumes")


def _timed(step: Callable[[], object]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


@contextmanager
def engine_of_its_own() -> Iterator[Engine]:
    """An Engine in a namespace of its own."""
    namespaces = Namespaces("bench")
    engine = Engine(namespaces("docker", loopback=True))
    try:
        engine.start()
        yield engine
    finally:
        engine.remove()
        namespaces.remove_all()
