"""The systemd unit: it says what systemd takes, and a watch does all of its work within what the unit permits."""

import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.agent.test_watching import LESS, rewrite
from tests.agent.watcher import ROOT, STACK, WATCHED, Watcher, command, environment, free_port
from tests.e2e.lab import Lab
from tests.support.namespaces import run, run_in, wait_until

UNIT = ROOT / "examples" / "systemd" / "netctl-watch.service"


def setting(name: str) -> str:
    """What the unit says of it."""
    found = re.search(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert found, name
    return found[1]


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    copied = tmp_path / UNIT.name
    copied.write_text(UNIT.read_text().replace("/usr/local/bin/netctl", sys.executable))
    ran = run(["systemd-analyze", "verify", "--man=no", str(copied)])
    assert not ran.stdout + ran.stderr


def test_systemd_finds_little_to_expose_in_it() -> None:
    ran = run(["systemd-analyze", "security", "--offline=true", "--threshold=35", str(UNIT)], check=False)
    assert ran.returncode == 0, ran.stdout


def test_the_command_is_one_that_netctl_takes() -> None:
    start = shlex.split(setting("ExecStart"))
    assert start[:2] == ["/usr/local/bin/netctl", "watch"]
    shown = run([sys.executable, "-m", "netctl", "watch", "--help"]).stdout
    assert all(word in shown for word in start if word.startswith("-"))


@pytest.fixture
def trace(lab: Lab) -> Path:
    return lab.directory / "trace"


@contextmanager
def confined(lab: Lab, trace: Path) -> Iterator[Watcher]:
    """A watch with the capabilities of the unit, and no way to others; every system call is noted."""
    capabilities = [name.removeprefix("CAP_").lower() for name in setting("CapabilityBoundingSet").split()]
    chosen = ",".join(["-all", *(f"+{name}" for name in capabilities)])
    assert setting("NoNewPrivileges") == "yes"
    confine = ["setpriv", f"--bounding-set={chosen}", "--inh-caps=-all", "--no-new-privs"]
    noting = ["strace", "-f", "-qq", "-s", "200", "-o", str(trace)]
    path, port = lab.write(STACK, WATCHED), free_port()
    options = ["--host", "node1", "--resync", "0", "--log-format", "json", "--listen", f"127.0.0.1:{port}"]
    log = lab.directory / "log"
    argv = [*confine, *noting, *command(lab, "-f", path, *options)]
    with log.open("wb") as out, subprocess.Popen(argv, env=environment(lab), stdout=out, stderr=out) as process:
        try:
            yield Watcher(lab, log, process, port)
        finally:
            process.kill()


@pytest.fixture
def _worked(lab: Lab, trace: Path) -> None:
    """A confined watch has started, repaired, reloaded, been asked, and ended."""
    with confined(lab, trace) as watcher:
        watcher.await_said("^watching", timeout=120)
        pid = watcher.status()["process"]
        status = Path(f"/proc/{pid}/status").read_text()
        bounding = re.search(r"^CapBnd:\s*(\S+)$", status, re.MULTILINE)
        assert bounding
        assert int(bounding[1], 16).bit_count() == len(setting("CapabilityBoundingSet").split())
        for drift in ("ip link delete nc-front", "ip route delete 172.31.0.0/16", "nft flush ruleset"):
            run_in(lab["node1"], drift.split())
            watcher.await_done(timeout=60)
        run_in(lab["web"], ["ip", "address", "flush", "dev", "eth0"])
        watcher.await_done(timeout=60)
        rewrite(lab, LESS)
        watcher.await_said("^reloaded", timeout=60)
        watcher.await_done(LESS, timeout=60)
        assert watcher.get("/readyz")[0] == 200
        assert not watcher.said("^not ")
        run(["kill", f"-{signal.SIGTERM.value}", str(pid)])
        wait_until(lambda: watcher.process.poll() is not None, 60)


@pytest.mark.usefixtures("_worked")
def test_a_watch_does_its_work_within_what_the_unit_permits(lab: Lab, trace: Path) -> None:
    calls = [line.split(maxsplit=1)[1] for line in trace.read_text(errors="replace").splitlines()]
    made = {found[1] for line in calls if (found := re.match(r"([a-z0-9_]+)\(", line))}
    assert {"socket", "setns", "sendmsg"} <= made
    assert made <= _permitted()
    families = {found[1] for line in calls if (found := re.match(r"socket\((AF_\w+)", line))}
    assert families <= set(setting("RestrictAddressFamilies").split())
    entered = {found[1] for line in calls if (found := re.match(r"setns\(\d+, (\w+)", line))}
    assert entered == {"CLONE_NEWNET"}
    assert setting("MemoryDenyWriteExecute") == "yes"
    assert not [line for line in calls if "PROT_WRITE" in line and "PROT_EXEC" in line]
    assert setting("ProtectSystem") == "strict"
    written = {
        found[1] for line in calls if (found := re.match(r'openat\(\w+, "([^"]+)", [^,)]*O_(?:WRONLY|RDWR)', line))
    }
    state = str(lab.directory / "state")
    assert not [path for path in written if not path.startswith((state, "/proc/", "/dev/null"))]


def _permitted() -> set[str]:
    """The system calls of the unit's filter."""
    groups: dict[str, list[str]] = {}
    name = ""
    for line in run(["systemd-analyze", "syscall-filter"]).stdout.splitlines():
        if line.startswith("@"):
            name = line.strip()
        elif (entry := line.strip()) and not entry.startswith("#"):
            groups.setdefault(name, []).append(entry)
    found: set[str] = set()
    waiting = setting("SystemCallFilter").split()
    while waiting:
        entry = waiting.pop()
        waiting += groups.get(entry, ())
        found.add(entry)
    return found
