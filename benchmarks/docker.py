"""``python -m benchmarks.docker``: what a plan with nothing to do costs over many networks and containers of Docker.

Run by itself, not with the other cases: making and removing two hundred networks takes the Engine minutes.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

from netctl.engine.protocol import Context, Scope
from reconcilers.docker import SYSTEM
from reconcilers.docker.api import Api
from tests.docker.engine import Engine
from tests.support.namespaces import Namespaces

NETWORKS, CONTAINERS, ROUNDS = 200, 500, 15
AIM = 0.1


def main() -> None:
    """Measure the reading, and what the Engine alone takes to answer."""
    with _engine() as engine:
        os.environ["DOCKER_HOST"] = engine.url
        _fill(engine)
        with SYSTEM.reader(Context()) as reader:
            ours = [_timed(lambda: reader.observe(Scope("bench", {}))) for _ in range(ROUNDS)]
            theirs = [_timed(lambda: _answers(reader.api)) for _ in range(ROUNDS)]
    print(f"{NETWORKS} networks, {CONTAINERS} containers, median and best of {ROUNDS}:")
    print(f"  read and understood  {median(ours) * 1e3:6.1f} ms  {min(ours) * 1e3:6.1f} ms")
    print(f"  the answers alone    {median(theirs) * 1e3:6.1f} ms  {min(theirs) * 1e3:6.1f} ms")
    print(f"  aim: below {AIM * 1e3:.0f} ms, {'met' if median(ours) < AIM else 'NOT MET'}")


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


def _timed(step: Callable[[], object]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


@contextmanager
def _engine() -> Iterator[Engine]:
    namespaces = Namespaces("bench")
    engine = Engine(namespaces("docker", loopback=True))
    try:
        engine.start()
        yield engine
    finally:
        engine.remove()
        namespaces.remove_all()


if __name__ == "__main__":
    main()
