"""A replacement that is killed, at each of its requests: the next apply has everything back."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docker.engine import Engine
from tests.docker.proxy import Proxy
from tests.e2e.lab import Lab

STACK = (
    "stack: dk\nnetworks:\n  n: {provider: docker, subnet: {cidr: 10.80.0.0/24}, mtu: 1500, "
    "attach: [{container: ours, address: 10.80.0.20, aliases: web}]}\n"
)
CHANGED = STACK.replace("1500", "1400")
WRITES = 8
"""A journal, two disconnections, a deletion, a creation, two connections, the end of the journal."""


def killed_at(number: int, *, made: bool, lab: Lab, proxy: Proxy, directory: Path) -> int:
    """Apply the change in a process that is killed at its *number*-th request that writes; whether that is *made* or
    not. How many there were.
    """
    written: list[bytes] = []
    environment = {**os.environ, "DOCKER_HOST": proxy.url, "NETCTL_STATE_DIR": str(directory)}
    command = [sys.executable, "-m", "netctl", "apply", "--yes", "--netns", lab["h"], "-f", lab.write(CHANGED)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def choose(line: bytes) -> str:
        if line.startswith((b"POST", b"DELETE")):
            written.append(line)
            if len(written) == number:
                process.send_signal(signal.SIGKILL)
                return "drop" if made else "hang"
        return "pass"

    proxy.choose = choose
    process.wait(timeout=120)
    assert not made or proxy.kept_back.wait(60), "the Engine does not come to an end with it"
    return len(written)


@pytest.mark.parametrize("made", [True, False], ids=["made", "not made"])
@pytest.mark.parametrize("number", range(1, WRITES + 1))
def test_a_replacement_killed_at_any_request_is_finished_by_the_next_apply(
    number: int, made: bool, lab: Lab, engine: Engine, tmp_path: Path
) -> None:
    engine.run("ours")
    engine.run("hand")
    lab.apply(STACK, "h")
    engine.api.connect_container_to_network("hand", "dk_n", ipv4_address="10.80.0.77", aliases=["by-hand"])
    with Proxy(engine.directory / "proxy", engine.socket) as proxy:
        assert killed_at(number, made=made, lab=lab, proxy=proxy, directory=tmp_path / "state") == number
    lab.apply(CHANGED, "h")
    assert engine.address("ours", "dk_n") == "10.80.0.20"
    assert engine.address("hand", "dk_n") == "10.80.0.77"
    endpoint = engine.endpoint("hand", "dk_n")
    assert endpoint is not None
    assert "by-hand" in endpoint["Aliases"]
    assert not engine.api.volumes()["Volumes"]
