"""Several documents and files as one stack."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netctl.stack.loader import load
from netctl.stack.merging import merge
from tests.stack.declaring import At, loaded, mistakes_of, places

JSON = st.recursive(
    st.integers() | st.text("ab", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)
CONTENTS = st.lists(st.dictionaries(st.text("abc", min_size=1, max_size=1), JSON, max_size=3), max_size=4)


@pytest.mark.parametrize(
    ("under", "over", "merged"),
    [
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": {"b": {"c": {"d": 1, "e": 2}}}}, {"a": {"b": {"c": {"d": 3}}}}, {"a": {"b": {"c": {"d": 3, "e": 2}}}}),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": "text"}}, {"a": {"b": "text"}}),
        ({"a": {"b": "text"}}, {"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 1}}}),
        ({"a": {"b": {"c": 1}}}, {"a": None}, {"a": {"b": {"c": 1}}}),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": None}}, {"a": {"b": {"c": 1}}}),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": None}}}, {"a": {"b": {"c": None}}}),
        ({}, {"a": {"b": None}}, {"a": {"b": {}}}),
    ],
)
def test_later_documents_go_over_earlier_ones(
    under: dict[str, object], over: dict[str, object], merged: object
) -> None:
    assert merge([under, over]) == merged


@given(CONTENTS)
def test_what_is_merged_is_left_as_it_was(contents: list[dict[str, object]]) -> None:
    before = repr(contents)
    merge(contents)
    assert repr(contents) == before


@given(CONTENTS, CONTENTS)
def test_merging_in_two_steps_is_merging_in_one(first: list[dict[str, object]], then: list[dict[str, object]]) -> None:
    assert merge([merge(first), *then]) == merge([*first, *then])


def test_what_aliases_share_is_not_changed_together() -> None:
    found = loaded("stack: a\nx-n: &n {mtu: 1400}\nnetworks: {b: *n, c: *n}\n---\nnetworks: {b: {mtu: 1300}}\n")
    assert [network.model_dump()["mtu"] for network in found.stack.networks.values()] == [1300, 1400]


def test_a_mistake_is_placed_in_the_last_document_that_has_it(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("stack: a\nnetworks:\n  b: {mtu: 1400, stp: 1}\n")
    (tmp_path / "b.yaml").write_text("networks:\n  c:\n---\n\nnetworks:\n  b:\n    mtu: x\n")
    found = mistakes_of(tmp_path / "a.yaml", tmp_path / "b.yaml")
    assert places(found) == [At("NC114", 3, 23), At("NC114", 7, 10)]
    assert [Path(d.position.file).name for d in found if d.position] == ["a.yaml", "b.yaml"]


def test_mistakes_are_in_the_order_of_files_and_lines(tmp_path: Path) -> None:
    (tmp_path / "z.yaml").write_text("stack: A\nfoo: 1\n")
    (tmp_path / "a.yaml").write_text("bar: 1\nroutes: 5\nhosts: 5\n")
    found = mistakes_of(tmp_path / "z.yaml", tmp_path / "a.yaml")
    assert places(found) == [
        At("NC115", 1, 8),
        At("NC111", 2, 1),
        At("NC111", 1, 1),
        At("NC114", 2, 9),
        At("NC114", 3, 8),
    ]


def test_what_a_file_includes_lies_below_it(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "stack.yaml").write_text("stack: a\ninclude: sub/base.yaml\nnetworks: {n: {mtu: 1400}}\n")
    (tmp_path / "sub/base.yaml").write_text("include: [more.yaml]\nnetworks: {n: {mtu: 1300, stp: true}}\n")
    (tmp_path / "sub/more.yaml").write_text("networks: {n: {mtu: 1200, isolated: true}}\n")
    stack = load([str(tmp_path / "stack.yaml")])
    assert stack.stack.networks["n"].model_dump(exclude_unset=True) == {"mtu": 1400, "stp": True, "isolated": True}
    assert [Path(file.path).name for file in stack.files] == ["stack.yaml", "base.yaml", "more.yaml"]


def test_a_file_that_two_include_is_read_once_and_lies_below_both(tmp_path: Path) -> None:
    (tmp_path / "common.yaml").write_text("networks: {n: {mtu: 1200}}\n")
    (tmp_path / "a.yaml").write_text("include: [common.yaml]\nnetworks: {n: {mtu: 1300}}\n")
    (tmp_path / "b.yaml").write_text("include: [common.yaml]\n")
    (tmp_path / "stack.yaml").write_text("stack: s\ninclude: [a.yaml, b.yaml]\n")
    stack = load([str(tmp_path / "stack.yaml")])
    assert stack.stack.networks["n"].model_dump()["mtu"] == 1300
    assert len(stack.files) == 4


def test_a_directory_whose_files_include_one_another_reads_each_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("stack: s\ninclude: [b.yaml]\nnetworks: {n: {mtu: 1300}}\n")
    (tmp_path / "b.yaml").write_text("networks: {n: {mtu: 1200}}\n")
    stack = load([str(tmp_path)])
    assert stack.stack.networks["n"].model_dump()["mtu"] == 1300
    assert len(stack.files) == 2


def test_a_directory_that_holds_two_stacks_is_refused_and_a_further_file_may_rename_one(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("stack: a\n")
    (tmp_path / "b.yaml").write_text("networks: {}\nstack: b\n")
    (tmp_path / "c.yaml").write_text("stack: c\n")
    found = mistakes_of(tmp_path)
    assert places(found) == [At("NC133", 2, 1)]
    assert found[0].message == f"'{tmp_path}' holds two stacks, 'a' and 'b'."
    assert load([str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml")]).stack.stack == "b"


def test_a_saved_plan_is_no_stack_which_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"format_version": "1.0", "stack": "s", "resource_changes": []}')
    (tmp_path / "stack.yaml").write_text("stack: s\ninclude: plan.json\n")
    for named in ("plan.json", "stack.yaml"):
        (found,) = mistakes_of(tmp_path / named)
        assert found.code == "NC134"
        assert "saved plan" in found.message
        assert "netctl apply plan.json" in found.advice


def test_a_compose_file_is_no_stack_which_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services:\n  a: {build: .}\n  b:\nnetworks:\n  front:\n")
    (found,) = mistakes_of(tmp_path / "compose.yaml")
    assert found.code == "NC135"
    assert "netctl import --compose" in found.advice
    (tmp_path / "stack.yaml").write_text("stack: s\nservices: {a: {image: x}}\n")
    assert [found.code for found in mistakes_of(tmp_path / "stack.yaml")] == ["NC111"]


def test_two_documents_of_a_file_name_one_stack(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("stack: a\n---\nstack: a\n")
    assert load([str(tmp_path / "a.yaml")]).stack.stack == "a"
    (tmp_path / "a.yaml").write_text("stack: a\n---\nstack: b\n")
    assert places(mistakes_of(tmp_path / "a.yaml")) == [At("NC133", 3, 1)]


def test_the_name_of_an_included_stack_lies_below_that_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/base.yaml").write_text("stack: base\n")
    (tmp_path / "stack.yaml").write_text("stack: s\ninclude: sub/base.yaml\n")
    assert load([str(tmp_path / "stack.yaml")]).stack.stack == "s"


def test_a_cycle_of_includes_shows_its_path(tmp_path: Path) -> None:
    for name, included in (("a", "b"), ("b", "c"), ("c", "a")):
        (tmp_path / f"{name}.yaml").write_text(f"stack: s\ninclude:\n  - {included}.yaml\n")
    [found] = mistakes_of(tmp_path / "a.yaml")
    assert places([found]) == [At("NC131", 3, 5)]
    assert found.position is not None
    assert found.position.file == str(tmp_path / "c.yaml")
    shown = " -> ".join(f"'{tmp_path}/{name}.yaml'" for name in "abca")
    assert found.message == f"The file includes itself: {shown}."


def test_a_cycle_through_a_symbolic_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("stack: s\ninclude: [link.yaml]\n")
    (tmp_path / "link.yaml").symlink_to("a.yaml")
    assert [d.code for d in mistakes_of(tmp_path / "a.yaml")] == ["NC131"]


def test_a_loop_of_symbolic_links_is_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("a.yaml")
    assert [d.code for d in mistakes_of(tmp_path / "a.yaml")] == ["NC101"]


def test_includes_may_not_go_on_without_end(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"{number}.yaml").write_text(f"stack: s\ninclude: [{number + 1}.yaml]\n")
    [found] = mistakes_of(tmp_path / "0.yaml")
    assert (found.code, found.position and Path(found.position.file).name) == ("NC132", "32.yaml")


@pytest.mark.parametrize(
    ("include", "place"),
    [
        ("5", At("NC132", 2, 1)),
        ("[a.yaml, {b: c}]", At("NC132", 2, 19)),
        ("[-]", At("NC132", 2, 11)),
        ("['-']", At("NC132", 2, 11)),
        ('"${file}.yaml"', At("NC132", 2, 1)),
        ("missing.yaml", At("NC101", 2, 1)),
        (".", At("NC101", 2, 1)),
    ],
)
def test_a_malformed_include_is_found_where_it_is(tmp_path: Path, include: str, place: At) -> None:
    (tmp_path / "a.yaml").write_text("stack: s\n")
    (tmp_path / "stack.yaml").write_text(f"stack: s\ninclude: {include}\n")
    assert places(mistakes_of(tmp_path / "stack.yaml")) == [place]


def test_an_empty_included_file_is_found_where_it_is_included(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("")
    (tmp_path / "stack.yaml").write_text("stack: s\ninclude: [empty.yaml]\n")
    assert places(mistakes_of(tmp_path / "stack.yaml")) == [At("NC106", 2, 11)]
