"""Stacks beside each other, and beside what others have made: each keeps to its own."""

from collections.abc import Callable, Iterator

import pytest

from netctl.engine.change import Action
from netctl.engine.resource import Owner
from netctl.errors import ConflictError
from tests.e2e.host import HOST, OUTSIDE, build
from tests.e2e.lab import Lab, describe, keys
from tests.e2e.traffic import reaches, transfer
from tests.support.namespaces import ip_json
from tests.support.snapshots import Snapshot, snapshot

pytestmark = pytest.mark.xdist_group("ownership")

SHOP = """
stack: shop
networks:
  front: {subnet: {cidr: [10.10.0.0/24, "fd10::/64"], reserved: [10.10.0.98-10.10.0.99]}, attach: [{netns: "${a}"}]}
  back: {subnet: {cidr: 10.20.0.0/24}, isolated: true, attach: [{netns: "${b}"}]}
routes: [{to: 198.51.100.0/24, via: 192.0.2.1}, {to: 198.18.0.0/15, type: blackhole}]
rules: [{priority: 1000, from: 10.20.0.0/24, table: 100}]
"""
BLOG = """
stack: blog
networks:
  pages: {subnet: {cidr: [10.30.0.0/24, "fd30::/64"]}, attach: [{netns: "${c}"}]}
routes: [{to: 198.51.100.0/24, via: 192.0.2.1, metric: 10}]
rules: [{priority: 1000, from: 10.30.0.0/24, table: 100}]
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
    prepared.destroy("blog", "h")
    prepared.demand_as_before()


def _snapshot(lab: Lab) -> Snapshot:
    lab.settle("h")
    return snapshot(lab["h"])


@pytest.mark.parametrize("first", ["shop", "blog"])
def test_two_stacks_do_not_see_each_other(lab: Lab, first: str) -> None:
    lab.apply(SHOP, "h")
    alone = _snapshot(lab)
    lab.apply(BLOG, "h")
    lab.demand_done(SHOP, "h")
    for endpoint in "ac":
        assert transfer(lab[endpoint], lab["out"], OUTSIDE[4]) == HOST[4]
        assert transfer(lab[endpoint], lab["out"], OUTSIDE[6]) == HOST[6]
    lab.destroy(first, "h")
    lab.demand_done({"shop": BLOG, "blog": SHOP}[first], "h")
    rest = {"shop": "c", "blog": "a"}[first]
    assert transfer(lab[rest], lab["out"], OUTSIDE[4]) == HOST[4]
    assert transfer(lab[rest], lab["out"], OUTSIDE[6]) == HOST[6]
    if first == "blog":
        assert _snapshot(lab) == alone


def test_a_name_of_another_stack_is_a_conflict_that_changes_nothing(lab: Lab) -> None:
    lab.apply(SHOP, "h")
    before = _snapshot(lab)
    with pytest.raises(ConflictError, match="kernel/link/nc-front") as refused:
        lab.apply(BLOG.replace("pages:", "front:"), "h")
    assert "rename" in refused.value.advice
    assert _snapshot(lab) == before


def test_a_port_of_another_stack_is_a_conflict_that_changes_nothing(lab: Lab) -> None:
    lab.join("out", "port0", "h", "port0")
    ports = "stack: shop\nnetworks: {front: {attach: [{interface: port0}]}}"
    lab.apply(ports, "h")
    before = _snapshot(lab)
    for adopt in (False, True):
        with pytest.raises(ConflictError, match="kernel/port/port0") as refused:
            lab.apply(ports.replace("shop", "blog").replace("front", "pages"), "h", adopt=adopt)
        assert "--adopt" not in refused.value.advice
    assert _snapshot(lab) == before
    lab.destroy("shop", "h")
    lab.ip("h", "link delete port0")


def test_a_rule_and_a_route_of_another_stack_are_said_to_be_its_own(lab: Lab) -> None:
    ways = """
routes: [{to: 10.99.0.0/16, via: 192.0.2.1, table: 77}]
rules: [{priority: 77, from: 10.98.0.0/16, table: 77}]
"""
    lab.apply(f"stack: shop\nnetworks: {{front: {{subnet: {{cidr: 10.10.0.0/24}}}}}}{ways}", "h")
    plan = lab.plan(f"stack: blog{ways}", "h")
    owners = {conflict.desired.key.kind: conflict.live.owner for conflict in plan.conflicts}
    assert owners == {"route": Owner("shop"), "rule": Owner("shop")}
    lab.apply(f"stack: blog{ways}", "h", adopt=True)
    assert len(ip_json(lab["h"], "rule", "show", "priority", "77")) == 1


def test_a_target_is_made_with_what_it_needs_and_nothing_else(lab: Lab) -> None:
    plan = lab.apply(SHOP, "h", target=["networks.front"])
    assert keys(plan, Action.CREATE) >= {"link/nc-front", f"link/{lab['a']}/eth0"}
    assert not any("back" in key or lab["b"] in key for key in keys(plan, Action.CREATE))
    assert reaches(lab["a"], "10.10.0.1")
    rest = lab.plan(SHOP, "h")
    assert "link/nc-back" in keys(rest, Action.CREATE)
    assert not any("front" in key for key in keys(rest, Action.CREATE))
    lab.apply(SHOP, "h", target=["kernel/route/198.51.100.0*"])
    assert "nc-back" not in lab.run("h", "ip", "link", "show")
    lab.apply(SHOP, "h")
    assert transfer(lab["b"], lab["out"], OUTSIDE[4]) == HOST[4]


def test_a_target_that_is_declared_no_more_is_deleted_alone(lab: Lab) -> None:
    lab.apply(SHOP, "h")
    lab.apply_once("stack: shop", "h", target=["networks.back"])
    shown = lab.run("h", "ip", "link", "show")
    assert "nc-back" not in shown
    assert "nc-front" in shown


def test_a_bridge_made_by_hand_is_a_conflict_until_it_is_adopted(lab: Lab) -> None:
    lab.ip("h", "link add nc-front type bridge", "address add 10.10.0.1/24 dev nc-front", "link set nc-front up")
    before = _snapshot(lab)
    with pytest.raises(ConflictError, match="kernel/link/nc-front") as refused:
        lab.apply(SHOP, "h")
    assert "--adopt" in refused.value.advice
    assert _snapshot(lab) == before
    plan = lab.apply(SHOP, "h", adopt=True)
    adopted = {key for key in keys(plan, Action.UPDATE) if not key.startswith("sysctl/")}
    assert adopted == {"link/nc-front", "address/nc-front 10.10.0.1/24"}
    assert not keys(plan, Action.REPLACE)
    assert transfer(lab["a"], lab["out"], OUTSIDE[4]) == HOST[4]
    assert "create kernel/link/nc-front" not in describe(plan)


def test_an_ipv6_address_made_by_hand_is_adopted_in_place(lab: Lab) -> None:
    """Its duplicates were looked for, or are just being looked for; those of netctl's are not."""
    lab.ip("h", "link add nc-front type bridge", "address add fd10::1/64 dev nc-front", "link set nc-front up")
    plan = lab.apply(SHOP, "h", adopt=True)
    assert "address/nc-front fd10::1/64" in keys(plan, Action.UPDATE)
    assert not keys(plan, Action.REPLACE)
    assert reaches(lab["a"], "fd10::1")


def test_a_device_of_another_kind_under_the_same_name_is_not_adopted(lab: Lab) -> None:
    lab.ip("h", "link add nc-front type veth peer name other")
    before = _snapshot(lab)
    with pytest.raises(ConflictError, match="kernel/link/nc-front") as refused:
        lab.apply(SHOP, "h", adopt=True)
    assert "--adopt" not in refused.value.advice
    assert _snapshot(lab) == before
    lab.ip("h", "link delete nc-front")


FOREIGN = """
link add br-hand type bridge
link set br-hand address 02:00:00:00:00:f0
link add hand0 type veth peer name hand1
link set hand0 master br-hand alias netctl:shop/networks.front@other
link add hand-vx type vxlan id 7 local 192.0.2.10 dstport 4789 nolearning
link property add dev br-hand altname br-with-another-name
link set br-hand up
link set hand0 up
link set hand1 up
link set hand-vx up
address add 10.88.0.1/24 dev br-hand
address add fd88::1/64 dev br-hand
route add 10.89.0.0/24 via 10.88.0.2
route add 10.90.0.0/24 via 10.88.0.2 table 100
route add blackhole 10.91.0.0/24 proto 110
route add 10.92.0.0/24 dev br-hand proto 110
route add fd89::/64 via fd88::2
rule add priority 1000 from 10.88.0.0/24 lookup 100
rule add priority 999 from 10.88.0.0/24 lookup 100 protocol 110
neighbour add 10.88.0.9 lladdr 02:00:00:00:00:09 dev br-hand
neighbour add fd88::9 lladdr 02:00:00:00:00:09 dev br-hand
""".strip().splitlines()
RULESET = """
table inet netctl-other {
    comment "netctl:other"
    set seen { type ipv4_addr; elements = { 192.0.2.7 } }
    chain forward { type filter hook forward priority 10; ip saddr @seen drop; }
}
table ip nat {
    chain postrouting { type nat hook postrouting priority 100; ip saddr 10.88.0.0/24 masquerade; }
}
"""


@pytest.fixture
def crowded(lab: Lab) -> Iterator[Lab]:
    """A host with one of everything that is not the stack's, some of it with marks that look like netctl's."""
    lab.ip("h", *FOREIGN)
    lab.run("h", "bridge", "fdb", "append", "00:00:00:00:00:00", "dev", "hand-vx", "dst", "192.0.2.3", "self")
    lab.run("h", "nft", "-f", "-", stdin=RULESET)
    lab.run("h", "sysctl", "-qw", "net.ipv4.conf.br-hand.forwarding=1", "net.ipv4.conf.eth0.rp_filter=1")
    lab.remember("h")
    yield lab
    lab.destroy("shop", "h")
    lab.destroy("blog", "h")
    lab.demand_as_before()
    for command in ("link delete br-hand", "link delete hand0", "link delete hand-vx", "rule del priority 999"):
        lab.ip("h", command)
    lab.ip("h", "route del blackhole 10.91.0.0/24", "rule del priority 1000")
    lab.run("h", "nft", "flush", "ruleset")
    lab.run("h", "sysctl", "-qw", "net.ipv4.conf.eth0.rp_filter=0")
    lab.remember("h")


def test_what_others_have_made_is_the_same_byte_for_byte_afterwards(crowded: Lab) -> None:
    plan = crowded.apply(SHOP, "h")
    assert set(plan.count()) <= {Action.CREATE, Action.UPDATE}
    assert keys(plan, Action.UPDATE) <= {key for key in keys(plan, Action.UPDATE) if key.startswith("sysctl/")}
    crowded.apply(BLOG, "h")
    assert transfer(crowded["a"], crowded["out"], OUTSIDE[4]) == HOST[4]
    crowded.apply(SHOP.replace("10.20.0.0/24}", "10.21.0.0/24}"), "h")
    crowded.destroy("shop", "h")
    crowded.destroy("blog", "h")
    crowded.demand_as_before("h")


def test_what_others_add_to_the_stacks_own_things_is_left_alone(lab: Lab) -> None:
    lab.apply(SHOP, "h")
    for command in (
        "link add hand0 type veth peer name hand1",
        "link set hand0 master nc-front",
        "address add 10.77.0.1/24 dev nc-front",
        "address add fd77::1/64 dev nc-front",
        "route add 10.78.0.0/24 dev nc-front",
        "neighbour add 10.10.0.99 lladdr 02:00:00:00:00:99 dev nc-front",
        "link property add dev nc-front altname front-as-others-call-it",
    ):
        lab.ip("h", command)
    lab.ip("a", "address add 10.10.0.98/24 dev eth0", "route add 10.79.0.0/24 via 10.10.0.1")
    lab.demand_done(SHOP, "h")
    assert reaches(lab["a"], OUTSIDE[4])
    lab.destroy("shop", "h")
    assert "hand0" in lab.run("h", "ip", "link", "show")
    lab.ip("h", "link delete hand0")
