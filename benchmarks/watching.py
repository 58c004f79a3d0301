"""How long a foreign change lasts under ``netctl watch``, beside the least that any program could need.

The yardstick is a process that waits for the same notification and answers it with one request, prepared beforehand.
Both are measured from the foreign request to the notification of the repair, by the same program, in the same run.
"""

import os
import select
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks import stacks, workload
from benchmarks.cases import SIZES, Row
from benchmarks.stage import ENDPOINTS, HOST, NETCTL, host
from netctl.engine.resource import Attributes, Desired, Key
from netctl.kinds.address import Address
from netctl.kinds.nftables import Table
from netctl.kinds.route import Route
from reconcilers.kernel import wire
from reconcilers.kernel.addresses import delete_address, set_address
from reconcilers.kernel.if_link import IFLA_ADDRESS
from reconcilers.kernel.notices import Notices
from reconcilers.kernel.routes import delete_route, set_route
from reconcilers.kernel.rtnetlink import Request, Rtnetlink
from reconcilers.nftables.requests import table_changes
from reconcilers.nftables.transport import Connection
from reconcilers.nftables.uapi import NFNLGRP_NFTABLES, Message

_ROUTES = 12
_AGAIN = 8
"""One resource is changed no more often in a row, lest it be taken for contended."""
_PAUSE = 0.01
_PATIENCE = 20.0
_OF_AN_ENDPOINT = 6
_ENDPOINTS = 200
"""More of them take the kernel minutes to take apart."""


class Drift(NamedTuple):
    """A foreign change, and the least that repairs it."""

    change: Callable[[], None]
    repair: Callable[[], None]
    begun: Callable[[bytes], bool]
    """Whether a notification tells of the change."""
    ended: Callable[[bytes], bool]
    """Whether one tells of the repair."""


class Listener(NamedTuple):
    """A socket of notifications, and what they are told apart by."""

    receive: Callable[[], bytes]
    descriptor: int


def watching() -> Iterator[Row]:
    """Each size with a watch of its own."""
    for size in SIZES:
        text = stack(size)
        with host(ENDPOINTS):
            desired = workload.compiled(text)
            with watched(text) as process:
                ours = {name: _measured(drifts) for name, drifts in _drifts(desired)}
                memory = resident(process)
            least = {name: _least(name, desired) for name in ours}
        for name, seconds in ours.items():
            yardstick = "notification and request"
            yield Row(f"{name}, repaired", len(desired), statistics.median(seconds), yardstick,
                      statistics.median(least[name]), "<= 5")  # fmt: skip
            yield Row(f"{name}, slowest of {len(seconds)}", len(desired), max(seconds), "25 ms", 0.025, "<= 1")
        yield Row("resident memory (1 s for 1 MiB)", len(desired), memory, "120 MiB", 120.0, "<= 1")


def stack(size: int) -> str:
    """Attached namespaces with policies, and routes for the rest."""
    endpoints = max(8, min(size // _OF_AN_ENDPOINT // 2, _ENDPOINTS))
    count = max(_ROUTES, size - endpoints * _OF_AN_ENDPOINT)
    routes = "".join(f"  - {{to: 198.{18 + (n >> 8)}.{n & 255}.0/24, via: 10.0.0.9}}\n" for n in range(count))
    return f"{stacks.policed(endpoints, 4)}routes:\n{routes}"


@contextmanager
def watched(text: str, netns: str = HOST) -> Iterator["subprocess.Popen[str]"]:
    """A watch that keeps the stack in a namespace."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "stack.yaml"
        path.write_text(text)
        argv = [*NETCTL, "watch", "-f", str(path), "--netns", netns, "--resync", "0", "--state-dir", directory]
        with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr
            for line in process.stderr:
                if " watching " in line:
                    break
            drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
            time.sleep(2)
            try:
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(_PATIENCE)
                drain.wait(_PATIENCE)


def resident(process: "subprocess.Popen[str]") -> float:
    """MiB that a process holds."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) / 1024


def _drifts(desired: Mapping[Key, Desired]) -> Iterator[tuple[str, tuple[Listener, list[Drift]]]]:
    """What is changed, by what it is."""
    rtnetlink, notices = Rtnetlink(HOST), Notices(HOST)
    notices.socket.setblocking(True)
    heard = Listener(lambda: notices.socket.recv(1 << 16), notices.socket.fileno())
    links = dict(_links(HOST))
    kinds = [want.attributes for want in desired.values()]
    routes = [value for value in kinds if isinstance(value, Route) and value.destination.startswith("198.18.")][
        :_ROUTES
    ]
    yield "a route deleted", (heard, [_route(rtnetlink, route, links) for route in routes for _ in range(_AGAIN)])
    address = next(value for value in kinds if isinstance(value, Address) and value.netns == ENDPOINTS)
    there, told_there = Rtnetlink(ENDPOINTS), Notices(ENDPOINTS)
    told_there.socket.setblocking(True)
    heard_there = Listener(lambda: told_there.socket.recv(1 << 16), told_there.socket.fileno())
    index = dict(_links(ENDPOINTS))[address.link]
    yield "an endpoint's address deleted", (heard_there, [_address(there, address, index)] * _AGAIN)
    told_there.close()
    there.close()
    mac = next(want.attributes for key, want in desired.items() if key.kind == "link" and key.id == "nc-b0")
    yield "a bridge's MAC changed", (heard, [_mac(rtnetlink, mac, links["nc-b0"], i) for i in range(_AGAIN)])
    table = next(value for value in kinds if isinstance(value, Table) and any(_exact(value)))
    with Connection(HOST, groups=(NFNLGRP_NFTABLES,)) as events, Connection(HOST) as nft:
        told = Listener(lambda: events._open.recv(1 << 16), events.fileno())  # noqa: SLF001 - as it is received
        yield "an element of a set removed", (told, [_element(nft, member) for member in _exact(table)][:60])
    notices.close()
    rtnetlink.close()


def _links(netns: str) -> Iterator[tuple[str, int]]:
    shown = subprocess.run(["ip", "-n", netns, "-o", "link"], capture_output=True, text=True, check=True).stdout
    for line in shown.splitlines():
        index, name = line.split(":")[:2]
        yield name.strip().partition("@")[0], int(index)


def _route(socket: Rtnetlink, route: Route, links: dict[str, int]) -> Drift:
    repair = set_route(route, links, wire.NLM_F_EXCL)
    packed = wire.write_address(route.destination.partition("/")[0])
    return _of(socket, delete_route(route), repair, (wire.RTM_DELROUTE, wire.RTM_NEWROUTE), packed)


def _address(socket: Rtnetlink, address: Address, index: int) -> Drift:
    packed = wire.write_address(address.address.partition("/")[0])
    kinds = (wire.RTM_DELADDR, wire.RTM_NEWADDR)
    return _of(socket, delete_address(address, index), set_address(address, index), kinds, packed)


def _mac(socket: Rtnetlink, bridge: Attributes, index: int, number: int) -> Drift:
    right = wire.write_mac(bridge[4])
    wrong = right[:5] + bytes([right[5] ^ (number + 1)])

    def request(mac: bytes) -> Request:
        return Request(wire.RTM_SETLINK, 0, wire.IFINFO.pack(0, 0, index, 0, 0) + wire.attribute(IFLA_ADDRESS, mac))

    def tells(mac: bytes) -> Callable[[bytes], bool]:
        return lambda chunk: _is(wire.RTM_NEWLINK, chunk) and wire.attribute(IFLA_ADDRESS, mac) in chunk

    return Drift(_sending(socket, request(wrong)), _sending(socket, request(right)), tells(wrong), tells(right))


def _of(socket: Rtnetlink, change: Request, repair: Request, kinds: tuple[int, int], packed: bytes) -> Drift:
    """Of something that has *packed* in its notifications; *kinds* are those of its end and its return."""
    begun, ended = kinds
    return Drift(
        _sending(socket, change),
        _sending(socket, repair),
        lambda chunk: _is(begun, chunk) and packed in chunk,
        lambda chunk: _is(ended, chunk) and packed in chunk,
    )


def _is(kind: int, chunk: bytes) -> bool:
    return bool(wire.HEADER.unpack_from(chunk)[1] == kind)


def _sending(socket: Rtnetlink, request: Request) -> Callable[[], None]:
    def send() -> None:
        refused = socket.transact([request])[0]
        assert refused is None, refused

    return send


def _exact(table: Table) -> Iterator[Table]:
    """The table with a single element of a set of exact elements, for each of them."""
    for declared in table.sets:
        if "interval" not in declared.flags and not declared.data:
            for element in sorted(declared.elements):
                yield table._replace(sets=(declared._replace(elements=frozenset({element})),), chains=())


def _element(connection: Connection, there: Table) -> Drift:
    """Of a table that has nothing but one element, that element."""
    gone = there._replace(sets=tuple(declared._replace(elements=frozenset()) for declared in there.sets))

    def committing(before: Table, after: Table) -> Callable[[], None]:
        requests = table_changes(before, after)
        assert requests

        def commit() -> None:
            refusals = connection.commit(requests)
            assert not refusals, refusals

        return commit

    return Drift(
        committing(there, gone), committing(gone, there),
        lambda chunk: chunk[4] == Message.DELSETELEM, lambda chunk: chunk[4] == Message.NEWSETELEM,
    )  # fmt: skip


def _measured(drifts: tuple[Listener, Sequence[Drift]]) -> list[float]:
    """Seconds from each change to its repair, by whoever is at work."""
    listener, changes = drifts
    return [_once(listener, drift) for drift in changes]


def _once(listener: Listener, drift: Drift) -> float:
    time.sleep(_PAUSE)
    while select.select([listener.descriptor], [], [], 0)[0]:
        listener.receive()
    began = time.perf_counter()
    drift.change()
    while select.select([listener.descriptor], [], [], _PATIENCE)[0]:
        if drift.ended(listener.receive()):
            return time.perf_counter() - began
    raise AssertionError("not repaired")


def _least(name: str, desired: Mapping[Key, Desired]) -> list[float]:
    """As `_measured`, repaired by a process that does nothing else."""
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _repair(name, desired, told)
        finally:
            os._exit(0)
    try:
        os.read(ready, 1)
        return next(_measured(drifts) for known, drifts in _drifts(desired) if known == name)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready)
        os.close(told)


def _repair(name: str, desired: Mapping[Key, Desired], told: int) -> None:
    """Undo the changes of that name as they come."""
    for known, (listener, changes) in _drifts(desired):
        if known == name:
            os.write(told, b"1")
            for drift in changes:
                while not drift.begun(listener.receive()):
                    pass
                drift.repair()
