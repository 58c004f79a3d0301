"""Containers as endpoints: policies apply to them, services have them, what is not known is left as it is."""

from pathlib import Path

import pytest

from netctl.errors import DeclarationError
from tests.docker.engine import Engine
from tests.e2e.lab import Lab
from tests.support.namespaces import run_in, wait_until

STACK = """
stack: dk
networks:
  front:
    provider: docker
    subnet: {cidr: 10.80.0.0/24, range: [10.80.0.128/25]}
    attach:
      - {containers: {labels: {app: web}}}
      - {container: database, address: 10.80.0.50, ports: {sql: 5432}}
  plain:
    subnet: {cidr: 10.90.0.0/24}
    attach: [{netns: "${client}", address: 10.90.0.9, labels: {app: client}}]
services:
  db: {network: front, port: 5432, endpoints: {containers: {labels: {app: db}}}}
policies:
  db-from-web:
    applies_to: {service: db}
    ingress: [{from: {labels: {app: web}}, ports: sql}]
"""
SERVE = ("sh", "-c", "while true; do echo hello | nc -l -p 5432; done")


@pytest.fixture
def shop(lab: Lab, engine: Engine) -> Lab:
    """A database, a web server, a stranger on one network; a namespace on another."""
    lab.add("client")
    engine.run("database", command=SERVE, app="db")
    engine.run("web-1", app="web")
    engine.run("other")
    lab.apply(STACK, "h")
    engine.api.connect_container_to_network("other", "dk_front")
    lab.apply(STACK, "h")
    return lab


def reaches(engine: Engine, container: str, address: str) -> bool:
    """Whether a container gets through to the database."""
    return engine.execute(container, "nc", "-w", "2", address, "5432")[0] == 0


@pytest.mark.usefixtures("shop")
def test_a_policy_lets_in_whom_it_names_by_the_labels_of_containers(engine: Engine) -> None:
    wait_until(lambda: reaches(engine, "web-1", "10.80.0.50"), what="the database serves")
    assert not reaches(engine, "other", "10.80.0.50")


def test_a_policy_holds_between_a_kernel_network_and_a_container(shop: Lab, engine: Engine) -> None:
    opened = STACK.replace("from: {labels: {app: web}}", "from: [{labels: {app: web}}, {labels: {app: client}}]")
    argv = ["nc", "-w", "2", "10.80.0.50", "5432"]
    for interface in ("bridge",):
        for name in ("database", "web-1", "other"):
            engine.api.disconnect_container_from_network(name, interface)
    wait_until(lambda: reaches(engine, "web-1", "10.80.0.50"), what="the database serves")
    assert run_in(shop["client"], ["busybox", *argv], check=False).returncode != 0
    shop.apply(opened, "h")
    wait_until(lambda: run_in(shop["client"], ["busybox", *argv], check=False).returncode == 0, what="it is let in")


@pytest.mark.usefixtures("shop")
def test_labels_that_are_declared_of_a_container_count_with_its_own(lab: Lab, engine: Engine) -> None:
    lab.apply(STACK.replace("app: web}}, ports", "tier: front, app: web}}, ports"), "h")
    wait_until(lambda: not reaches(engine, "web-1", "10.80.0.50"), what="it has not got that label")
    text = STACK.replace("app: web}}, ports", "tier: front, app: web}}, ports")
    lab.apply(text.replace("{containers: {labels: {app: web}}}", "{container: web-1, labels: {tier: front}}"), "h")
    wait_until(lambda: reaches(engine, "web-1", "10.80.0.50"), what="the database serves")


@pytest.mark.usefixtures("shop")
def test_a_container_that_comes_and_goes_changes_elements_only(lab: Lab, engine: Engine) -> None:
    engine.run("web-2", app="web")
    plan = lab.apply(STACK, "h")
    assert {change.key.kind for change in plan.changes} == {"attachment", "table"}
    wait_until(lambda: reaches(engine, "web-2", "10.80.0.50"), what="the database serves")
    engine.api.remove_container("web-2", force=True)
    lab.apply(STACK, "h")


def test_with_docker_out_of_reach_what_judges_its_containers_stays_as_it_is(
    shop: Lab, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = run_in(shop["h"], ["nft", "list", "table", "inet", "netctl-dk"]).stdout
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing")
    plan = shop.plan(STACK, "h")
    assert not plan.batches
    assert plan.unread
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    assert run_in(shop["h"], ["nft", "list", "table", "inet", "netctl-dk"]).stdout == before


def test_an_address_is_the_same_each_time_and_not_in_dockers_range(lab: Lab, engine: Engine) -> None:
    subnet = "{cidr: 10.80.0.0/24, range: [10.80.0.128/25]}"
    text = f"stack: dk\nnetworks: {{n: {{provider: docker, subnet: {subnet}, attach: [{{container: web-1}}]}}}}"
    engine.run("web-1")
    lab.apply(text, "h")
    first = engine.address("web-1", "dk_n")
    assert int(first.rpartition(".")[2]) < 128
    lab.destroy("dk", "h")
    lab.apply(text, "h")
    assert engine.address("web-1", "dk_n") == first


def test_a_service_must_say_which_network_of_a_container_counts(lab: Lab, engine: Engine) -> None:
    text = (
        "stack: dk\nnetworks:\n"
        "  one: {provider: docker, subnet: {cidr: 10.80.0.0/24}, attach: [{container: web-1, address: 10.80.0.9}]}\n"
        "  two: {provider: docker, subnet: {cidr: 10.81.0.0/24}, attach: [{container: web-1, address: 10.81.0.9}]}\n"
        "services: {web: {port: 80, endpoints: {containers: {labels: {app: web}}}}}\n"
        "policies: {p: {applies_to: {service: web}, ingress: []}}\n"
    )
    engine.run("web-1", app="web")
    with pytest.raises(DeclarationError) as caught:
        lab.plan(text, "h")
    assert "NC285" in {found.code for found in caught.value.diagnostics}
    lab.apply(text.replace("{port: 80,", "{network: two, port: 80,"), "h")
    table = run_in(lab["h"], ["nft", "list", "table", "inet", "netctl-dk"]).stdout
    assert "10.81.0.9" in table
    assert "10.80.0.9" not in table


def test_kernel_networks_work_on_a_host_with_docker_and_after_it_restarts(lab: Lab, engine: Engine) -> None:
    lab.add("one", "two", "out")
    lab.join("out", "eth0", "h", "up0")
    lab.ip("h", "address add 192.0.2.10/24 dev up0")
    lab.ip("out", "address add 192.0.2.1/24 dev eth0")
    text = (
        "stack: dk\nnetworks:\n"
        "  k: {subnet: {cidr: 10.90.0.0/24}, attach: [{netns: '${one}', address: 10.90.0.2}]}\n"
        "  m: {subnet: {cidr: 10.91.0.0/24}, attach: [{netns: '${two}', address: 10.91.0.2}]}\n"
    )
    assert "FORWARD DROP" in engine.rules()
    lab.apply(text, "h")
    for target in ("10.91.0.2", "192.0.2.1"):
        assert run_in(lab["one"], ["ping", "-c1", "-W2", target], check=False).returncode == 0
    engine.stop()
    engine.start()
    for target in ("10.91.0.2", "192.0.2.1"):
        assert run_in(lab["one"], ["ping", "-c1", "-W2", target], check=False).returncode == 0
    lab.demand_done(text, "h")


def test_an_overlay_of_the_stack_works_on_a_host_with_docker_and_after_it_restarts(lab: Lab, engine: Engine) -> None:
    lab.add("w", "one", "two")
    lab.join("h", "ul0", "w", "ul0")
    lab.ip("h", "address add 192.0.2.1/24 dev ul0")
    lab.ip("w", "address add 192.0.2.2/24 dev ul0")
    text = (
        "stack: dk\nhosts:\n"
        "  h: {id: 1, address: 192.0.2.1, interface: ul0}\n"
        "  w: {id: 2, address: 192.0.2.2, interface: ul0}\n"
        "subnets: {pods: {cidr: 10.42.0.0/16, per_host: 24}}\n"
        "overlays:\n"
        "  pods:\n"
        "    {backend: vxlan, mode: routed, subnet: pods, vni: 42, attach: [\n"
        "      {netns: '${one}', hosts: [h], address: 10.42.1.10},\n"
        "      {netns: '${two}', hosts: [w], address: 10.42.2.10}]}\n"
    )

    def reached() -> bool:
        return run_in(lab["one"], ["ping", "-c1", "-W2", "10.42.2.10"], check=False).returncode == 0

    assert "FORWARD DROP" in engine.rules()
    lab.apply_all(text, ["h", "w"])
    wait_until(reached, what="one reaches two over the overlay")
    engine.stop()
    engine.start()
    wait_until(reached, what="one still reaches two")
    lab.demand_done(text, "h")
    lab.destroy("dk", "h")
    lab.ip("h", "link delete ul0")
