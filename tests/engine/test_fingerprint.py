"""A plan's fingerprint: equal for plans that do the same from the same state, in whichever process."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from netctl.engine.change import Action, Change, Reason
from netctl.engine.plan import Plan
from netctl.engine.resource import Key, Origin, Owner

ROOT = Path(__file__).parents[2]


class Flags(NamedTuple):
    name: str
    flags: frozenset[object]


class Words(NamedTuple):
    name: str
    flags: tuple[object, ...]


@dataclass(frozen=True)
class Inner:
    members: frozenset[str]


def plan(*changes: Change, stack: str = "shop", host: str = "node1") -> Plan:
    return Plan(stack, host, (changes,) if changes else ())


CHANGE = Change(
    Action.UPDATE, Key("memory", "link", "a"), ("a", 1), ("a", 2), Reason.DIFFERS, ("mtu",),
    Owner("shop", "it"), Owner("shop", "it"), Origin("it", "stack.yaml", 3),
)  # fmt: skip
OTHER = CHANGE._replace(key=Key("memory", "link", "b"))


def set_plan() -> Plan:
    """A plan with a set that has enough members for their order to differ among processes."""
    members = frozenset(f"10.{number}.0.0/16" for number in range(50))
    return plan(CHANGE._replace(after=(Flags("inside4", members),)))


def test_equal_plans_have_equal_fingerprints() -> None:
    assert plan(CHANGE, OTHER).fingerprint == plan(CHANGE, OTHER).fingerprint


def test_how_changes_are_cut_into_batches_is_no_part_of_it() -> None:
    assert plan(OTHER, CHANGE).fingerprint == Plan("shop", "node1", ((CHANGE,), (OTHER,))).fingerprint


def test_where_a_resource_is_declared_is_no_part_of_it() -> None:
    assert plan(CHANGE._replace(origin=Origin("it", "stack.yaml", 4))).fingerprint == plan(CHANGE).fingerprint


@pytest.mark.parametrize(
    "different",
    [
        {"action": Action.REPLACE},
        {"key": Key("memory", "link", "c")},
        {"before": ("a", 3)},
        {"before": None},
        {"after": ("a", 3)},
        {"after": ("a", "2")},
        {"owner": Owner("shop", "another")},
        {"owner_before": None},
    ],
    ids=str,
)
def test_it_differs_where_a_change_does(different: dict[str, Any]) -> None:
    assert plan(CHANGE._replace(**different)).fingerprint != plan(CHANGE).fingerprint


def test_it_differs_with_one_change_more_another_stack_another_host() -> None:
    plans = [plan(), plan(CHANGE), plan(CHANGE, OTHER), plan(CHANGE, stack="shop2"), plan(CHANGE, host="node2")]
    assert len({one.fingerprint for one in plans}) == len(plans)


def test_the_boundary_between_stack_and_host_counts() -> None:
    assert plan(stack="ab", host="c").fingerprint != plan(stack="a", host="bc").fingerprint


def test_a_set_counts_by_its_members_at_any_depth() -> None:
    def with_flags(*flags: object) -> str:
        return plan(CHANGE._replace(after=Flags("a", frozenset(flags)))).fingerprint

    assert with_flags("x", "y") != with_flags("x", "z")
    assert with_flags(Inner(frozenset("xy"))) == with_flags(Inner(frozenset("yx")))
    assert with_flags(Inner(frozenset("xy"))) != with_flags(Inner(frozenset("x")))
    assert with_flags(frozenset({("x", frozenset("yz"))})) != with_flags(frozenset({("x", frozenset("y"))}))


def test_a_set_is_another_value_than_a_tuple_and_a_type_than_another() -> None:
    one = Flags("a", frozenset({"frozenset("}))
    fingerprints = {
        plan(CHANGE._replace(after=after)).fingerprint
        for after in (
            one,
            Flags("a", frozenset()),
            Words("a", ("frozenset", "frozenset(")),
            Words("a", ("frozenset(",)),
        )
    }
    assert len(fingerprints) == 4


def test_it_is_the_same_in_every_process() -> None:
    program = "from tests.engine.test_fingerprint import set_plan; print(set_plan().fingerprint)"

    def printed(seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", program]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=ROOT).stdout

    assert {printed("1"), printed("2"), printed("3")} == {f"{set_plan().fingerprint}\n"}
