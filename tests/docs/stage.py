"""A stage: machines made of namespaces, on which the documentation's commands run as on real hosts.

A machine is a process in a network, a mount and a UTS namespace of its own: it has its own interfaces, its own
``/run/netns`` and its own host name, so that names such as ``web`` and ``node1`` are free and nothing is left when the
process ends, however it ends. All machines have an ``eth0`` on one link, 192.0.2.0/24, where a router leads to the
outside world, 198.51.100.1, which knows no way back but to the machines' own addresses.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from ipaddress import ip_interface
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from tests.support.namespaces import wait_until

PROJECT = Path(__file__).resolve().parents[2]
OUTSIDE = "198.51.100.1"
_PATIENCE = 60.0
"""Seconds that one command may take."""

_ROUTER = (
    "link add underlay type bridge",
    "link set underlay address 02:00:00:00:00:01 up",
    "addr add 192.0.2.1/24 dev underlay",
    f"addr add {OUTSIDE}/32 dev lo",
)
# Duplicate address detection takes seconds on every link, and there are no duplicates here.
_SETUP = """
set -e
mount -t tmpfs -o mode=755 netctl-docs /run
mkdir /run/netns
echo {name} > /proc/sys/kernel/hostname
sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0
ip link set lo up
"""


_IMAGE = """
mkdir -p .image/bin
cp "$(command -v busybox)" .image/bin/busybox
for name in sh sleep ping nc wget; do ln -sf busybox .image/bin/$name; done
tar -C .image -c . | docker import - busybox > /dev/null
"""


class Place(NamedTuple):
    """Where a machine is on the underlay."""

    interface: str = "eth0"
    """On the underlay, with the address 192.0.2.11 on the first machine, 192.0.2.12 on the second, and so on."""
    namespaces: tuple[str, ...] = ()
    """Named network namespaces that it has."""
    further: tuple[str, ...] = ()
    """Interfaces besides, each on a link with the router: ``eth1``, or ``eth1=203.0.113.11/24``, where the router is
    the first address of the prefix."""
    docker: bool = False
    """Whether it runs a Docker Engine, which has an image ``busybox``."""
    consul: bool = False
    """Whether it runs a Consul agent, which is a server by itself."""


class Machine:
    """A machine of the stage; it lives until it is closed, or this process ends."""

    def __init__(self, name: str, directory: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self._directory = directory
        self._environment = {**environment, "NETCTL_STATE_DIR": str(directory / f".state-{name}")}
        self._docker: Docker | None = None
        self._consul: subprocess.Popen[bytes] | None = None
        # The machine's process reads a pipe of ours, and so ends with us.
        self._process = subprocess.Popen(
            ["unshare", "--mount", "--net", "--uts", "--propagation", "private", "sh", "-c", "echo; exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            raise StageError("a stage is made of namespaces, which only root may make")
        self._uts = _host_name(Path(f"/proc/{self.pid}"))
        if self._uts in {"", _host_name(Path("/proc/self"))}:
            raise StageError(f"{name} has no host name of its own")
        self._entrance = ("nsenter", f"--target={self.pid}", "--mount", "--net", "--uts", "--")
        self.run(_SETUP.format(name=name))

    @property
    def pid(self) -> int:
        """The process by which other programs find the machine's namespaces."""
        return self._process.pid

    def run(self, command: str) -> str:
        """What a shell command prints on both streams, run here as root. Raises StageError where it fails."""
        code, output = self.attempt(command)
        if code != 0:
            raise StageError(f"on {self.name}, exit code {code}: {command.strip()}\n{output}")
        return output

    def attempt(self, command: str) -> tuple[int, str]:
        """Its exit code, and what it prints."""
        done = subprocess.run(
            [*self._entrance, "sh", "-c", f"cd {self._directory}\n{command}"],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        return done.returncode, done.stdout

    def start_docker(self) -> None:
        """Run an Engine here, and wait until it answers."""
        self._docker = Docker(self._entrance, self._directory, self._environment)
        self.run(f"for i in $(seq 600); do docker version > /dev/null 2>&1 && break; sleep 0.2; done\n{_IMAGE}")

    def start_consul(self) -> None:
        """Run a Consul agent here, and wait until it has told the catalog of itself."""
        argv = [*self._entrance, "consul", "agent", "-dev", f"-node={self.name}"]
        with (self._directory / f".consul-{self.name}").open("wb") as log:
            self._consul = subprocess.Popen(argv, env=self._environment, stdout=log, stderr=log)
        self.run("for i in $(seq 300); do consul catalog nodes -service=consul | grep -q dc1 && break; sleep 0.1; done")

    def close(self) -> None:
        """End the machine, and with it all that is in it."""
        if self._consul is not None:
            self._consul.kill()
            self._consul.wait(timeout=_PATIENCE)
        if self._docker is not None:
            self.attempt("docker ps --all --quiet | xargs --no-run-if-empty docker rm --force")
            self._docker.stop()
        wait_until(self._nothing_runs, _PATIENCE, f"nothing runs on {self.name}")
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _nothing_runs(self) -> bool:
        """End what does: all that has the machine's host name, in whichever network and with whichever mounts."""
        running = [process for process in Path("/proc").glob("[0-9]*") if _host_name(process) == self._uts]
        for process in running:
            with suppress(ProcessLookupError):
                os.kill(int(process.name), signal.SIGKILL)
        return not running


def _host_name(process: Path) -> str:
    """The UTS namespace that a process is in; nothing of one that is ending."""
    with suppress(OSError):
        return str((process / "ns/uts").readlink())
    return ""


class Docker:
    """The Engine of a machine."""

    def __init__(self, entrance: Sequence[str], directory: Path, environment: Mapping[str, str]) -> None:
        self._cgroup = f"netctl-docs-{secrets.token_hex(4)}"
        kept = directory / ".docker"
        kept.mkdir()
        (kept / "daemon.json").write_text(json.dumps({"deprecated-key-path": str(kept / "key.json")}))
        options = [f"--data-root={kept}/data", f"--config-file={kept}/daemon.json", f"--cgroup-parent=/{self._cgroup}"]
        with (kept / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*entrance, "dockerd", *options, "--shutdown-timeout=1"], env=environment, stdout=log, stderr=log
            )

    def stop(self) -> None:
        """End the Engine and what it has made of the machine beneath."""
        self._process.terminate()
        self._process.wait(timeout=_PATIENCE)
        for pattern in (f"*/{self._cgroup}", self._cgroup):
            for group in Path("/sys/fs/cgroup").glob(pattern):
                group.rmdir()


class StageError(Exception):
    """The stage could not be set, or a command that prepares something failed."""


class Stage:
    """The machines, and a directory for files, in which every command runs."""

    def __init__(self, places: Mapping[str, Place]) -> None:
        self._places = places
        self._closing = ExitStack()
        self.machines: dict[str, Machine] = {}
        self.directory = Path()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            self.directory = Path(opening.enter_context(tempfile.TemporaryDirectory(prefix="netctl-docs-")))
            self.directory.chmod(0o755)
            (self.directory / "examples").symlink_to(PROJECT / "examples")
            environment = _environment(self.directory)
            router = Machine("outside", self.directory, environment)
            opening.callback(router.close)
            router.run(_batch(_ROUTER))
            for number, (name, place) in enumerate(self._places.items(), start=1):
                machine = Machine(name, self.directory, environment)
                opening.callback(machine.close)
                _connect(machine, router, place, number)
                self.machines[name] = machine
            self._closing = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()


def _connect(machine: Machine, router: Machine, place: Place, number: int) -> None:
    """Give a machine its interfaces and its namespaces."""
    wires = [f"{place.interface}=192.0.2.{10 + number}/24", *place.further]
    there, here = [], []
    for at, wire in enumerate(wires):
        name, _, address = wire.partition("=")
        port = f"port{number}-{at}"
        mac = f"02:00:00:00:{number:02x}:{at:02x}"
        there.append(f"link add {port} type veth peer name {name} address {mac} netns {machine.pid}")
        there.append(f"link set {port} up" + ("" if at else " master underlay"))
        here.append(f"link set {name} up")
        if address:
            here.append(f"addr add {address} dev {name}")
            there += [f"addr add {_first(address)} dev {port}"] if at else []
    router.run(_batch(there))
    machine.run(_batch([*here, "route add default via 192.0.2.1"]))
    for namespace in place.namespaces:
        machine.run(f"ip netns add {namespace}")
    if place.docker:
        machine.start_docker()
    if place.consul:
        machine.start_consul()


def _first(address: str) -> str:
    """The first address of an interface's prefix, with its length."""
    network = ip_interface(address).network
    return f"{network[1]}/{network.prefixlen}"


def _batch(commands: Iterable[str]) -> str:
    return "\n".join(["ip -batch - <<'END'", *commands, "END"])


def _environment(directory: Path) -> dict[str, str]:
    """That of every command: a ``netctl`` of this tree, and nothing of whoever runs the tests that shows in output."""
    programs = directory / ".bin"
    programs.mkdir()
    wrapper = programs / "netctl"
    wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m netctl "$@"\n', encoding="utf-8")
    wrapper.chmod(0o755)
    return {
        "PATH": f"{programs}:{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin",
        "PYTHONPATH": str(PROJECT),
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "HOME": str(directory),
    }
