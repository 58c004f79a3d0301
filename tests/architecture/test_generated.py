"""What is generated from the code and kept in the tree is not stale."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["stack", "plan"])
def test_a_schema_is_what_netctl_prints(name: str) -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "netctl", "schema", name], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    kept = (ROOT / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")
    assert kept == printed, "run: make schema"
