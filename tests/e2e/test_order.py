"""The order of declarations, and their distribution over files, make no difference to a plan."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.lab import Lab, describe
from tests.e2e.underlay import ADDRESS, build

pytestmark = pytest.mark.xdist_group("ownership")

STACK: dict[str, Any] = {
    "version": 1,
    "stack": "shop",
    "vars": {"zone": "a"},
    "hosts": {
        host: {"id": int(host[1]), "address": ADDRESS[4][host], "interface": "eth0", "labels": {"zone": zone}}
        for host, zone in (("n1", "a"), ("n2", "a"), ("n3", "b"))
    },
    "subnets": {
        "front": {"cidr": ["10.10.0.0/24", "fd10::/64"], "reserved": ["10.10.0.2-10.10.0.9", "10.10.0.20"]},
        "back": {"cidr": "10.20.0.0/28", "range": ["10.20.0.8/29"]},
        "pods": {"cidr": "10.42.0.0/16", "per_host": 24},
        "segment": {"cidr": ["10.44.0.0/24"]},
    },
    "networks": {
        "front": {
            "subnet": "front",
            "hosts": {"zone": "${zone}"},
            "attach": [{"netns": "@a"}, {"netns": "@b"}, {"netns": "@c", "address": "10.10.0.77"}],
        },
        "back": {
            "subnet": "back",
            "isolated": True,
            "attach": [
                {"netns": label, "interface": "back0", "default_route": False} for label in ("@a", "@b", "@c", "@d")
            ],
        },
        "plain": {},
    },
    "overlays": {
        "pods": {
            "vni": 42,
            "subnet": "pods",
            "attach": [
                {"netns": "@a", "interface": "pods0", "default_route": False, "hosts": ["n1"]},
                {"netns": "@b", "interface": "pods0", "default_route": False, "hosts": ["n2", "n1"]},
            ],
        },
        "segment": {"vni": 44, "mode": "bridged", "subnet": "segment", "internal": True},
    },
    "routes": [
        {"to": "198.51.100.0/24", "nexthops": [{"via": "10.10.0.77"}, {"via": "10.20.0.9", "weight": 2}]},
        {"to": "198.51.100.0/24", "type": "blackhole", "metric": 900},
        {"to": "default", "via": "10.10.0.77", "table": 100},
    ],
    "rules": [
        {"priority": 1000, "from": "10.10.0.0/24", "table": 100},
        {"priority": 1001, "to": "10.10.0.0/24", "table": 254},
    ],
}


@pytest.fixture
def lab(lab: Lab) -> Iterator[Lab]:
    build(lab)
    lab.remember("n1", "a", "b", "c", "d")
    yield lab
    lab.destroy("shop", "n1")
    lab.demand_as_before()


def _shuffled(value: Any, dice: random.Random) -> Any:
    """The same declarations in another order: of keys, and of lists, which are sets in this stack."""
    if isinstance(value, dict):
        keys = list(value)
        dice.shuffle(keys)
        return {key: _shuffled(value[key], dice) for key in keys}
    if isinstance(value, list):
        return dice.sample([_shuffled(item, dice) for item in value], len(value))
    return value


def _split(stack: dict[str, Any], dice: random.Random, number: int) -> list[dict[str, Any]]:
    """The stack in several files: each declaration in one of them, each file incomplete by itself."""
    files: list[dict[str, Any]] = [{} for _ in range(number)]
    for section, content in stack.items():
        if not isinstance(content, dict):
            dice.choice(files)[section] = content
            continue
        for name, declaration in content.items():
            dice.choice(files).setdefault(section, {})[name] = declaration
    return [file for file in files if file]


def _text(lab: Lab, stack: dict[str, Any]) -> str:
    """As YAML, of which JSON is a part."""
    text = json.dumps(stack, indent=1)
    for label in "abcd":
        text = text.replace(f'"@{label}"', f'"{lab[label]}"')
    return text


@pytest.mark.parametrize("seed", range(8))
def test_no_order_and_no_distribution_over_files_changes_the_plan(lab: Lab, seed: int) -> None:
    dice = random.Random(seed)
    one = lab.plan(_text(lab, STACK), "n1")
    shuffled = _shuffled(STACK, dice)
    files = [_text(lab, file) for file in _split(shuffled, dice, 4)]
    other = lab.plan(files, "n1")
    assert describe(other) == describe(one)
    assert other.fingerprint == one.fingerprint
    lab.apply(files, "n1")
    lab.demand_done(_text(lab, STACK), "n1")
