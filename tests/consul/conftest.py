"""An agent for all tests of a worker, and a lab whose host has it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.consul.agent import Agent
from tests.e2e.lab import Lab
from tests.support.namespaces import Namespaces

_VARIABLES = (
    *("ADDR", "TOKEN", "TOKEN_FILE", "AUTH", "SSL", "SSL_VERIFY"),
    *("CACERT", "CAPATH", "CLIENT_CERT", "CLIENT_KEY", "TLS_SERVER_NAME", "NAMESPACE", "PARTITION"),
)


@pytest.fixture(scope="session")
def _agent(_worker: str, _nothing_left_behind: list[Namespaces]) -> Iterator[Agent]:
    if shutil.which("consul") is None:
        pytest.fail("Consul is not installed: tools/setup.sh system")
    namespaces = Namespaces(_worker)
    _nothing_left_behind.append(namespaces)
    agent = Agent(namespaces("consul", loopback=True))
    try:
        agent.start()
        yield agent
    finally:
        agent.remove()
        namespaces.remove_all()


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody names an agent: netctl finds that of the namespace in which it acts."""
    for name in _VARIABLES:
        monkeypatch.delenv(f"CONSUL_HTTP_{name}", raising=False)
        monkeypatch.delenv(f"CONSUL_{name}", raising=False)


@pytest.fixture
def agent(_agent: Agent) -> Iterator[Agent]:
    """The worker's agent, with nothing on it."""
    yield _agent
    _agent.clean()


@pytest.fixture
def lab(netns: Namespaces, tmp_path: Path, agent: Agent) -> Lab:
    """A lab whose host ``h`` has the agent."""
    lab = Lab(netns, tmp_path)
    lab.names["h"] = agent.namespace
    return lab
