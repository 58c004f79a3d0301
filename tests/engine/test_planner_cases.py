"""The planner's specification: every file under ``cases`` is a list of cases, each of which is a test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from netctl.engine.plan import Plan
from netctl.engine.protocol import Context
from netctl.engine.session import read_session
from tests.engine.memory_system import MemorySystem
from tests.engine.notation import STACK, desired_from, memory_from, text_of

_KEYS = {"desired", "live", "adopt", "hidden", "plan", "conflicts", "blocked"}


def _cases() -> Iterator[Any]:
    for path in sorted((Path(__file__).parent / "cases").glob("*.yaml")):
        for name, case in YAML(typ="safe").load(path).items():
            yield pytest.param(case, id=f"{path.stem}: {name}")


def _plan(case: dict[str, Any]) -> Plan:
    memory = memory_from(case.get("live", []))
    memory.hidden = frozenset(case.get("hidden", []))
    with read_session([MemorySystem(memory)], Context()) as session:
        desired = desired_from(case.get("desired", []))
        return session.plan(desired, stack=STACK, host="node1", adopt=case.get("adopt", False))


def _batches(plan: Plan) -> list[list[str]]:
    """Within a batch the order says nothing."""
    return [sorted(text_of(change) for change in batch) for batch in plan.batches]


@pytest.mark.parametrize("case", list(_cases()))
def test_the_plan_is_the_one_that_the_case_expects(case: dict[str, Any]) -> None:
    assert set(case) <= _KEYS
    plan = _plan(case)
    assert _batches(plan) == [sorted(batch) if isinstance(batch, list) else [batch] for batch in case.get("plan", [])]
    assert [
        str(conflict.desired.key.id) + (" adoptable" if conflict.adoptable else "") for conflict in plan.conflicts
    ] == case.get("conflicts", [])
    assert [key.id for key in plan.blocked] == case.get("blocked", [])
    assert bool(plan.unread) == ("hidden" in case)
