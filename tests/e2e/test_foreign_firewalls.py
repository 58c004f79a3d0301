"""Hosts whose firewall drops what it does not know, as Docker and ufw leave it: the stack's traffic passes even so."""

from collections.abc import Callable, Iterator

import pytest

from tests.e2e.host import HOST, OUTSIDE, build
from tests.e2e.lab import Lab
from tests.e2e.traffic import demand_all_pairs, reaches, transfer
from tests.support.snapshots import snapshot

pytestmark = pytest.mark.xdist_group("networks")

STACK = """
stack: shop
networks:
  front:
    subnet: {cidr: [10.10.0.0/24, "fd10::/64"]}
    attach: [{netns: "${a}"}, {netns: "${b}"}]
  back:
    subnet: {cidr: [10.20.0.0/24, "fd20::/64"]}
    attach: [{netns: "${c}"}]
"""

DOCKER = """
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
"""
PLAIN = "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -s 198.51.100.0/24 -j ACCEPT\nCOMMIT\n"
PLAIN6 = "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -s 2001:db8:5::/48 -j ACCEPT\nCOMMIT\n"
NFTABLES = """
table inet filter {
    chain forward { type filter hook forward priority filter; policy drop; ct state established accept; }
}
"""


@pytest.fixture(scope="module")
def prepared(shared_lab: Callable[[], Lab]) -> Lab:
    lab = shared_lab()
    build(lab)
    return lab


@pytest.fixture
def lab(prepared: Lab) -> Iterator[Lab]:
    yield prepared
    prepared.destroy("shop", "h")
    prepared.run("h", "nft", "flush", "ruleset")


def forbid_as_docker(lab: Lab) -> None:
    """Put Docker's rules on the host."""
    lab.run("h", "iptables-nft-restore", stdin=DOCKER)
    lab.run("h", "ip6tables-nft-restore", stdin=PLAIN6)


def _iptables(lab: Lab) -> None:
    lab.run("h", "iptables-nft-restore", stdin=PLAIN)
    lab.run("h", "ip6tables-nft-restore", stdin=PLAIN6)


def _nftables(lab: Lab) -> None:
    lab.run("h", "nft", "-f", "-", stdin=NFTABLES)


def foreign_rules(lab: Lab) -> list[str]:
    """What iptables shows of all its tables, without the stack's own rules and without counts."""
    saved = lab.run("h", "iptables-nft-save") + lab.run("h", "ip6tables-nft-save")
    return [line.split(" [")[0] for line in saved.splitlines() if not line.startswith("#") and "nc-" not in line]


@pytest.mark.parametrize("forbid", [forbid_as_docker, _iptables, _nftables])
def test_the_stacks_traffic_passes_and_the_rules_of_others_stay(lab: Lab, forbid: Callable[[Lab], None]) -> None:
    forbid(lab)
    lab.settle("h")
    before, rules = snapshot(lab["h"]), foreign_rules(lab)
    lab.apply(STACK, "h")
    demand_all_pairs(lab, "abc", (4, 6))
    for family in (4, 6):
        assert transfer(lab["a"], lab["out"], OUTSIDE[family]) == HOST[family]
    if forbid is not _nftables:
        assert foreign_rules(lab) == rules
    lab.destroy("shop", "h")
    lab.settle("h")
    assert snapshot(lab["h"]) == before


def test_a_firewall_that_starts_to_drop_later_is_noticed(lab: Lab) -> None:
    lab.apply(STACK, "h")
    forbid_as_docker(lab)
    assert not reaches(lab["a"], lab.address("c"), wait=0.3)
    plan = lab.apply(STACK, "h")
    assert {change.key.system for change in plan.changes} == {"nftables"}
    demand_all_pairs(lab, "abc", (4, 6))


def test_a_restart_of_the_other_tool_is_repaired(lab: Lab) -> None:
    forbid_as_docker(lab)
    lab.apply(STACK, "h")
    lab.run("h", "iptables-nft-restore", stdin=DOCKER)
    assert not reaches(lab["a"], lab.address("c"), wait=0.3)
    lab.apply(STACK, "h")
    demand_all_pairs(lab, "abc")


def test_traffic_that_is_not_the_stacks_is_dropped_as_before(lab: Lab) -> None:
    """Of a host with a foreign bridge, whose packets the firewall has never let through."""
    _iptables(lab)
    lab.apply(STACK.replace('attach: [{netns: "${c}"}]', "attach: []"), "h")
    lab.ip("h", "link add br-other type bridge", "address add 10.77.0.1/24 dev br-other", "link set br-other up")
    lab.join("c", "eth0", "h", "other0")
    lab.ip("h", "link set other0 master br-other")
    lab.ip("c", "address add 10.77.0.2/24 dev eth0", "route add default via 10.77.0.1")
    lab.ip("out", f"route add 10.77.0.0/24 via {HOST[4]}")
    lab.run("h", "sysctl", "-qw", "net.ipv4.conf.br-other.forwarding=1")
    assert reaches(lab["c"], HOST[4])
    assert not reaches(lab["c"], OUTSIDE[4], wait=0.3)
    assert reaches(lab["a"], OUTSIDE[4])
    lab.ip("h", "link delete other0", "link delete br-other")
    lab.ip("out", "route del 10.77.0.0/24")
