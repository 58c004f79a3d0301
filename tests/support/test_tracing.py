"""Every write that a program asks for is seen, also one that changes nothing."""

import pytest

from tests.support.namespaces import Namespaces, ip, run_in
from tests.support.notifications import netlink_writes
from tests.support.tracing import trace


@pytest.fixture
def ns(netns: Namespaces) -> str:
    name = netns(loopback=True)
    ip(
        name,
        "link add br0 type bridge",
        "link set br0 addrgenmode none",
        "link set br0 up",
        "route add 198.51.100.0/24 dev br0",
    )
    run_in(name, ["nft", "add", "table", "inet", "foreign"])
    return name


@pytest.mark.parametrize(
    ("command", "write"),
    [
        ("ip link set br0 mtu 1500", "RTM_NEWLINK"),
        ("ip route replace 198.51.100.0/24 dev br0", "RTM_NEWROUTE"),
        ("nft add table inet foreign", "NFT_MSG_NEWTABLE"),
        ("sysctl -w net.ipv4.ip_forward=0", "/proc/sys/net/ipv4/ip_forward"),
        ("env ip link set br0 up", "RTM_NEWLINK"),
    ],
)
def test_a_write_of_what_is_so_already_is_seen(ns: str, command: str, write: str) -> None:
    with netlink_writes(ns, quiet=0.2) as notified:
        assert write in trace(command.split(), ns=ns).writes
    assert "RTM_NEWROUTE" not in [notification.name for notification in notified]


@pytest.mark.parametrize(
    "command", ["ip address show", "ip route show table all", "nft list ruleset", "sysctl net.ipv4.ip_forward"]
)
def test_a_read_is_not_a_write(ns: str, command: str) -> None:
    assert trace(command.split(), ns=ns).writes == []


def test_each_request_of_a_batch_is_seen(ns: str) -> None:
    batch = "".join(f"route add 10.0.{i}.0/24 dev br0\\n" for i in range(200))
    writes = trace(["sh", "-c", f"printf '{batch}' | ip -batch -"], ns=ns).writes
    assert writes.count("RTM_NEWROUTE") == 200


def test_what_the_program_printed_is_kept(ns: str) -> None:
    assert "br0" in trace(["ip", "link", "show"], ns=ns).finished.stdout
