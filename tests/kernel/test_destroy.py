"""Destroying a stack leaves the namespaces as they were before it."""

from netctl.engine.apply import Result
from netctl.kinds.link import Bridge, Port
from netctl.kinds.sysctl import Sysctl
from tests.kernel.driving import STACK, Declared, apply, destroy, observe, plan, same
from tests.kernel.hosts import Host, bridge, everything
from tests.support.namespaces import ip, run_in, wait_for_addresses
from tests.support.snapshots import snapshot


def foreign_things(host: Host) -> None:
    """One of each kind, some of them much like the stack's."""
    ip(
        host.ns,
        "link add br0 type bridge",
        "link set br0 alias netctl:other/networks.a@br0 up",
        "link add vx0 type vxlan id 99 local 192.0.2.1 dev eth0 dstport 4799 nolearning",
        "link set vx0 group 110 up",
        "link property add dev eth0 altname uplink",
        "link set eth0 alias to-the-core",
        "address add 10.99.0.1/24 dev br0",
        "address add fd0f::1/64 dev br0 nodad",
        "route add 172.19.0.0/16 via 192.0.2.9 dev eth0",
        "route add 172.16.0.0/16 via 192.0.2.9 dev eth0 metric 9",
        "route add default via 192.0.2.254",
        "route add fd77::/64 via 2001:db8::9 dev eth0",
        "route add blackhole 10.255.0.0/16 table 1000",
        "route add 10.99.1.0/24 dev br0 proto 110",
        "rule add from 10.0.0.0/8 table 99 priority 999",
        "rule add from 10.0.0.0/8 table 99 priority 1000 protocol 110",
        "neighbour add 10.99.0.9 lladdr 02:00:00:00:00:99 dev br0 nud permanent",
        "neighbour add 10.99.0.9 lladdr 02:00:00:00:00:99 dev vx0 nud permanent protocol 110",
    )
    bridge(
        host.ns,
        "fdb append 00:00:00:00:00:00 dev vx0 dst 192.0.2.99 self permanent",
        "fdb append 02:00:00:00:00:99 dev vx0 dst 192.0.2.99 self permanent extern_learn",
    )
    run_in(host.ns, ["nft", "add", "table", "inet", "foreign"])
    run_in(host.ns, ["sysctl", "-w", "net.ipv4.conf.wan.forwarding=1"])
    ip(host.app, "link set lo up", "link add mine type bridge", "address add 10.98.0.1/24 dev mine")
    wait_for_addresses(host.ns)


def test_the_namespaces_are_as_they_were_foreign_objects_included(host: Host) -> None:
    foreign_things(host)
    before = snapshot(host.ns), snapshot(host.app)
    declared = everything(host.app)
    del declared[next(key for key in declared if key.id == "ipv4 1000: from 10.0.0.0/8")]
    declared.sysctl(Sysctl("net.ipv4.conf.wan.forwarding", "wan", "1"))
    apply(host.ns, declared)
    assert snapshot(host.ns) != before[0]
    destroy(host.ns)
    same(snapshot(host.ns), before[0])
    same(snapshot(host.app), before[1])
    assert not plan(host.ns, Declared())


def test_destroying_twice_does_nothing_the_second_time(host: Host) -> None:
    apply(host.ns, everything(host.app))
    assert destroy(host.ns).result is Result.APPLIED
    assert destroy(host.ns).result is Result.UNCHANGED
    assert observe(host.ns, Declared(STACK)) == {}


def test_a_stack_that_was_changed_many_times_leaves_nothing_either(host: Host) -> None:
    before = snapshot(host.ns), snapshot(host.app)
    whole = everything(host.app)
    for kinds in ({"link", "address"}, {"route"}, {"rule", "sysctl", "port"}, {"neighbour", "fdb"}):
        apply(host.ns, whole.without(*(key for key in whole if key.kind in kinds - {"link", "address"})))
    apply(host.ns, whole)
    destroy(host.ns)
    same(snapshot(host.ns), before[0])
    same(snapshot(host.app), before[1])


def test_what_drifted_is_removed_as_well(host: Host) -> None:
    before = snapshot(host.ns), snapshot(host.app)
    apply(host.ns, everything(host.app))
    ip(
        host.ns,
        "link set nc-a down",
        "link set phy nomaster",
        "link set nc-vx type vxlan id 7 ttl 3",
        "route replace 172.16.0.0/16 via 192.0.2.77 dev eth0 proto 110",
        "rule delete priority 1001",
    )
    run_in(host.ns, ["sysctl", "-w", "net.ipv4.conf.eth0.forwarding=0"])
    destroy(host.ns)
    same(snapshot(host.ns), before[0])
    same(snapshot(host.app), before[1])


def test_what_is_borrowed_of_an_interface_that_someone_has_renamed_is_given_back(host: Host) -> None:
    declared = Declared()
    declared.port(Port("", "phy", "nc-a", True), declared.link(Bridge("", "nc-a")))
    declared.sysctl(Sysctl("net.ipv4.conf.eth0.forwarding", "eth0", "1"))
    apply(host.ns, declared)
    ip(
        host.ns,
        *(f"link set {name} down" for name in ("phy", "eth0")),
        "link set phy name up.1",
        "link set eth0 name up.2",
    )
    ip(host.ns, "link set up.1 up")
    destroy(host.ns)
    links = {link["ifname"]: link for link in snapshot(host.ns)["links"]}
    assert not [name for name, link in links.items() if "altnames" in link]
    assert "master" not in links["up.1"]
    assert "UP" not in links["up.1"]["flags"]
    assert run_in(host.ns, ["cat", "/proc/sys/net/ipv4/conf/up.2/forwarding"]).stdout.strip() == "0"


def test_a_stack_on_an_interface_that_is_gone_is_destroyed(host: Host) -> None:
    apply(host.ns, everything(host.app))
    ip(host.ns, "link delete eth0", "link delete phy")
    destroy(host.ns)
    assert observe(host.ns, Declared(STACK)) == {}
    assert {link["ifname"] for link in snapshot(host.ns)["links"]} == {"lo", "wan", "wan-far"}
