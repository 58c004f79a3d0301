"""All mistakes of a file in one round: those of shape, and those of meaning in what is well-formed."""

import copy
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from netctl.cli.declarations import load_stack
from netctl.cli.options import Sources
from netctl.errors import DeclarationError
from netctl.stack.source import read
from netctl.stack.yaml_events import documents

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))


def mistakes(directory: Path, text: str) -> list[tuple[str, int]]:
    """Code and line of each mistake that is found in one round."""
    (directory / "stack.yaml").write_text(text)
    with pytest.raises(DeclarationError) as raised:
        load_stack(Sources(file=[str(directory / "stack.yaml")]))
    return [(found.code, found.position.line if found.position else 0) for found in raised.value.diagnostics]


SEVERAL = """\
stack: shop
subnets:
  front: {cidr: 10.10.0.0/24}
  wrong: {cidr: 10.20.0.1/24}
  clash: {cidr: 10.10.0.0/16}
networks:
  one: {subnet: frnot}
  two: {subnet: wrong}
  three: {mtuu: 1400}
  four: {mtu: "${size}"}
  five:
    subnet: front
    attach:
      - {netns: z, address: 10.10.0.5}
      - {netns: b, address: 10.11.0.5}
      - {netns: a, address: 10.10.0.5}
policies:
  p: {applies_to: {network: three}, ingress: [{from: {network: fvie}}]}
routes:
  - {to: 10.0.0.0/8}
"""


def test_mistakes_of_shape_and_of_meaning_are_reported_together_in_the_order_of_the_file(tmp_path: Path) -> None:
    assert mistakes(tmp_path, SEVERAL) == [
        ("NC115", 4),
        ("NC211", 5),
        ("NC201", 7),
        ("NC111", 9),
        ("NC141", 10),
        ("NC220", 15),
        ("NC222", 16),
        ("NC260", 18),
        ("NC240", 20),
    ]


def test_what_is_malformed_is_declared_all_the_same(tmp_path: Path) -> None:
    text = "stack: s\nsubnets: {a: {cidr: 10.0.0.1/24}}\nnetworks: {n: {subnet: a}}\n"
    assert mistakes(tmp_path, text) == [("NC115", 2)]


@pytest.mark.parametrize("hosts", ["{n1: {id: x, address: 192.0.2.1}}", "[n1]", "{n1: {}}"])
def test_nothing_is_said_of_the_rest_where_the_hosts_are_not_known(tmp_path: Path, hosts: str) -> None:
    text = f"stack: s\nhosts: {hosts}\nnetworks: {{n: {{hosts: [n1, n2]}}}}\n"
    assert {line for _, line in mistakes(tmp_path, text)} == {2}


def test_a_key_that_may_be_meant_for_any_section_leaves_the_rest_undecided(tmp_path: Path) -> None:
    text = "stack: s\nhost: {n1: {id: 1, address: 192.0.2.1}}\nnetworks: {n: {hosts: [n1], subnet: nowhere}}\n"
    assert mistakes(tmp_path, text) == [("NC111", 2)]


def test_of_a_key_that_is_there_twice_neither_value_is_taken_for_the_one_that_is_meant(tmp_path: Path) -> None:
    text = "stack: s\nnetworks:\n  n: {mtu: 1400}\n  n: {subnet: nowhere, mtuu: 1}\n"
    assert mistakes(tmp_path, text) == [("NC108", 4), ("NC111", 4)]


def test_where_a_section_is_malformed_as_a_whole_nothing_is_said_of_the_rest(tmp_path: Path) -> None:
    text = 'stack: s\nsubnets: ["${a}", {b: 1}]\nnetworks: {n: {subnet: nowhere}}\n'
    assert mistakes(tmp_path, text) == [("NC114", 2), ("NC141", 2)]


def test_a_stack_without_a_name_is_examined_under_another(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "networks: {n: {subnet: nowhere}}\n") == [("NC113", 1), ("NC201", 1)]


def _spoilt(stack: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The stack with an unknown key in one of its declarations, for each of them."""
    for section, declared in stack.items():
        if section in {"vars", "include"} or section.startswith("x-"):
            continue
        for name in declared if isinstance(declared, dict | list) else ():
            at = declared.index(name) if isinstance(declared, list) else name
            if isinstance(declared[at], dict):
                spoilt = copy.deepcopy(stack)
                spoilt[section][at]["zzz"] = 1
                yield f"{section}.{at}", spoilt


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_a_malformed_declaration_makes_no_other_one_a_mistake(tmp_path: Path, example: Path) -> None:
    """Every declaration of every example in turn."""
    copied = tmp_path / "examples"
    shutil.copytree(example.parent, copied)
    (document,) = documents(read(str(example)), [])
    for what, spoilt in _spoilt(document.content):
        found = mistakes(copied, json.dumps(spoilt))
        assert {code for code, _ in found} == {"NC111"}, what
