"""The SSH connection that netctl is run over, found in the environment or in that of an ancestor."""

import subprocess
import sys

import pytest

from netctl.cli.ssh_connection import ssh_connection
from netctl.report.ssh_cut import Connection
from tests.cli.conftest import environment

VALUE = "198.51.100.7 50022 192.0.2.11 22"
PRINT = "from netctl.cli.ssh_connection import ssh_connection; print(ssh_connection())"


def test_the_environment_is_asked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", VALUE)
    assert ssh_connection() == Connection("198.51.100.7", "192.0.2.11")


def test_what_sudo_has_cleared_is_found_with_an_ancestor() -> None:
    # A shell that has the variable starts, by way of a program that clears it, what looks for it.
    script = f'env -u SSH_CONNECTION sh -c \'"{sys.executable}" -c "{PRINT}"; true\'; true'
    printed = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=True, env=environment() | {"SSH_CONNECTION": VALUE}
    ).stdout
    assert printed.strip() == "Connection(client='198.51.100.7', server='192.0.2.11', port=22)"
