"""What the compiler is told of containers, by a real Engine."""

import pytest

from netctl.engine.facts import ContainerFact, EngineFacts
from netctl.engine.protocol import Context
from reconcilers.docker import SYSTEM
from tests.docker.engine import IMAGE, Engine
from tests.support.namespaces import wait_until

SECOND = 1_000_000_000


def facts(engine: Engine) -> EngineFacts:
    assert engine.url
    with SYSTEM.reader(Context()) as reader:
        found = reader.facts().engine()
    assert found is not None
    return found


def fact(engine: Engine, container: str) -> ContainerFact:
    return facts(engine).containers[container]


def test_a_container_is_told_with_its_labels_and_its_addresses_on_each_network(engine: Engine) -> None:
    ipam = {"Config": [{"Subnet": "10.80.0.0/24"}, {"Subnet": "fd00:80::/64"}]}
    engine.api.create_network("both", ipam=ipam, enable_ipv6=True)
    engine.run("web", network="both", app="web")
    engine.api.connect_container_to_network("web", "bridge")
    found = fact(engine, "web")
    assert (found.running, found.mode, found.labels) == (True, "both", {"app": "web"})
    assert found.networks["both"] == ("10.80.0.2", "fd00:80::2")
    assert set(found.networks) == {"both", "bridge"}
    assert facts(engine).networks["both"].subnets == ("10.80.0.0/24", "fd00:80::/64")


def test_a_container_that_does_not_run_has_no_address(engine: Engine) -> None:
    engine.create("web")
    found = fact(engine, "web")
    assert (found.running, found.networks, found.ports) == (False, {"bridge": ()}, ())
    engine.api.start("web")
    assert fact(engine, "web").running
    engine.api.kill("web")
    wait_until(lambda: not fact(engine, "web").running, what="it has ended")
    assert fact(engine, "web").networks == {"bridge": ()}


def test_published_ports_are_those_of_the_host_with_their_protocol(engine: Engine) -> None:
    host = engine.api.create_host_config(port_bindings={80: 18080, "53/udp": ("127.0.0.1", 15353)}, init=False)
    made = engine.api.create_container(
        IMAGE, ["sleep", "3600"], name="web", ports=[80, (53, "udp"), 9], host_config=host
    )
    engine.api.start(made)
    assert fact(engine, "web").ports == ((15353, 53, "udp"), (18080, 80, "tcp"))


@pytest.mark.parametrize(("test", "health"), [("true", "healthy"), ("false", "unhealthy")])
def test_health_is_what_the_check_of_the_container_says(test: str, health: str, engine: Engine) -> None:
    check = {"test": ["CMD", test], "interval": SECOND, "timeout": 9 * SECOND, "retries": 1, "start_period": 0}
    host = engine.api.create_host_config(init=False)
    made = engine.api.create_container(IMAGE, ["sleep", "3600"], name="web", healthcheck=check, host_config=host)
    engine.api.start(made)
    assert fact(engine, "web").health in {"starting", health}
    wait_until(lambda: fact(engine, "web").health == health, timeout=60, what="it has been checked")


def test_without_a_check_nothing_is_known_of_the_health(engine: Engine) -> None:
    engine.run("web")
    assert fact(engine, "web").health == ""
