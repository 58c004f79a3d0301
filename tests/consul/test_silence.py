"""An agent that nobody has named, and that does not answer: not there, or stopped with keys of the stack."""

import pytest

from netctl.cli import destroy as destroy_command
from netctl.errors import NetctlError
from tests.consul.agent import Agent
from tests.e2e.lab import Lab

NETWORK = "stack: shop\nnetworks: {n: {subnet: {cidr: 10.20.0.0/24}}}\n"
BOTH = f"{NETWORK}kv: {{shop/a: b}}\n"
UNREAD = "not all could be read: consul"


def has_key(agent: Agent) -> bool:
    """Whether the stack's key is there."""
    keys = agent.keys()
    return "shop/a" in keys


@pytest.fixture
def applied(lab: Lab, agent: Agent, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A stack with a key in Consul; then nobody names the agent, and where one would be, none is."""
    lab.add("alone")
    monkeypatch.setenv("CONSUL_HTTP_ADDR", f"unix://{agent.socket}")
    lab.apply(BOTH, "alone")
    monkeypatch.delenv("CONSUL_HTTP_ADDR")
    assert has_key(agent)
    return lab


def test_destroy_by_name_removes_the_rest_and_tells_that_consuls_part_may_be_there(
    applied: Lab, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NetctlError, match=UNREAD):
        applied.destroy("shop", "alone")
    assert "nc-n" not in applied.run("alone", "ip", "link")
    assert has_key(agent)
    monkeypatch.setenv("CONSUL_HTTP_ADDR", f"unix://{agent.socket}")
    applied.destroy("shop", "alone")
    assert not has_key(agent)
    monkeypatch.delenv("CONSUL_HTTP_ADDR")
    applied.destroy("shop", "alone")


def test_destroy_by_a_file_that_names_consul_tells_it_without_any_memory(applied: Lab) -> None:
    options = destroy_command.Options(
        file=[applied.write(BOTH)],
        netns=applied["alone"],
        quiet=True,
        yes=True,
        state_dir=applied.directory / "another-state",
    )
    with pytest.raises(NetctlError, match=UNREAD):
        destroy_command.run(options)


def test_what_is_declared_no_more_is_not_forgotten_while_consul_is_silent(
    applied: Lab, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NetctlError, match=UNREAD):
        applied.apply_once(NETWORK, "alone")
    monkeypatch.setenv("CONSUL_HTTP_ADDR", f"unix://{agent.socket}")
    applied.apply(NETWORK, "alone")
    assert not has_key(agent)
    monkeypatch.delenv("CONSUL_HTTP_ADDR")
    applied.apply(NETWORK, "alone")
