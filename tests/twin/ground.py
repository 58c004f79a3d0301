"""A machine for twins: a process in namespaces of its own, so that twins of any name can be there and nothing stays."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from tests.support.namespaces import wait_until

PROJECT = Path(__file__).parents[2]
_SETUP = "mount -t tmpfs -o mode=755 twin-test /run && mkdir /run/netns && ip link set lo up && echo && exec cat"


class Ran(NamedTuple):
    """What became of a command."""

    code: int
    out: str
    err: str


class Ground:
    """It lives until it is left; with it end all processes on it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "state").mkdir(exist_ok=True)

    def __enter__(self) -> Self:
        kinds = ("--mount", "--net", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc")
        self._process = subprocess.Popen(
            ["unshare", *kinds, "--propagation", "private", "sh", "-c", _SETUP],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline(), "network namespaces need root: sudo make test"
        first = _child(self._process.pid)
        self._root = Path(f"/proc/{first}/root")
        here = f"--wd={self.directory}"
        self.entrance = ("nsenter", f"--target={first}", here, "--mount", "--net", "--uts", "--pid", "--")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def attempt(self, *command: object, stdin: str | None = None) -> Ran:
        """What becomes of a program."""
        done = subprocess.run(
            [*self.entrance, *map(str, command)], env=environment(self.directory),
            input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

    def run(self, *command: object, stdin: str | None = None) -> str:
        """What a program prints, which must succeed."""
        ran = self.attempt(*command, stdin=stdin)
        assert ran.code == 0, f"{command}: exit code {ran.code}\n{ran.out}{ran.err}"
        return ran.out

    def attempt_until(self, number: int, condition: Callable[[], object], *command: object) -> Ran:
        """What becomes of a program that gets a signal as soon as the condition holds; nothing where it ends before."""
        with subprocess.Popen(
            [*self.entrance, *map(str, command)], env=environment(self.directory), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            while process.poll() is None and not condition():
                time.sleep(0.001)
            if process.poll() is None:
                os.kill(_child(process.pid), number)
            out, err = process.communicate(timeout=60)
        return Ran(process.returncode, out, err)

    def names(self) -> list[str]:
        """The network namespaces on it, looked at from outside."""
        return os.listdir(self._root / "run/netns")

    def netctl(self, *arguments: object) -> Ran:
        """What becomes of a netctl."""
        return self.attempt(*NETCTL, *arguments)

    def twin(self, *arguments: object) -> str:
        """What ``netctl twin`` prints, which must succeed."""
        return self.run(*NETCTL, "twin", *arguments)

    def write(self, text: str, name: str = "stack.yaml") -> str:
        """The path of a file with the text."""
        path = self.directory / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def processes(self) -> list[str]:
        """The command lines of all processes but the ground's own, and the one that looks.

        Those that have ended are not among them: the ground's own process waits for nobody.
        """
        lines = self.run("ps", "-e", "-o", "args=").splitlines()
        return [line for line in lines if line not in {"cat", "ps -e -o args="} and "<defunct>" not in line]

    def left(self) -> list[str]:
        """Files, mounts and processes of twins that there are."""
        found = [path for path in self.run("find", "/run").split() if path not in {"/run", "/run/netns"}]
        mounts = [line for line in self.run("cat", "/proc/self/mounts").splitlines() if line.startswith("nsfs")]
        return found + [line for line in mounts if "/twin." in line] + self.processes()


def _child(process: int) -> int:
    """The first child of a process, which it is waited for."""
    path = Path(f"/proc/{process}/task/{process}/children")
    return int(wait_until(lambda: path.read_text().split(), what=f"a child of {process}")[0])


NETCTL = (sys.executable, "-P", "-m", "netctl")


def environment(directory: Path) -> dict[str, str]:
    """That of every command."""
    return {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHONPATH": str(PROJECT),
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "NETCTL_STATE_DIR": str(directory / "state"),
    }
