"""The command itself, killed at any moment of its work: the next one converges, and destroy leaves nothing."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.lab import Lab

ROOT = Path(__file__).parents[2]
ENDPOINTS = ("web", "api", "db", "job", "lan")
STACK = """\
stack: shop
hosts:
  node1: {id: 1, address: 192.0.2.11}
  node2: {id: 2, address: 192.0.2.12}
  node3: {id: 3, address: 192.0.2.13}
networks:
  front:
    subnet: {cidr: [10.10.0.0/24, "fd00:10::/64"]}
    hosts: [node1]
    attach:
      - {netns: "${web}", labels: {app: web}}
      - {netns: "${api}", labels: {app: api}}
      - {interface: spare}
  back:
    subnet: {cidr: 10.20.0.0/24}
    hosts: [node1]
    attach: [{netns: "${db}", labels: {app: db}}]
  lan:
    driver: macvlan
    parent: eth0
    subnet: {cidr: 192.0.2.0/24}
    hosts: [node1]
    attach: [{netns: "${lan}", address: 192.0.2.77}]
overlays:
  pods:
    subnet: {cidr: [10.42.0.0/16, "fd42::/48"], per_host: [24, 64]}
    vni: 42
    attach: [{netns: "${job}", hosts: [node1]}]
policies:
  db: {applies_to: {labels: {app: db}}, ingress: [{from: [{labels: {app: web}}], ports: [5432/tcp]}]}
  web: {applies_to: {labels: {app: web}}, ingress: [{ports: [80/tcp]}]}
routes:
  - {to: 172.31.0.0/16, via: 10.20.0.254, hosts: [node1]}
  - {to: 172.30.0.0/16, via: 192.0.2.254, hosts: [node1]}
rules:
  - {priority: 1000, from: 10.20.0.0/24, table: 100, hosts: [node1]}
"""


@pytest.fixture
def host(lab: Lab) -> Lab:
    """One host with an uplink and a spare interface."""
    lab.add("node1", "wire", *ENDPOINTS)
    lab.join("wire", "eth0", "node1", "eth0")
    lab.join("wire", "spare", "node1", "spare")
    lab.ip("node1", "address add 192.0.2.11/24 dev eth0")
    lab.remember("node1", *ENDPOINTS)
    return lab


@contextmanager
def at_work(lab: Lab, *command: str) -> Iterator[subprocess.Popen[str]]:
    """A netctl that has said what it is going to do, and is about to do it."""
    argv = [sys.executable, "-P", "-m", "netctl", *command, "--netns", lab["node1"], "--yes"]
    environment = {**os.environ, "NETCTL_STATE_DIR": str(Path(lab.write(STACK)).parent / "state")}
    environment["PYTHONPATH"] = str(ROOT)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout
        lines = iter(process.stdout.readline, "")
        assert any(line.startswith("Plan:") for line in lines), "it has nothing to do"
        yield process


class Sufferer:
    """Runs one command undisturbed, to know how long it works, and then as often as one likes to kill it."""

    def __init__(self, lab: Lab, *command: str) -> None:
        self.lab = lab
        self.command = command
        with at_work(lab, *command) as process:
            began = time.monotonic()
            assert process.wait() == 0
            self.seconds = time.monotonic() - began

    def kill(self, moment: float) -> bool:
        """Kill the command when that share of its time has passed; whether it was still there."""
        with at_work(self.lab, *self.command) as process:
            time.sleep(self.seconds * moment)
            process.kill()
            return process.wait() != 0


@pytest.mark.parametrize("seed", range(5))
def test_a_killed_apply_is_completed_by_the_next_one_and_a_killed_destroy_too(host: Lab, seed: int) -> None:
    """Ten of fifty kills each, eight of them of ``apply``, spread evenly over its work."""
    moments = random.Random(seed)
    apply = Sufferer(host, "apply", "-f", host.write(STACK), "--host", "node1")
    host.demand_done(STACK, "node1")
    destroy = Sufferer(host, "destroy", "--stack", "shop")
    host.demand_as_before()
    killed = 0
    for part in range(8):
        killed += apply.kill((part + moments.random()) / 8)
        host.apply(STACK, "node1")
        if part in {3, 7}:
            killed += destroy.kill(moments.random())
            host.destroy("shop", "node1")
            host.demand_as_before()
        else:
            host.destroy("shop", "node1")
    assert killed >= 5, "the kills came too late"
