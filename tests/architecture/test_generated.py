"""What is generated from the code and kept in the tree is not stale."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from netctl.stack.reference import errors_page, language_page

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["stack", "plan", "test", "trace"])
def test_a_schema_is_what_netctl_prints(name: str) -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "netctl", "schema", name], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    kept = (ROOT / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")
    assert kept == printed, "run: make schema"


@pytest.mark.parametrize(("name", "fill"), [("language.md", language_page), ("errors.md", errors_page)])
def test_a_page_of_the_documentation_is_what_the_code_says(name: str, fill: Callable[[str], str]) -> None:
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert page == fill(page), "run: make docs"
