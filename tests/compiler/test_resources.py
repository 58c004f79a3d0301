"""What each kind of declaration compiles to, in full: the cases are data."""

from typing import Any

import pytest

from netctl.compiler import compile_stack
from tests.compiler.stacks import CASES, PLACES, facts_of, kernel_resources, read_case, shown, stack_of

FILES = sorted(file.name for file in CASES.glob("*.yaml") if not file.name.endswith("mistakes.yaml"))


@pytest.mark.parametrize("file", FILES)
def test_a_stack_compiles_to_exactly_the_resources_of_its_case(file: str) -> None:
    case = read_case(file)
    found = kernel_resources(stack_of(case["stack"]), case.get("host"), facts_of(case.get("facts")))
    expected: dict[str, dict[str, Any]] = case["resources"]
    assert sorted(found) == sorted(expected)
    for key, want in found.items():
        assert shown(want) == {"needs": [], "within": None, **expected[key]}, key


@pytest.mark.parametrize("file", FILES)
def test_what_a_resource_needs_is_a_resource_too(file: str) -> None:
    case = read_case(file)
    resources = compile_stack(stack_of(case["stack"]), PLACES, case.get("host"), facts_of(case.get("facts"))).resources
    for want in resources.values():
        assert set(want.needs) <= resources.keys()
        assert want.within is None or want.within in resources
        assert len(set(want.needs)) == len(want.needs)
