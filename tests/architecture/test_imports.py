"""The direction of imports, and what importing costs and does."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SLOW = {"consul", "docker", "pydantic", "pyroute2", "ruamel"}


def modules() -> list[str]:
    """Every module of the two packages, but the one that runs the program when it is imported."""
    paths = [path.relative_to(ROOT) for package in ("netctl", "reconcilers") for path in (ROOT / package).rglob("*.py")]
    names = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in paths]
    return sorted(name for name in names if not name.endswith("__main__"))


def test_every_import_contract_is_kept() -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    finished = subprocess.run([lint_imports, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_importing_every_module_prints_nothing_opens_nothing_and_starts_nothing() -> None:
    program = """
import importlib, os, sys, threading
before = os.listdir("/proc/self/fd")
for name in sys.argv[1:]:
    importlib.import_module(name)
assert os.listdir("/proc/self/fd") == before, "an open file or socket"
assert threading.active_count() == 1, "a thread"
"""
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *modules()],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")


@pytest.mark.parametrize("module", ["netctl", "netctl.cli.main", "netctl.engine.apply", "reconcilers.kernel"])
def test_start_up_imports_nothing_slow(module: str) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not SLOW & set(loaded.stdout.split())
