"""The command as a process of its own, as a user runs it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

_ROOT = Path(__file__).parents[2]


class Ran(NamedTuple):
    """What became of a command."""

    code: int
    out: str
    err: str


def netctl(*arguments: object, directory: Path, prefix: tuple[str, ...] = ()) -> Ran:
    """Run the command in *directory*, where it also keeps its locks; *prefix* is the program that starts it."""
    environment = {**os.environ, "NETCTL_STATE_DIR": str(directory / "state"), "PYTHONPATH": str(_ROOT)}
    finished = subprocess.run(
        [*prefix, sys.executable, "-P", "-m", "netctl", *map(str, arguments)],
        cwd=directory, env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return Ran(finished.returncode, finished.stdout, finished.stderr)
