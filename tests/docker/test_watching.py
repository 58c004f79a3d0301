"""A running watch hears of what happens to Docker's networks and containers; looks at everything are switched off."""

import signal
from collections.abc import Callable, Iterator

import pytest

from tests.agent.silence import ROUTES, demand_all_is_well_again, demand_repairs_while_stopped
from tests.agent.watcher import WATCHED, Watcher, watching
from tests.docker.engine import Engine
from tests.docker.proxy import Proxy
from tests.e2e.lab import Lab
from tests.support.namespaces import wait_until

TEXT = """\
stack: dk
networks:
  n:
    provider: docker
    subnet: {cidr: 10.80.0.0/24, range: [10.80.0.128/25]}
    attach:
      - {container: web-1, address: 10.80.0.20, aliases: [web]}
      - {container: db-1}
      - {containers: {labels: {app: web}}}
  k: {subnet: {cidr: 10.90.0.0/24}}
"""
PATIENCE = 60


@pytest.fixture
def watcher(lab: Lab, engine: Engine) -> Iterator[Watcher]:
    """A watch of the Engine's host, with two containers on its network."""
    engine.run("web-1")
    engine.run("db-1")
    lab.names["node1"] = lab["h"]
    (lab.directory / WATCHED).parent.mkdir()
    with watching(lab, TEXT, host="") as watcher:
        watcher.await_heard("docker")
        yield watcher


def _remove(engine: Engine) -> None:
    for container in engine.on("dk_n"):
        engine.api.disconnect_container_from_network(container, "dk_n", force=True)
    engine.api.remove_network("dk_n")


DRIFTS: dict[str, Callable[[Engine], object]] = {
    "a container disconnected": lambda engine: engine.api.disconnect_container_from_network("web-1", "dk_n"),
    "another container disconnected": lambda engine: engine.api.disconnect_container_from_network("db-1", "dk_n"),
    "its network removed": _remove,
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_what_others_do_to_docker_is_put_right(drift: str, watcher: Watcher, engine: Engine) -> None:
    watcher.process.send_signal(signal.SIGSTOP)  # it would be faster than what has more than one step
    DRIFTS[drift](engine)
    watcher.process.send_signal(signal.SIGCONT)
    wait_until(lambda: engine.on("dk_n") == {"web-1", "db-1"}, PATIENCE)
    assert engine.address("web-1", "dk_n") == "10.80.0.20"
    watcher.await_done(TEXT, "h", PATIENCE)
    assert not watcher.said("^not repaired")


def test_what_someone_else_has_attached_otherwise_is_reported_and_left_until_it_is_gone(
    watcher: Watcher, engine: Engine
) -> None:
    watcher.process.send_signal(signal.SIGSTOP)
    engine.api.disconnect_container_from_network("web-1", "dk_n")
    engine.api.connect_container_to_network("web-1", "dk_n", ipv4_address="10.80.0.21")
    watcher.process.send_signal(signal.SIGCONT)
    assert watcher.await_said("^not repaired", timeout=PATIENCE)["resource"] == "docker/attachment/dk_n web-1"
    engine.api.disconnect_container_from_network("web-1", "dk_n")
    wait_until(lambda: engine.endpoint("web-1", "dk_n"), PATIENCE)
    assert engine.address("web-1", "dk_n") == "10.80.0.20"
    watcher.await_done(TEXT, "h", PATIENCE)


def test_a_container_that_comes_is_attached_and_one_that_goes_is_forgotten(watcher: Watcher, engine: Engine) -> None:
    engine.run("new", app="web")
    wait_until(lambda: "new" in engine.on("dk_n"), PATIENCE)
    watcher.await_done(TEXT, "h", PATIENCE)
    engine.api.remove_container("new", force=True)
    watcher.await_done(TEXT, "h", PATIENCE)
    wait_until(lambda: watcher.status()["resources"] == watcher.await_said("^watching")["resources"], PATIENCE)


def test_a_container_that_is_made_anew_is_attached_again(watcher: Watcher, engine: Engine) -> None:
    engine.api.remove_container("web-1", force=True)
    engine.run("web-1")
    wait_until(lambda: engine.on("dk_n") == {"web-1", "db-1"}, PATIENCE)
    assert engine.address("web-1", "dk_n") == "10.80.0.20"
    watcher.await_done(TEXT, "h", PATIENCE)


def test_what_happens_while_the_engine_restarts_is_made_up_for(watcher: Watcher, engine: Engine) -> None:
    engine.stop()
    said = watcher.await_said("cannot be heard", timeout=PATIENCE)
    assert said["system"] == "docker"
    assert watcher.get("/readyz")[0] == 503
    watcher.lab.ip("h", "link delete nc-k")
    watcher.await_said("^repaired", timeout=PATIENCE)
    engine.start()
    engine.api.start("web-1")
    engine.api.disconnect_container_from_network("web-1", "dk_n")
    watcher.await_said("can be heard again", timeout=PATIENCE)
    wait_until(lambda: engine.endpoint("web-1", "dk_n"), PATIENCE)
    watcher.await_done(TEXT, "h", PATIENCE)
    wait_until(lambda: watcher.get("/readyz")[0] == 200, PATIENCE)
    assert len(watcher.said("cannot be heard")) == 1


def test_an_engine_that_is_there_only_after_the_watch_is_made_as_declared_then(
    lab: Lab, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.run("web-1")
    engine.run("db-1")
    lab.names["node1"] = lab["h"]
    (lab.directory / WATCHED).parent.mkdir()
    late = engine.directory / "late"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{late}")
    with watching(lab, TEXT, host="") as watcher:
        watcher.await_said("cannot be heard")
        assert lab.link("h", "nc-k")
        assert watcher.get("/readyz")[0] == 503
        with Proxy(late, engine.socket):
            watcher.await_said("can be heard again")
            wait_until(lambda: engine.on("dk_n") == {"web-1", "db-1"}, PATIENCE)
            wait_until(lambda: watcher.get("/readyz")[0] == 200, PATIENCE)


def test_an_engine_that_does_not_answer_holds_up_no_repair_of_the_kernels(lab: Lab, engine: Engine) -> None:
    engine.run("web-1")
    engine.run("db-1")
    lab.names["node1"] = lab["h"]
    (lab.directory / WATCHED).parent.mkdir()
    with watching(lab, TEXT + ROUTES, host="") as watcher:
        watcher.await_heard("docker")
        demand_repairs_while_stopped(watcher, "h", "docker", engine.send)
        engine.api.disconnect_container_from_network("web-1", "dk_n")
        wait_until(lambda: engine.endpoint("web-1", "dk_n"), PATIENCE)
        demand_all_is_well_again(watcher, TEXT + ROUTES, "h")
