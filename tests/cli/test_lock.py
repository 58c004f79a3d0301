"""One netctl at a time for a stack on a host."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from netctl.cli.lock import locked, sole_writer
from netctl.cli.options import Changing
from netctl.cli.terminal import Terminal
from netctl.errors import LockedError, NetctlError
from tests.cli.conftest import Netctl, Site, environment
from tests.support.namespaces import ip, ip_json


def test_who_waits_too_long_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    told: list[str] = []
    with locked(tmp_path, "shop@node1", "netctl apply", timeout=0):
        with (
            pytest.raises(LockedError) as caught,
            locked(tmp_path, "shop@node1", "netctl destroy", timeout=0.2, waiting=told.append),
        ):
            pass
        with locked(tmp_path, "shop@node2", "netctl apply", timeout=0), locked(tmp_path, "mail@node1", "x", timeout=0):
            pass
    assert f"another netctl is at work on shop@node1: process {os.getpid()} (netctl apply), since " in str(caught.value)
    assert len(told) == 1
    with locked(tmp_path, "shop@node1", "netctl destroy", timeout=0):
        pass


def test_a_lock_whose_holder_left_no_readable_note_is_still_a_lock(tmp_path: Path) -> None:
    (tmp_path / "locks").mkdir()
    path = tmp_path / "locks" / "a.lock"
    path.write_text("[" * 100_000)
    with path.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(LockedError, match="has not said who it is"), locked(tmp_path, "a", "x", timeout=0):
            pass


def test_the_directory_of_locks_is_the_owner_s_alone(tmp_path: Path) -> None:
    with locked(tmp_path / "state", "a", "x", timeout=0):
        assert (tmp_path / "state" / "locks").stat().st_mode & 0o777 == 0o700
        assert json.loads((tmp_path / "state" / "locks" / "a.lock").read_text())["pid"] == os.getpid()


def test_a_directory_that_cannot_be_made_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NetctlError) as caught, locked(tmp_path / "file", "a", "x", timeout=0):
        pass
    assert "--state-dir" in caught.value.advice


def test_what_happens_while_an_apply_waits_is_seen_by_it(site: Site, tmp_path: Path) -> None:
    with sole_writer("shop", site.host, "netctl apply", Changing(state_dir=tmp_path / "state"), Terminal()):
        child = subprocess.Popen(
            [sys.executable, "-m", "netctl", "apply", *site.place, "--lock-timeout", "120"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment(),
        )  # fmt: skip
        assert child.stderr is not None
        assert child.stderr.readline().startswith(f"waiting for another netctl at work on shop@{site.host}: process ")
        ip(site.host, "link add nc-backend type bridge")
    _, error = child.communicate(timeout=150)
    assert "error[NC401]: kernel/link/nc-backend is there already" in error
    assert {link["ifname"] for link in ip_json(site.host, "link", "show")} == {"lo", "nc-backend"}


def test_an_apply_waits_for_the_lock_and_gives_up(site: Site, netctl: Netctl, tmp_path: Path) -> None:
    with sole_writer("shop", site.host, "netctl apply", Changing(state_dir=tmp_path / "state"), Terminal()):
        ran = netctl("apply", *site.place, "--lock-timeout", "0.2")
    assert ran.code == 1
    assert f"netctl: error: another netctl is at work on shop@{site.host}: process {os.getpid()}" in ran.err
    assert netctl("apply", *site.place, "--lock-timeout", "0").code == 0


def test_a_namespace_is_locked_however_it_is_entered(site: Site, process: Netctl, tmp_path: Path) -> None:
    inside = ("ip", "netns", "exec", site.host)
    with sole_writer("shop", site.host, "netctl apply", Changing(state_dir=tmp_path / "state"), Terminal()):
        ran = process("apply", "-f", site.stack, "--lock-timeout", "0", prefix=inside)
    assert ran.code == 1
    assert f"another netctl is at work on shop@{os.uname().nodename}: process {os.getpid()}" in ran.err
    assert process("apply", "-f", site.stack, prefix=inside).code == 0
    assert process("plan", *site.place, "--detailed-exitcode").code == 0
