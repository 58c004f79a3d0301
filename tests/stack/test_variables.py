"""Variables: where they come from, and what becomes of references."""

from pathlib import Path
from typing import Any

import pytest

from netctl.stack.definitions import VariableInputs
from netctl.stack.variables import ExpansionError, Variables
from tests.stack.declaring import At, loaded, mistakes, only, places

VALUES: dict[str, Any] = {"a": "one", "n": 5, "t": True, "e": "", "z": None, "q": "5", "f": 1.5}


def inputs(*command_line: str, files: tuple[str, ...] = (), **environment: str) -> VariableInputs:
    return VariableInputs(command_line, files, {f"NETCTL_VAR_{name}": value for name, value in environment.items()})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${a}", "one"),
        ("$a", "one"),
        ("x${a}y", "xoney"),
        ("$a-$n", "one-5"),
        ("$$a", "$a"),
        ("$$${a}", "$one"),
        ("${n}", 5),
        ("${n}0", "50"),
        ("${t}", True),
        ("x${t}", "xtrue"),
        ("${q}", "5"),
        ("${z}", None),
        ("x${z}", "x"),
        ("${a:-b}", "one"),
        ("${u:-b}", "b"),
        ("${u-b}", "b"),
        ("${e:-b}", "b"),
        ("${e-b}", ""),
        ("${u:-1450}", 1450),
        ("${u:-}", None),
        ("x${u:-}", "x"),
        ("${u:-${n}}", 5),
        ("${u:-${v:-${q}}}", "5"),
        ("${u:-a}b}", "ab}"),
        ("${u:-10.${n}.0.0/16}", "10.5.0.0/16"),
        ("${u:-$$}", "$"),
        ("${a:+b}", "b"),
        ("${u:+b}", None),
        ("${e:+b}", None),
        ("${e+b}", "b"),
        ("x${u+b}", "x"),
        ("${a:?needed}", "one"),
        ("${e?needed}", ""),
    ],
)
def test_references_are_compose_s(text: str, value: object) -> None:
    found = Variables(VALUES).expand(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("${u}", "NC141", "The variable 'u' is not defined."),
        ("$u", "NC141", "The variable 'u' is not defined."),
        ("${u:?set it}", "NC141", "The variable 'u' is needed: set it."),
        ("${e:?}", "NC141", "The variable 'e' is needed: it has no value."),
        ("${u:-${v}}", "NC141", "The variable 'v' is not defined."),
        ("a $ b", "NC142", "'$ b' is no variable reference."),
        ("$5", "NC142", "'$5' is no variable reference."),
        ("${}", "NC142", "'${}' is no variable reference."),
        ("${a", "NC142", "'${a' is no variable reference."),
        ("${a b}", "NC142", "'${a b}' is no variable reference."),
        ("${a:-b", "NC142", "'${a:-b' is no variable reference."),
        ("${a:=b}", "NC142", "'${a:=b}' is no variable reference."),
        ("${u:-" * 20 + "}" * 20, "NC142", "Defaults are nested more than 16 deep."),
    ],
)
def test_what_is_no_reference_or_has_no_value_is_a_mistake(text: str, code: str, message: str) -> None:
    with pytest.raises(ExpansionError) as caught:
        Variables(VALUES).expand(text)
    assert (caught.value.problem.code, caught.value.problem.message) == (code, message)


def test_an_undefined_variable_has_the_nearest_name_as_a_hint() -> None:
    with pytest.raises(ExpansionError) as caught:
        Variables({"region": "eu"}).expand("${regoin}")
    assert caught.value.problem.advice.startswith("Did you mean 'region'?")


def test_defaults_then_environment_then_files_then_the_command_line(tmp_path: Path) -> None:
    first, second = tmp_path / "1.yaml", tmp_path / "2.yaml"
    first.write_text("c: file\nd: file\n")
    second.write_text("d: second\n")
    text = "stack: s\nvars: {a: vars, b: vars, c: vars, d: vars, e: vars}\nhosts:\n  h:\n    address: 10.0.0.1\n"
    text += "    labels: {a: $a, b: $b, c: $c, d: $d, e: $e}\n"
    given = inputs("e=line", files=(str(first), str(second)), b="env", c="env", d="env", e="env")
    found = loaded(text, given)
    assert found.stack.hosts["h"].labels == {"a": "vars", "b": "env", "c": "file", "d": "second", "e": "line"}
    assert [Path(file.path).name for file in found.files] == ["<stdin>", "1.yaml", "2.yaml"]


def test_later_documents_override_vars_and_references_may_come_before() -> None:
    found = loaded("stack: $name\nvars: {name: a}\n---\nvars: {name: b}\n")
    assert found.stack.stack == "b"


def test_a_value_that_is_one_reference_takes_the_variable_s_type() -> None:
    text = 'stack: s\nnetworks: {n: {mtu: "${mtu}", stp: "$stp", subnet: "$subnet"}}\n'
    network = loaded(text, inputs("mtu=1450", "stp=true", subnet="5")).stack.networks["n"].model_dump()
    assert (network["mtu"], network["stp"], network["subnet"]) == (1450, True, "5")


def test_a_value_cannot_add_structure_and_is_not_expanded_again() -> None:
    text = "stack: s\nhosts: {h: {address: 10.0.0.1, labels: {a: $a, b: $b}}}\n"
    found = loaded(text, inputs("a={x: 1}, c: 2", "b=${a}"))
    assert found.stack.hosts["h"].labels == {"a": "{x: 1}, c: 2", "b": "${a}"}


def test_an_alias_is_expanded_wherever_it_stands() -> None:
    text = "stack: s\nx-l: &l {a: $$$$}\nhosts:\n  h: &h {address: 10.0.0.1, labels: *l}\n  i: *h\n"
    assert [host.labels for host in loaded(text).stack.hosts.values()] == [{"a": "$$"}] * 2


def test_sections_of_one_s_own_may_hold_anything() -> None:
    assert loaded("stack: s\nx-a: ${undefined} ${\n").stack.stack == "s"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("stack: s\nnetworks:\n  n:\n    mtu: ${mtu}\n", At("NC141", 4, 10)),
        ("stack: s\nsubnets: {n: {cidr: '10.$site.0.0/16'}}\n", At("NC141", 2, 25)),
        ("stack: s\nroutes: [{to: default, via: 10.0.0.1}, {to: $to}]\n", At("NC141", 2, 45)),
        ("stack: s\nnetworks: {n: {mac: 'a$ b'}}\n", At("NC142", 2, 23)),
        ("stack: s\nhosts:\n  h: {address: 10.0.0.1, labels: {'${x}': a}}\n", At("NC142", 3, 36)),
        ("stack: s\nvars: {a-b: 1}\n", At("NC143", 2, 8)),
        ("stack: s\nvars: {a: [1]}\n", At("NC143", 2, 8)),
        ("stack: s\nvars: {a: '${b}'}\n", At("NC143", 2, 8)),
        ("stack: s\nvars: [a]\n", At("NC143", 2, 1)),
    ],
)
def test_mistakes_are_at_the_reference_or_the_definition(text: str, place: At) -> None:
    assert places([only(text)]) == [place]


def test_all_undefined_variables_are_reported_together_with_all_else() -> None:
    found = mistakes("stack: $s\nnetworks: {n: {mtu: $mtu, stp: x}}\n")
    assert places(found) == [At("NC141", 1, 8), At("NC141", 2, 21), At("NC114", 2, 32)]


@pytest.mark.parametrize("definition", ["mtu", "a-b=1", "=1", "1a=2"])
def test_a_malformed_definition_on_the_command_line_is_a_mistake(definition: str) -> None:
    assert only("stack: s\n", inputs(definition)).code == "NC143"


def test_a_definition_of_what_nothing_uses_is_a_mistake_with_a_hint() -> None:
    found = only("stack: s\nvars: {region: eu}\n", inputs("regoin=us"))
    assert (found.code, found.advice) == ("NC144", "Did you mean 'region'?")


def test_a_variable_of_the_environment_or_in_a_default_may_go_unused() -> None:
    assert loaded("stack: ${a:-${b:-s}}\n", inputs("a=t", "b=u", other="x")).stack.stack == "t"


def test_a_value_that_is_not_utf_8_is_a_mistake() -> None:
    assert only("stack: $a\n", inputs("a=\udcff")).code == "NC143"
    assert only("stack: $a\n", inputs(a="\udcff")).code == "NC143"


def test_mistakes_in_a_variable_file_are_placed_in_it(tmp_path: Path) -> None:
    path = tmp_path / "vars.yaml"
    path.write_text("a: 1\nb: {}\n")
    found = only("stack: s\n", inputs(files=(str(path),)))
    assert found.position is not None
    assert (found.code, found.position.file, found.position.line) == ("NC143", str(path), 2)
    assert only("stack: s\n", inputs(files=(str(tmp_path / "none.yaml"),))).code == "NC101"


def test_variables_cannot_expand_without_bound() -> None:
    text = "stack: s\nvars:\n  a: '" + "x" * 100_000 + "'\nhosts: {h: {address: 10.0.0.1, labels: {"
    text += ", ".join(f"l{number}: '.$a'" for number in range(1000)) + "}}}\n"
    assert {found.code for found in mistakes(text)} == {"NC145"}
