"""Watches that are there within milliseconds: forked from a process that has imported what they need.

Run as a program, it reads lines of JSON, the arguments and the file for what is said, and answers with the process id.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.agent.watcher import environment
from tests.e2e.lab import Lab
from tests.support.namespaces import wait_until


class Born:
    """One such process, as far as tests use `subprocess.Popen`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """None while it lives."""
        return None if Path(f"/proc/{self.pid}").exists() else 0

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self, timeout: float) -> int:
        """Wait for its end."""
        wait_until(lambda: self.poll() is not None, timeout, f"process {self.pid} has ended")
        return 0


class Nursery:
    """Where they are born."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def birth(self, arguments: list[str], log: Path) -> Born:
        """A new process."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([arguments, str(log)]) + "\n")
        self._process.stdin.flush()
        return Born(int(self._process.stdout.readline()))


@contextmanager
def nursery(lab: Lab, stack: str) -> Iterator[Nursery]:
    """One that has imported all that a watch of *stack* needs."""
    argv = [sys.executable, "-P", "-m", "tests.agent.nursery", stack]
    with subprocess.Popen(
        argv, env=environment(lab), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Nursery(process)
        finally:
            process.kill()


def _main(stack: str) -> None:
    from netctl.cli.main import main

    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    main(["plan", "-f", stack, "--netns", "there-is-none"])
    main(["watch", "-f", stack, "--netns", "there-is-none", "--host", "node1"])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for line in sys.stdin:
        arguments, log = json.loads(line)
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(written, 1)
            os.dup2(written, 2)
            os._exit(main(arguments))
        os.write(out, f"{pid}\n".encode())


if __name__ == "__main__":
    _main(sys.argv[1])
