"""Three servers in three namespaces: an apply while the leader is killed, and what is planned while there is none."""

import signal
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from netctl.engine import apply as engine_apply
from netctl.engine.apply import ApplyError
from tests.consul.agent import Agent, Refused
from tests.e2e.lab import Lab
from tests.support.namespaces import Namespaces, ip, wait_until

TEXT = (
    "stack: shop\nservices:\n  web: {port: 80, endpoints: [10.20.0.10], tags: [a], checks: [{ttl: 1h}], "
    "queries: {web: {}}, intentions: [{from: job}], config_entries: {service-defaults: {Protocol: http}}}\n"
    "  mail: {external: smtp.example.com, port: 25}\nkv:\n"
) + "".join(f"  shop/{number}: {number}\n" for number in range(100))


@pytest.fixture
def cluster(netns: Namespaces) -> Iterator[list[Agent]]:
    switch = netns("switch")
    ip(switch, "link add br0 type bridge", "link set br0 up")
    agents = []
    addresses = [f"192.0.2.{number}" for number in (1, 2, 3)]
    try:
        for number, address in enumerate(addresses, 1):
            namespace = netns(f"server{number}", loopback=True)
            ip(namespace, f"link add eth0 type veth peer name port{number} netns {switch}")
            ip(namespace, f"address add {address}/24 dev eth0", "link set eth0 up")
            ip(switch, f"link set port{number} master br0", f"link set port{number} up")
            settings = {
                "bind_addr": address,
                "bootstrap_expect": 3,
                "retry_join": addresses,
                "retry_interval": "1s",
                "performance": {"raft_multiplier": 2, "rpc_hold_timeout": "500ms"},
            }
            agents.append(Agent(namespace, f"server{number}", settings))
        for agent in agents:
            agent.start(wait=False)
        for agent in agents:
            wait_until(partial(_has_all, agent), 180, "all three have a leader")
        yield agents
    finally:
        for agent in agents:
            agent.remove()


def _has_all(agent: Agent) -> bool:
    with suppress(Refused, OSError):
        nodes = agent.get("catalog/nodes") if agent.has_leader() else ()
        return len(nodes) == 3 and all(node["Meta"] for node in nodes)
    return False


def _leader(agents: list[Agent]) -> Agent:
    address = str(agents[0].get("status/leader")).partition(":")[0]
    return agents[int(address.rpartition(".")[2]) - 1]


@pytest.fixture
def lab(netns: Namespaces, tmp_path: Path, cluster: list[Agent]) -> Lab:
    """A lab whose host ``h`` has a server that is not the leader."""
    lab = Lab(netns, tmp_path)
    lab.names["h"] = next(agent.namespace for agent in cluster if agent is not _leader(cluster))
    return lab


def test_the_leader_is_killed_in_the_middle_of_an_apply(
    lab: Lab, cluster: list[Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    leader = _leader(cluster)
    here = next(agent for agent in cluster if agent.namespace == lab["h"])
    execute = engine_apply._Run.execute

    def killed(run: engine_apply._Run) -> None:
        leader.stop(signal.SIGKILL)
        execute(run)

    monkeypatch.setattr(engine_apply._Run, "execute", killed)
    # The others may have elected one of themselves before anybody waits for too long.
    with suppress(ApplyError):
        lab.apply_once(TEXT, "h")
    monkeypatch.setattr(engine_apply._Run, "execute", execute)
    wait_until(here.has_leader, 60, "there is a leader again")
    wait_until(lambda: _answers(here), 60, "the new leader answers")
    lab.apply(TEXT, "h")
    assert [row["ServiceID"] for row in here.get("catalog/service/web")] == ["shop:web:10.20.0.10"]
    assert here.query("web") is not None
    assert here.intentions() == {("job", "web"): "allow"}
    lab.destroy("shop", "h")
    assert here.keys() == {}
    assert here.snapshot()["mesh"] == []
    assert "shop-mail" not in {node["Node"] for node in here.get("catalog/nodes")}


def _answers(agent: Agent) -> bool:
    with suppress(Refused):
        return agent.put("kv/probe", b"") is True and agent.delete("kv/probe") is True
    return False


def test_without_a_leader_nothing_is_deleted_and_the_agents_part_is_still_planned(
    lab: Lab, cluster: list[Agent]
) -> None:
    here = next(agent for agent in cluster if agent.namespace == lab["h"])
    lab.apply(TEXT, "h")
    for agent in cluster:
        if agent is not here:
            agent.stop(signal.SIGKILL)
    wait_until(lambda: not here.has_leader(), 60, "the leader is gone")
    plan = lab.plan("stack: shop\nservices:\n  web: {port: 81, endpoints: [10.20.0.10], tags: [a]}\n", "h")
    [unread] = plan.unread
    assert unread.part == "external services, keys, prepared queries, intentions, config entries"
    assert "No cluster leader" in unread.reason
    assert [change.key.kind for change in plan.changes] == ["service"]
    with pytest.raises(ApplyError) as caught:
        lab.apply_once("stack: shop\nservices:\n  web: {port: 81, endpoints: [10.20.0.10], tags: [a]}\n", "h")
    failure = caught.value.report.failed[0].failure
    assert failure is not None
    assert "leader" in failure.advice
