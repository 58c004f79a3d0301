"""Many changes at a time: each answer belongs to its change, and indexes chosen here are free."""

import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from netctl.engine.change import Action
from netctl.kinds.address import Address
from netctl.kinds.link import Bridge, Macvlan, Veth, VethPeer, Vxlan, link_key
from netctl.kinds.neighbour import Neighbour
from netctl.kinds.route import Route
from netctl.kinds.rule import Rule
from reconcilers.kernel.view import View
from tests.kernel.driving import STACK, Declared, apply, converged, destroy, named, observe, plan, same, writing
from tests.kernel.hosts import Host, everything
from tests.support.namespaces import ip_json
from tests.support.snapshots import snapshot
from tests.support.tracing import trace

ROOT = Path(__file__).parents[2]


def test_two_thousand_links_are_made_and_deleted_together(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """By one request: one by one, deleting them takes the kernel more than half a minute."""
    before = snapshot(host.ns)
    declared = Declared()
    master = declared.link(Bridge("", "nc-a"))
    # Of bridges fewer: for each the kernel waits, and every namespace of the machine with it.
    for number in range(60):
        declared.link(Bridge("", f"br{number}"))
    for number in range(970):
        declared.link(Vxlan("", f"vx{number}", vni=number, local="192.0.2.1", underlay="eth0", port=4789))
        veth = declared.link(Veth("", f"ve{number}", master="nc-a", peer=f"{host.app}/e{number}"), master)
        declared.link(VethPeer(host.app, f"e{number}"), veth, within=veth)
    apply(host.ns, declared)
    converged(host.ns, declared)
    assert len(ip_json(host.ns, "link", "show")) > 2000
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    command = [sys.executable, "-P", "-m", "netctl", "destroy", "--stack", STACK, "--yes", "-q"]
    writes = trace(command, ns=host.ns).writes
    assert writes.count("RTM_DELLINK") == 1
    same(snapshot(host.ns), before)


def test_each_refusal_is_its_change_s_own_in_a_batch_of_many(host: Host) -> None:
    """The odd ones are refused, each for a reason of its own; the even ones are made."""
    declared = Declared()
    vxlan = Vxlan("", "vx-a", vni=7, local="192.0.2.1", underlay="eth0", port=4789)
    apply(host.ns, _with(declared, vxlan))
    reasons = {
        declared.link(vxlan._replace(name="vx-b")): "EEXIST",
        declared.link(Bridge("", "br-a")): "",
        declared.link(vxlan._replace(name="vx-c", vni=1 << 24)): "ERANGE",
        declared.link(Bridge("", "br-b")): "",
        declared.link(Macvlan(host.app, "lan0", parent="nothing", mode="bridge")): "there is no interface nothing",
        declared.claimed(Route("", "172.16.0.0/16", gateway="203.0.113.1", device="eth0")): "ENETUNREACH",
        declared.claimed(Route("", "172.17.0.0/16", gateway="192.0.2.9", device="eth0")): "",
        declared.claimed(Route("", "172.18.0.0/16", gateway="192.0.2.9", device="none")): "there is no interface none",
        declared.claimed(Route("", "172.19.0.0/16", gateway="192.0.2.9", device="eth0", source="203.0.113.7")): (
            "EINVAL (Invalid prefsrc address)"
        ),
        declared.rule(Rule(4, 1000, source="10.0.0.0/8", table=100)): "",
        declared.link(Bridge("", "br-c", mtu=70000)): "EINVAL",
        declared.link(Bridge("", "br-d")): "",
    }
    with writing(host.ns) as session:
        made = session.plan(declared, stack=declared.stack, host="h")
        outcomes = [outcome for batch in made.batches for outcome in session.execute(batch)]
    answers = {outcome.change.key: str(outcome.failure or "") for outcome in outcomes}
    for key, reason in reasons.items():
        assert bool(answers[key]) == bool(reason), (key, answers[key])
        assert reason in answers[key]
    assert "VNI" in answers[link_key("vx-b")]


def _with(declared: Declared, vxlan: Vxlan) -> Declared:
    declared.link(vxlan)
    return declared


@pytest.fixture
def taken_indexes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every index that is chosen is another link's by the time it is used: the kernel gave it away meanwhile."""
    monkeypatch.setattr(View, "reserve_index", lambda view: min(view.names))


@pytest.fixture
def some_taken_indexes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every third index that is chosen is another link's."""
    choose, turn = View.reserve_index, count()
    monkeypatch.setattr(View, "reserve_index", lambda view: min(view.names) if next(turn) % 3 == 0 else choose(view))


@pytest.mark.parametrize("fixture", ["taken_indexes", "some_taken_indexes"])
def test_an_index_that_is_taken_meanwhile_is_the_kernel_s_to_choose(
    host: Host, request: pytest.FixtureRequest, fixture: str
) -> None:
    before = snapshot(host.ns), snapshot(host.app)
    request.getfixturevalue(fixture)
    declared = everything(host.app)
    apply(host.ns, declared)
    converged(host.ns, declared)
    destroy(host.ns)
    same(snapshot(host.ns), before[0])
    same(snapshot(host.app), before[1])


KILLED_BEFORE_COMPLETION = """
from reconcilers.kernel.link_writer import LinkWriter
LinkWriter._complete = lambda *_: os._exit(9)
apply(ns, declared)
"""
KILLED_BEFORE_THE_FAR_END = """
from reconcilers.kernel.link_writer import LinkWriter
LinkWriter._update_in = lambda *_: os._exit(9)
apply(ns, declared)
"""
KILLED_BEFORE_DELETION = """
import reconcilers.kernel.link_writer as module
module.delete_group = lambda *_: os._exit(9)
destroy(ns)
"""
PRELUDE = """
import os, sys
from tests.kernel.driving import apply, destroy
from tests.kernel.hosts import everything
ns, app = sys.argv[1:]
declared = everything(app)
"""


def killed(host: Host, script: str) -> None:
    """Run the script in a process of its own, which ends itself without further ado."""
    ended = subprocess.run([sys.executable, "-c", PRELUDE + script, *host], cwd=ROOT, check=False)
    assert ended.returncode == 9


@pytest.fixture(params=[KILLED_BEFORE_COMPLETION, KILLED_BEFORE_THE_FAR_END], ids=["completion", "far end"])
def half_made(host: Host, request: pytest.FixtureRequest) -> Host:
    """A host on which netctl was killed when links had been made, but not been given their marks."""
    killed(host, request.param)
    return host


def test_links_without_marks_yet_are_known_and_finished(half_made: Host) -> None:
    declared = everything(half_made.app)
    apply(half_made.ns, declared)
    converged(half_made.ns, declared)


def test_links_without_marks_yet_are_known_and_removed(host: Host) -> None:
    before = snapshot(host.ns), snapshot(host.app)
    killed(host, KILLED_BEFORE_COMPLETION)
    assert len(snapshot(host.ns)["links"]) > len(before[0]["links"])
    destroy(host.ns)
    same(snapshot(host.ns), before[0])
    same(snapshot(host.app), before[1])


def test_another_stack_does_not_take_links_without_marks_yet_for_its_own(half_made: Host) -> None:
    assert observe(half_made.ns, Declared("bank")) == {}
    other = Declared("bank")
    other.link(Bridge("", "nc-a"))
    assert plan(half_made.ns, other).conflicts


def test_links_that_were_about_to_be_deleted_come_back_into_their_groups(host: Host) -> None:
    declared = everything(host.app)
    del declared[link_key("nc-a")]
    declared.link(Bridge("", "nc-a", mac="02:00:00:00:00:01"))
    apply(host.ns, declared)
    killed(host, KILLED_BEFORE_DELETION)
    changes = named(plan(host.ns, declared))
    assert changes["link/nc-a"][0] is Action.UPDATE
    apply(host.ns, declared)
    converged(host.ns, declared)
    assert {link["ifname"]: link["group"] for link in ip_json(host.ns, "link", "show")}["nc-a"] == "default"


def test_more_than_one_send_of_each_kind(host: Host) -> None:
    """A send takes so many requests; what is beyond it goes with the next."""
    declared = Declared()
    link = declared.link(Vxlan("", "nc-vx", vni=7, local="192.0.2.1", underlay="eth0", port=4789))
    for number in range(600):
        address = f"10.42.{number >> 8}.{number & 255}"
        declared.address(Address("", "nc-vx", f"{address}/32"), link)
        declared.neighbour(Neighbour("nc-vx", address, "02:00:00:00:00:0a"), link)
        declared.rule(Rule(4, 1000 + number, source=f"{address}/32", table=100))
    apply(host.ns, declared)
    converged(host.ns, declared)


def test_two_stacks_are_applied_at_the_same_time(host: Host) -> None:
    """Both choose the same indexes."""
    script = """
import sys
from netctl.kinds.link import Bridge, Vxlan
from tests.kernel.driving import Declared, apply
ns, app, stack, number = sys.argv[1:]
declared = Declared(stack)
for place in range(60):
    declared.link(Bridge("", f"{stack}-b{place}", group=5, ipv4_forwarding=True))
for place in range(540):
    declared.link(Vxlan("", f"{stack}-v{place}", vni=int(number) + place, local="192.0.2.1", port=4789))
sys.stdin.readline()
apply(ns, declared)
apply(ns, Declared(stack))
apply(ns, declared)
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", script, *host, *stack], cwd=ROOT, stdin=subprocess.PIPE, text=True)
        for stack in (("shop", "1000"), ("bank", "5000"))
    ]
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    for process in processes:
        assert process.stdin
        process.stdin.close()
    groups = {link["ifname"]: link["group"] for link in ip_json(host.ns, "link", "show")}
    assert len([name for name, group in groups.items() if "-b" in name and group == "5"]) == 120
    assert {group for name, group in groups.items() if "-b" not in name} == {"default"}
    for stack in ("shop", "bank"):
        destroy(host.ns, stack)
    assert len(ip_json(host.ns, "link", "show")) == 7
