"""What becomes of exceptions: each kind has its exit code, and none shows a traceback."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from netctl.cli.crash import write_crash
from netctl.cli.run import failure_text
from netctl.errors import BackendError, NetctlError
from netctl.report.paint import PLAIN, Paint
from tests.cli.conftest import Netctl, Site, environment
from tests.support.namespaces import ip_json, wait_until


def test_an_expected_error_is_a_sentence_and_an_advice() -> None:
    error = BackendError("the kernel refused: EPERM", "Run it as root.", "NC302")
    assert failure_text(error, PLAIN) == "netctl: error[NC302]: the kernel refused: EPERM\n  Run it as root."
    assert failure_text(NetctlError("so it is"), PLAIN) == "netctl: error: so it is"
    assert failure_text(NetctlError("\x1b[2J"), PLAIN).isprintable()
    assert failure_text(error, Paint(enabled=True)).startswith("\x1b[31m")


def test_a_bug_leaves_its_traceback_in_a_file_and_says_where(tmp_path: Path) -> None:
    message = write_crash(ZeroDivisionError("by nought"), ["apply", "--state-dir", str(tmp_path)])
    (path,) = tmp_path.glob("netctl-crash-*.txt")
    assert "a bug in netctl" in message
    assert str(path) in message
    assert "Traceback" not in message
    assert "ZeroDivisionError: by nought" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_state_directory_that_is_not_there_does_not_hide_a_bug(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("NETCTL_STATE_DIR", str(tmp_path / "missing"))
    assert str(tmp_path / "netctl-crash-") in write_crash(ValueError("x"), ["apply", "--state-dir=/nonexistent"])


def large(size: int) -> str:
    """A stack of so many networks, so that applying it takes a while.

    To remove a bridge takes the kernel far longer than to make it, and no namespace of the machine is made meanwhile.
    """
    return "stack: shop\nnetworks:\n" + "".join(
        f"  n{n}: {{subnet: {{cidr: 10.{n // 200}.{n % 200}.0/24}}}}\n" for n in range(size)
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "declares nothing"),
        (b"\xff\xfe\x00", "NC104"),
        (b"stack: shop\nstack: shop\n", "NC108"),
        (b"stack: shop\nx: !!python/object a\n", "NC109"),
        (b"stack: ${nothing}\n", "NC141"),
        (b"stack: shop\ninclude: stack.yaml\n", "NC131"),
    ],
)
@pytest.mark.parametrize("command", ["validate", "plan", "apply", "status", "destroy", "test"])
def test_a_bad_file_is_exit_1_with_its_place_whatever_the_command(
    netctl: Netctl, command: str, content: bytes, said: str
) -> None:
    Path("stack.yaml").write_bytes(content)
    ran = netctl(command, "-f", "stack.yaml")
    assert ran.code == 1
    assert said in ran.err
    assert "stack.yaml" in ran.err
    assert "Traceback" not in ran.err
    assert ran.out == ""


def test_ctrl_c_is_130_and_what_was_done_is_undone(site: Site) -> None:
    site.write(large(1500))
    child = subprocess.Popen(
        [sys.executable, "-m", "netctl", "apply", *site.place, "-q"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    wait_until(lambda: len(ip_json(site.host, "link", "show")) > 5 or child.poll() is not None, 60)
    child.send_signal(signal.SIGINT)
    _, error = child.communicate(timeout=120)
    assert child.returncode == 130
    assert "interrupted" in error
    assert "Traceback" not in error
    assert [link["ifname"] for link in ip_json(site.host, "link", "show")] == ["lo"]


def test_a_lost_terminal_does_not_stop_an_apply_half_way(site: Site, netctl: Netctl) -> None:
    site.write(large(150))
    child = subprocess.Popen(
        [sys.executable, "-m", "netctl", "apply", *site.place],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(),
    )  # fmt: skip
    wait_until(lambda: len(ip_json(site.host, "link", "show")) > 5 or child.poll() is not None, 60)
    child.send_signal(signal.SIGHUP)
    assert child.wait(60) == 0
    assert netctl("plan", *site.place, "--detailed-exitcode").code == 0
