"""A running watch hears of what happens to the stack's services, checks and keys; looks at everything are off."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.agent.silence import ROUTES, demand_all_is_well_again, demand_repairs_while_stopped
from tests.agent.watcher import WATCHED, Watcher, watching
from tests.consul.agent import Agent
from tests.e2e.lab import Lab
from tests.support.namespaces import wait_until

WEB = "shop:web:10.20.0.10"
TEXT = """\
stack: shop
networks: {k: {subnet: {cidr: 10.90.0.0/24}}}
services:
  web: {port: 80, endpoints: [10.20.0.10], checks: [{ttl: 1h}]}
kv: {shop/a: b, shop/deep/c: d}
"""
PATIENCE = 60


@pytest.fixture
def watcher(lab: Lab) -> Iterator[Watcher]:
    lab.names["node1"] = lab["h"]
    (lab.directory / WATCHED).parent.mkdir()
    with watching(lab, TEXT, host="") as watcher:
        watcher.await_heard("consul")
        yield watcher
        watcher.end()
    lab.destroy("shop", "h")


DRIFTS: dict[str, Callable[[Agent], object]] = {
    "a service deregistered": lambda agent: agent.put(f"agent/service/deregister/{WEB}"),
    "a check removed": lambda agent: agent.put(f"agent/check/deregister/{WEB}:ttl"),
    "a check replaced": lambda agent: agent.put(
        "agent/check/register",
        {"ID": f"{WEB}:ttl", "ServiceID": WEB, "Name": "x", "TCP": "127.0.0.1:1", "Interval": "1h"},
    ),
    "a key changed": lambda agent: agent.put("kv/shop/a", b"theirs"),
    "a key removed": lambda agent: agent.delete("kv/shop/deep/c"),
    "all keys removed": lambda agent: [agent.delete(f"kv/{folder}", recurse="") for folder in ("shop/", "netctl/")],
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_what_others_do_to_the_stack_in_consul_is_put_right(drift: str, watcher: Watcher, agent: Agent) -> None:
    before = watcher.status()["repairs"]
    DRIFTS[drift](agent)
    wait_until(lambda: watcher.status()["repairs"] > before, PATIENCE)
    watcher.await_done(TEXT, "h", PATIENCE)
    assert agent.keys()["shop/a"][0] == b"b"
    assert agent.checks(WEB).keys() == {f"{WEB}:ttl"}
    assert not watcher.said("^not repaired")


def test_a_key_changed_is_looked_at_alone(watcher: Watcher, agent: Agent) -> None:
    agent.put("kv/shop/a", b"theirs")
    assert watcher.await_said("^repaired", timeout=PATIENCE)["resource"] == "consul/kv/shop/a"
    assert not watcher.said("^(looking at everything|reloaded)")


@pytest.mark.usefixtures("watcher")
def test_a_key_that_is_changed_again_is_put_right_again(agent: Agent) -> None:
    for value in (b"one", b"two", b"three"):
        agent.put("kv/shop/a", value)
        wait_until(lambda: agent.keys()["shop/a"][0] == b"b", PATIENCE)


def test_keys_that_a_new_declaration_brings_are_followed_too(watcher: Watcher, agent: Agent) -> None:
    new = TEXT.replace("kv: {", "kv: {elsewhere/x: y, ")
    Path(watcher.lab.write(new, "watched/new")).rename(watcher.lab.directory / WATCHED)
    watcher.await_said("^reloaded", timeout=PATIENCE)
    for value in (b"one", b"two"):
        agent.put("kv/elsewhere/x", value)
        wait_until(lambda: agent.keys()["elsewhere/x"][0] == b"y", PATIENCE)
    watcher.await_done(new, "h", PATIENCE)


def test_what_happens_while_the_agent_is_gone_is_made_up_for(watcher: Watcher, agent: Agent) -> None:
    agent.stop(signal.SIGKILL)
    assert watcher.await_said("cannot be heard", timeout=PATIENCE)["system"] == "consul"
    assert watcher.get("/readyz")[0] == 503
    watcher.lab.ip("h", "link delete nc-k")
    watcher.await_said("^repaired", timeout=PATIENCE)
    watcher.process.send_signal(signal.SIGSTOP)
    agent.start()
    agent.put(f"agent/service/deregister/{WEB}")
    agent.delete("kv/shop/a")
    watcher.process.send_signal(signal.SIGCONT)
    watcher.await_said("can be heard again", timeout=PATIENCE)
    watcher.await_done(TEXT, "h", PATIENCE)
    wait_until(lambda: watcher.get("/readyz")[0] == 200, PATIENCE)
    assert len(watcher.said("cannot be heard")) == 1


def test_an_agent_that_does_not_answer_holds_up_no_repair_of_the_kernels(lab: Lab, agent: Agent) -> None:
    lab.names["node1"] = lab["h"]
    (lab.directory / WATCHED).parent.mkdir()
    with watching(lab, TEXT + ROUTES, host="") as watcher:
        watcher.await_heard("consul")
        demand_repairs_while_stopped(watcher, "h", "consul", agent.send)
        agent.delete("kv/shop/a")
        wait_until(lambda: agent.keys().get("shop/a"), PATIENCE)
        demand_all_is_well_again(watcher, TEXT + ROUTES, "h")
        watcher.end()
    lab.destroy("shop", "h")
