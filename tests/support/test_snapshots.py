"""A snapshot shows each change to a namespace, and nothing that changes by itself."""

import pytest

from tests.support.namespaces import Namespaces, ip, run, run_in, veth_between, wait_for_addresses, wait_until
from tests.support.snapshots import snapshot

RULESET = """
table inet foreign {
    set seen { type ipv4_addr; flags dynamic, timeout; timeout 1h; elements = { 192.0.2.7 } }
    chain input { type filter hook input priority 0; counter; ip saddr @seen accept; }
}
"""


@pytest.fixture
def ns(netns: Namespaces) -> str:
    """A namespace in which there is one of everything."""
    name = netns(loopback=True)
    ip(
        name,
        "link add br0 type bridge forward_delay 0",
        "link add v0 type veth peer name v1",
        "link add vx0 type vxlan id 7 local 127.0.0.1 dstport 4789 nolearning",
        # Without link-local addresses nothing has to be waited for, and no test here needs them.
        *(f"link set {link} addrgenmode none" for link in ("br0", "v0", "v1", "vx0")),
        "link set v0 master br0 up",
        "link set v1 up",
        "link set br0 up",
        "address add 192.0.2.1/24 dev br0",
        "address add 2001:db8::1/64 dev br0 nodad valid_lft 300 preferred_lft 300",
        "route add 198.51.100.0/24 via 192.0.2.2",
        "rule add from 192.0.2.0/24 lookup 100 priority 1000",
        "neighbour add 192.0.2.9 lladdr 02:00:00:00:00:09 dev br0",
    )
    run(["bridge", "-n", name, "fdb", "append", "00:00:00:00:00:00", "dev", "vx0", "dst", "192.0.2.3"])
    run_in(name, ["nft", "-f", "-"], stdin=RULESET)
    wait_for_addresses(name)
    wait_until(lambda: "state UP" in run(["ip", "-n", name, "link", "show", "br0"]).stdout)
    return name


def test_traffic_and_time_change_nothing(ns: str) -> None:
    before = snapshot(ns)
    counted = run_in(ns, ["nft", "list", "ruleset"]).stdout
    run_in(ns, ["ping", "-c2", "-i0.6", "127.0.0.1"])
    run_in(ns, ["ping", "-c1", "-W1", "192.0.2.77"], check=False)
    assert run_in(ns, ["nft", "list", "ruleset"]).stdout != counted
    assert snapshot(ns) == before


@pytest.mark.parametrize(
    ("part", "command"),
    [
        ("links", "ip link set br0 alias x"),
        ("links", "ip link set v0 nomaster"),
        ("links", "ip link set vx0 type vxlan ttl 9"),
        ("addresses", "ip address add 192.0.2.5/32 dev br0"),
        ("addresses", "ip address change 2001:db8::1/64 dev br0"),
        ("routes4", "ip route change 198.51.100.0/24 via 192.0.2.3"),
        ("routes4", "ip route add blackhole 203.0.113.0/24 table 77"),
        ("routes6", "ip route add blackhole 2001:db8:1::/48"),
        ("rules4", "ip rule delete priority 1000"),
        ("rules6", "ip -6 rule add priority 1000 lookup 100"),
        ("neighbours", "ip neighbour change 192.0.2.9 lladdr 02:00:00:00:00:0a dev br0"),
        ("proxies", "ip neighbour add proxy 192.0.2.10 dev br0"),
        ("fdb", "bridge fdb append 00:00:00:00:00:00 dev vx0 dst 192.0.2.4"),
        ("nftables", "nft add element inet foreign seen { 192.0.2.8 }"),
        ("nftables", "nft delete table inet foreign"),
        ("sysctls", "sysctl -w net.ipv4.conf.br0.forwarding=1"),
        ("sysctls", "sysctl -w net.ipv6.conf.br0.accept_ra=0"),
    ],
)
def test_a_change_shows(ns: str, part: str, command: str) -> None:
    before = snapshot(ns)
    run_in(ns, command.split())
    after = snapshot(ns)
    assert after[part] != before[part]


def test_what_the_kernel_learns_is_left_out(ns: str, netns: Namespaces) -> None:
    other = netns()
    veth_between(ns, other, "v2")
    ip(other, "address add 192.0.2.2/24 dev veth0")
    ip(ns, "link set v2 master br0")
    wait_until(lambda: "state forwarding" in run(["bridge", "-n", ns, "link", "show", "dev", "v2"]).stdout)
    before = snapshot(ns)
    run_in(ns, ["ping", "-c1", "-W5", "192.0.2.2"])
    assert "192.0.2.2 dev br0" in run(["ip", "-n", ns, "neighbour", "show"]).stdout
    after = snapshot(ns)
    assert (after["neighbours"], after["fdb"]) == (before["neighbours"], before["fdb"])


def test_a_table_of_nftables_made_again_shows(ns: str) -> None:
    before = snapshot(ns)
    run_in(ns, ["nft", "-f", "-"], stdin="delete table inet foreign\n" + RULESET)
    assert snapshot(ns)["nftables"] != before["nftables"]
