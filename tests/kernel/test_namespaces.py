"""Resources in network namespaces that come, go and are changed from within."""

import subprocess
import sys
from typing import Any

import pytest

from netctl.engine.apply import ApplyError, Result, apply_plan
from netctl.engine.change import Action
from netctl.engine.protocol import Context
from netctl.engine.session import read_session
from netctl.errors import BackendError
from netctl.kinds.address import Address, address_key
from netctl.kinds.link import Bridge, Link, Macvlan, Veth, VethPeer, link_key
from netctl.kinds.route import Route
from reconcilers.kernel import SYSTEM
from reconcilers.kernel.link_requests import create_link
from reconcilers.kernel.rtnetlink import Request
from tests.kernel.driving import Declared, answers, apply, converged, destroy, named, observe, plan, same, writing
from tests.kernel.hosts import Host, make_host
from tests.support.namespaces import Namespaces, existing, ip, run, run_in, wait_until
from tests.support.snapshots import snapshot

CREATE, UPDATE, REPLACE, DELETE = Action.CREATE, Action.UPDATE, Action.REPLACE, Action.DELETE


def attached(app: str, interface: str = "eth0") -> Declared:
    """A bridge, a namespace attached to it, and a macvlan there."""
    declared = Declared()
    master = declared.link(Bridge("", "nc-a"))
    declared.address(Address("", "nc-a", "10.10.0.1/24"), master)
    veth = declared.link(Veth("", "nc-a-app", master="nc-a", peer=f"{app}/{interface}"), master)
    peer = declared.link(VethPeer(app, interface), veth, within=veth)
    address = declared.address(Address(app, interface, "10.10.0.2/24"), peer)
    declared.route(Route(app, "0.0.0.0/0", gateway="10.10.0.1", device=interface), peer, address)
    lan = declared.link(Macvlan(app, "lan0", parent="eth0", mode="bridge"))
    declared.address(Address(app, "lan0", "192.0.2.50/24"), lan)
    return declared


def test_acting_in_a_namespace_that_does_not_exist_is_an_error_and_does_not_create_it() -> None:
    missing = "nct-there-is-no-such"
    with read_session([SYSTEM], Context(missing)) as session:
        with pytest.raises(BackendError, match=f"no network namespace '{missing}'"):
            session.facts()
        found = session.plan(attached("app"), stack="shop", host="h")
    assert [part.part for part in found.unread] == ["everything"]
    assert not found.batches
    assert missing not in existing()


def test_an_attachment_to_a_namespace_that_does_not_exist_is_unread_with_all_that_is_tied_to_it(host: Host) -> None:
    declared = attached("nct-there-is-no-such")
    found = plan(host.ns, declared)
    (part,) = found.unread
    assert (part.part, part.reason) == (
        "network namespace nct-there-is-no-such",
        "there is no network namespace 'nct-there-is-no-such'",
    )
    assert set(named(found)) == {"link/nc-a", "address/nc-a 10.10.0.1/24"}
    assert set(found.blocked) == {key for key in declared if "nc-a-app" in key.id or "no-such" in key.id}
    with writing(host.ns) as session:
        assert apply_plan(session.plan(declared, stack="shop", host="h"), declared, session).result is Result.APPLIED
    assert "nct-there-is-no-such" not in existing()


def test_a_namespace_whose_name_disappears_is_unread_and_nothing_is_deleted_or_replaced(host: Host) -> None:
    """A container keeps it alive: its interfaces are there still, and nobody can say how they are."""
    declared = attached(host.app)
    apply(host.ns, declared)
    with subprocess.Popen(["ip", "netns", "exec", host.app, "sleep", "60"]) as container:
        wait_until(lambda: run(["ip", "netns", "pids", host.app]).stdout)
        run(["ip", "netns", "delete", host.app])
        found = plan(host.ns, declared)
        changed = Declared()
        changed.update(declared)
        changed.change(link_key("nc-a"), mtu=1400)
        with writing(host.ns) as session:
            apply_plan(session.plan(changed, stack="shop", host="h"), changed, session)
        links = {link["ifname"]: link["mtu"] for link in snapshot(host.ns)["links"]}
        container.kill()
    assert [part.part for part in found.unread] == [f"network namespace {host.app}"]
    assert named(found) == {}
    assert (links["nc-a"], links["nc-a-app"]) == (1400, 1500)


def test_a_namespace_that_another_takes_the_place_of_is_seen_as_that_other(host: Host) -> None:
    """Also by a session that has had the first one open."""
    declared = attached(host.app)
    with writing(host.ns) as session:
        apply_plan(session.plan(declared, stack="shop", host="h"), declared, session)
        run(["ip", "netns", "delete", host.app])
        run(["ip", "netns", "add", host.app])
        again = session.plan(declared, stack="shop", host="h")
        assert not again.unread
        changes = named(again)
        assert changes[f"link/{host.app}/eth0"][0] is CREATE
        assert changes[f"link/{host.app}/lan0"][0] is CREATE
        apply_plan(again, declared, session)
    converged(host.ns, declared)


def test_a_namespace_that_disappears_during_an_apply_fails_what_is_in_it_and_undoes_the_rest(host: Host) -> None:
    declared = attached(host.app)
    before = snapshot(host.ns)
    with writing(host.ns) as session:
        made = session.plan(declared, stack="shop", host="h")
        run(["ip", "netns", "delete", host.app])
        with pytest.raises(ApplyError) as caught:
            apply_plan(made, declared, session)
    assert f"no network namespace '{host.app}'" in answers(caught.value.report)
    same(snapshot(host.ns), before)


def test_a_file_that_is_no_namespace_is_said_to_be_none(netns: Namespaces, host: Host) -> None:
    name = f"{netns.prefix}-file"
    run(["touch", f"/run/netns/{name}"])
    try:
        declared = attached(name)
        (part,) = plan(host.ns, declared).unread
        assert "cannot be entered as a network namespace" in part.reason
        assert not plan(host.ns, Declared()).unread
    finally:
        run(["rm", f"/run/netns/{name}"])


def test_a_link_that_a_container_renamed_is_made_anew_under_its_name(host: Host) -> None:
    declared = attached(host.app)
    apply(host.ns, declared)
    ip(host.app, "link set eth0 down", "link set eth0 name renamed up")
    changes = named(plan(host.ns, declared))
    assert changes["link/nc-a-app"] == (REPLACE, ("peer",))
    assert changes[f"link/{host.app}/eth0"] == (CREATE, ())
    apply(host.ns, declared)
    converged(host.ns, declared)
    assert "renamed" not in run(["ip", "-n", host.app, "link"]).stdout


@pytest.mark.parametrize("destination", ["another namespace", "the host", "no named namespace"])
def test_a_link_that_was_moved_away_is_made_anew(netns: Namespaces, host: Host, destination: str) -> None:
    declared = attached(host.app)
    apply(host.ns, declared)
    other = netns("other")
    if destination == "another namespace":
        run(["ip", "-n", host.app, "link", "set", "eth0", "netns", other])
    elif destination == "the host":
        ip(host.app, "link set eth0 down", "link set eth0 name moved", f"link set moved netns {host.ns}")
    else:
        run(["ip", "-n", host.app, "link", "set", "eth0", "netns", other])
        run(["ip", "-n", other, "link", "set", "eth0", "name", "moved"])
    changes = named(plan(host.ns, declared))
    assert changes["link/nc-a-app"] == (REPLACE, ("peer",))
    assert changes[f"link/{host.app}/eth0"] == (CREATE, ())
    apply(host.ns, declared)
    converged(host.ns, declared)
    assert "eth0" not in run(["ip", "-n", other, "link"]).stdout


def test_a_macvlan_that_was_moved_to_another_namespace_is_moved_by_deleting_it_there(
    netns: Namespaces, host: Host
) -> None:
    declared = attached(host.app)
    apply(host.ns, declared)
    other = netns("other")
    run(["ip", "-n", host.app, "link", "set", "lan0", "netns", other])
    changes = named(plan(host.ns, declared))
    assert changes[f"link/{other}/lan0"] == (DELETE, ())
    assert changes[f"link/{host.app}/lan0"] == (CREATE, ())
    apply(host.ns, declared)
    converged(host.ns, declared)


def test_a_macvlan_is_found_in_its_namespace_after_its_declaration_is_gone(host: Host) -> None:
    declared = attached(host.app)
    apply(host.ns, declared)
    rest = declared.without(link_key("lan0", host.app), address_key("lan0", "192.0.2.50/24", host.app))
    assert named(plan(host.ns, rest)) == {
        f"address/{host.app}/lan0 192.0.2.50/24": (DELETE, ()),
        f"link/{host.app}/lan0": (DELETE, ()),
    }
    apply(host.ns, rest)
    converged(host.ns, rest)


def test_everything_in_all_namespaces_is_found_by_its_marks_alone(netns: Namespaces, host: Host) -> None:
    apps = [host.app, *(netns(f"app{number}") for number in range(4))]
    before = [snapshot(app) for app in apps]
    declared = attached(host.app)
    for number, app in enumerate(apps[1:]):
        lan = declared.link(Macvlan(app, "lan0", parent="eth0", mode="bridge"))
        declared.address(Address(app, "lan0", f"192.0.2.{60 + number}/24"), lan)
    apply(host.ns, declared)
    assert set(observe(host.ns, Declared())) == set(declared)
    destroy(host.ns)
    for app, state in zip(apps, before, strict=True):
        same(snapshot(app), state)


def test_a_macvlan_may_have_the_name_of_its_parent_and_the_index_of_another_link(host: Host) -> None:
    """Names and indexes are each namespace's own."""
    declared = Declared()
    declared.link(Macvlan(host.app, "eth0", mac="02:00:00:00:00:77", parent="eth0", mode="bridge"))
    apply(host.ns, declared)
    converged(host.ns, declared)
    assert run_in(host.app, ["cat", "/sys/class/net/eth0/address"]).stdout.strip() == "02:00:00:00:00:77"


def test_a_namespace_that_is_the_host_s_own_under_another_name_is_no_other(netns: Namespaces) -> None:
    """``ip netns attach`` gives the host's namespace a name; nothing in it is found twice."""
    host = make_host(netns)
    alias = f"{host.ns}-too"
    run(["touch", f"/run/netns/{alias}"])
    run(["mount", "--bind", f"/run/netns/{host.ns}", f"/run/netns/{alias}"])
    try:
        declared = attached(host.app)
        apply(host.ns, declared)
        converged(host.ns, declared)
        assert set(observe(host.ns, Declared())) == set(declared)
        destroy(host.ns)
    finally:
        run(["ip", "netns", "delete", alias])


def test_without_ipv6_an_ipv4_stack_works(host: Host) -> None:
    for ns in (host.ns, host.app):
        run_in(ns, ["sysctl", "-w", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"])
    before = snapshot(host.ns)
    declared = attached(host.app)
    declared.change(link_key("nc-a"), ipv4_forwarding=True, ipv6_forwarding=False)
    apply(host.ns, declared)
    converged(host.ns, declared)
    destroy(host.ns)
    same(snapshot(host.ns), before)


def test_a_link_too_small_for_ipv6_works_without_it(host: Host) -> None:
    """Below 1280 bytes the kernel takes IPv6 from a link, its settings included."""
    declared = Declared()
    declared.link(Bridge("", "nc-a", mtu=1200, ipv4_forwarding=True, ipv6_forwarding=False))
    apply(host.ns, declared)
    converged(host.ns, declared)


def test_a_macvlan_gets_its_name_in_its_namespace_where_the_kernel_looks_for_it_elsewhere(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until Linux 6.15 it was the namespace of the request. Here the loopback's name stands for one that is taken."""

    def create(link: Link, *arguments: Any) -> Request:
        return create_link(link._replace(name="lo") if link.name == "lan0" else link, *arguments)

    before = snapshot(host.ns), snapshot(host.app)
    monkeypatch.setattr("reconcilers.kernel.births.create_link", create)
    declared = attached(host.app)
    declared.change(link_key("lan0", host.app), ipv4_forwarding=True, ipv6_forwarding=True, mtu=1400)
    apply(host.ns, declared)
    converged(host.ns, declared)
    destroy(host.ns)
    same(snapshot(host.ns), before[0])
    same(snapshot(host.app), before[1])


def test_a_macvlan_whose_name_is_taken_meanwhile_leaves_nothing_behind(host: Host) -> None:
    declared = attached(host.app)
    before = snapshot(host.ns)
    with writing(host.ns) as session:
        made = session.plan(declared, stack="shop", host="h")
        ip(host.app, "link add lan0 type bridge")
        state = snapshot(host.app)
        with pytest.raises(ApplyError) as caught:
            apply_plan(made, declared, session)
    assert "EEXIST" in answers(caught.value.report)
    same(snapshot(host.ns), before)
    same(snapshot(host.app), state)


@pytest.mark.parametrize(("soft", "hard", "expected"), [(40, 4096, "applied"), (40, 40, "Too many open files")])
def test_more_namespaces_than_files_that_may_be_open(
    netns: Namespaces, host: Host, soft: int, hard: int, expected: str
) -> None:
    """The limit is raised as far as it may be; beyond that, it is said what stands in the way."""
    apps = [netns(f"app{number}") for number in range(45)]
    script = """
import sys
from netctl.engine.apply import apply_plan
from netctl.errors import BackendError
from netctl.kinds.link import Macvlan
from tests.kernel.driving import Declared, writing
declared = Declared()
for app in sys.argv[2:]:
    declared.link(Macvlan(app, "lan0", parent="eth0", mode="bridge"))
with writing(sys.argv[1]) as session:
    found = session.plan(declared, stack="shop", host="h")
    print(found.unread or apply_plan(found, declared, session).result)
"""
    child = run(["prlimit", f"--nofile={soft}:{hard}", sys.executable, "-c", script, host.ns, *apps])
    assert expected in child.stdout
    assert not plan(host.ns, Declared("other")).batches


def test_a_namespace_without_a_name_is_let_go(host: Host) -> None:
    """An open socket in it would keep it, and the pair that leads to it, alive for as long as a watch goes on."""
    declared = attached(host.app)
    with writing(host.ns) as session:
        apply_plan(session.plan(declared, stack="shop", host="h"), declared, session)
        run(["ip", "netns", "delete", host.app])
        session.plan(declared, stack="shop", host="h")
        wait_until(lambda: "nc-a-app" not in run(["ip", "-n", host.ns, "link"]).stdout)
