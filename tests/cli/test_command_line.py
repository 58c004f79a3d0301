"""Help, versions, mistyped command lines, completion."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from netctl import __version__
from netctl.cli.commands import COMMANDS
from tests.cli.conftest import Netctl, environment

NAMES = [command.name for command in COMMANDS]


@pytest.mark.parametrize("flag", ["--version", "-V", "version"])
def test_the_version_is_printed(netctl: Netctl, flag: str) -> None:
    assert netctl(flag) == (0, f"netctl {__version__}\n", "")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_help_fits_a_screen_and_has_groups_examples_and_exit_codes(netctl: Netctl, arguments: list[str]) -> None:
    ran = netctl(*arguments)
    lines = ran.out.splitlines()
    assert ran.code == 0
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if line.endswith(":") and not line.startswith(" ")] == [
        "Change what is there:",
        "Look at what is there:",
        "Write declarations:",
        "Examples:",
    ]
    assert sum(line.startswith("  netctl ") for line in lines) == 3
    assert all(code in ran.out for code in (" 0 ", " 1 ", " 64 ", " 130 ", "2: there are changes"))


@pytest.mark.parametrize("name", NAMES)
def test_help_names_every_command_and_each_command_explains_itself_on_a_screen(netctl: Netctl, name: str) -> None:
    assert f"\n  {name} " in netctl("--help").out
    ran = netctl(name, "--help")
    assert ran.code == 0
    assert ran.out.startswith(f"Usage: netctl {name} ")
    assert len(ran.out.splitlines()) <= 50


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (["plan", "--frobnicate"], "--frobnicate"),
        (["frobnicate"], "frobnicate"),
        (["--frobnicate"], "--frobnicate"),
        (["plan", "-f"], "-f"),
        (["plan", "-f", "x", "-o", "xml"], "xml"),
        (["apply", "-f", "x", "--max-deletes", "many"], "--max-deletes"),
        (["apply", "-f", "x", "--max-deletes", "-1"], "--max-deletes"),
        (["fmt"], "FILES"),
        (["describe"], "RESOURCE"),
        (["schema", "planet"], "planet"),
        (["plan"], "no declaration was named"),
        (["apply", "a", "b"], "b"),
        (["plan", "-f", "x", "--provider", "cloud"], "cloud"),
        (["plan", "-f", "x", "--netns", ""], "--netns"),
        (["destroy", "--stack", "shop", "--netns="], "--netns"),
        (["destroy"], "no stack was named"),
        (["destroy", "--stack", "../etc"], "../etc"),
        (["destroy", "--stack", "a", "-f", "b"], "--stack"),
    ],
)
def test_a_mistyped_command_line_is_64_and_says_what_is_wrong_in_one_line(
    netctl: Netctl, arguments: list[str], wrong: str
) -> None:
    Path("x").write_text("stack: shop\n")
    ran = netctl(*arguments)
    first, *rest = ran.err.splitlines()
    assert ran.code == 64
    assert ran.out == ""
    assert first.startswith("netctl: error: ")
    assert wrong in first
    assert len(rest) <= 1
    assert all(line.startswith("  ") for line in rest)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["plan", "x.yaml"], "Did you mean -f x.yaml?"),
        (["destroy", "-q", "x.yaml"], ""),
        (["plan", "-f", "x.yaml", "x.yaml"], "Did you mean -f x.yaml?"),
        (["plan", "absent.yaml"], ""),
        (["-f", "x.yaml", "plan"], "The command comes first: netctl plan -f …"),
        (["up", "-f", "x.yaml"], "Did you mean 'netctl apply'?"),
        (["plan", "-f", "x.yaml", "--json"], "Did you mean -o json?"),
        (["apply", "-f", "x.yaml", "-auto-approve"], "Did you mean --yes?"),
        (["-x"], ""),
    ],
)
def test_what_other_tools_have_taught_people_to_type_gets_a_hint(
    netctl: Netctl, arguments: list[str], hint: str
) -> None:
    Path("x.yaml").write_text("stack: shop\n")
    ran = netctl(*arguments)
    assert ran.code == 64
    assert ran.err.splitlines()[1].removeprefix("  ").partition("See: netctl ")[0].strip() == hint


def test_a_choice_that_there_is_not_is_told_of_in_plain_words(netctl: Netctl) -> None:
    assert netctl("plan", "-o", "jsn").err.startswith(
        "netctl: error: Invalid value for '-o' / '--output': 'jsn' is not one of 'text', "
    )


def test_help_of_a_command_can_be_asked_for_as_elsewhere(netctl: Netctl) -> None:
    assert netctl("help", "plan") == netctl("plan", "--help")
    assert netctl("help", "frobnicate").code == 64


@pytest.mark.parametrize("name", NAMES)
def test_help_names_no_types_of_the_language_that_netctl_is_written_in(netctl: Netctl, name: str) -> None:
    assert not re.search(r"<(str|path|list\[.*)>", netctl(name, "--help").out)


def test_no_color_is_understood_before_anything_else(process: Netctl) -> None:
    assert "\x1b" not in process("plan", "--no-color", "--frobnicate").err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_shown(shell: str) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "netctl", "--show-completion", shell],
        capture_output=True, text=True, check=False,
        env=environment() | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    assert "_NETCTL_COMPLETE" in shown.stdout


@pytest.mark.parametrize(("line", "expected"), [("netctl pl", "plan"), ("netctl plan --det", "--detailed-exitcode")])
def test_commands_and_options_are_completed(line: str, expected: str) -> None:
    words = line.split()
    completed = subprocess.run(
        [sys.executable, "-m", "netctl"],
        capture_output=True, text=True, check=False,
        env=environment()
        | {"_NETCTL_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)},
    )  # fmt: skip
    assert completed.stdout.split() == [expected], completed.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_are_done_without(closed: str) -> None:
    command = f'exec "$0" -m netctl schema plan {closed}'
    finished = subprocess.run(
        ["sh", "-c", command, sys.executable], capture_output=True, text=True, check=False, env=environment()
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    assert bool(finished.stdout) is not (">&-" in closed.replace("2>&-", ""))


def test_a_reader_that_leaves_is_no_error_to_tell_of() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    finished = subprocess.run(
        [sys.executable, "-m", "netctl", "schema", "plan"],
        stdout=writing, stderr=subprocess.PIPE, text=True, check=False, env=environment(),
    )  # fmt: skip
    os.close(writing)
    assert (finished.returncode, finished.stderr) == (1, "")


@pytest.mark.parametrize("name", ["../../etc", "/run/netns/web", "..", "."])
def test_a_path_is_no_name_of_a_namespace(netctl: Netctl, name: str) -> None:
    ran = netctl("get", "--netns", name)
    assert ran.code == 64
    assert f"'{name}' is no name of a network namespace" in ran.err


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["get"], ["explain", "networks"], ["schema"]])
def test_an_output_that_is_full_is_a_plain_error(arguments: list[str]) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "netctl", *arguments],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=environment(),
        )  # fmt: skip
    assert ran.returncode == 1
    assert ran.stderr.startswith("netctl: error: standard output cannot be written: No space left on device\n")
    assert "Traceback" not in ran.stderr
    assert "bug" not in ran.stderr
