"""The formatter: what it changes, and what it leaves alone."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from netctl.errors import DeclarationError
from netctl.stack.formatting import ORDER, format_text
from netctl.stack.models import Stack
from netctl.stack.source import Source
from netctl.stack.yaml_events import documents
from tests.stack.declaring import loaded, many

UNTIDY = """\
# yaml-language-server: $schema=x
# The shop's stack.
networks:   # all of them


    # The front.
    front:
        driver:   bridge    # as always
        # mtu: 1400
        attach:
        # the first
        -   netns:   x
            labels: {a: b,

                # in a flow
                c: d}
        -     {netns: y}

        # attach more here


    back: {  }
# The ranges.
subnets: {a: {cidr: 10.0.0.0/8}}

stack:    shop\t
version: 1
x-text: |
     first
       second\x20\x20

     last
x-folded: "one
    two"
# The end.
"""

TIDY = """\
# yaml-language-server: $schema=x
# The shop's stack.
version: 1

stack:    shop

x-text: |
     first
       second\x20\x20

     last

x-folded: "one
    two"
# The end.

# The ranges.
subnets: {a: {cidr: 10.0.0.0/8}}

networks:   # all of them

  # The front.
  front:
    driver:   bridge    # as always
    # mtu: 1400
    attach:
      # the first
      - netns:   x
        labels: {a: b,

            # in a flow
            c: d}
      - {netns: y}

      # attach more here

  back: {  }
"""


def meaning(text: str) -> list[dict[str, object]]:
    return [document.content for document in documents(Source("text", text, ""), [])]


def test_sections_indentation_and_white_space_are_put_in_order() -> None:
    assert format_text(UNTIDY) == TIDY


def test_what_is_formatted_stays_as_it_is() -> None:
    assert format_text(TIDY) == TIDY


@pytest.mark.parametrize(
    ("text", "formatted"),
    [
        ("stack: a", "stack: a\n"),
        ("\ufeffstack: a\r\nversion: 1\r\n", "version: 1\nstack: a\n"),
        ("\n\n\nstack: a\n\n\n", "stack: a\n"),
        ("---\nstack: a\n---\n\n\nroutes:\n- {to: default}\n", "---\nstack: a\n---\n\nroutes:\n  - {to: default}\n"),
        ("a:\n    - - 1\n      - 2\n    -\n      b: 1\n", "a:\n  - - 1\n    - 2\n  -\n    b: 1\n"),
        ("{b: 1,\n a: 2}\n", "{b: 1,\n a: 2}\n"),
        ("a:\n    b: c\n     d\n", "a:\n  b: c\n   d\n"),
        ("a:\n      'b: c':   |-\n             x\n", "a:\n  'b: c':   |-\n         x\n"),
        ("routes: []\nx-b: 1\nvars: {}\nx-a: 2\n", "vars: {}\nx-b: 1\nx-a: 2\nroutes: []\n"),
        ("# only\n\n\n# remarks\n", "# only\n\n# remarks\n"),
    ],
)
def test_small_cases(text: str, formatted: str) -> None:
    assert format_text(text) == formatted
    assert format_text(formatted) == formatted


def test_an_anchor_stays_before_its_alias() -> None:
    text = "routes: [&r {to: default, via: 10.0.0.1}]\nhosts: {h: *r}\n"
    assert format_text(text) == text
    ordered = "routes: []\nnetworks: &n {}\nx-a: *n\n"
    assert format_text(ordered) == ordered


def test_a_text_that_is_laid_out_in_a_rare_way_is_left_alone() -> None:
    text = "stack: a\n? hosts\n:   {}\n"
    assert format_text(text) == text


@pytest.mark.parametrize("text", ["a: [", "a: 1\na: 2\n", "%YAML 1.1\n---\na: 1\n", "- a\n"])
def test_what_is_no_stack_file_is_refused(text: str) -> None:
    with pytest.raises(DeclarationError):
        format_text(text)


def test_the_order_is_of_all_keys_of_the_language() -> None:
    assert set(Stack.model_fields) | {"vars", "include"} <= set(ORDER)


def test_a_large_file_is_already_in_order() -> None:
    text = many(400)
    assert loaded(format_text(text)).digest == loaded(text).digest


SCALARS = st.sampled_from(
    [
        "a",
        "1",
        "0123",
        "1.10",
        "true",
        "'q: # x'",
        '"d\\n\\" # "',
        "~",
        "${v}",
        "10.0.0.0/8",
        "a b",
        "é",
        "x:y",
        "*a",
        "&b c",
    ]
)
COMMENTS = st.sampled_from(["", "", "  # remark", " # a: b", "   "])


@st.composite
def blocks(draw: st.DrawFn, column: int = 0, depth: int = 0) -> str:
    """A mapping or a list in block style, indented as nobody would."""
    is_list = depth > 0 and draw(st.booleans())
    lines = []
    for number in range(draw(st.integers(1, 3))):
        if draw(st.integers(0, 5)) == 0:
            lines.append(draw(st.sampled_from(["", " " * draw(st.integers(0, 12)) + "# between"])))
        head = f"-{' ' * draw(st.integers(1, 3))}" if is_list else f"{draw(st.sampled_from('abxy'))}{number}:"
        lines.append(" " * column + head + draw(values(column, depth, is_list=is_list, width=len(head))))
    return "\n".join(lines)


@st.composite
def values(draw: st.DrawFn, column: int, depth: int, *, is_list: bool, width: int) -> str:
    """What follows a key or a dash."""
    space = "" if is_list else " " * draw(st.integers(1, 3))
    kind = draw(st.integers(0, 5)) if depth < 3 else 0
    deeper = column + draw(st.integers(1, 4))
    if kind == 1:
        return f"{space}{{a: 1,\n{' ' * deeper}b: [c,\n{' ' * deeper}# in\n{' ' * deeper}d]}}{draw(COMMENTS)}"
    if kind == 2:
        style = draw(st.sampled_from(["|", ">", "|-", ">+", "|2"]))
        indent = " " * (column + 2 if "2" in style else deeper)
        return f"{space}{style}\n{indent}one\n\n{indent}  two  \n{indent}three"
    if kind == 3:
        return f"{space}'one\n\n{' ' * deeper}two'{draw(COMMENTS)}"
    if kind == 4 and is_list:
        return draw(blocks(column + width, depth + 1)).lstrip(" ")
    if kind >= 4:
        return f"{draw(COMMENTS)}\n{draw(blocks(deeper, depth + 1))}"
    return f"{space}{draw(SCALARS)}{draw(COMMENTS)}"


TEXTS = st.lists(blocks(), min_size=1, max_size=2).map("\n---\n".join)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)
@given(TEXTS)
@example("a0:\n- |\n  one\n\n    two  \n  three\n\n\nx1: 1\n")
@example("y0: |+\n  one\n\n\nx1: 1\n")
@example("a0: 1\n     # deep\nx1:\n    - 1\n  # less\n    - 2\n")
def test_formatting_keeps_the_meaning_and_every_remark_and_is_done_in_one_step(text: str) -> None:
    try:
        before = meaning(text)
    except DeclarationError:
        return
    try:
        formatted = format_text(text)
    except DeclarationError:
        return
    assert repr([sorted(content.items()) for content in meaning(formatted)]) == repr(
        [sorted(content.items()) for content in before]
    )
    assert format_text(formatted) == formatted
    assert sorted("".join(line.split()) for line in formatted.splitlines() if line.strip()) == sorted(
        "".join(line.split()) for line in text.splitlines() if line.strip()
    )
