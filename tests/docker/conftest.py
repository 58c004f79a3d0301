"""An Engine for all tests of a worker, and a lab whose host has it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker.engine import Engine, demand_root
from tests.e2e.lab import Lab
from tests.support.namespaces import Namespaces


@pytest.fixture(scope="session")
def _engine(_worker: str, _nothing_left_behind: list[Namespaces]) -> Iterator[Engine]:
    demand_root()
    namespaces = Namespaces(_worker)
    _nothing_left_behind.append(namespaces)
    engine = Engine(namespaces("docker", loopback=True))
    try:
        engine.start()
        yield engine
    finally:
        engine.remove()
        namespaces.remove_all()


@pytest.fixture
def engine(_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The worker's Engine, empty, and named to netctl."""
    monkeypatch.setenv("DOCKER_HOST", _engine.url)
    yield _engine
    _engine.clean()


@pytest.fixture
def lab(netns: Namespaces, tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A lab whose host ``h`` has the Engine. What the stack ``dk`` has left there goes with it."""
    lab = Lab(netns, tmp_path)
    lab.names["h"] = engine.namespace
    yield lab
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    lab.destroy("dk", "h")
