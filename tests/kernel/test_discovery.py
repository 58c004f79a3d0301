"""What `discover` tells of a host: everything that could be declared, with its owner, also in attached namespaces."""

from netctl.engine.protocol import Context
from netctl.engine.resource import Key, Live
from netctl.kinds.link import Port, Veth, VethPeer, link_key
from netctl.kinds.route import CLAIM_TABLES, MAIN_TABLE, Route, route_key
from reconcilers.kernel import SYSTEM
from tests.kernel.driving import STACK, apply
from tests.kernel.hosts import Host, everything
from tests.support.namespaces import ip, run


def discovered(ns: str) -> dict[Key, Live]:
    with SYSTEM.reader(Context(ns)) as reader:
        return {live.key: live for live in reader.discover()}


def test_all_that_a_stack_made_is_found_as_the_stack_s(host: Host) -> None:
    declared = everything(host.app)
    apply(host.ns, declared)
    found = discovered(host.ns)
    kinds = {"link", "address", "route", "rule", "neighbour", "fdb"}
    claims = {
        key for key, want in declared.items() if isinstance(a := want.attributes, Route) and a.table >= CLAIM_TABLES
    }
    wanted = {key for key in declared if key.kind in kinds} - claims
    assert wanted <= found.keys()
    owners = {key: owner.stack for key in wanted if (owner := found[key].owner) is not None}
    assert owners == dict.fromkeys(wanted, STACK)


def test_a_route_is_not_told_to_be_of_the_declaration_of_its_device(host: Host) -> None:
    apply(host.ns, everything(host.app))
    routes = [live for key, live in discovered(host.ns).items() if key.kind == "route" and live.owner is not None]
    assert any(live.within is not None for live in routes)
    assert {live.owner.declaration for live in routes if live.owner is not None} == {""}


def test_both_ends_of_an_attached_namespace_know_each_other(host: Host) -> None:
    declared = everything(host.app)
    apply(host.ns, declared)
    found = discovered(host.ns)
    near = next(want.attributes for want in declared.values() if isinstance(want.attributes, Veth))
    live = found[link_key(near.name)].attributes
    assert isinstance(live, Veth)
    assert live.peer == near.peer
    assert any(isinstance(live.attributes, VethPeer) and live.key.id == near.peer for live in found.values())


def test_what_others_made_has_no_owner_and_claims_are_not_shown(host: Host) -> None:
    apply(host.ns, everything(host.app))
    ip(host.ns, "link add foreign type bridge", "rule add from 10.99.0.0/16 lookup 99 pref 900")
    found = discovered(host.ns)
    assert found[link_key("foreign")].owner is None
    assert next(live for key, live in found.items() if key.kind == "rule" and "900:" in key.id).owner is None
    assert not [
        key
        for key, live in found.items()
        if isinstance(live.attributes, Route) and live.attributes.table >= CLAIM_TABLES
    ]


def test_what_others_put_on_a_link_of_a_stack_is_not_the_stack_s(host: Host) -> None:
    apply(host.ns, everything(host.app))
    ip(
        host.ns,
        "address add 10.77.0.1/24 dev nc-a",
        "route add 10.78.0.0/16 dev nc-a",
        "neighbour add 10.42.9.0 lladdr 02:00:00:00:00:77 dev nc-vx nud permanent",
    )
    run(["bridge", "-n", host.ns, "fdb", "add", "02:00:00:00:00:77", "dev", "nc-vx", "dst", "192.0.2.9", "self"])
    ip(host.app, "route add 10.79.0.0/16 dev eth0")
    found = {f"{key.kind}/{key.id}": live for key, live in discovered(host.ns).items()}
    foreign = (
        "address/nc-a 10.77.0.1/24", "route/10.78.0.0/16", f"route/{host.app}/10.79.0.0/16",
        "neighbour/nc-vx 10.42.9.0", "fdb/nc-vx 02:00:00:00:00:77",
    )  # fmt: skip
    assert {key: found[key].owner for key in foreign} == dict.fromkeys(foreign)


def test_the_routes_of_a_namespace_that_others_have_attached_are_found(host: Host) -> None:
    ip(host.ns, f"link add vx9 type veth peer name eth9 netns {host.app}")
    ip(host.app, "link set eth9 up", "address add 10.77.0.2/24 dev eth9", "route add 10.79.0.0/16 via 10.77.0.1")
    assert route_key("10.79.0.0/16", MAIN_TABLE, 0, host.app) in discovered(host.ns)


def test_namespaces_of_others_are_not_looked_into(host: Host) -> None:
    ip(host.app, "link add foreign type bridge")
    apply(host.ns, everything(host.app))
    assert link_key("foreign", host.app) not in discovered(host.ns)


def test_the_ports_of_bridges_are_found_but_for_those_that_lead_to_named_namespaces(host: Host) -> None:
    apply(host.ns, everything(host.app))
    ip(
        host.ns,
        "link add foreign type bridge",
        "link add here type veth peer name there",
        "link set here master foreign",
        "link set here up",
        "link add tap type ifb",
        "link set tap master foreign",
    )
    ports = {live.key.id: live for live in discovered(host.ns).values() if isinstance(live.attributes, Port)}
    assert {name: live.owner and live.owner.stack for name, live in ports.items()} == {
        "here": None, "tap": None, "phy": STACK
    }  # fmt: skip
    assert ports["here"].attributes == Port("", "here", "foreign", True)
