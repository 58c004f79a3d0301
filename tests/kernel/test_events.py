"""The kernel's own events wake whoever watches, whatever caused them."""

from contextlib import suppress
from queue import Empty, Queue
from threading import Thread

import pytest

from netctl.engine.protocol import Context
from netctl.engine.resource import Key
from netctl.engine.session import read_session
from netctl.errors import BackendError
from reconcilers.kernel import SYSTEM
from reconcilers.kernel.reader import KernelReader
from tests.kernel.hosts import IPV6_FORWARDING
from tests.support.namespaces import Namespaces, ip, run_in, veth_between
from tests.support.notifications import LINKWATCH

EVERYTHING: frozenset[Key] = frozenset()


class Watch:
    """The events of a namespace, each waited for in a thread, so that one that does not come fails the test."""

    def __init__(self, ns: str) -> None:
        self._events = KernelReader(Context(ns)).events()
        self._answers: Queue[frozenset[Key]] = Queue()
        self._waiting = False

    def next(self, timeout: float = 10) -> frozenset[Key]:
        """The next event. Raises queue.Empty where none comes in time; it can be waited for again."""
        if not self._waiting:
            Thread(target=self._wait, daemon=True).start()
            self._waiting = True
        event = self._answers.get(timeout=timeout)
        self._waiting = False
        return event

    def drain(self) -> None:
        """Wait until the kernel has nothing left to say: it may report a carrier's change a second later."""
        with suppress(Empty):
            while True:
                self.next(timeout=LINKWATCH)

    def _wait(self) -> None:
        self._answers.put(next(self._events))


@pytest.fixture
def ns(netns: Namespaces) -> str:
    name = netns(loopback=True)
    run_in(name, ["sysctl", "-w", "net.ipv6.conf.default.addr_gen_mode=1"])
    ip(
        name,
        "link add br0 type bridge",
        "link set br0 up",
        "address add 192.0.2.1/24 dev br0",
        "link add vx0 type vxlan id 7 local 192.0.2.1 dstport 4789",
        "link set vx0 up",
    )
    return name


@pytest.mark.parametrize(
    "command",
    [
        "ip link add br1 type bridge",
        "ip link set br0 mtu 1400",
        "ip link set br0 alias x",
        "ip link property add dev br0 altname x",
        "ip link set br0 down",
        "ip link delete br0",
        "ip address add 10.0.0.1/24 dev br0",
        "ip address add fd00::1/64 dev br0 nodad",
        "ip route add 10.0.0.0/24 dev br0",
        "ip route add fd00::/64 dev br0",
        "ip rule add table 100 priority 100",
        "ip -6 rule add table 100 priority 100",
        "ip neighbour add 10.0.0.9 lladdr 02:00:00:00:00:09 dev vx0 nud permanent",
        "bridge fdb append 00:00:00:00:00:00 dev vx0 dst 192.0.2.9",
        "sysctl -w net.ipv4.conf.br0.forwarding=1",
        f"sysctl -w net.ipv6.conf.br0.{IPV6_FORWARDING}=1",
    ],
)
def test_a_change_by_anyone_is_an_event(ns: str, command: str) -> None:
    watch = Watch(ns)
    run_in(ns, command.split())
    assert watch.next() == EVERYTHING


def test_what_changes_between_the_subscription_and_the_first_look_is_an_event(ns: str) -> None:
    with read_session([SYSTEM], Context(ns)) as session:
        events = session.members["kernel"].events()
        ip(ns, "route add 10.0.0.0/24 dev br0")
        assert next(events) == EVERYTHING


def test_what_the_kernel_does_by_itself_is_an_event(ns: str, netns: Namespaces) -> None:
    """No request causes it: the other end of a pair goes down in another namespace."""
    other = netns()
    veth_between(ns, other)
    watch = Watch(ns)
    ip(ns, "link set br0 mtu 1400")
    assert watch.next() == EVERYTHING
    run_in(other, ["ip", "link", "delete", "veth0"])
    assert watch.next() == EVERYTHING


def test_nothing_is_no_event(ns: str) -> None:
    watch = Watch(ns)
    watch.drain()
    run_in(ns, ["ip", "address"])
    with pytest.raises(Empty):
        watch.next(timeout=0.3)


def test_a_burst_is_one_event_and_an_overrun_is_survived(ns: str) -> None:
    watch = Watch(ns)
    for _ in range(2):
        ip(ns, *(f"route add 10.{i >> 8}.{i & 255}.0/24 dev br0" for i in range(20000)))
        assert watch.next() == EVERYTHING
        ip(ns, *(f"route delete 10.{i >> 8}.{i & 255}.0/24 dev br0" for i in range(20000)))
        assert watch.next() == EVERYTHING
    watch.drain()
    ip(ns, "link set br0 mtu 1300")
    assert watch.next() == EVERYTHING


def test_watching_a_namespace_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(BackendError, match="no network namespace"):
        KernelReader(Context("nct-there-is-no-such")).events()
