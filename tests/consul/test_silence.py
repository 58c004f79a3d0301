"""An agent that does not answer: nobody has named it and it is not there, or it takes what it is asked, and no more."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netctl.cli import destroy as destroy_command
from netctl.engine.protocol import Context, Observation, Scope
from netctl.errors import NetctlError
from reconcilers.consul import SYSTEM
from tests.consul.agent import Agent
from tests.consul.faults import Fault, FaultyAgent
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


class Silent:
    """Stands before the agent, and leaves some of what it is asked without an answer."""

    def __init__(self) -> None:
        self.hangs: Callable[[str], bool] = lambda _: False
        self.left: list[str] = []
        """What has been."""

    def decide(self, _method: str, path: str) -> Fault:
        if not self.hangs(path):
            return None
        self.left.append(path)
        return "hang"


@pytest.fixture
def silent(agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Silent]:
    monkeypatch.setattr("reconcilers.consul.unanswered._REMEMBERED", 600)
    made = Silent()
    with FaultyAgent(tmp_path / "silent", agent.socket, made.decide) as proxy:
        monkeypatch.setenv("CONSUL_HTTP_ADDR", proxy.url)
        yield made


ALL = (
    f"{BOTH}services: {{web: {{port: 80, endpoints: [10.20.0.10]}}, mail: {{external: mail.example.com, port: 25}}}}\n"
)
HERE = Scope("shop", {})
PRESENT = {"kv/shop/a", "service/shop:web:10.20.0.10", "external/shop-mail"}


def names(observation: Observation) -> set[str]:
    return {f"{key.kind}/{key.id}" for key in observation.live}


def test_a_watch_waits_for_a_silent_agent_once_and_asks_anew_at_the_next_look(lab: Lab, silent: Silent) -> None:
    lab.apply(ALL, "h")
    with SYSTEM.reader(Context(timeout=1, patient=False)) as reader:
        silent.hangs = bool
        facts = reader.facts()
        assert (facts.consul(), facts.complaints()) == (None, None)
        [unread] = reader.observe(HERE).unread
        assert (unread.part, unread.reason.partition(" does ")[2]) == ("everything", "not answer within 1 s")
        assert len(silent.left) == 1
        assert reader.observe(HERE).unread
        assert len(silent.left) > 1
        assert reader.facts().consul() is None
        silent.hangs = lambda _: False
        assert reader.facts().consul()
        assert names(reader.observe(HERE)) == PRESENT
    lab.destroy("shop", "h")


def test_a_command_waits_for_a_silent_agent_once_until_it_has_something_to_change(lab: Lab, silent: Silent) -> None:
    lab.apply(ALL, "h")
    with SYSTEM.writer(Context(timeout=1)) as writer:
        silent.hangs = lambda path: path.startswith("/v1/agent/")
        assert writer.facts().consul() is None
        silent.hangs = lambda _: False
        assert {writer.observe(HERE).unread[0].part for _ in range(2)} == {"everything"}
        assert writer.execute([]) == []
        assert names(writer.observe(HERE)) == PRESENT
    lab.destroy("shop", "h")


def test_an_agent_whose_servers_are_silent_still_answers_for_itself(lab: Lab, silent: Silent) -> None:
    lab.apply(ALL, "h")
    with SYSTEM.reader(Context(timeout=1)) as reader:
        silent.hangs = lambda path: not path.startswith(("/v1/agent/", "/v1/internal/"))
        seen = reader.observe(HERE)
        assert names(seen) == {"service/shop:web:10.20.0.10"}
        assert len(silent.left) == 1
        assert reader.facts().complaints() is None
        assert reader.api.get("agent/self")
    silent.hangs = lambda _: False
    lab.destroy("shop", "h")
