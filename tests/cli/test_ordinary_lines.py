"""Command lines that are read without Typer mean what they mean to Typer; any other is left to it."""

from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import Any

import pytest

from netctl.cli.app import parse
from netctl.cli.command_line import read, runner
from netctl.cli.commands import COMMANDS
from netctl.cli.parameters import Option, Parameter, options_of, parameters_of
from netctl.errors import UsageError

MODULES = {
    tuple(filter(None, (command.name, verb))): command.module + (f".{verb}" if verb else "")
    for command in COMMANDS
    for verb in (command.verbs or ("",))
}
WORDS = (
    "a",
    "b.yaml",
    "-",
    "0",
    "7",
    "1.5",
    "text",
    "json",
    "4",
    "K=V",
    "a b",
    "=",
    "",
    "-1",
    "--",
    "../x",
    "--yes",
    "-q",
)
LINES = 150


def parameters(module: str) -> list[Parameter]:
    """What the command takes."""
    return parameters_of(options_of(runner(module)))


def lines(module: str, random: Random) -> Iterator[list[str]]:
    """Command lines, most of them wrong in some way."""
    taken = parameters(module)
    for _ in range(LINES):
        words = [word for entry in random.sample(taken, random.randint(0, 3)) for word in given(entry, random)]
        words += random.choices(WORDS, k=random.choice((0, 0, 0, 1, 2)))
        yield words


def given(parameter: Parameter, random: Random) -> list[str]:
    """The words that give a parameter some value."""
    value = random.choice((*WORDS, *map(str, getattr(parameter.type, "__members__", {}).values())))
    if not isinstance(parameter.declared, Option):
        return [value]
    name = random.choice(parameter.declared.names)
    if parameter.type is bool:
        return [random.choice((name, name, f"{name}=yes"))]
    return random.choice(([name, value], [f"{name}={value}"], [name + value], [name]))


def meaning(command: Callable[[], int] | None) -> Any:
    """Which command it is, and with which options."""
    assert isinstance(command, partial)
    return command.func, command.args


@pytest.mark.parametrize("name", MODULES, ids=" ".join)
@pytest.mark.parametrize("state_dir", [None, "/tmp/state", ""])
def test_what_is_read_at_once_is_what_typer_reads(
    name: tuple[str, ...], state_dir: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NETCTL_STATE_DIR", raising=False)
    if state_dir is not None:
        monkeypatch.setenv("NETCTL_STATE_DIR", state_dir)
    for words in lines(MODULES[name], Random(" ".join(name))):
        line = [*name, *words]
        command = read(line)
        if command is None:
            continue
        try:
            assert meaning(command) == meaning(parse(line)), line
        except UsageError as error:
            pytest.fail(f"{line}: {error}")


@pytest.mark.parametrize(
    "line",
    [
        "plan -f stack.yaml",
        "plan -f a.yaml -f - --var K=V --netns node1 --host=node1 -o json --out plan.json --detailed-exitcode",
        "apply --yes -q plan.json",
        "apply -f stack.yaml --max-deletes 3 --lock-timeout 0.5 --state-dir /tmp/state",
        "destroy --stack shop -y",
        "get link kernel/address/* -o json",
        "trace frontend/web backend/db 5432 --family 4 -f stack.yaml",
        "schema plan",
        "twin up -f stack.yaml",
        "twin exec -f stack.yaml node1/web id",
        "watch -f stack.yaml --listen 127.0.0.1:9095 --resync 0 --dns 127.0.0.1:53 --dns [::1]:53",
        "import --compose compose.yaml",
    ],
)
def test_ordinary_lines_need_no_typer(line: str) -> None:
    words = line.split()
    assert meaning(read(words)) == meaning(parse(words))


@pytest.mark.parametrize(
    "line",
    [
        "", "plann", "plan --help", "plan -h", "plan -qv", "plan -fx", "plan --fil x", "plan -f", "plan -f --yes",
        "plan -o xml", "plan -q -q", "plan --netns a/b", "plan --netns=", "apply a b", "apply --max-deletes -1", "fmt",
        "twin", "twin upp", "twin exec -- node1 ls", "--version", "plan --quiet=yes", "--install-completion",
        "test --timeout 0", "test --timeout 61", "test --timeout 1e1",
    ],
)  # fmt: skip
def test_other_lines_are_left_to_typer(line: str) -> None:
    assert read(line.split()) is None


def test_completion_is_left_to_typer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_NETCTL_COMPLETE", "complete_bash")
    assert read(["plan", "-f", "x"]) is None
