"""Running commands: within this process where it is enough, else as a process of their own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from netctl.cli.main import main
from tests.support.namespaces import Namespaces

ROOT = Path(__file__).parents[2]


class Ran(NamedTuple):
    """What became of a command."""

    code: int
    out: str
    err: str


Netctl = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run in an empty directory, keep their locks there, and know of no connection and no variables."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETCTL_STATE_DIR", str(tmp_path / "state"))
    for name in ("SSH_CONNECTION", "NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def netctl(capsys: pytest.CaptureFixture[str]) -> Netctl:
    """Runs a command within this process: ``netctl("plan", "-f", path)``."""

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Ran(code, *capsys.readouterr())

    return run


@pytest.fixture
def process() -> Netctl:
    """Runs a command as a process of its own; ``stdin`` is its standard input."""

    def run(*arguments: object, stdin: str = "", prefix: tuple[str, ...] = ()) -> Ran:
        finished = subprocess.run(
            [*prefix, sys.executable, "-m", "netctl", *map(str, arguments)],
            input=stdin, capture_output=True, text=True, check=False, timeout=120, env=environment(),
        )  # fmt: skip
        return Ran(finished.returncode, finished.stdout, finished.stderr)

    return run


def environment() -> dict[str, str]:
    """The environment in which a process finds this tree's netctl."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path}


class Site(NamedTuple):
    """A namespace that is the host, one to attach, and a stack for them."""

    host: str
    web: str
    stack: Path

    @property
    def place(self) -> tuple[str, ...]:
        """The options that name the stack and the host."""
        return ("-f", str(self.stack), "--netns", self.host)

    def write(self, text: str) -> None:
        """Declare something else; ``WEB`` stands for the attached namespace."""
        self.stack.write_text(text.replace("WEB", self.web), encoding="utf-8")


STACK = """\
stack: shop
networks:
  frontend:
    subnet: {cidr: 10.10.0.0/24}
    attach:
      - {netns: WEB, address: 10.10.0.20}
  backend:
    subnet: {cidr: 10.20.0.0/24}
    mtu: 1450
routes:
  - {to: 172.31.0.0/16, via: 10.20.0.254}
"""


@pytest.fixture
def site(netns: Namespaces, tmp_path: Path) -> Site:
    """A host without anything on it, and a stack that is to be applied."""
    made = Site(netns("host", loopback=True), netns("web", loopback=True), tmp_path / "stack.yaml")
    made.write(STACK)
    return made


@pytest.fixture
def applied(site: Site, netctl: Netctl) -> Site:
    """A host with the stack on it."""
    ran = netctl("apply", *site.place)
    assert ran.code == 0, ran.err
    return site
