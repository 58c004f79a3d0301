"""Containers on other hosts: policies know of them what those hosts tell."""

import pytest

from netctl.cluster.records import ContainersRecord
from netctl.engine.facts import ContainerFact, EngineFacts
from tests.cluster.watches import following, layout, publish
from tests.consul.agent import Agent
from tests.docker.engine import Engine
from tests.e2e.lab import Lab
from tests.support.namespaces import wait_until

STACK = """\
stack: pods
networks:
  app:
    provider: docker
    subnet: {cidr: 10.55.0.0/24}
    nat: none
    hosts: {at: engine}
    attach: [{containers: {labels: {app: api}}}]
  front: {hosts: {at: node1}, subnet: {cidr: 10.56.0.0/24}, attach: [{netns: "${web}", labels: {app: web}}]}
policies:
  web: {applies_to: {labels: {app: web}}, ingress: [{from: [{labels: {app: api}}], ports: [80/tcp]}]}
"""
PATIENCE = 90.0


def test_what_an_engine_tells_reads_back() -> None:
    fact = ContainerFact("web", {"app": "web"}, {"pods_app": ("10.55.0.9", "fd00::9")}, running=True, health="healthy")
    record = ContainersRecord.read("key", ContainersRecord.of({"web": fact}).encoded())
    assert record.facts() == EngineFacts({"web": fact})


def test_policies_follow_the_containers_of_another_host(
    lab: Lab, agent: Agent, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST")
    lab.names["engine"] = engine.namespace
    publish(lab, STACK)
    here = ("--address", "192.0.2.11", "--label", "at=node1")
    there = ("--address", "192.0.2.12", "--label", "at=engine")

    def admitted(address: str) -> bool:
        return address in lab.run("node1", "nft", "list", "table", "inet", "netctl-pods")

    with (
        following(lab, "node1", *here),
        following(lab, "engine", *there, CONSUL_HTTP_ADDR=agent.url, DOCKER_HOST=engine.url) as other,
    ):
        engine.run("api-1", app="api")
        wait_until(lambda: _address(engine), PATIENCE, "it is attached")
        address = _address(engine)
        wait_until(lambda: admitted(address), PATIENCE, f"{address} is let in")
        record = ContainersRecord.read("", agent.keys()[f"{layout().containers}engine"][0])
        assert record.containers["api-1"].networks == {"pods_app": (address,)}
        engine.api.remove_container("api-1", force=True)
        wait_until(lambda: not admitted(address), PATIENCE, f"{address} is not let in any more")
        assert other.get("/readyz") == (200, "ok\n")
    lab.destroy("pods", "node1")
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    lab.destroy("pods", "engine")


def _address(engine: Engine) -> str:
    networks = engine.api.inspect_container("api-1")["NetworkSettings"]["Networks"]
    return str(networks.get("pods_app", {}).get("IPAddress", ""))
