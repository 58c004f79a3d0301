"""The shape of the tree: modules that can be read in one sitting, named for what they are, and nothing private."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST = 500
EMPTY_NAMES = {"common", "data", "handler", "handlers", "helper", "helpers", "info", "manager", "misc", "util", "utils"}
PRIVATE = re.compile(r"(?<![\w.])/(?:home|root|work|Users)/\w")


def tracked() -> list[Path]:
    """The files of the tree that git knows of, or would."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in names.split("\0") if name and (path := ROOT / name).is_file()]


def sources() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py"]


def named(paths: list[Path]) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for path in paths)


def test_every_module_says_what_it_is_about() -> None:
    packages = {"netctl", "reconcilers", "tests", "benchmarks", "tools"}
    silent = [
        path
        for path in sources()
        if path.relative_to(ROOT).parts[0] in packages
        and (text := path.read_text(encoding="utf-8"))
        and not ast.get_docstring(ast.parse(text))
    ]
    assert named(silent) == []


def test_every_package_of_the_program_has_an_init_module() -> None:
    folders = {path.parent for path in sources() if path.relative_to(ROOT).parts[0] in {"netctl", "reconcilers"}}
    assert named([folder for folder in folders if not (folder / "__init__.py").exists()]) == []


def test_no_module_is_longer_than_can_be_read_in_one_sitting() -> None:
    long = [path for path in sources() if len(path.read_text(encoding="utf-8").splitlines()) > LONGEST]
    assert named(long) == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    empty = [path for path in sources() if {path.stem.lstrip("_"), path.parent.name} & EMPTY_NAMES]
    assert named(empty) == []


def test_no_file_names_a_path_of_somebody_s_own_machine() -> None:
    found = [path for path in tracked() if PRIVATE.search(path.read_bytes().decode("utf-8", "replace"))]
    assert named(found) == []


def test_no_commit_message_names_a_path_of_somebody_s_own_machine() -> None:
    log = subprocess.run(["git", "log", "--format=%B"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert PRIVATE.findall(log) == []


@pytest.mark.parametrize("script", [".ci/run", "tools/setup.sh"])
def test_scripts_can_be_run_and_stop_at_the_first_error(script: str) -> None:
    path = ROOT / script
    assert path.stat().st_mode & 0o111
    assert "\nset -euo pipefail\n" in path.read_text(encoding="utf-8")
    subprocess.run(["bash", "-n", path], check=True)
