"""Where there is nothing to do, the command does nothing: it asks the kernel for not one change."""

import os
import sys
from pathlib import Path

import pytest

from tests.e2e.lab import Lab
from tests.e2e.whole import ENDPOINTS, STACK, build
from tests.support.notifications import netlink_writes
from tests.support.tracing import trace

ROOT = Path(__file__).parents[2]


def test_a_second_apply_of_networks_overlay_nat_and_policies_sends_not_one_write(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    build(lab)
    lab.apply(STACK, "node1")
    monkeypatch.setenv("PYTHONPATH", os.fspath(ROOT))
    monkeypatch.setenv("NETCTL_STATE_DIR", str(tmp_path / "state"))
    command = [sys.executable, "-P", "-m", "netctl", "apply", "-f", lab.write(STACK), "--netns", lab["node1"]]
    with (
        netlink_writes(lab["node1"]) as on_host,
        netlink_writes(lab["web"]) as in_web,
        netlink_writes(lab["job"]) as in_job,
    ):
        again = trace([*command, "--host", "node1"])
    assert "No changes" in again.finished.stdout
    assert again.writes == []
    assert (on_host, in_web, in_job) == ([], [], [])
    lab.destroy("shop", "node1")
    lab.demand_as_before("node1", *ENDPOINTS)
