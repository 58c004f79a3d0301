"""A running ``netctl watch``, and the host that it keeps."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Protocol

from netctl.engine.plan import Plan
from tests.e2e.lab import Lab, describe
from tests.support.namespaces import wait_until

ROOT = Path(__file__).parents[2]
STACK = """\
stack: shop
hosts:
  node1: {id: 1, address: 192.0.2.11}
  node2: {id: 2, address: 192.0.2.12}
networks:
  front:
    subnet: {cidr: [10.10.0.0/24, "fd00:10::/64"]}
    mtu: 1400
    hosts: [node1]
    attach:
      - {netns: "${web}", labels: {app: web}}
      - {netns: "${api}", labels: {app: api}}
overlays:
  pods: {mode: routed, subnet: {cidr: 10.42.0.0/16, per_host: 24}, vni: 42}
policies:
  web: {applies_to: {labels: {app: web}}, ingress: [{from: [{labels: {app: api}}], ports: [80/tcp]}]}
routes:
  - {to: 172.31.0.0/16, via: 10.10.0.254, hosts: [node1]}
  - {to: 172.30.0.0/16, via: 192.0.2.254, hosts: [node1]}
rules:
  - {priority: 1000, from: 10.20.0.0/24, table: 100, hosts: [node1]}
"""
"""Something of every kind of the kernel's and of nftables."""


def build(lab: Lab) -> None:
    """Make the host, with an uplink, and the endpoints."""
    lab.add("node1", "wire", "web", "api")
    lab.join("wire", "eth0", "node1", "eth0")
    lab.ip("node1", "address add 192.0.2.11/24 dev eth0")
    lab.settle()
    (lab.directory / WATCHED).parent.mkdir()


WATCHED = "watched/stack.yaml"
"""In a directory of its own: one in which much is written wakes whoever watches a file in it."""


class Process(Protocol):
    """What tests need of a process."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float) -> int: ...
    def send_signal(self, number: signal.Signals, /) -> None: ...


class Watcher:
    """The process, and what it has said so far."""

    def __init__(self, lab: Lab, log: Path, process: Process, port: int) -> None:
        self.lab = lab
        self.process = process
        self._log = log
        self._port = port

    def log(self) -> list[dict[str, Any]]:
        """The lines of its log; what is no JSON as a message."""
        lines = self._log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) if line.startswith("{") else {"message": line} for line in lines]

    def said(self, pattern: str) -> list[dict[str, Any]]:
        """The lines of the log whose message matches."""
        return [line for line in self.log() if re.search(pattern, line["message"])]

    def await_said(self, pattern: str, times: int = 1, timeout: float = 60) -> dict[str, Any]:
        """The last line whose message matches, as soon as there are so many."""

        def enough() -> list[dict[str, Any]]:
            found = self.said(pattern)
            assert self.process.poll() is None or len(found) >= times, self.text()
            return found if len(found) >= times else []

        try:
            return wait_until(enough, timeout, f"it says {pattern!r}")[-1]
        except AssertionError as error:
            error.add_note(self.text())
            raise

    def text(self) -> str:
        """All that it said."""
        return self._log.read_text(encoding="utf-8")

    def get(self, path: str, method: str = "GET", body: str = "", **headers: str) -> tuple[int, str]:
        """Status and body of what it answers over HTTP."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def status(self) -> dict[str, Any]:
        """Its status document."""
        found: dict[str, Any] = json.loads(self.get("/status")[1])
        return found

    def metric(self, line: str) -> float:
        """The value of a metric, named with its labels; 0 where there is none yet."""
        for candidate in self.get("/metrics")[1].splitlines():
            if candidate.startswith(f"{line} "):
                return float(candidate.rpartition(" ")[2])
        return 0

    def total(self, name: str) -> float:
        """The sum of a metric over all of its labels."""
        lines = self.get("/metrics")[1].splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name}{{"))

    def await_done(self, text: str = STACK, host: str = "node1", timeout: float = 60) -> None:
        """Wait until a plan is empty."""
        plan: list[Plan] = []

        def done() -> bool:
            plan[:] = [self.lab.plan(text, host)]
            return not plan[0]

        try:
            wait_until(done, timeout)
        except AssertionError as error:
            error.add_note(f"{describe(plan[0])} {plan[0].conflicts} {plan[0].unread}\n{self.text()}")
            raise

    def await_heard(self, system: str) -> None:
        """Wait until it hears of a system that it cannot follow, and has looked at it."""
        wait_until(lambda: self.metric(f'netctl_looks_total{{system="{system}"}}') > 0, 60)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code after that signal."""
        self.process.send_signal(number)
        return self.process.wait(60)


def command(lab: Lab, *arguments: str) -> list[str]:
    """The command line of a watch of the namespace ``node1``."""
    return [sys.executable, "-P", "-m", "netctl", "watch", *arguments, "--netns", lab["node1"]]


def environment(lab: Lab, **more: str) -> dict[str, str]:
    """That of a watch: its locks are the test's own."""
    return {**os.environ, "NETCTL_STATE_DIR": str(lab.directory / "state"), "PYTHONPATH": str(ROOT), **more}


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def started(lab: Lab, argv: Sequence[str], name: str = "", *, ready: bool = True, **more: str) -> Iterator[Watcher]:
    """The watch that the command line starts, with *more* in its environment; if it is to be *ready*, it has said so.
    Its log has the *name*.
    """
    port = free_port()
    log = lab.directory / f"log-{name}{port}"
    whole = [*argv, "--log-format", "json", "--listen", f"127.0.0.1:{port}"]
    with (
        log.open("wb") as out,
        subprocess.Popen(whole, env=environment(lab, **more), stdout=out, stderr=out) as process,
    ):
        watcher = Watcher(lab, log, process, port)
        try:
            if ready:
                watcher.await_said("^watching", timeout=60)
            yield watcher
        finally:
            if process.poll() is None:
                process.kill()


def running(lab: Lab, *arguments: str, ready: bool = True, **more: str) -> AbstractContextManager[Watcher]:
    """A watch of the namespace ``node1`` with these arguments."""
    return started(lab, command(lab, *arguments), ready=ready, **more)


@contextmanager
def watching(
    lab: Lab, text: str = STACK, *options: str, host: str = "node1", resync: str = "0", ready: bool = True, **more: str
) -> Iterator[Watcher]:
    """A watch of a file; its look at everything is switched off, so that only events tell it."""
    path = lab.write(text, WATCHED)
    chosen = ["--host", host] if host else []
    with running(lab, "-f", path, "--resync", resync, *chosen, *options, ready=ready, **more) as watcher:
        yield watcher
