"""Fixtures: one agent for what needs no more, and a cluster of five hosts for what does."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.five import Five
from tests.consul.agent import Agent
from tests.consul.conftest import _agent, _no_variables, agent
from tests.docker.conftest import _engine, engine
from tests.e2e.lab import Lab
from tests.support.namespaces import Namespaces

__all__ = ["_agent", "_engine", "_no_variables", "agent", "engine"]


@pytest.fixture
def lab(netns: Namespaces, tmp_path: Path, agent: Agent) -> Iterator[Lab]:
    """A host ``node1`` with the agent, an uplink and an endpoint ``web``."""
    made = Lab(netns, tmp_path)
    made.names["node1"] = agent.namespace
    made.add("wire", "web")
    made.join("wire", "eth0", "node1", "eth0")
    made.ip("node1", "address add 192.0.2.11/24 dev eth0")
    made.settle()
    yield made
    # The agent's namespace is that of other tests, too.
    made.ip("node1", "link delete eth0")


@pytest.fixture(scope="session")
def _five(
    _worker: str, _nothing_left_behind: list[Namespaces], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Five]:
    namespaces = Namespaces(_worker)
    _nothing_left_behind.append(namespaces)
    made = Five(namespaces, tmp_path_factory.mktemp("five"))
    try:
        made.start()
        yield made
    finally:
        made.remove()
        namespaces.remove_all()


@pytest.fixture
def five(_five: Five) -> Iterator[Five]:
    """The five hosts, with nothing on them but an endpoint each."""
    _five.add_endpoints()
    try:
        yield _five
    finally:
        _five.clean()
