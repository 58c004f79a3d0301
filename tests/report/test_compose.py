"""What Compose files say of networks, as Compose understands it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from netctl.errors import DeclarationError
from netctl.report.compose import compose_networks, project_name, stack_of
from netctl.report.compose_file import ComposeFile, read_compose
from netctl.report.yaml_text import yaml_text
from netctl.stack.loader import load


@pytest.fixture
def compose(tmp_path: Path) -> Path:
    """A directory called ``my_shop`` for Compose files."""
    directory = tmp_path / "my_shop"
    directory.mkdir()
    return directory


def networks_of(
    directory: Path, text: str, environment: Mapping[str, str] | None = None, name: str = "compose.yaml"
) -> tuple[dict[str, dict[str, Any]], ComposeFile]:
    """The networks, which netctl's own loader must take."""
    path = directory / name
    path.write_text(text)
    file = read_compose(path, environment or {})
    project = project_name(file, path)
    networks = compose_networks(file, project)
    declared = directory / "stack.yaml"
    declared.write_text(yaml_text({"stack": stack_of(project), "networks": networks}))
    load([str(declared)])
    return networks, file


def on(networks: Mapping[str, Mapping[str, Any]], network: str) -> set[str]:
    """The services, or named containers, on a network."""
    return {
        entry.get("container") or entry["containers"]["labels"]["com.docker.compose.service"]
        for entry in networks[network].get("attach", ())
    }


def test_a_network_keeps_the_name_that_compose_gave_it_where_the_stack_cannot_have_the_projects(compose: Path) -> None:
    networks, _ = networks_of(compose, "networks: {front: {}, a_b: {}, a-b: {}, _odd_: {}}")
    assert {key: network["name"] for key, network in networks.items()} == {
        "front": "my_shop_front", "a-b": "my_shop_a_b", "a-b-2": "my_shop_a-b", "odd": "my_shop__odd_",
    }  # fmt: skip
    assert networks_of(compose, "name: shop\nnetworks: {front: {}}")[0] == {"front": {"provider": "docker"}}


def test_merge_keys_are_resolved_the_first_before_the_second_and_the_own_before_both(compose: Path) -> None:
    networks, _ = networks_of(
        compose,
        "x-one: &one {networks: [front]}\n"
        "x-two: &two {networks: [back], container_name: two}\n"
        "services: {web: {<<: [*one, *two]}, own: {<<: *two, container_name: mine}}\n"
        "networks: {front: {}, back: {}}\n",
    )
    assert (on(networks, "front"), on(networks, "back")) == ({"two"}, {"mine"})
    assert set(networks) == {"front", "back"}


def test_a_service_is_on_the_networks_of_those_that_it_extends(compose: Path) -> None:
    (compose / "base.yaml").write_text("services: {base: {networks: [back]}, host: {network_mode: host}}")
    networks, _ = networks_of(
        compose,
        "services:\n"
        "  web: {extends: common, networks: {front: {aliases: [www]}}}\n"
        "  common: {extends: {file: base.yaml, service: base}}\n"
        "  none: {extends: {file: base.yaml, service: host}}\n"
        "  lone: {}\n"
        "networks: {front: {}, back: {}}\n",
    )
    assert on(networks, "front") == {"web"}
    assert on(networks, "back") == {"web", "common"}
    assert on(networks, "default") == {"lone"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("services: {a: {extends: b}, b: {extends: a}}", "which extends itself"),
        ("services: {a: {extends: {service: c}}}", "'a' extends 'c', which is not there"),
        ("networks: {n: {name: '${NAME:?give it a name}'}}", "give it a name"),
        ("networks: {n: {name: '${NAME'}}", "no variable reference"),
    ],
)
def test_what_cannot_be_understood_says_why(text: str, said: str, compose: Path) -> None:
    with pytest.raises(DeclarationError) as caught:
        networks_of(compose, text)
    assert said in caught.value.diagnostics[0].message


def test_variables_come_from_the_environment_and_the_file_beside_it(compose: Path) -> None:
    (compose / ".env").write_text("# a comment\nexport CIDR='10.81.0.0/24' # mine\nNAME=one\nBOTH = far # near\n")
    networks, file = networks_of(
        compose,
        "name: ${NAME}\n"
        "services: {db: {container_name: '${DB:-the-db}', command: 'echo $(date)', networks: [n]}}\n"
        "networks: {n: {internal: '${IN:-true}', driver: '${DRIVER}', labels: {a: '$BOTH', b: 'x$$y'},"
        " ipam: {config: [{subnet: $CIDR}]}}}\n",
        {"NAME": "two"},
    )
    assert file.name == "two"
    assert networks["n"] == {
        "provider": "docker",
        "internal": True,
        "labels": {"a": "far", "b": "x$$y"},
        "subnet": {"cidr": "10.81.0.0/24"},
        "attach": [{"container": "the-db", "aliases": ["db"]}],
    }
    assert file.remarks == ["the variable DRIVER is not set, and taken for empty"]


def test_values_are_texts_as_docker_takes_them(compose: Path) -> None:
    networks, _ = networks_of(
        compose,
        "networks: {n: {driver_opts: {a: 1400, b: true, c: 1.10}, labels: {d: , e: no}}, m: {labels: [f=1, g]}}",
    )
    assert networks["n"]["options"] == {"a": "1400", "b": "true", "c": "1.10"}
    assert networks["n"]["labels"] == {"d": "", "e": "no"}
    assert networks["m"]["labels"] == {"f": "1", "g": ""}


def test_all_of_an_attachment_that_can_be_declared_is_and_the_rest_is_told(compose: Path) -> None:
    service = "{networks: {n: {ipv4_address: 10.81.0.9, link_local_ips: [169.254.8.8], driver_opts: {a: 1}}}}"
    networks, file = networks_of(
        compose,
        f"services: {{a: {service[:-1]}, container_name: box}}, b: {service}}}\n"
        "networks: {n: {ipam: {config: [{subnet: 10.81.0.7/24}, {subnet: 10.82.0.0/24}]}}}\n",
    )
    named, selected = networks["n"]["attach"]
    assert named == {
        "container": "box", "address": "10.81.0.9", "link_local": ["169.254.8.8"], "aliases": ["a"],
        "options": {"a": "1"},
    }  # fmt: skip
    assert "address" not in selected
    assert networks["n"]["subnet"] == {"cidr": "10.81.0.0/24"}
    assert "one is left out: 10.82.0.0/24" in file.remarks[0]
    assert "fixed addresses for service b (10.81.0.9, 169.254.8.8)" in file.remarks[1]


def test_ipv6_without_a_subnet_is_asked_for(compose: Path) -> None:
    pool = "ipam: {config: [{subnet: 'fd00:81::/64'}]}"
    networks, _ = networks_of(compose, f"networks: {{n: {{enable_ipv6: true}}, m: {{enable_ipv6: true, {pool}}}}}")
    assert networks["n"]["ipv6"] is True
    assert "ipv6" not in networks["m"]


def test_whatever_shape_the_file_has_is_no_bug(compose: Path) -> None:
    text = "services: {a: , b: {networks: }, c: []}\nnetworks: {n: , m: {ipam: {config: 3}, labels: 4}}\ninclude: [x]\n"
    networks, file = networks_of(compose, text)
    assert on(networks, "default") == {"a", "b", "c"}
    assert file.remarks
