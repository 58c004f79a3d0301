"""Every mistake has its code, its exact path, and a sentence that names what is wrong."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import netctl.compiler
from netctl.codes import CODES
from netctl.compiler import validate
from netctl.errors import Diagnostic
from tests.compiler.stacks import PLACES, facts_of, mistakes, read_case, stack_of

STACK_MISTAKES = [*read_case("mistakes.yaml"), *read_case("policy-mistakes.yaml"), *read_case("docker-mistakes.yaml")]
HOST_MISTAKES = read_case("host-mistakes.yaml")


def _name(case: Mapping[str, Any]) -> str:
    return str(case["name"])


def _compare(found: list[Diagnostic], expected: list[list[str]]) -> None:
    places = sorted((mistake.code, mistake.position.file if mistake.position else "") for mistake in found)
    assert places == sorted((code, path) for code, path, _ in expected)
    sentences = [(mistake.code, f"{mistake.message}; {mistake.advice}") for mistake in found]
    for code, _, part in expected:
        assert any(code == known and part in sentence for known, sentence in sentences), (part, sentences)


@pytest.mark.parametrize("case", STACK_MISTAKES, ids=_name)
def test_a_stack_is_checked_without_a_host(case: Mapping[str, Any]) -> None:
    _compare(validate(stack_of(case["stack"]), PLACES), case["found"])


@pytest.mark.parametrize("case", HOST_MISTAKES, ids=_name)
def test_a_stack_is_checked_against_its_host(case: Mapping[str, Any]) -> None:
    _compare(mistakes(stack_of(case["stack"]), case.get("host"), facts_of(case["facts"])), case["found"])


@pytest.mark.parametrize("case", HOST_MISTAKES, ids=_name)
def test_what_concerns_the_host_is_no_mistake_of_the_stack(case: Mapping[str, Any]) -> None:
    assert validate(stack_of(case["stack"]), PLACES) == []


@pytest.mark.parametrize("case", STACK_MISTAKES, ids=_name)
def test_a_mistake_says_what_to_do(case: Mapping[str, Any]) -> None:
    for mistake in validate(stack_of(case["stack"]), PLACES):
        assert mistake.advice
        assert not mistake.message.endswith(".")


def test_every_code_that_the_compiler_gives_is_registered_and_tested() -> None:
    source = Path(netctl.compiler.__file__).parent
    given = {code for file in source.rglob("*.py") for code in re.findall(r'"(NC\d{3})"', file.read_text())}
    tested = {row[0] for case in (*STACK_MISTAKES, *HOST_MISTAKES) for row in case["found"]}
    # What only a real Docker or Consul brings about is tested with one.
    tests = Path(__file__).parent.parent
    tested |= {code for file in tests.rglob("test_*.py") for code in re.findall(r"NC\d{3}", file.read_text())}
    assert given <= CODES.keys()
    assert given <= tested
