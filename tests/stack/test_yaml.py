"""YAML: its core schema, what is refused, and hostile files."""

import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from netctl.stack.core_schema import resolve, written
from netctl.stack.source import Source
from netctl.stack.yaml_events import documents
from netctl.stack.yaml_limits import MAX_DEPTH
from tests.stack.declaring import At, loaded, mistakes, only, places


def content(text: str) -> dict[str, Any]:
    [document] = documents(Source("text", text, ""), [])
    return document.content


@contextmanager
def bounded(*, seconds: float = 5, megabytes: int = 100) -> Iterator[None]:
    """Processor time and memory that what is done here may take."""
    tracemalloc.start()
    began = time.process_time()
    yield
    took, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert took < seconds
    assert peak < megabytes * 1024 * 1024


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-17", -17),
        ("0123", 123),
        ("0o17", 15),
        ("0x1F", 31),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("Null", None),
        ("yes", "yes"),
        ("on", "on"),
        ("1_000", "1_000"),
        ("0b1", "0b1"),
        ("12:30:45", "12:30:45"),
        ("2024-01-01", "2024-01-01"),
        ("-", "-"),
        ("10.0.0.1", "10.0.0.1"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_a_plain_scalar_is_what_the_core_schema_says(text: str, value: object) -> None:
    assert resolve(text) == value
    assert type(value) in type(resolve(text)).__mro__


@pytest.mark.parametrize("text", ["0123", "0x1F", "1.10", "1e3", "+5", "5", "1.5", "true"])
def test_a_number_keeps_its_spelling(text: str) -> None:
    assert written(resolve(text)) == text
    labels = loaded(f"stack: a\nhosts: {{b: {{address: 10.0.0.1, labels: {{c: {text}}}}}}}").stack.hosts["b"].labels
    assert labels == {"c": text}


def test_quoted_scalars_and_keys_are_text() -> None:
    assert content("a: '1'\n2: \"true\"\nnull: |\n  x\n") == {"a": "1", "2": "true", "null": "x\n"}


def test_tags_of_the_core_schema_are_obeyed() -> None:
    assert content(
        "{a: !!str 1, b: !!int '2', c: !!float 3, d: !!map {}, e: !!seq [], f: !!null '', g: !!bool 'true'}"
    ) == {
        "a": "1",
        "b": 2,
        "c": 3,
        "d": {},
        "e": [],
        "f": None,
        "g": True,
    }


def test_aliases_and_merge_keys_work_as_in_compose() -> None:
    text = "x-a: &a {mtu: 1400, stp: true}\nx-b: &b {mtu: 1300, isolated: true}\nc: {<<: [*a, *b], stp: false}\nd: *a\n"
    found = content(text)
    assert found["c"] == {"mtu": 1400, "isolated": True, "stp": False}
    assert found["d"] == {"mtu": 1400, "stp": True}


def test_a_merge_key_in_quotes_is_a_key() -> None:
    assert content("'<<': 1") == {"<<": 1}


@pytest.mark.parametrize("text", ["%YAML 1.2\n---\na: 1\n", "# first\n\n%YAML 1.2 # why not\n---\na: 1\n"])
def test_a_file_may_say_that_it_is_yaml_1_2(text: str) -> None:
    assert content(text) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "place", "fragment"),
    [
        ("stack: a\nstack: b\n", At("NC108", 2, 1), "the first is in line 1"),
        ("stack: a\nhosts:\n  b: {address: 10.0.0.1}\n  b: {address: 10.0.0.2}\n", At("NC108", 4, 3), "line 3"),
        ("stack: a\nx-b: {c: [{d: 1, 'd': 2}]}\n", At("NC108", 2, 18), "'d'"),
        ("stack: a\nx-b: {<<: {}, <<: {}}\n", At("NC108", 2, 15), "'<<'"),
        ("stack: !secret a\n", At("NC109", 1, 8), "'!secret'"),
        ("stack: a\nx-b: !!set {c}\n", At("NC109", 2, 6), "'!!set'"),
        ("stack: a\nx-b: !!python/object:os.system {}\n", At("NC109", 2, 6), "!!python/object"),
        ("stack: a\nx-b: {!!binary c: 1}\n", At("NC109", 2, 7), "'!!binary'"),
        ("stack: !!int a\n", At("NC127", 1, 8), "'!!int'"),
        ("stack: a\nx-b: *c\n", At("NC124", 2, 6), "'&c'"),
        ("stack: a\nx-b: &c [1]\n---\nx-d: *c\n", At("NC124", 4, 6), "'&c'"),
        ("stack: a\nx-b: &c [*c]\n", At("NC121", 2, 10), "'*c'"),
        ("stack: a\nx-b: {<<: 5}\n", At("NC125", 2, 11), "'<<'"),
        ("stack: a\nx-b:\n  {a: 1}: 2\n", At("NC123", 3, 3), "key"),
        ("stack: a\nx-b: {[1]: 2}\n", At("NC123", 2, 7), "key"),
        ("x-c: &c d\nstack: a\nx-b: {*c : 2}\n", At("NC123", 3, 7), "key"),
        ("stack: a\nx-b:\n  ? - c\n  : d\n", At("NC123", 3, 5), "key"),
        ("%YAML 1.1\n---\nstack: a\n", At("NC126", 1, 1), "directives"),
        ("%YAML 1.3\n---\nstack: a\n", At("NC126", 1, 1), "directives"),
        ("%TAG ! tag:example.com,2000:\n---\nstack: a\n", At("NC126", 1, 1), "directives"),
        ("%FOO\n---\nstack: a\n", At("NC126", 1, 5), "directives"),
        ("stack: a\nhosts:\n\tb: c\n", At("NC107", 3, 1), "tabs"),
        ("stack: a\nhosts: {b: c\nroutes: []\n", At("NC107", 3, 7), "'}'"),
        ("stack: a\nhosts: [b\n", At("NC107", 3, 1), "']'"),
        ("stack: a\nhosts: {b: {id: ${n}}}\n", At("NC107", 2, 18), "quoted"),
        ('stack: "a\n', At("NC107", 2, 1), "quoted"),
        ("stack: a\n  hosts: b\n", At("NC107", 2, 8), "':'"),
        ("stack: a\nhosts\n", At("NC107", 3, 1), "':'"),
        ("stack: @a\n", At("NC107", 1, 8), "begin"),
    ],
)
def test_what_yaml_allows_and_a_stack_does_not(text: str, place: At, fragment: str) -> None:
    found = only(text)
    assert places([found]) == [place]
    assert fragment in found.message


def test_a_mistake_shows_its_line() -> None:
    found = only("stack: a\nstack: b  # again\n")
    assert found.position is not None
    assert found.position.text == "stack: b  # again"


def test_all_duplicates_and_tags_of_a_file_are_reported_with_its_other_mistakes() -> None:
    found = mistakes("stack: a\nstack: b\nnetworks: {c: {mtu: x}}\nhosts: !foo {}\n")
    assert places(found) == [At("NC108", 2, 1), At("NC114", 3, 21), At("NC109", 4, 8)]


def test_a_billion_laughs_are_refused() -> None:
    lines = ["x-a: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"x-{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 10)]
    with bounded(megabytes=10):
        assert only("\n".join(lines)).code == "NC121"


def test_merge_keys_and_long_texts_count_as_what_they_stand_for() -> None:
    wide = "x-a: &a {" + ", ".join(f"k{i}: {i}" for i in range(2000)) + "}\n"
    text = f"x-t: &t {'x' * 100_000}\n"
    with bounded():
        assert only(wide + "x-b:\n" + "".join(f"  n{i}: {{<<: *a}}\n" for i in range(2000))).code == "NC121"
        assert only(text + "x-b: [" + ", ".join(["*t"] * 2000) + "]\n").code == "NC121"


def test_many_aliases_of_small_values_are_fine() -> None:
    text = "x-a: &a {mtu: 1400, stp: true}\nnetworks:\n" + "".join(f"  n{i}: {{<<: *a}}\n" for i in range(5000))
    assert len(loaded("stack: a\n" + text).stack.networks) == 5000


@pytest.mark.parametrize(
    "text",
    [
        "x-a: " + "[" * 1_000_000,
        "x-a: " + "{a: " * 500_000,
        "x-a:\n  " + "- " * 1_000_000 + "b",
        "x-a: " + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
    ],
)
def test_nesting_without_bound_is_refused(text: str) -> None:
    with bounded():
        assert only(text).code == "NC122"


def test_nesting_by_aliases_counts_too() -> None:
    lines = ["x-0: &a0 [1]"] + [f"x-{level}: &a{level} [*a{level - 1}]" for level in range(1, 500)]
    with bounded():
        found = only("\n".join(lines))
    assert (found.code, found.position and found.position.line) == ("NC121", MAX_DEPTH)


def test_nesting_within_the_bound_is_fine() -> None:
    depth = MAX_DEPTH - 1
    assert content("x-a: " + "[" * depth + "]" * depth)


@pytest.mark.parametrize(
    "text",
    [
        "x-a: '" + "x" * 10_000_000 + "'",
        "x-a: " + "9" * 10_000_000,
        "x-a: " + "x " * 5_000_000,
        "x" * 10_000_000 + ": 1",
        "x-a: |\n" + " x\n" * 1_000_000,
        "#" * 16_000_000,
    ],
)
def test_huge_scalars_take_time_and_memory_in_proportion(text: str) -> None:
    with bounded(megabytes=250):
        assert mistakes(text)
