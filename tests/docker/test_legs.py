"""A Docker network as the local leg of a routed overlay: containers of two Engines reach each other without a swarm."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.docker.engine import Engine
from tests.e2e.lab import Lab
from tests.support.namespaces import Namespaces, run_in, wait_until

SERVE = ("sh", "-c", "while true; do echo hello | nc -l -p 5432; done")
VXLAN, DIRECT = "backend: vxlan, vni: 42", "backend: host-gw"
POLICY = "policies: {p: {applies_to: {labels: {app: db}}, ingress: [{from: {labels: {app: web}}, ports: 5432}]}}\n"


def stack(policies: str = "", backend: str = VXLAN) -> str:
    return f"""
stack: dk
hosts:
  h: {{id: 1, address: 192.0.2.1, interface: ul0}}
  w: {{id: 2, address: 192.0.2.2, interface: ul0}}
  x: {{id: 3, address: 192.0.2.3, interface: ul0}}
subnets: {{pods: {{cidr: 10.42.0.0/16, per_host: 24}}}}
overlays:
  pods: {{{backend}, mode: routed, subnet: pods, attach: [{{netns: "${{plain}}", hosts: [x], address: 10.42.3.10}}]}}
networks:
  boxes:
    provider: docker
    overlay: pods
    hosts: [h, w]
    attach:
      - {{container: web, hosts: [h], address: 10.42.1.20, labels: {{app: web}}}}
      - {{container: other, hosts: [h], address: 10.42.1.21}}
      - {{container: db, hosts: [w], address: 10.42.2.20, labels: {{app: db}}}}
{policies}"""


@pytest.fixture(scope="module")
def _far(_worker: str, _nothing_left_behind: list[Namespaces]) -> Iterator[Engine]:
    namespaces = Namespaces(_worker)
    _nothing_left_behind.append(namespaces)
    far = Engine(namespaces("far", loopback=True))
    try:
        far.start()
        yield far
    finally:
        far.remove()
        namespaces.remove_all()


class Hosts(NamedTuple):
    """Two hosts with an Engine each, and one without, on one link."""

    lab: Lab
    engines: dict[str, Engine]
    patch: pytest.MonkeyPatch

    def at(self, host: str) -> str:
        """Name that host's Engine; the host."""
        self.patch.delenv("DOCKER_HOST", raising=False)
        if host in self.engines:
            self.patch.setenv("DOCKER_HOST", self.engines[host].url)
        return host

    def apply(self, text: str) -> None:
        for host in ("h", "w", "x"):
            self.lab.apply(text, self.at(host))

    def destroy(self) -> None:
        for host in ("h", "w", "x"):
            self.lab.destroy("dk", self.at(host))

    def bridges(self) -> set[str]:
        """Those of the stack on the first host."""
        found = run_in(self.lab["h"], ["ip", "-br", "link", "show", "type", "bridge"]).stdout
        return {line.split()[0] for line in found.splitlines() if line.startswith("nc-")}

    def reaches(self, container: str, address: str = "10.42.2.20") -> bool:
        """Whether a container of the first Engine gets through to the database."""
        return self.engines["h"].execute(container, "nc", "-w", "2", address, "5432")[0] == 0


@pytest.fixture
def hosts(lab: Lab, engine: Engine, _far: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hosts]:
    """The hosts, with a database on one and who asks it on the other, on no network of Docker's but the stack's."""
    lab.add("x", "plain", "link")
    lab.names["w"] = _far.namespace
    lab.ip("link", "link add br0 type bridge", "link set br0 up")
    for number, label in enumerate(("h", "w", "x"), 1):
        lab.join("link", f"p{number}", label, "ul0")
        lab.ip("link", f"link set p{number} master br0")
        lab.ip(label, f"address add 192.0.2.{number}/24 dev ul0")
    engine.run("web")
    engine.run("other")
    _far.run("db", command=SERVE)
    for one, name in ((engine, "web"), (engine, "other"), (_far, "db")):
        one.api.disconnect_container_from_network(name, "bridge")
    found = Hosts(lab, {"h": engine, "w": _far}, monkeypatch)
    yield found
    found.destroy()
    _far.clean()
    for number in (1, 2, 3):
        lab.ip("link", f"link delete p{number}")


@pytest.mark.parametrize("backend", [VXLAN, DIRECT], ids=["vxlan", "host-gw"])
def test_containers_of_two_engines_reach_each_other_under_their_own_addresses(backend: str, hosts: Hosts) -> None:
    hosts.apply(stack(backend=backend))
    wait_until(lambda: hosts.reaches("web"), what="the database answers over the overlay")
    assert run_in(hosts.lab["plain"], ["busybox", "nc", "-w", "2", "10.42.2.20", "5432"], check=False).returncode == 0
    near = hosts.engines["h"].network("dk_boxes")
    assert near is not None
    assert [pool["Subnet"] for pool in near["IPAM"]["Config"]] == ["10.42.1.0/24"]
    assert near["Options"]["com.docker.network.driver.mtu"] == ("1450" if backend is VXLAN else "1500")


def test_policies_hold_between_containers_of_two_engines_by_true_addresses(hosts: Hosts) -> None:
    hosts.apply(stack(POLICY))
    wait_until(lambda: hosts.reaches("web"), what="the database answers whom the policy names")
    assert not hosts.reaches("other")
    client = ["busybox", "nc", "-w", "2", "10.42.2.20", "5432"]
    assert run_in(hosts.lab["plain"], client, check=False).returncode != 0
    hosts.apply(stack(POLICY.replace("from: {labels: {app: web}}", "from: {overlay: pods}")))
    wait_until(lambda: hosts.reaches("other"), what="the database answers all of the overlay")
    assert run_in(hosts.lab["plain"], client, check=False).returncode == 0


def test_an_engine_that_restarts_breaks_nothing_of_the_overlay(hosts: Hosts) -> None:
    hosts.apply(stack())
    near = hosts.engines["h"]
    near.stop()
    near.start()
    for name in ("web", "other"):
        near.api.start(name)
    wait_until(lambda: hosts.reaches("web"), what="the database answers again")
    hosts.lab.demand_done(stack(), hosts.at("h"))


def test_a_bridge_of_netctls_gives_way_to_dockers_and_comes_back(hosts: Hosts) -> None:
    text = stack()
    before = text.partition("networks:")[0]
    hosts.apply(before)
    assert {"nc-pods"} == hosts.bridges()
    hosts.apply(text)
    wait_until(lambda: hosts.reaches("web"), what="the database answers over the overlay")
    assert {"nc-boxes"} == hosts.bridges()
    hosts.apply(before)
    assert {"nc-pods"} == hosts.bridges()
