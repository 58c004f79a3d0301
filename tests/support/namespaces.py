"""Network namespaces of a test's own, and what is run in them."""

import ctypes
import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
NAMES = Path("/run/netns")
CLONE_NEWNET, CLONE_NEWNS = 0x40000000, 0x00020000
MS_REC, MS_PRIVATE = 0x4000, 0x40000


def run(
    argv: Sequence[str], *, check: bool = True, stdin: str = "", timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """The finished program, its output as text; a failed one is an error that shows what it said."""
    environment = {**os.environ, "LC_ALL": "C", "NO_COLOR": "1"}
    try:
        return subprocess.run(
            argv, input=stdin, capture_output=True, text=True, check=check, timeout=timeout, env=environment
        )
    except subprocess.CalledProcessError as error:
        error.add_note(f"stdout: {error.stdout}\nstderr: {error.stderr}")
        raise


def run_in(
    ns: str, argv: Sequence[str], *, check: bool = True, stdin: str = "", timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """As `run`, inside the namespace *ns*."""
    return run(["ip", "netns", "exec", ns, *argv], check=check, stdin=stdin, timeout=timeout)


def ip(ns: str, *commands: str) -> None:
    """Run each of *commands* (``"link add br0 type bridge"``) with ``ip`` in *ns*, in one process."""
    run(["ip", "-n", ns, "-batch", "-"], stdin="\n".join(commands) + "\n")


def ip_json(ns: str, *arguments: str) -> Any:
    """What ``ip -d -j`` prints for *arguments* in *ns*, parsed; an empty list where it prints nothing."""
    return json.loads(run(["ip", "-n", ns, "-d", "-j", *arguments]).stdout or "[]")


def call_in(ns: str, function: Callable[[], T]) -> T:
    """What *function* returns, called in a thread that is inside *ns*: sockets that it opens belong to it."""

    def inside() -> T:
        with open(f"/run/netns/{ns}", "rb") as file:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.setns(file.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"setns: {os.strerror(ctypes.get_errno())}", ns)
        return function()

    # The thread ends with the executor, so that no thread of the process stays behind in the namespace.
    with ThreadPoolExecutor(max_workers=1) as executor:
        return executor.submit(inside).result()


def wait_until(predicate: Callable[[], T], timeout: float = 60.0, what: str = "") -> T:
    """What *predicate* returns as soon as that is true; an error after *timeout* seconds."""
    end = time.monotonic() + timeout
    while not (value := predicate()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout:g} s: {what or predicate}")
        time.sleep(0.01)
    return value


def wait_for_addresses(ns: str) -> None:
    """Wait until duplicate address detection (RFC 4862, 5.4) is over, on every interface of *ns* with a carrier."""
    wait_until(lambda: _addresses_are_usable(_links(ns)), timeout=60, what=f"no address in {ns} is tentative")


def settle(ns: str) -> None:
    """Wait until the kernel has told the namespace of every carrier, and every address is usable."""
    wait_until(lambda: _are_settled(_links(ns)), timeout=60, what=f"the carriers and addresses in {ns}")


def _links(ns: str) -> list[dict[str, Any]]:
    """The interfaces, with their addresses."""
    found: list[dict[str, Any]] = ip_json(ns, "address", "show")
    return found


def _are_settled(links: list[dict[str, Any]]) -> bool:
    return _carriers_are_known(links) and _addresses_are_usable(links)


def _addresses_are_usable(links: list[dict[str, Any]]) -> bool:
    carrying = [link for link in links if "LOWER_UP" in link["flags"]]
    return not any(address.get("tentative") for link in carrying for address in link["addr_info"])


def _carriers_are_known(links: list[dict[str, Any]]) -> bool:
    """Whether each link's state is its carrier's: the kernel follows up to a second later, or more when busy."""
    up = [link for link in links if "UP" in link["flags"]]
    carrying = [link for link in up if "LOWER_UP" in link["flags"]]
    bridges = {link["master"] for link in carrying if "master" in link}
    ends = {link["ifname"] for link in carrying if link.get("linkinfo", {}).get("info_kind") in {"veth", "macvlan"}}
    return all(link["operstate"] == "UP" for link in up if link["ifname"] in bridges | ends)


def veth_between(ns_a: str, ns_b: str, name_a: str = "veth0", name_b: str = "veth0") -> None:
    """Join two namespaces by a veth pair, both ends up."""
    ip(ns_a, f"link add {name_a} type veth peer name {name_b} netns {ns_b}", f"link set {name_a} up")
    ip(ns_b, f"link set {name_b} up")


def hide_names() -> None:
    """Give this process, and those that it starts, a directory of named namespaces of their own (``/run/netns``).

    So others' come and go unseen, and its own vanish with it, however it ends. Raises OSError.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    NAMES.mkdir(parents=True, exist_ok=True)
    # Each only where the one before succeeded: without a mount namespace of its own, this would be done to the machine.
    hidden = (
        libc.unshare(CLONE_NEWNS) == 0
        and libc.mount(b"none", b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None) == 0
        and libc.mount(b"netns", str(NAMES).encode(), b"tmpfs", ctypes.c_ulong(0), None) == 0
    )
    if not hidden:
        raise OSError(ctypes.get_errno(), f"{NAMES} cannot be hidden: {os.strerror(ctypes.get_errno())}")


class Namespaces:
    """Makes namespaces under a prefix of its own, and removes them with everything that is in them."""

    def __init__(self, worker: str) -> None:
        self.prefix = f"nct-{worker}-{secrets.token_hex(3)}"
        self._made: list[str] = []
        self._number = count(1)

    def __call__(self, label: str = "", *, loopback: bool = False) -> str:
        """A new namespace's name, which ends in *label*; with *loopback*, ``lo`` is up in it."""
        name = f"{self.prefix}-{next(self._number)}" + (f"-{label}" if label else "")
        run(["ip", "netns", "add", name])
        self._made.append(name)
        if loopback:
            ip(name, "link set lo up")
        return name

    def remove(self, name: str) -> None:
        """Kill what runs in the namespace, then remove it. One that is gone already is no error."""
        if name in existing():
            kill_all_in(name)
            run(["ip", "netns", "delete", name])
        with suppress(ValueError):
            self._made.remove(name)

    def remove_all(self) -> None:
        """Remove every namespace that was made here, the others too where one cannot be removed."""
        with ExitStack() as stack:
            for name in self._made:
                stack.callback(self.remove, name)

    def left_behind(self) -> list[str]:
        """The namespaces under the prefix that exist."""
        return sorted(name for name in existing() if name.startswith(f"{self.prefix}-"))


def existing() -> list[str]:
    """The named network namespaces of the machine."""
    return [line.split()[0] for line in run(["ip", "netns", "list"]).stdout.splitlines()]


def kill_all_in(ns: str) -> None:
    """Kill every process whose network namespace is *ns*, and wait until none is left."""

    def none_left() -> bool:
        pids = [int(pid) for pid in run(["ip", "netns", "pids", ns]).stdout.split()]
        for pid in pids:
            if pid == os.getpid():
                raise AssertionError(f"the test itself is in namespace {ns}")
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not pids

    wait_until(none_left, what=f"no process is left in {ns}")
