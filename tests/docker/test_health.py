"""Containers that die or become unhealthy, in a running watch: gone from virtual addresses, DNS and Consul."""

import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.query
import pytest

from tests.agent.watcher import WATCHED, Watcher, watching
from tests.consul.agent import Agent
from tests.dns.serving import serving
from tests.docker.engine import IMAGE, Engine
from tests.e2e.lab import Lab
from tests.support.namespaces import call_in, wait_until

VIP = "10.96.0.10"
ONE, TWO = "10.82.0.20", "10.82.0.21"
TEXT = f"""\
stack: dk
consul: {{}}
subnets: {{vips: {{cidr: 10.96.0.0/24}}}}
networks:
  n:
    provider: docker
    subnet: {{cidr: 10.82.0.0/24, range: [10.82.0.128/25]}}
    attach: [{{container: one, address: {ONE}}}, {{container: two, address: {TWO}}}]
  k: {{subnet: {{cidr: 10.90.0.0/24}}}}
services:
  web: {{port: 80, vip: {VIP}, publish: ["8080:80"], endpoints: {{containers: {{labels: {{app: web}}}}}}}}
  pair: {{port: 80, endpoints: {{containers: {{labels: {{app: web}}}}}}}}
"""
PATIENCE = 60
_SERVE = "touch /tmp/well; echo $0 > /tmp/index.html; exec httpd -f -p 80 -h /tmp"


def run(engine: Engine, name: str, interval: float = 0) -> None:
    """A container that serves its name; with *interval* (seconds) Docker checks it: it is well while it has a file."""
    check = {"test": ["CMD", "cat", "/tmp/well"], "interval": int(interval * 1e9), "retries": 1}
    made = engine.api.create_container(
        IMAGE,
        ["sh", "-c", _SERVE, name],
        name=name,
        labels={"app": "web"},
        host_config=engine.api.create_host_config(init=False),
        healthcheck=check if interval else None,
    )
    engine.api.start(made["Id"])


class Names:
    """The DNS of a watch."""

    def __init__(self, watcher: Watcher) -> None:
        self._port = watcher.await_said("^serving DNS")["port"]

    def find(self, name: str) -> set[str]:
        query = dns.message.make_query(f"{name}.dk.svc.cluster.local.", "A")
        reply = dns.query.udp(query, "127.0.0.1", timeout=PATIENCE, port=int(self._port))
        return {str(data) for found in reply.answer for data in found}


@pytest.fixture
def watcher(lab: Lab, engine: Engine) -> Iterator[Watcher]:
    """A watch with two containers behind a virtual address, which Docker checks twice a second."""
    run(engine, "one", 0.5)
    run(engine, "two", 0.5)
    lab.names["node1"] = lab["h"]
    (lab.directory / WATCHED).parent.mkdir()
    text = TEXT.replace("consul: {}\n", "")
    with watching(lab, text, "--dns", "127.0.0.1:0", host="") as watcher:
        watcher.await_heard("docker")
        yield watcher


def answers(lab: Lab, count: int = 20) -> set[str]:
    """Who answers so many new connections to the virtual address, from the host. Raises OSError where nobody does."""

    def ask() -> str:
        with socket.create_connection((VIP, 80), timeout=PATIENCE) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            with connection.makefile() as answer:
                return re.findall(r"\w+", answer.read())[-1]

    return {call_in(lab["h"], ask) for _ in range(count)}


def test_a_container_that_is_unhealthy_gets_no_connections_and_no_names(
    lab: Lab, engine: Engine, watcher: Watcher
) -> None:
    names = Names(watcher)
    wait_until(lambda: names.find("pair") == {ONE, TWO}, PATIENCE)
    assert answers(lab) == {"one", "two"}
    engine.execute("one", "sh", "-c", "rm /tmp/well")
    wait_until(lambda: names.find("pair") == {TWO}, PATIENCE)
    assert watcher.await_said("^left out", timeout=PATIENCE)["reason"].endswith("unhealthy")
    assert answers(lab) == {"two"}
    assert names.find("web") == {VIP}
    engine.execute("two", "sh", "-c", "rm /tmp/well")
    wait_until(lambda: not names.find("pair"), PATIENCE)
    with pytest.raises(ConnectionRefusedError):
        answers(lab)
    for name in ("one", "two"):
        engine.execute(name, "sh", "-c", "touch /tmp/well")
    wait_until(lambda: names.find("pair") == {ONE, TWO}, PATIENCE)
    assert answers(lab) == {"one", "two"}
    # What it makes itself at the start has it read the host's facts anew, once, which may tell of health as well.
    assert len(watcher.said("^reloaded")) <= 1


def test_names_of_containers_follow_them_without_a_watch(lab: Lab, engine: Engine, tmp_path: Path) -> None:
    text = TEXT.replace("consul: {}\n", "")
    run(engine, "one", 0.5)
    run(engine, "two", 0.5)
    lab.apply_once(text, "h")
    with serving(text, tmp_path, "--netns", lab["h"]) as server:
        name = "pair.dk.svc.cluster.local."
        wait_until(lambda: server.ask(name).answer and server.find(name) == {ONE, TWO}, PATIENCE)
        assert server.find(f"one.{name}") == {ONE}
        engine.execute("one", "sh", "-c", "rm /tmp/well")
        wait_until(lambda: server.find(name) == {TWO}, PATIENCE)
        engine.api.kill("two")
        wait_until(lambda: not server.ask(name).answer, PATIENCE)
        engine.api.start("two")
        wait_until(lambda: server.ask(name).answer and server.find(name) == {TWO}, PATIENCE)


def test_a_container_that_dies_is_gone_from_consul_from_the_virtual_address_and_from_dns(
    lab: Lab, engine: Engine, tmp_path: Path
) -> None:
    agent = Agent(lab["h"])
    try:
        agent.start()
        run(engine, "one")
        run(engine, "two")
        lab.names["node1"] = lab["h"]
        (tmp_path / WATCHED).parent.mkdir()
        with watching(lab, TEXT, "--dns", "127.0.0.1:0", host="") as watcher:
            watcher.await_heard("docker")
            _dies_and_comes_back(lab, engine, agent, watcher)
        lab.destroy("dk", "h")
    finally:
        agent.stop()  # its namespace has the Engine, too
        shutil.rmtree(agent.directory)


def _dies_and_comes_back(lab: Lab, engine: Engine, agent: Agent, watcher: Watcher) -> None:
    names = Names(watcher)
    wait_until(lambda: set(agent.services()) == {f"dk:{n}:{a}" for n in ("web", "pair") for a in (ONE, TWO)}, PATIENCE)
    assert answers(lab) == {"one", "two"}
    engine.api.kill("two")
    wait_until(lambda: set(agent.services()) == {f"dk:web:{ONE}", f"dk:pair:{ONE}"}, PATIENCE)
    wait_until(lambda: names.find("pair") == {ONE}, PATIENCE)
    assert answers(lab) == {"one"}
    watcher.await_done(TEXT, "h", PATIENCE)
    engine.api.start("two")
    wait_until(lambda: len(agent.services()) == 4, PATIENCE)
    wait_until(lambda: names.find("pair") == {ONE, TWO}, PATIENCE)
    assert answers(lab) == {"one", "two"}
    watcher.await_done(TEXT, "h", PATIENCE)
