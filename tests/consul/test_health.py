"""Who is left out of virtual addresses by what a real Consul says."""

import signal

import pytest

from netctl.engine.protocol import Context
from reconcilers.consul import SYSTEM
from tests.agent.watcher import WATCHED, watching
from tests.consul.agent import Agent
from tests.dns.serving import serving
from tests.e2e.lab import Lab, describe
from tests.support.namespaces import wait_until

ONE, TWO = "shop:web:10.20.0.10", "shop:web:10.20.0.11"
TEXT = """
stack: shop
consul: {}
services:
  web:
    port: 80
    endpoints: [10.20.0.10, 10.20.0.11]
    checks: [{ttl: 1h, status: passing}]
    publish: ["8080:80"]
"""


def complaints(agent: Agent) -> dict[str, str]:
    with SYSTEM.reader(Context(agent.namespace)) as reader:
        return dict(reader.facts().complaints() or {})


def published(lab: Lab) -> set[str]:
    """The endpoints behind the published port."""
    listed = lab.run("h", "nft", "list", "map", "inet", "netctl-shop", "published-backends4")
    return {address for address in ("10.20.0.10", "10.20.0.11") if f": {address} ." in listed}


def test_who_is_critical_or_in_maintenance_gets_no_connections_until_it_is_well(lab: Lab, agent: Agent) -> None:
    lab.apply(TEXT, "h")
    assert published(lab) == {"10.20.0.10", "10.20.0.11"}
    agent.put(f"agent/check/fail/{ONE}:ttl")
    agent.put(f"agent/service/maintenance/{TWO}", enable="true", reason="new disk")
    assert complaints(agent) == {ONE: "check 'web ttl' is critical in Consul", TWO: "in maintenance: new disk"}
    lab.apply(TEXT, "h")
    assert not published(lab)
    agent.put(f"agent/check/pass/{ONE}:ttl")
    lab.apply(TEXT, "h")
    assert published(lab) == {"10.20.0.10"}
    agent.put(f"agent/service/maintenance/{TWO}", enable="false")
    lab.apply(TEXT, "h")
    assert published(lab) == {"10.20.0.10", "10.20.0.11"}
    lab.destroy("shop", "h")


def test_maintenance_of_the_node_is_that_of_all_its_instances(lab: Lab, agent: Agent) -> None:
    lab.apply(TEXT, "h")
    agent.put("agent/maintenance", enable="true", reason="kernel")
    try:
        assert complaints(agent)[ONE] == complaints(agent)[TWO] == "node n1: in maintenance: kernel"
    finally:
        agent.put("agent/maintenance", enable="false")
    assert not complaints(agent)
    lab.destroy("shop", "h")


def register_elsewhere(agent: Agent, status: str, check: str, service: str = "") -> None:
    """An instance on a node that has no agent here, with a check of it, or of the node."""
    body = {
        "Node": "n2",
        "Address": "192.0.2.2",
        "Service": {"ID": ONE, "Service": "web", "Address": "10.20.0.10", "Port": 80},
        "Check": {"Node": "n2", "CheckID": check, "Name": check, "Status": status, "ServiceID": service},
        "SkipNodeUpdate": False,
    }
    agent.put("catalog/register", body)


@pytest.mark.parametrize(("service", "who"), [(ONE, ""), ("", "node n2: ")])
def test_instances_on_other_hosts_are_as_well_as_the_catalog_says(agent: Agent, service: str, who: str) -> None:
    register_elsewhere(agent, "critical", "serfHealth", service)
    said = wait_until(lambda: complaints(agent), what="the catalog says so")
    assert said == {ONE: f"{who}check 'serfHealth' is critical in Consul"}
    register_elsewhere(agent, "passing", "serfHealth", service)
    wait_until(lambda: not complaints(agent), what="the catalog says that it is well")


def test_a_warning_is_no_complaint(agent: Agent) -> None:
    register_elsewhere(agent, "warning", "slow", ONE)
    assert not complaints(agent)


def test_nothing_is_said_where_consul_cannot_be_read(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSUL_HTTP_ADDR", "127.0.0.1:1")
    with SYSTEM.reader(Context(lab["h"])) as reader:
        assert reader.facts().complaints() is None


def test_a_watch_hears_of_instances_here_and_elsewhere(lab: Lab, agent: Agent) -> None:
    elsewhere = """
stack: shop
consul: {}
hosts: {n1: {id: 1, address: 192.0.2.1}, n2: {id: 2, address: 192.0.2.2}}
services:
  web:
    port: 80
    endpoints: [{address: 10.20.0.10, host: n2}, {address: 10.20.0.11, host: n1}]
    checks: [{ttl: 1h, status: passing}]
    publish: ["8080:80"]
"""
    lab.names["node1"] = lab["h"]
    (lab.directory / WATCHED).parent.mkdir()
    register_elsewhere(agent, "passing", "slow", ONE)
    with watching(lab, elsewhere, host="n1") as watcher:
        watcher.await_heard("consul")
        assert published(lab) == {"10.20.0.10", "10.20.0.11"}
        register_elsewhere(agent, "critical", "slow", ONE)
        wait_until(lambda: published(lab) == {"10.20.0.11"}, timeout=60)
        agent.put(f"agent/service/maintenance/{TWO}", enable="true", reason="new disk")
        wait_until(lambda: not published(lab), timeout=60)
        agent.put(f"agent/service/maintenance/{TWO}", enable="false")
        register_elsewhere(agent, "passing", "slow", ONE)
        wait_until(lambda: published(lab) == {"10.20.0.10", "10.20.0.11"}, timeout=60)
        assert not watcher.said("^(reloaded|looking)")
    lab.destroy("shop", "h")


def test_names_follow_consul_without_a_watch(lab: Lab, agent: Agent) -> None:
    lab.apply(TEXT, "h")
    with serving(TEXT, lab.directory, "--netns", lab["h"]) as server:
        name = "web.shop.svc.cluster.local."
        assert server.find(name) == {"10.20.0.10", "10.20.0.11"}
        agent.put(f"agent/check/fail/{ONE}:ttl")
        wait_until(lambda: server.find(name) == {"10.20.0.11"})
        agent.put(f"agent/service/maintenance/{TWO}", enable="true", reason="new disk")
        wait_until(lambda: server.rcode(name) == "NXDOMAIN")
        agent.put(f"agent/service/maintenance/{TWO}", enable="false")
        wait_until(lambda: server.rcode(name) == "ANSWER" and server.find(name) == {"10.20.0.11"})
        agent.stop()
        try:
            assert server.find(name) == {"10.20.0.11"}
        finally:
            agent.start()
        # Having been away, the agent takes who owes it a heartbeat for critical.
        for ident in (ONE, TWO):
            agent.put(f"agent/check/pass/{ident}:ttl")
        wait_until(lambda: server.rcode(name) == "ANSWER" and server.find(name) == {"10.20.0.10", "10.20.0.11"})
    lab.destroy("shop", "h")


def test_an_agent_that_goes_makes_nobody_well_or_unwell(
    lab: Lab, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETCTL_STATE_DIR", str(lab.directory / "state"))
    lab.names["node1"] = lab["h"]
    (lab.directory / WATCHED).parent.mkdir()
    agent.put("agent/service/register", {"Name": "theirs", "Check": {"TTL": "1h", "Status": "critical"}})
    with watching(lab, TEXT, host="") as watcher:
        watcher.await_heard("consul")
        agent.put(f"agent/check/fail/{ONE}:ttl")
        wait_until(lambda: published(lab) == {"10.20.0.11"}, timeout=60)
        agent.stop()
        try:
            watcher.process.send_signal(signal.SIGHUP)
            watcher.await_said("^reloaded", timeout=60)
            assert published(lab) == {"10.20.0.11"}
            # Who plans meanwhile is told what the watch knows of the stack's.
            assert watcher.status()["complaints"] == {ONE: "check 'web ttl' is critical in Consul"}
            plan = lab.plan(TEXT, "h")
            assert {part.system for part in plan.unread} == {"consul"}
            assert not describe(plan)
        finally:
            agent.start()
    lab.destroy("shop", "h")
