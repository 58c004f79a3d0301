"""What is declared no more goes, and nothing else does."""

import pytest

from netctl.engine.apply import apply_plan
from netctl.engine.change import Action
from netctl.kinds.address import Address, address_key
from netctl.kinds.link import Bridge, Macvlan, Port, VethPeer, Vxlan, port_key
from netctl.kinds.neighbour import Neighbour
from netctl.kinds.route import NextHop, Route, route_key
from tests.kernel.driving import Declared, apply, converged, destroy, named, observe, plan, same, writing
from tests.kernel.hosts import VTEP_MAC, Host, everything
from tests.support.namespaces import Namespaces, ip, ip_json, run
from tests.support.snapshots import snapshot

CREATE, UPDATE, DELETE = Action.CREATE, Action.UPDATE, Action.DELETE


def test_what_is_declared_no_more_is_deleted(host: Host) -> None:
    declared = everything(host.app)
    apply(host.ns, declared)
    gone = [
        address_key("nc-a", "fd00::1/64"),
        route_key("fd00:2::/64", metric=1024),
        *(key for key in declared if key.kind in {"rule", "fdb", "neighbour", "sysctl", "port"}),
        route_key("10.42.2.0/24"),
    ]
    rest = declared.without(*gone)
    changes = named(plan(host.ns, rest))
    assert set(changes) == {f"{key.kind}/{key.id}" for key in gone}
    assert {action for action, _ in changes.values()} == {DELETE}
    apply(host.ns, rest)
    converged(host.ns, rest)


def test_a_route_over_several_links_goes_though_one_of_them_stays(host: Host) -> None:
    """The kernel takes such a route away with the last of its links, not with the first."""
    declared = Declared()
    link = declared.link(Bridge("", "nc-a"))
    address = declared.address(Address("", "nc-a", "10.10.0.1/24"), link)
    before = snapshot(host.ns)
    for destination, metric, hops in (
        ("172.17.0.0/16", 0, (NextHop("10.10.0.9", "nc-a"), NextHop("192.0.2.9", "eth0"))),
        ("fd98::/64", 1024, (NextHop("2001:db8::8", "eth0"), NextHop("2001:db8::9", "eth0"))),
    ):
        declared.claimed(Route("", destination, 254, metric, "unicast", "", "", nexthops=hops), link, address)
    apply(host.ns, declared)
    converged(host.ns, declared)
    destroy(host.ns)
    same(snapshot(host.ns), before)


def test_deleting_a_route_that_is_gone_spares_a_foreign_one_of_another_metric(host: Host) -> None:
    """To the kernel, the metric 0 of a deletion is any metric."""
    declared = Declared()
    declared.claimed(Route("", "172.16.0.0/16", gateway="192.0.2.9", device="eth0"))
    ip(host.ns, "route add 172.16.0.0/16 via 192.0.2.8 dev eth0 metric 100")
    before = snapshot(host.ns)
    apply(host.ns, declared)
    with writing(host.ns) as session:
        made = session.plan(Declared(), stack="shop", host=host.ns)
        run(["ip", "-n", host.ns, "route", "delete", "172.16.0.0/16", "metric", "0", "proto", "110"])
        apply_plan(made, {}, session)
    same(snapshot(host.ns), before)


def test_a_neighbour_that_the_kernel_learned_is_replaced_by_the_declared_one(host: Host) -> None:
    declared = Declared()
    link = declared.link(Vxlan("", "nc-vx", vni=7, local="192.0.2.1", underlay="eth0", port=4789))
    apply(host.ns, declared)
    ip(host.ns, "neighbour add 10.42.2.0 lladdr 02:00:00:00:00:99 dev nc-vx nud stale")
    declared.neighbour(Neighbour("nc-vx", "10.42.2.0", VTEP_MAC), link)
    assert named(plan(host.ns, declared)) == {"neighbour/nc-vx 10.42.2.0": (CREATE, ())}
    apply(host.ns, declared)
    converged(host.ns, declared)


def test_the_interface_of_a_port_is_known_by_its_mark_alone(host: Host) -> None:
    """Without its mark, a port is as someone else set it; it stays where it is declared and is not given back."""
    declared = Declared()
    master = declared.link(Bridge("", "nc-a"))
    declared.port(Port("", "phy", "nc-a", True), master)
    apply(host.ns, declared)
    (mark,) = (name for link in snapshot(host.ns)["links"] for name in link.get("altnames", ()) if "port" in name)
    run(["ip", "-n", host.ns, "link", "property", "del", "dev", "phy", "altname", mark])
    converged(host.ns, declared)
    assert port_key("phy") not in observe(host.ns, Declared())


@pytest.mark.parametrize(
    ("key", "commands"),
    [
        ("eth0", ["link add eth0 type veth peer name x"]),
        ("eth0", ["link add eth0 type veth peer name x netns {other}"]),
        ("eth0", ["link add eth0 type bridge"]),
        ("lan0", ["link add lan0 type bridge"]),
    ],
)  # fmt: skip
def test_a_link_in_a_namespace_that_is_not_tied_to_this_host_cannot_be_adopted(
    netns: Namespaces, host: Host, key: str, commands: list[str]
) -> None:
    other = netns("other")
    ip(host.app, *(command.replace("{other}", other) for command in commands))
    before = snapshot(host.app)
    declared = Declared()
    declared.link(VethPeer(host.app, "eth0"))
    declared.link(Macvlan(host.app, "lan0", parent="eth0", mode="bridge"))
    found = plan(host.ns, declared, adopt=True)
    assert [(conflict.desired.key.id, conflict.adoptable) for conflict in found.conflicts] == [
        (f"{host.app}/{key}", False)
    ]
    same(snapshot(host.app), before)


@pytest.mark.parametrize("where", ["the same", "a third"])
def test_a_parent_in_another_namespace_is_not_the_host_s_link_of_the_same_index(
    netns: Namespaces, host: Host, where: str
) -> None:
    (uplink,) = ip_json(host.ns, "link", "show", "eth0")
    place = host.app if where == "the same" else netns("third")
    ip(place, f"link add p0 index {uplink['ifindex']} type bridge")
    ip(place, f"link add lan0 link p0 netns {host.app} type macvlan mode bridge")
    declared = Declared()
    declared.link(Macvlan(host.app, "lan0", parent="eth0", mode="bridge"))
    (conflict,) = plan(host.ns, declared, adopt=True).conflicts
    assert not conflict.adoptable


def test_a_link_that_someone_renamed_is_theirs_and_another_takes_its_place(host: Host) -> None:
    """Its mark names another link, as a copied one would."""
    declared = Declared()
    declared.address(Address("", "nc-a", "10.10.0.1/24"), declared.link(Bridge("", "nc-a")))
    apply(host.ns, declared)
    ip(host.ns, "link set nc-a down", "link set nc-a name mine")
    assert set(named(plan(host.ns, declared))) == {"link/nc-a", "address/nc-a 10.10.0.1/24"}
    apply(host.ns, declared)
    converged(host.ns, declared)
    destroy(host.ns)
    assert "mine" in {link["ifname"] for link in ip_json(host.ns, "link", "show")}
