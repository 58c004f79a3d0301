"""Every write by netlink is heard, and nothing else is."""

import pytest

from tests.support.namespaces import Namespaces, ip, run, run_in, veth_between
from tests.support.notifications import netlink_writes


def test_reading_is_not_writing(netns: Namespaces) -> None:
    ns = netns(loopback=True)
    ip(ns, "link add br0 type bridge", "link set br0 up", "address add 2001:db8::1/64 dev br0")
    with netlink_writes(ns) as writes:
        for command in ("address show", "route show table all", "rule show", "neighbour show"):
            run(["ip", "-n", ns, *command.split()])
        run_in(ns, ["nft", "list", "ruleset"])
    assert writes == []


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("ip link add br1 type bridge", "RTM_NEWLINK"),
        ("ip link set br0 alias x", "RTM_NEWLINK"),
        ("ip link set br0 type bridge stp_state 1", "RTM_NEWLINK"),
        ("ip link property add dev br0 altname other", "RTM_NEWLINK"),
        ("ip link delete br0", "RTM_DELLINK"),
        ("ip address add 192.0.2.5/32 dev br0", "RTM_NEWADDR"),
        ("ip route add 198.51.100.0/24 dev br0", "RTM_NEWROUTE"),
        ("ip route change 203.0.113.0/24 dev br0 src 192.0.2.1", "RTM_NEWROUTE"),
        ("ip -6 route add 2001:db8:1::/48 dev br0", "RTM_NEWROUTE"),
        ("ip rule add priority 5 lookup 100", "RTM_NEWRULE"),
        ("ip neighbour add 192.0.2.9 lladdr 02:00:00:00:00:09 dev br0", "RTM_NEWNEIGH"),
        ("bridge fdb add 02:00:00:00:00:09 dev br0 self permanent", "RTM_NEWNEIGH"),
        ("sysctl -w net.ipv4.conf.br0.forwarding=1", "RTM_NEWNETCONF"),
        ("nft add table inet foreign", "NFT 0"),
    ],
)
def test_a_write_is_heard(netns: Namespaces, command: str, name: str) -> None:
    ns = netns()
    ip(
        ns,
        "link add br0 type bridge",
        "link set br0 addrgenmode none",
        "link set br0 up",
        "address add 192.0.2.1/24 dev br0",
        "route add 203.0.113.0/24 dev br0",
    )
    with netlink_writes(ns, quiet=0.2) as writes:
        run_in(ns, command.split())
    assert name in [write.name for write in writes]


def test_neighbours_that_the_kernel_resolves_are_not_writes(netns: Namespaces) -> None:
    left, right = netns("left"), netns("right")
    veth_between(left, right)
    ip(left, "address add 192.0.2.1/24 dev veth0")
    ip(right, "address add 192.0.2.2/24 dev veth0")
    with netlink_writes(left) as writes:
        run_in(left, ["ping", "-c1", "-W5", "192.0.2.2"])
    assert writes == []


def test_a_notification_names_the_interface(netns: Namespaces) -> None:
    ns = netns()
    with netlink_writes(ns, quiet=0.2) as writes:
        ip(ns, "link add frontend type bridge")
    assert "<RTM_NEWLINK frontend bridge" in repr(writes)


def test_more_writes_than_a_socket_holds_by_default_are_all_heard(netns: Namespaces) -> None:
    ns = netns()
    ip(ns, "link add br0 type bridge", "link set br0 up")
    with netlink_writes(ns) as writes:
        ip(ns, *(f"route add 10.{i >> 8}.{i & 255}.0/24 dev br0" for i in range(5000)))
    assert sum(write.name == "RTM_NEWROUTE" for write in writes) == 5000
