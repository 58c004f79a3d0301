"""What Docker has, and what a Compose file says, as declarations that can be taken over."""

from pathlib import Path

import pytest

from netctl.cli import import_live
from netctl.engine.change import Action
from tests.docker.engine import Engine
from tests.e2e.lab import Lab

COMPOSE = """
name: dk
services:
  web: {image: x, networks: [front, back]}
  db:
    image: x
    container_name: shop-db
    networks: {back: {ipv4_address: 10.81.0.10, aliases: [postgres]}}
  alone: {image: x, network_mode: none}
networks:
  front: {labels: ["team=web"], driver_opts: {com.docker.network.driver.mtu: "1400"}}
  back:
    internal: true
    ipam: {config: [{subnet: 10.81.0.0/24, ip_range: 10.81.0.128/25}]}
  Ex_t: {external: true, name: shared}
"""


@pytest.fixture
def by_hand(engine: Engine) -> Engine:
    """A network with everything that can be said of one, and a container on it."""
    pool = {"Subnet": "10.80.0.0/24", "Gateway": "10.80.0.9", "IPRange": "10.80.0.64/26",
            "AuxiliaryAddresses": {"router": "10.80.0.5"}}  # fmt: skip
    engine.api.create_network(
        "Made_By.Hand",
        internal=True,
        attachable=True,
        labels={"team": "a$b", "empty": ""},
        options={"com.docker.network.driver.mtu": "1400"},
        ipam={"Driver": "default", "Config": [pool]},
    )
    engine.run("web-1")
    engine.api.connect_container_to_network("web-1", "Made_By.Hand", ipv4_address="10.80.0.20")
    return engine


def test_a_live_network_is_printed_and_can_be_taken_over_as_it_is(
    by_hand: Engine, lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    options = import_live.Options(netns=lab["h"], stack="dk", resource=["docker/network/Made_By.Hand"])
    assert import_live.run(options) == 0
    text = capsys.readouterr().out
    assert "{container: web-1, address: 10.80.0.20}" in text
    plan = lab.apply(text, "h", adopt=True)
    assert [(change.action, change.fields) for change in plan.changes if change.key.kind == "network"] == [
        (Action.UPDATE, ("owner",))
    ]
    assert by_hand.address("web-1", "Made_By.Hand") == "10.80.0.20"


def test_dockers_own_networks_are_not_imported(engine: Engine, lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    engine.run("web-1")
    assert import_live.run(import_live.Options(netns=lab["h"], provider=["docker"])) == 0
    assert capsys.readouterr().out == "stack: imported\n"


def test_what_compose_has_made_is_taken_over_from_its_file(
    engine: Engine, lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "docker-compose.yml"
    file.write_text(COMPOSE)
    of_compose = {"com.docker.compose.project": "dk"}
    options = {"com.docker.network.driver.mtu": "1400"}
    pool = {"Subnet": "10.81.0.0/24", "IPRange": "10.81.0.128/25", "Gateway": "10.81.0.1"}
    engine.api.create_network("dk_front", labels={"team": "web", **of_compose}, options=options)
    engine.api.create_network("dk_back", internal=True, labels=of_compose, ipam={"Config": [pool]})
    engine.api.create_network("shared")
    labels = {**of_compose, "com.docker.compose.service": "web"}
    engine.run("dk-web-1", network="dk_front", **labels)
    engine.api.connect_container_to_network("dk-web-1", "dk_back", aliases=["web"])
    assert import_live.run(import_live.Options(compose=file)) == 0
    text = capsys.readouterr().out
    address = engine.address("dk-web-1", "dk_back")
    lab.apply(text, "h", adopt=True)
    assert engine.address("dk-web-1", "dk_back") == address
    network = engine.network("dk_front")
    assert network is not None
    assert network["Labels"].items() >= {"team": "web", "io.netctl.stack": "dk", **of_compose}.items()


@pytest.mark.parametrize("name", ["x", "my net", "Ünder.Way"])
def test_whatever_docker_takes_for_a_networks_name_can_be_taken_over(
    name: str, engine: Engine, lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.api.create_network(name)
    engine.run("web-1", network=name)
    assert import_live.run(import_live.Options(netns=lab["h"], stack="dk", provider=["docker"])) == 0
    lab.apply(capsys.readouterr().out, "h", adopt=True)
    assert engine.on(name) == {"web-1"}
