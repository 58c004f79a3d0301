"""Mistakes in declarations, printed."""

import json

import pytest

from netctl.errors import Diagnostic, Position, Severity
from netctl.report import diagnostics
from netctl.report.paint import Paint

MISTAKE = Diagnostic(
    "NC115",
    "'10.0.0.1/24' has host bits set; the prefix is 10.0.0.0/24",
    "Write the prefix.",
    Position("stack.yaml", 14, 13, "    subnet: 10.0.0.1/24"),
)
WARNING = Diagnostic("NC230", "nothing uses this subnet", severity=Severity.WARNING)


def test_a_mistake_shows_its_line_and_a_caret_under_the_place() -> None:
    assert diagnostics.text([MISTAKE]) == (
        "stack.yaml:14:13: error[NC115]: '10.0.0.1/24' has host bits set; the prefix is 10.0.0.0/24\n"
        "   14 |     subnet: 10.0.0.1/24\n"
        "      |             ^\n"
        "        = Write the prefix."
    )


def test_a_mistake_without_a_place_is_one_line() -> None:
    assert diagnostics.text([WARNING]) == "warning[NC230]: nothing uses this subnet"


def test_a_tab_does_not_move_the_caret() -> None:
    line = "\tkey: x"
    lines = diagnostics.text([MISTAKE._replace(position=Position("f", 1, 7, line))]).splitlines()
    assert lines[2].index("^") - lines[1].index("|") == 8


def test_of_a_long_line_the_part_around_the_place_is_shown() -> None:
    line = "a" * 5_000 + "HERE" + "b" * 5_000
    shown, caret = diagnostics.text([MISTAKE._replace(position=Position("f", 1, 5_001, line))]).splitlines()[1:3]
    assert len(shown) < 200
    assert shown[caret.index("^") :].startswith("HERE")


def test_colour_is_only_where_it_is_wanted() -> None:
    assert "\x1b" not in diagnostics.text([MISTAKE])
    assert "\x1b[31m" in diagnostics.text([MISTAKE], Paint(enabled=True))


def test_control_characters_of_a_file_do_not_reach_the_terminal() -> None:
    evil = MISTAKE._replace(message="\x1b[2J", position=Position("\x1b.yaml", 1, 1, "\x1b[2J"))
    assert "\x1b" not in diagnostics.text([evil])


def test_json_tells_whether_the_stack_is_valid_and_where_it_is_not() -> None:
    document = json.loads(diagnostics.as_json([MISTAKE, WARNING]))
    assert (document["valid"], document["error_count"], document["warning_count"]) == (False, 1, 1)
    assert document["diagnostics"][0]["range"] == {"filename": "stack.yaml", "start": {"line": 14, "column": 13}}
    assert json.loads(diagnostics.as_json([WARNING]))["valid"] is True


def test_github_is_given_one_annotation_a_line_with_everything_escaped() -> None:
    awkward = MISTAKE._replace(message="100%\nof: a, b", position=Position("a,b:c.yaml", 2, 3))
    assert diagnostics.github([awkward, WARNING]).splitlines() == [
        "::error file=a%2Cb%3Ac.yaml,line=2,col=3,title=netctl NC115::100%25%0Aof: a, b%0AWrite the prefix.",
        "::warning title=netctl NC230::nothing uses this subnet",
    ]


def test_sarif_has_a_rule_for_each_code_and_a_region_for_each_result() -> None:
    log = json.loads(diagnostics.sarif([MISTAKE, WARNING], {"NC115": "A malformed value"}))
    run = log["runs"][0]
    assert log["version"] == "2.1.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["NC115", "NC230"]
    assert run["tool"]["driver"]["rules"][0]["shortDescription"]["text"] == "A malformed value"
    location = run["results"][0]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "stack.yaml"
    assert location["region"]["startLine"] == 14
    assert [result["level"] for result in run["results"]] == ["error", "warning"]


@pytest.mark.parametrize(
    ("found", "text"),
    [([MISTAKE], "1 error"), ([MISTAKE, MISTAKE, WARNING], "2 errors, 1 warning"), ([WARNING], "1 warning")],
)
def test_mistakes_are_counted(found: list[Diagnostic], text: str) -> None:
    assert diagnostics.count_text(found) == text


def test_of_thousands_of_mistakes_the_first_are_shown_errors_before_warnings() -> None:
    found = [MISTAKE._replace(position=Position("stack.yaml", line, 1)) for line in range(10_000, 0, -1)]
    lines = diagnostics.text([WARNING, *found]).splitlines()
    assert [line.split(":")[1] for line in lines if "error[" in line] == [str(line) for line in range(1, 101)]
    assert lines[-1] == (
        "and 9,901 more: 10000 errors, 1 warning in all. netctl validate -o json lists all of the files."
    )
    assert len(json.loads(diagnostics.as_json([WARNING, *found]))["diagnostics"]) == 10_001
