"""DNS: what an answer costs, netctl's and Consul's, each on the same one core, asked by dnsperf from another."""

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from json import dumps
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.stage import NETCTL

_CORE, _OTHER_CORE = "0", "1"
_SECONDS = 5
_ANSWERS = 100_000
_PATIENCE = 30.0
_NAME = "web.service.consul"
_ADDRESSES = [f"10.0.0.{last}" for last in (1, 2, 3)]


def measure() -> tuple[float, float]:
    """Seconds of a core's time for a hundred thousand answers: netctl's, and Consul's."""
    with TemporaryDirectory() as name:
        directory = Path(name)
        queries = directory / "queries"
        queries.write_text(f"{_NAME} A\n{_NAME} SRV\n")
        with _serving(_netctl(directory)) as ours, _serving(_consul(directory)) as theirs:
            return _cost(*ours, queries), _cost(*theirs, queries)


def _netctl(directory: Path) -> tuple[list[str], int]:
    path, port = directory / "stack.yaml", _free_port()
    ends = ", ".join(_ADDRESSES)
    path.write_text(f"stack: bench\nservices: {{web: {{port: 80, endpoints: [{ends}]}}}}\n")
    return [*NETCTL, "dns", "-f", str(path), "--listen", f"127.0.0.1:{port}"], port


def _consul(directory: Path) -> tuple[list[str], int]:
    path, ports = directory / "consul.json", [_free_port() for _ in range(5)]
    services = [{"id": address, "name": "web", "address": address, "port": 80} for address in _ADDRESSES]
    keys = ("dns", "http", "serf_lan", "serf_wan", "server")
    numbers = dict(zip(keys, ports, strict=True))
    path.write_text(dumps({"ports": {**numbers, "grpc": -1}, "services": services}))
    return ["consul", "agent", "-dev", "-bind", "127.0.0.1", "-config-file", str(path)], ports[0]


@contextmanager
def _serving(command: tuple[Sequence[str], int]) -> Iterator[tuple[int, int]]:
    """The process and the port of a server on the one core, when it answers."""
    argv, port = command
    environment = {**os.environ, "GOMAXPROCS": "1"}
    with subprocess.Popen(
        ["taskset", "-c", _CORE, *argv], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            deadline = time.monotonic() + _PATIENCE
            while not set(_ADDRESSES) <= set(_dig(port)):
                if time.monotonic() > deadline:
                    raise AssertionError(f"{argv[0]} does not answer")
                time.sleep(0.1)
            yield process.pid, port
        finally:
            process.kill()


def _dig(port: int) -> list[str]:
    argv = ["dig", "+short", "+tries=1", "+time=1", "@127.0.0.1", "-p", str(port), _NAME]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.split()


def _cost(pid: int, port: int, queries: Path) -> float:
    before = _used(pid)
    argv = ["taskset", "-c", _OTHER_CORE, "dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(queries)]
    said = subprocess.run([*argv, "-l", str(_SECONDS), "-c", "8"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"Queries completed: +(\d+)", said)
    if found is None or not int(found[1]):
        raise AssertionError(f"no queries were answered: {said}")
    return (_used(pid) - before) / int(found[1]) * _ANSWERS


def _used(pid: int) -> float:
    """Seconds of a core's time that the process has used so far (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
