"""The JSON Schema: fresh, valid, and of one mind with the loader."""

import copy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from netctl.errors import DeclarationError
from netctl.stack.schema import schema_text, stack_schema, write
from netctl.stack.source import Source
from netctl.stack.yaml_events import documents
from tests.stack.declaring import loaded

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").rglob("*.yaml"))
SCHEMA = stack_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def errors(text: str) -> list[tuple[list[str | int], str]]:
    """The path and message of each of the schema's complaints."""
    content = [document.content for document in documents(Source("text", text, ""), [])]
    return [(list(error.absolute_path), error.message) for value in content for error in VALIDATOR.iter_errors(value)]


def test_the_file_is_fresh(tmp_path: Path) -> None:
    assert (ROOT / "schemas/stack.schema.json").read_text(encoding="utf-8") == schema_text(), "run `make schema`"
    write(tmp_path / "schema.json")
    assert (tmp_path / "schema.json").read_text(encoding="utf-8") == schema_text()


def test_the_schema_obeys_its_dialect() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def parts(value: Any) -> list[dict[str, Any]]:
    """All mappings in a schema."""
    if isinstance(value, list):
        return [part for item in value for part in parts(item)]
    return [value, *(part for item in value.values() for part in parts(item))] if isinstance(value, dict) else []


def test_every_reference_leads_somewhere_and_every_definition_is_used() -> None:
    references = {part["$ref"] for part in parts(SCHEMA) if isinstance(part.get("$ref"), str)}
    assert references == {f"#/$defs/{name}" for name in SCHEMA["$defs"]}


def test_no_union_is_left_for_an_editor_to_guess_at() -> None:
    assert not [part for part in parts(SCHEMA) if "oneOf" in part or "discriminator" in part]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_valid(example: Path) -> None:
    assert errors(example.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "networks: {n: {driver: macvlan, parent: eth0, subnet: s, mode: vepa}}",
        "networks: {n: {driver: host}, m: , o: {}}",
        "networks: {n: {hosts: h}, m: {hosts: [h, i]}, o: {hosts: {zone: 1}}}",
        "networks: {n: {subnet: {cidr: [10.0.0.0/8, 'fd00::/64']}}}",
        "networks: {n: {attach: [{interface: eth1}, {netns: a, address: 10.0.0.5}]}}",
        "networks: {n: {mtu: '${mtu}', stp: $stp, nat: '${nat:-none}', driver: $d, subnet: '$s', hosts: [$h]}}",
        "overlays: {o: {subnet: s, vni: 5, mtu: auto}, p: {backend: host-gw, subnet: s, mtu: 1400}}",
        "networks:\nroutes:\nhosts:\n",
        "x-mine: [anything]\nvars: {a: 1, b: x, c: true, d: }\ninclude: a.yaml",
        "include: [a.yaml]",
        "rules: [{priority: 5, from: 10.0.0.0/8, table: 300}]",
        "policies: {p: {applies_to: {any: true}, ingress: [{}, {from: [{cidr: 10.0.0.0/8}], ports: [80, udp]}]}}",
        "policies: {p: {applies_to: [{labels: {a: 1}}], egress: [{to: {expr: has(a)}, icmp: {type: 8}, action: log}]}}",
        "services: {a: {endpoints: [10.0.0.1, {address: 10.0.0.2}]}, b: {port: 80, endpoints: {labels: {app: x}}}}",
        "expect: [{from: {service: a}, to: {any: true}, port: 5432/tcp, verdict: allow}]\ntiers: {t: {order: 5}}",
    ],
)
def test_what_loads_is_valid(text: str) -> None:
    assert errors(text) == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("netwroks: {}", []),
        ("kv: []", ["kv"]),
        ("kv: {a: {valu: 1}}", ["kv", "a"]),
        ("networks: {N: {}}", ["networks"]),
        ("networks: {n: {mtuu: 5}}", ["networks", "n"]),
        ("networks: {n: {mtu: 5}}", ["networks", "n", "mtu"]),
        ("networks: {n: {mtu: '1400'}}", ["networks", "n", "mtu"]),
        ("networks: {n: {stp: yes}}", ["networks", "n", "stp"]),
        ("networks: {n: {driver: macvlan, subnet: s}}", ["networks", "n"]),
        ("networks: {n: {driver: bridge, parent: eth0}}", ["networks", "n"]),
        ("networks: {n: {driver: foo}}", ["networks", "n", "driver"]),
        ("networks: {n: {attach: [{netns: a, foo: 1}]}}", ["networks", "n", "attach", 0]),
        ("networks: {n: {attach: [{}]}}", ["networks", "n", "attach", 0]),
        ("overlays: {o: {subnet: s}}", ["overlays", "o"]),
        ("overlays: {o: {backend: host-gw, subnet: s, vni: 5}}", ["overlays", "o"]),
        ("overlays: {o: }", ["overlays", "o"]),
        ("routes: {}", ["routes"]),
        ("routes: [{}]", ["routes", 0]),
        ("policies: {p: {ingress: []}}", ["policies", "p"]),
        ("policies: {p: {applies_to: {any: true}, ingress: [{to: {any: true}}]}}", ["policies", "p", "ingress", 0]),
        (
            "policies: {p: {applies_to: {any: true}, ingress: [{action: drop}]}}",
            ["policies", "p", "ingress", 0, "action"],
        ),
        ("services: {a: {port: 80}}", ["services", "a"]),
        ("expect: [{from: {any: true}, to: {any: true}, port: 80}]", ["expect", 0]),
        ("vars: {a-b: 1}", ["vars"]),
        ("vars: {a: []}", ["vars", "a"]),
        ("include: 5", ["include"]),
        ("stack: A", ["stack"]),
        ("version: 2", ["version"]),
    ],
)
def test_a_mistake_is_found_at_its_very_place_and_by_the_loader_too(text: str, path: list[str | int]) -> None:
    assert [found for found, _ in errors(text)] == [path]
    with pytest.raises(DeclarationError):
        loaded(text if text.startswith("stack") else f"stack: s\n{text}")


def test_the_schema_is_made_anew_each_time() -> None:
    first = stack_schema()
    expected = copy.deepcopy(first)
    first["$defs"].clear()
    first["properties"]["vars"].clear()
    assert stack_schema() == expected
