"""Expressions over labels: what they mean, and where they cannot be read."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netctl.policy.expressions import MAX_DEPTH, ExpressionError, parse
from netctl.policy.selectors import LabelIndex, matches

_SETTINGS = settings(max_examples=300, deadline=None)

Labels = dict[str, str]

WEB = {"app": "web", "env": "dev", "io.x/tier-1": "front"}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("app == 'web'", True),
        ('app == "web"', True),
        ("app=='web'", True),
        ("app == 'Web'", False),
        ("app != 'web'", False),
        ("app != 'api'", True),
        ("zone == 'a'", False),
        ("zone != 'a'", True),
        ("app in {'web', 'api'}", True),
        ("app in {'api'}", False),
        ("app in {}", False),
        ("app not in {'api'}", True),
        ("app not  in {'web'}", False),
        ("zone in {'a'}", False),
        ("zone not in {'a'}", True),
        ("zone not in {}", True),
        ("has(app)", True),
        ("has( zone )", False),
        ("!has(zone)", True),
        ("!!has(app)", True),
        ("app contains 'e'", True),
        ("app contains ''", True),
        ("zone contains ''", False),
        ("app starts with 'we'", True),
        ("app starts with 'eb'", False),
        ("app ends with 'eb'", True),
        ("app ends\twith 'we'", False),
        ("zone starts with ''", False),
        ("all()", True),
        ("!all()", False),
        ("io.x/tier-1 == 'front'", True),
        ("app == 'web' && env == 'prod'", False),
        ("app == 'web' || env == 'prod'", True),
        # && binds more closely than ||, and ! than both.
        ("env == 'dev' || app == 'api' && env == 'prod'", True),
        ("(env == 'dev' || app == 'api') && env == 'prod'", False),
        ("!env == 'prod' && app == 'web'", True),
        ("!(env == 'prod' && app == 'web')", True),
        ("!has(app) || has(env)", True),
        ("!(has(app) || has(env))", False),
        # Words of the grammar may be labels.
        ("in == 'x' || has == 'y' || all != 'z'", True),
        ("((((app == 'web'))))", True),
    ],
)
def test_an_expression_means_what_calico_s_does(text: str, *, holds: bool) -> None:
    assert matches(parse(text), WEB) is holds
    assert LabelIndex({"it": WEB, "other": {}}).select(text) & {"it"} == ({"it"} if holds else set())


@pytest.mark.parametrize(
    ("text", "column", "part"),
    [
        ("", 1, "expected a label's name"),
        ("   ", 4, "but nothing follows"),
        ("app", 4, "expected one of '==', '!=', 'in'"),
        ("app = 'web'", 5, "'=' means nothing (did you mean '=='?)"),
        ("app == web", 8, "expected a value in quotes, not 'web'"),
        ("app == 'web", 8, "a quote is opened and not closed"),
        ("app == 'web' app", 14, "expected '&&', '||' or the end, not 'app'"),
        ("app == 'web' &&", 16, "expected a label's name"),
        ("app == 'web' & x", 14, "did you mean '&&'?"),
        ("app is 'web'", 5, "not 'is'"),
        ("app notin {'a'}", 5, "did you mean 'not in'?"),
        ("app startswith 'a'", 5, "did you mean 'starts with'?"),
        ("app starts 'a'", 12, "expected 'with', not 'a'"),
        ("app not {'a'}", 9, "expected 'in', not '{'"),
        ("app in 'a'", 8, "expected '{', not 'a'"),
        ("app in {'a' 'b'}", 13, "expected ',' or '}', not 'b'"),
        ("app in {'a',}", 13, "expected a value in quotes, not '}'"),
        ("app in {'a'", 12, "expected ',' or '}', but nothing follows"),
        ("has(app", 8, "expected ')'"),
        ("has()", 5, "expected a label's name"),
        ("(app == 'a'", 12, "expected ')'"),
        ("all(x)", 5, "expected ')'"),
        ("'app' == 'a'", 1, "expected a label's name"),
        ("app == 'a' ; x", 12, "';' means nothing"),
        ("äpp == 'a'", 1, "'ä' means nothing"),
        ("(" * (MAX_DEPTH + 1) + "all()" + ")" * (MAX_DEPTH + 1), MAX_DEPTH + 1, "nested more than"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_column(text: str, column: int, part: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert caught.value.column == column
    assert part in str(caught.value)
    assert f"at column {column} of the expression" in str(caught.value)


def test_nesting_up_to_the_limit_and_long_chains_are_read() -> None:
    assert matches(parse("(" * MAX_DEPTH + "has(app)" + ")" * MAX_DEPTH), WEB)
    assert matches(parse(" && ".join(["has(app)"] * 5000)), WEB)
    assert matches(parse("!" * 5001 + "has(zone)"), WEB)


class Meaning(NamedTuple):
    """An expression, and what it is to mean."""

    text: str
    holds: Callable[[Labels], bool]


_keys = st.sampled_from(["app", "env", "in", "a.b/c-d"])
_values = st.sampled_from(["", "web", "we", "b", 'a"b'])


def _test(key: str, operator: str, value: str) -> Meaning:
    spelled = f"{key} {operator} '{value}'"
    tests: dict[str, Callable[[Labels], bool]] = {
        "==": lambda labels: key in labels and labels[key] == value,
        "!=": lambda labels: not (key in labels and labels[key] == value),
        "contains": lambda labels: key in labels and value in labels[key],
        "starts with": lambda labels: key in labels and labels[key].startswith(value),
        "ends with": lambda labels: key in labels and labels[key].endswith(value),
    }
    return Meaning(spelled, tests[operator])


def _set(key: str, values: list[str], *, negated: bool) -> Meaning:
    spelled = f"{key} {'not in' if negated else 'in'} {{{','.join(repr(value) for value in values)}}}"
    return Meaning(spelled, lambda labels: (key in labels and labels[key] in values) is not negated)


def _joined(parts: list[Meaning], sign: str) -> Meaning:
    spelled = f" {sign} ".join(f"({part.text})" for part in parts)
    every = all if sign == "&&" else any
    return Meaning(spelled, lambda labels: every(part.holds(labels) for part in parts))


_leaves = st.one_of(
    st.builds(_test, _keys, st.sampled_from(["==", "!=", "contains", "starts with", "ends with"]), _values),
    st.builds(_set, _keys, st.lists(_values, max_size=3), negated=st.booleans()),
    _keys.map(lambda key: Meaning(f"has({key})", lambda labels: key in labels)),
    st.just(Meaning("all()", lambda _: True)),
)
_expressions = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.builds(_joined, st.lists(inner, min_size=1, max_size=3), st.sampled_from(["&&", "||"])),
        inner.map(lambda part: Meaning(f"!({part.text})", lambda labels: not part.holds(labels))),
    ),
    max_leaves=8,
)


@_SETTINGS
@given(_expressions, st.lists(st.dictionaries(_keys, _values), max_size=5))
def test_one_by_one_and_by_the_index_the_same_are_selected_as_by_what_was_meant(
    meant: Meaning, labelled: list[Labels]
) -> None:
    names = {f"e{number}": labels for number, labels in enumerate(labelled)}
    wanted = {name for name, labels in names.items() if meant.holds(labels)}
    assert {name for name, labels in names.items() if matches(parse(meant.text), labels)} == wanted
    assert LabelIndex(names).select(meant.text) == wanted


@_SETTINGS
@given(st.text(st.sampled_from("ab ()!&|='\"{},in.not has with_é\n\0"), max_size=40))
def test_no_text_does_worse_than_a_syntax_error(text: str) -> None:
    column = 1
    try:
        matches(parse(text), WEB)
    except ExpressionError as error:
        column = error.column
    assert 1 <= column <= len(text) + 1


def test_an_index_of_labels_answers_for_all_of_several_labels() -> None:
    index = LabelIndex({"a": WEB, "b": {"app": "web"}, "c": {}})
    assert index.labelled({"app": "web"}) == {"a", "b"}
    assert index.labelled({"app": "web", "env": "dev"}) == {"a"}
    assert index.labelled({}) == {"a", "b", "c"}
    assert index.labelled({"app": "api"}) == set()
