"""Real packets: echo requests, TCP transfers, broadcasts, a ping that must never stop, and counters on the wire."""

import json
import re
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import permutations
from typing import IO

from tests.e2e.lab import Lab
from tests.support.namespaces import call_in, run_in, wait_until

ICMP_OVERHEAD = {4: 28, 6: 48}
"""Bytes of the IP and ICMP headers before an echo request's payload."""
_PATIENCE = 30
"""Seconds that a TCP connection may take on a busy machine."""


def reaches(ns: str, address: str, *options: str, wait: float = 0, source: str = "") -> bool:
    """Whether an echo request is answered.

    It is repeated for ten seconds, since a new link drops what is sent before the kernel has noticed its carrier; with
    *wait* it is sent once, and has that many seconds; where ``-c`` asks for several, all must be answered.
    """
    repeated = ["-c", "1", "-w", "10", "-i", "0.1"]
    count = ["-W", "5"] if "-c" in options else ["-c", "1", "-W", str(wait)] if wait else repeated
    bound = ["-I", source] if source else []
    finished = run_in(ns, ["ping", "-n", *count, *bound, *options, address], check=False)
    return finished.returncode == 0 and ("-c" not in options or " 0% packet loss" in finished.stdout)


def demand_all_pairs(lab: Lab, labels: Iterable[str], families: Iterable[int] = (4,)) -> None:
    """Fail unless every endpoint reaches every other, by ICMP and by a TCP transfer."""
    labels = list(labels)
    for family in families:
        addresses = {label: lab.address(label, family) for label in labels}
        for one, other in permutations(labels, 2):
            assert reaches(lab[one], addresses[other]), f"{one} does not reach {other} ({addresses[other]})"
            seen = transfer(lab[one], lab[other], addresses[other])
            assert seen == addresses[one], f"{other} sees {one} as {seen}"


def demand_mtu(lab: Lab, one: str, other: str, mtu: int, family: int = 4) -> None:
    """Fail unless packets of exactly *mtu* bytes pass unfragmented, all of them, and one byte more does not."""
    address = lab.address(other, family)
    payload = mtu - ICMP_OVERHEAD[family]
    exact = ["-M", "do", "-i", "0.002", "-c", "20"]
    assert reaches(lab[one], address, *exact, "-s", str(payload)), f"{mtu} bytes do not pass"
    assert not reaches(lab[one], address, "-M", "do", "-s", str(payload + 1), wait=0.1), f"{mtu + 1} bytes pass"


def transfer(client: str, server: str, address: str, *, source: str = "", size: int = 300_000) -> str:
    """Send *size* bytes by TCP to *address* in *server*, whole; the client's address as the server saw it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = call_in(server, lambda: socket.create_server((address, 0), family=family))
    payload = b"netctl" * (size // 6)
    with listener, ThreadPoolExecutor(max_workers=1) as executor:
        listener.settimeout(_PATIENCE)
        receiving = executor.submit(_receive, listener)
        call_in(client, lambda: _send((address, listener.getsockname()[1]), source, payload))
        received, peer = receiving.result()
    assert received == payload
    return peer


def _receive(listener: socket.socket) -> tuple[bytes, str]:
    connection, peer = listener.accept()
    with connection, connection.makefile("rb") as stream:
        connection.settimeout(_PATIENCE)
        return stream.read(), str(peer[0])


def _send(server: tuple[str, int], source: str, payload: bytes) -> None:
    with socket.create_connection(
        server, timeout=_PATIENCE, source_address=(source, 0) if source else None
    ) as connection:
        connection.sendall(payload)


def broadcast(sender: str, address: str, listeners: Iterable[str], wait: float = 5, port: int = 4711) -> list[bytes]:
    """What each listener receives of one datagram to a broadcast address. Raises TimeoutError where one does not."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(call_in(ns, lambda: _listening(port, wait))) for ns in listeners]
        source = stack.enter_context(call_in(sender, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))
        source.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        source.sendto(b"to all", (address, port))
        return [listener.recv(100) for listener in sockets]


def _listening(port: int, wait: float) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.settimeout(wait)
    listener.bind(("", port))
    return listener


class Pinging:
    """A ping that is under way."""

    def __init__(self, process: subprocess.Popen[str], log: IO[str]) -> None:
        self._process = process
        self._log = log

    def answered(self) -> set[int]:
        """The sequence numbers of the answers so far."""
        self._log.seek(0)
        return {int(number) for number in re.findall(r"icmp_seq=(\d+) ttl=", self._log.read())}

    def wait_for_more(self, count: int = 20) -> None:
        """Wait until that many more answers have come."""
        known = len(self.answered())
        wait_until(lambda: len(self.answered()) >= known + count, what="the ping goes on")

    def stop(self) -> set[int]:
        """End it; the sequence numbers that were never answered. That of the last request is not counted."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=10)
        answered = self.answered()
        return set(range(1, max(answered, default=0) + 1)) - answered


@contextmanager
def never_interrupted(ns: str, address: str) -> Iterator[Pinging]:
    """A hundred echo requests a second meanwhile, each of which must be answered."""
    assert reaches(ns, address)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        argv = ["ip", "netns", "exec", ns, "ping", "-n", "-i", "0.01", address]
        with subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT, text=True) as process:
            pinging = Pinging(process, log)
            try:
                pinging.wait_for_more()
                yield pinging
                pinging.wait_for_more()
                lost = pinging.stop()
            finally:
                process.kill()
        assert not lost, f"requests {sorted(lost)} were not answered"


class Wire:
    """Counters of what comes in on the ports of the bridges of a namespace."""

    def __init__(self, ns: str, **matches: str) -> None:
        self._ns = ns
        counters = "".join(f"counter {name} {{}}\n" for name in matches)
        rules = "".join(f"{match} counter name {name}\n" for name, match in matches.items())
        chain = f"chain arriving {{ type filter hook prerouting priority 0;\n{rules}}}\n"
        run_in(ns, ["nft", "-f", "-"], stdin=f"table bridge watch {{\n{counters}{chain}}}\n")

    def count(self) -> dict[str, int]:
        """Packets by counter since the last call."""
        listed = json.loads(run_in(self._ns, ["nft", "-j", "reset", "counters", "table", "bridge", "watch"]).stdout)
        counters = [entry["counter"] for entry in listed["nftables"] if "counter" in entry]
        return {counter["name"]: counter["packets"] for counter in counters}
