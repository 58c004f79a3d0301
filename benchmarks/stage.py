"""Where the benchmarks run: namespaces of their own, in a mount namespace of this process alone."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

STAGED = "NETCTL_BENCH_STAGED"
HOST, ENDPOINTS = "bench", "bench-endpoints"
NETCTL = (sys.executable, "-m", "netctl")


def enter_mount_namespace() -> int:
    """Run this program again where its mounts are its own; its exit code."""
    command = [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "--",
        sys.executable,
        "-m",
        "benchmarks",
        *sys.argv[1:],
    ]
    return subprocess.run(command, env={**os.environ, STAGED: "1"}, check=False).returncode


def prepare() -> None:
    """Empty directories for namespaces, and for ifupdown2's lock and state, seen by this process and its children."""
    for directory in ("/run/netns", "/run/network", "/var/tmp/network"):  # noqa: S108 - ifupdown2's own, and covered
        Path(directory).mkdir(exist_ok=True)
        sh("mount", "-t", "tmpfs", "netctl-bench", directory)


@contextmanager
def host(*namespaces: str) -> Iterator[None]:
    """A host with an underlay interface ``eth0`` (172.20.0.1/12), and further empty namespaces.

    On leaving, waits until the kernel has taken them apart: it holds the lock of everything measured here meanwhile.
    """
    for name in (HOST, *namespaces):
        sh("ip", "netns", "add", name)
    sh("ip", "-n", HOST, "link", "set", "lo", "up")
    sh("ip", "-n", HOST, "link", "add", "eth0", "type", "veth", "peer", "name", "underlay")
    sh("ip", "-n", HOST, "link", "set", "underlay", "up")
    sh("ip", "-n", HOST, "addr", "add", "172.20.0.1/12", "dev", "eth0")
    sh("ip", "-n", HOST, "link", "set", "eth0", "up")
    try:
        yield
    finally:
        for name in (HOST, *namespaces):
            sh("ip", "netns", "del", name)
        await_teardown()


def await_teardown() -> None:
    """Wait until every namespace deleted so far has gone.

    The kernel takes namespaces apart in the order in which they were left. One is made that holds the far end of a
    veth pair, and left: when the near end has gone, so have all before it.
    """
    sh("ip", "netns", "add", "marker-near")
    sh("ip", "netns", "add", "marker-far")
    sh("ip", "-n", "marker-near", "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", "marker-far")
    sh("ip", "netns", "del", "marker-far")
    while "near" in sh("ip", "-n", "marker-near", "-o", "link", "show"):
        time.sleep(0.01)
    sh("ip", "netns", "del", "marker-near")


def timed(*command: str, stdin: str | None = None) -> float:
    """Seconds that a whole process takes. Raises CalledProcessError where it fails."""
    environment = {**os.environ, "NETCTL_STATE_DIR": "/run/netns/.state"}
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, text=True, input=stdin, env=environment)
    return time.perf_counter() - started


def median(command: Sequence[str], runs: int = 5) -> float:
    """The median of several runs, after one that is not counted."""
    timed(*command)
    return sorted(timed(*command) for _ in range(runs))[runs // 2]


def sh(*command: str) -> str:
    """Run a program; what it printed. Raises CalledProcessError where it fails."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
