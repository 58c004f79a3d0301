"""What is not marked as the stack's is foreign: never changed, never deleted."""

import pytest

from netctl.engine.change import Action
from netctl.kinds.address import Address, address_key
from netctl.kinds.link import Bridge, Macvlan, Port, Veth, VethPeer, Vxlan, link_key
from netctl.kinds.neighbour import FLOOD_MAC, FdbEntry
from netctl.kinds.route import Route
from netctl.kinds.rule import Rule
from netctl.kinds.sysctl import Sysctl
from tests.kernel.driving import Declared, apply, conflicting, converged, destroy, named, observe, plan, same
from tests.kernel.hosts import Host, everything
from tests.support.namespaces import Namespaces, ip, run, run_in, wait_for_addresses
from tests.support.snapshots import Snapshot, snapshot

CREATE, UPDATE, DELETE = Action.CREATE, Action.UPDATE, Action.DELETE
FORWARDING = "net.ipv4.conf.eth0.forwarding"


def sysctl(ns: str, name: str) -> str:
    return run_in(ns, ["sysctl", "-n", name]).stdout.strip()


def bridge_with_address(stack: str = "shop", name: str = "nc-a", address: str = "10.10.0.1/24") -> Declared:
    declared = Declared(stack)
    link = declared.link(Bridge("", name))
    declared.address(Address("", name, address), link)
    return declared


# -------------------------------------------------------------------------------------------- foreign, of the same name


def test_a_foreign_link_of_the_same_name_is_a_conflict_and_so_is_what_is_on_it(host: Host) -> None:
    ip(host.ns, "link add nc-a type bridge", "address add 10.10.0.1/24 dev nc-a")
    before = snapshot(host.ns)
    found = plan(host.ns, bridge_with_address())
    assert conflicting(found) == {"link/nc-a", "address/nc-a 10.10.0.1/24"}
    assert all(conflict.adoptable for conflict in found.conflicts)
    assert named(found) == {}
    same(snapshot(host.ns), before)


def test_a_foreign_link_is_adopted_with_what_is_on_it(host: Host) -> None:
    ip(host.ns, "link add nc-a mtu 1400 type bridge", "address add 10.10.0.1/24 dev nc-a", "link set nc-a alias mine")
    declared = bridge_with_address()
    apply(host.ns, declared, adopt=True)
    converged(host.ns, declared)
    destroy(host.ns)
    assert "nc-a" not in run(["ip", "-n", host.ns, "link"]).stdout


@pytest.mark.parametrize(
    "taken",
    ["link add nc-a type ifb", "link add nc-a type veth peer name other", "link add nc-a type vxlan id 5 dstport 4789"],
)
def test_a_device_of_another_kind_is_a_conflict_that_cannot_be_adopted(host: Host, taken: str) -> None:
    ip(host.ns, taken)
    before = snapshot(host.ns)
    found = plan(host.ns, bridge_with_address(), adopt=True)
    assert conflicting(found) >= {"link/nc-a"}
    assert [conflict.adoptable for conflict in found.conflicts if conflict.desired.key.kind == "link"] == [False]
    same(snapshot(host.ns), before)


def test_a_foreign_vxlan_of_another_vni_cannot_be_adopted(host: Host) -> None:
    ip(host.ns, "link add nc-vx type vxlan id 5 dstport 4789 local 192.0.2.1")
    declared = Declared()
    declared.link(Vxlan("", "nc-vx", vni=7, local="192.0.2.1", underlay="eth0", port=4789))
    found = plan(host.ns, declared, adopt=True)
    assert [(conflict.desired.key.id, conflict.adoptable) for conflict in found.conflicts] == [("nc-vx", False)]


def test_a_foreign_rule_and_a_foreign_route_are_conflicts_and_can_be_adopted(host: Host) -> None:
    ip(
        host.ns,
        "route add 172.16.0.0/16 via 192.0.2.8 dev eth0 proto static",
        "rule add from 10.0.0.0/8 table 99 priority 1000",
    )
    declared = Declared()
    declared.claimed(Route("", "172.16.0.0/16", gateway="192.0.2.9", device="eth0"))
    declared.rule(Rule(4, 1000, source="10.0.0.0/8", table=99))
    found = plan(host.ns, declared)
    assert conflicting(found) == {"route/172.16.0.0/16", "rule/ipv4 1000: from 10.0.0.0/8"}
    apply(host.ns, declared, adopt=True)
    converged(host.ns, declared)
    routes = run(["ip", "-n", host.ns, "route"]).stdout
    assert "172.16.0.0/16 via 192.0.2.9 dev eth0" in routes
    assert "192.0.2.8" not in routes


def test_a_rule_that_selects_by_more_is_no_conflict(host: Host) -> None:
    ip(host.ns, "rule add not from 10.0.0.0/8 table 99 priority 1000")
    declared = Declared()
    declared.rule(Rule(4, 1000, source="10.0.0.0/8", table=100))
    apply(host.ns, declared)
    converged(host.ns, declared)
    destroy(host.ns)
    assert "not from 10.0.0.0/8 lookup 99" in run(["ip", "-n", host.ns, "rule"]).stdout


def test_a_route_for_other_packets_is_no_conflict(host: Host) -> None:
    ip(
        host.ns,
        "route add 172.16.0.0/16 tos 0x10 via 192.0.2.8 dev eth0",
        "route add fd99::/64 from fd01::/64 dev eth0",
    )
    before = snapshot(host.ns)
    declared = Declared()
    declared.claimed(Route("", "172.16.0.0/16", gateway="192.0.2.9", device="eth0"))
    declared.claimed(Route("", "fd99::/64", metric=1024, gateway="", device="eth0"))
    apply(host.ns, declared)
    converged(host.ns, declared)
    destroy(host.ns)
    same(snapshot(host.ns), before)


# ------------------------------------------------------------------------------------------------------------- marks


@pytest.mark.parametrize(
    "alias",
    [
        "netctl:shop/networks.a@nc-b",
        "netctl:shop/networks.a",
        "netctl:/networks.a@nc-a",
        "netctl:shop@nc-a",
        "shop/networks.a@nc-a",
        "x" * 255,
    ],
)
def test_a_mark_that_is_not_this_link_s_own_is_no_mark(host: Host, alias: str) -> None:
    ip(host.ns, "link add nc-a type bridge", f"link set nc-a alias {alias}")
    assert conflicting(plan(host.ns, bridge_with_address())) == {"link/nc-a"}
    assert observe(host.ns, Declared()) == {}


@pytest.mark.parametrize("name", ["na@me", "a=b", "a,b", "x.y", "ä-ö"])
def test_a_link_with_an_odd_name_is_known_by_its_mark(host: Host, name: str) -> None:
    declared = bridge_with_address(name=name)
    declared.change(link_key(name), ipv4_forwarding=True, ipv6_forwarding=True)
    apply(host.ns, declared)
    converged(host.ns, declared)
    destroy(host.ns)
    assert name not in run(["ip", "-n", host.ns, "link"]).stdout


@pytest.mark.parametrize("name", ["ph@y", "p,y", "p.y"])
def test_an_interface_with_an_odd_name_is_lent_and_given_back(host: Host, name: str) -> None:
    ip(host.ns, f"link add {name} type bridge", "link add br0 type bridge")
    ip(host.ns, "link add p0 type veth peer name p1", "link set p0 up", "link set p0 down")
    ip(host.ns, f"link set p0 name {name}0", f"link set {name}0 master br0")
    before = snapshot(host.ns)
    declared = Declared()
    master = declared.link(Bridge("", "nc-a"))
    declared.port(Port("", f"{name}0", "nc-a", True), master)
    setting = f"net.ipv4.conf.{name.replace('.', '/')}.forwarding"
    declared.sysctl(Sysctl(setting, name, "1"))
    apply(host.ns, declared)
    converged(host.ns, declared)
    destroy(host.ns)
    same(snapshot(host.ns), before)


def test_a_declaration_that_is_longer_than_an_alias_is_no_change(host: Host) -> None:
    declared = Declared(declaration="networks." + "ä" * 300)
    declared.link(Bridge("", "nc-a"))
    apply(host.ns, declared)
    converged(host.ns, declared)


def test_a_moved_declaration_changes_the_mark_alone(host: Host) -> None:
    apply(host.ns, bridge_with_address())
    moved = Declared(declaration="networks.b")
    link = moved.link(Bridge("", "nc-a"))
    moved.address(Address("", "nc-a", "10.10.0.1/24"), link)
    assert named(plan(host.ns, moved)) == {"link/nc-a": (UPDATE, ("owner",))}
    apply(host.ns, moved)
    converged(host.ns, moved)


# ------------------------------------------------------------------------------------------------- foreign, beside ours


def foreign_things(host: Host) -> None:
    """What others put on links of the stack's, and beside them.

    An address of their own on each link among them: without any, the kernel takes all of IPv4 from a link.
    """
    ip(
        host.ns,
        "address add 10.10.0.77/24 dev nc-a",
        "address add 10.77.0.1/24 dev nc-a",
        "address add 10.78.0.1 peer 10.78.0.2/32 dev nc-a",
        "address add fd77::1/64 dev nc-a nodad",
        "address add 10.42.77.1/32 dev nc-vx",
        "route add 10.79.0.0/24 via 10.77.0.9 dev nc-a",
        "route add fd79::/64 via fd77::9 dev nc-a",
        "route add 10.42.2.0/24 via 10.42.9.0 dev nc-vx onlink metric 9",
        "neighbour add 10.42.77.0 lladdr 02:00:00:00:00:77 dev nc-vx nud permanent",
        "neighbour add 10.10.0.77 lladdr 02:00:00:00:00:77 dev nc-a nud permanent",
        "link add foreign type veth peer name foreign-far",
        "link set foreign master nc-a up",
        "link property add dev nc-a altname also-known-as",
        "route add 172.77.0.0/16 via 192.0.2.77 dev eth0",
        "route add 172.16.0.0/16 via 192.0.2.77 dev eth0 metric 77",
        "rule add from 10.77.0.0/16 table 77 priority 77",
    )
    run(
        [
            "bridge",
            "-n",
            host.ns,
            *["fdb", "append", "02:00:00:00:00:77", "dev", "nc-vx", "dst", "192.0.2.77", "self", "permanent"],
        ]
    )
    run(["bridge", "-n", host.ns, "fdb", "add", "02:00:00:00:00:78", "dev", "nc-a", "self"])
    run_in(host.ns, ["sysctl", "-w", "net.ipv4.conf.nc-a.rp_filter=2"])
    run_in(host.app, ["ip", "address", "add", "10.10.0.88/24", "dev", "eth0"])
    run_in(host.app, ["ip", "route", "add", "10.88.0.0/16", "via", "10.10.0.88"])
    wait_for_addresses(host.ns)


def test_what_others_put_on_links_of_the_stack_s_is_left_alone_by_plan_and_apply(host: Host) -> None:
    declared = everything(host.app)
    apply(host.ns, declared)
    foreign_things(host)
    before = snapshot(host.ns), snapshot(host.app)
    converged(host.ns, declared)
    run(["ip", "-n", host.ns, "link", "set", "nc-a", "mtu", "1410"])
    run(["ip", "-n", host.ns, "link", "set", "nc-vx", "type", "vxlan", "id", "7", "ttl", "3"])
    apply(host.ns, declared)
    converged(host.ns, declared)
    same(snapshot(host.ns), before[0])
    same(snapshot(host.app), before[1])


def test_less_declared_takes_away_what_is_the_stack_s_and_nothing_else(host: Host) -> None:
    """Every address, route, neighbour, entry and rule goes, while the links stay with what others put on them."""
    declared = everything(host.app)
    apply(host.ns, declared)
    own = {key for key in declared if key.kind in {"address", "route", "neighbour", "fdb", "rule", "sysctl"}}
    links = declared.without(*own)
    apply(host.ns, links)
    foreign_things(host)
    before = snapshot(host.ns), snapshot(host.app)
    apply(host.ns, declared)
    converged(host.ns, declared)
    apply(host.ns, links)
    converged(host.ns, links)
    same(_without_order(snapshot(host.ns)), _without_order(before[0]))
    same(_without_order(snapshot(host.app)), _without_order(before[1]))


def _without_order(found: Snapshot) -> Snapshot:
    """The snapshot without the order of a link's addresses, which says only which came first."""
    for link in found["addresses"]:
        link["addr_info"] = sorted(
            ({k: v for k, v in address.items() if k != "secondary"} for address in link["addr_info"]), key=str
        )
    return found


def test_a_foreign_address_of_the_same_prefix_outlives_ours(host: Host) -> None:
    declared = bridge_with_address()
    apply(host.ns, declared)
    ip(host.ns, "address add 10.10.0.77/24 dev nc-a")
    apply(host.ns, declared.without(address_key("nc-a", "10.10.0.1/24")))
    assert "10.10.0.77/24" in run(["ip", "-n", host.ns, "address", "show", "nc-a"]).stdout
    assert sysctl(host.ns, "net.ipv4.conf.nc-a.promote_secondaries") == "0"


def test_of_two_declared_addresses_of_a_prefix_the_second_outlives_the_first(host: Host) -> None:
    declared = bridge_with_address()
    declared.address(Address("", "nc-a", "10.10.0.2/24"), link_key("nc-a"))
    apply(host.ns, declared)
    rest = declared.without(address_key("nc-a", "10.10.0.1/24"))
    apply(host.ns, rest)
    converged(host.ns, rest)


def test_an_address_with_a_peer_is_another_than_that_without(host: Host) -> None:
    apply(host.ns, bridge_with_address(address="10.10.0.1/32"))
    ip(
        host.ns,
        "address delete 10.10.0.1/32 dev nc-a",
        "address add 10.10.0.1 peer 10.10.0.2/32 dev nc-a",
    )
    declared = bridge_with_address(address="10.10.0.1/32")
    assert named(plan(host.ns, declared)) == {"address/nc-a 10.10.0.1/32": (CREATE, ())}
    apply(host.ns, declared)
    converged(host.ns, declared)
    assert "10.10.0.1 peer 10.10.0.2/32" in run(["ip", "-n", host.ns, "address", "show", "nc-a"]).stdout


def test_a_foreign_destination_for_broadcast_neither_hides_ours_nor_becomes_ours(host: Host) -> None:
    declared = Declared()
    link = declared.link(Vxlan("", "nc-vx", vni=7, local="192.0.2.1", underlay="eth0", port=4789))
    for destination in ("192.0.2.2", "192.0.2.3"):
        declared.fdb(FdbEntry("nc-vx", FLOOD_MAC, destination), link)
    apply(host.ns, declared)
    run(
        [
            "bridge",
            "-n",
            host.ns,
            *["fdb", "append", "00:00:00:00:00:00", "dev", "nc-vx", "dst", "192.0.2.77", "self", "permanent"],
        ]
    )
    converged(host.ns, declared)
    declared.fdb(FdbEntry("nc-vx", FLOOD_MAC, "192.0.2.4"), link)
    apply(host.ns, declared)
    converged(host.ns, declared)
    destinations = {entry["dst"] for entry in snapshot(host.ns)["fdb"] if entry["ifname"] == "nc-vx"}
    assert destinations == {f"192.0.2.{number}" for number in (2, 3, 4, 77)}


# ----------------------------------------------------------------------------------------------------- several stacks


def test_two_stacks_side_by_side_do_not_see_each_other(host: Host) -> None:
    first, second = everything(host.app, "shop"), Declared("bank")
    link = second.link(Bridge("", "nc-b", ipv4_forwarding=True))
    second.address(Address("", "nc-b", "10.20.0.1/24"), link)
    second.claimed(Route("", "172.20.0.0/16", gateway="192.0.2.9", device="eth0"))
    second.rule(Rule(4, 2000, source="10.20.0.0/16", table=100))
    second.sysctl(Sysctl(FORWARDING, "eth0", "1"))
    untouched = snapshot(host.ns)
    apply(host.ns, second)
    alone = snapshot(host.ns)
    apply(host.ns, first)
    converged(host.ns, first)
    converged(host.ns, second)
    both = observe(host.ns, Declared("bank"))
    assert set(both) == set(second)
    destroy(host.ns, "shop")
    same(snapshot(host.ns), alone)
    converged(host.ns, second)
    destroy(host.ns, "bank")
    same(snapshot(host.ns), untouched)


def test_another_stack_s_objects_are_conflicts_that_name_it(host: Host) -> None:
    def declared(stack: str) -> Declared:
        found = bridge_with_address(stack)
        found.route(Route("", "172.20.0.0/16", gateway="10.10.0.9", device="nc-a"), link_key("nc-a"))
        return found

    apply(host.ns, declared("bank"))
    conflicts = plan(host.ns, declared("shop")).conflicts
    assert {str(conflict.desired.key).partition("/")[2].partition(" ")[0] for conflict in conflicts} == {
        "link/nc-a", "address/nc-a", "route/172.20.0.0/16"
    }  # fmt: skip
    assert {conflict.live.owner.stack for conflict in conflicts if conflict.live.owner} == {"bank"}
    assert all(conflict.live.owner for conflict in conflicts)


@pytest.mark.parametrize("original", ["0", "1"])
def test_a_setting_that_two_stacks_share_is_put_back_after_the_last(host: Host, original: str) -> None:
    run_in(host.ns, ["sysctl", "-w", f"{FORWARDING}={original}"])
    before = snapshot(host.ns)
    stacks = Declared("shop"), Declared("bank")
    for declared in stacks:
        declared.sysctl(Sysctl(FORWARDING, "eth0", "1"))
        apply(host.ns, declared)
        converged(host.ns, declared)
    assert sysctl(host.ns, FORWARDING) == "1"
    destroy(host.ns, "shop")
    assert sysctl(host.ns, FORWARDING) == "1"
    converged(host.ns, stacks[1])
    destroy(host.ns, "bank")
    same(snapshot(host.ns), before)


def test_an_interface_comes_back_to_the_bridge_that_it_was_a_port_of(host: Host) -> None:
    ip(host.ns, "link add br-old type bridge", "link set phy master br-old up")
    before = snapshot(host.ns)
    declared = Declared()
    master = declared.link(Bridge("", "nc-a"))
    declared.port(Port("", "phy", "nc-a", True), master)
    apply(host.ns, declared)
    converged(host.ns, declared)
    destroy(host.ns)
    same(snapshot(host.ns), before)


def attached(stack: str, app: str, interface: str, address: str) -> Declared:
    declared = Declared(stack)
    master = declared.link(Bridge("", "nc-a"))
    veth = declared.link(Veth("", "nc-a-app", master="nc-a", peer=f"{app}/{interface}"), master)
    peer = declared.link(VethPeer(app, interface), veth, within=veth)
    declared.address(Address(app, interface, address), peer)
    lan = declared.link(Macvlan(app, f"{interface}-lan", parent="eth0", mode="bridge"))
    declared.address(Address(app, f"{interface}-lan", f"192.0.2.5{interface[-1]}/24"), lan)
    declared.route(Route(app, f"172.2{interface[-1]}.0.0/16", device=interface), peer)
    return declared


def test_stacks_of_one_name_on_two_hosts_leave_each_other_s_attachments_in_a_third_namespace_alone(
    netns: Namespaces, host: Host
) -> None:
    """The namespaces of both hosts' attachments are seen by both, and so are the marks in them."""
    other = netns("other")
    ip(other, "link add eth0 type veth peer name eth0-far", "link set eth0-far up", "link set eth0 up")
    pristine = snapshot(host.app)
    here = attached("shop", host.app, "eth0", "10.10.0.2/24")
    there = attached("shop", host.app, "eth1", "10.11.0.2/24")
    apply(host.ns, here)
    alone = snapshot(host.app)
    apply(other, there)
    converged(host.ns, here)
    converged(other, there)
    assert not set(observe(host.ns, here)) & (set(there) - set(here))
    destroy(other)
    assert _names(snapshot(host.app)) == _names(alone)
    converged(host.ns, here)
    destroy(host.ns)
    assert _names(snapshot(host.app)) == _names(pristine)


def _names(found: Snapshot) -> list[str]:
    return sorted(link["ifname"] for link in found["links"])


def test_one_host_s_attachment_is_foreign_to_a_stack_of_the_same_name_on_another(netns: Namespaces, host: Host) -> None:
    other = netns("other")
    ip(other, "link add eth0 type veth peer name eth0-far", "link set eth0-far up", "link set eth0 up")
    apply(host.ns, attached("shop", host.app, "eth0", "10.10.0.2/24"))
    found = plan(other, attached("shop", host.app, "eth0", "10.10.0.2/24"))
    assert conflicting(found) >= {f"link/{host.app}/eth0", f"link/{host.app}/eth0-lan"}
