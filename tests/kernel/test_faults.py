"""What the kernel refuses is said clearly, and what was done before is undone."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from netctl.engine.apply import ApplyError, Report, Result, apply_plan
from netctl.engine.protocol import Context
from netctl.engine.session import write_session
from netctl.kinds.address import Address
from netctl.kinds.link import Bridge, Macvlan, Port, Veth, Vxlan, link_key
from netctl.kinds.neighbour import FdbEntry
from netctl.kinds.route import Route, route_key
from netctl.kinds.rule import Rule
from netctl.kinds.sysctl import Sysctl
from reconcilers.kernel.capabilities import CAP_NET_ADMIN, effective
from tests.kernel.driving import STACK, Declared, answers, apply, converged, destroy, plan, same, writing
from tests.kernel.faulty import FaultySystem
from tests.kernel.hosts import IPV6_FORWARDING, VTEP_MAC, Host, bridge, everything
from tests.support.namespaces import ip, run, wait_for_addresses
from tests.support.snapshots import Snapshot, snapshot, unnumbered

ROOT = Path(__file__).parents[2]


def refused(
    ns: str, declared: Declared, meanwhile: Callable[[], object] = lambda: None, *, adopt: bool = False
) -> Report:
    """The report of an apply that fails; *meanwhile* is what someone else does between plan and apply."""
    with writing(ns) as session:
        made = session.plan(declared, stack=declared.stack, host=ns, adopt=adopt)
        assert not made.conflicts
        meanwhile()
        with pytest.raises(ApplyError) as caught:
            apply_plan(made, declared, session)
    return caught.value.report


# ---------------------------------------------------------------------------------------------------------- refusals


def some(declared: Declared) -> Declared:
    """Something of each kind that can be made before, or beside, what is refused."""
    link = declared.link(Bridge("", "nc-a", ipv4_forwarding=True))
    declared.address(Address("", "nc-a", "10.10.0.1/24"), link)
    declared.port(Port("", "phy", "nc-a", True), link)
    declared.rule(Rule(4, 1000, source="10.0.0.0/8", table=100))
    declared.sysctl(Sysctl("net.ipv4.conf.eth0.forwarding", "eth0", "1"))
    declared.claimed(Route("", "172.18.0.0/16", type="blackhole", device=""))
    return declared


def _missing_master(declared: Declared, app: str) -> None:
    declared.link(Veth("", "nc-app", master="nothing", peer=f"{app}/eth0"))


def _taken_name_of_the_far_end(declared: Declared, app: str) -> None:
    ip(app, "link add eth0 type bridge")
    veth = declared.link(Veth("", "nc-app", master="", peer=f"{app}/eth0"))
    assert veth


def _two_for_one_parent(declared: Declared, app: str) -> None:
    for name in ("lan0", "lan1"):
        declared.link(Macvlan(app, name, parent="wan", mode="passthru"))


REFUSALS: dict[str, tuple[Callable[[Declared, str], object], str]] = {
    "a gateway that is on no link": (
        lambda d, _: d.claimed(Route("", "172.16.0.0/16", gateway="203.0.113.1", device="")),
        "ENETUNREACH (Nexthop has invalid gateway); the gateway is not on a link of this host, or that link is down",
    ),
    "an IPv6 gateway that is on no link": (
        lambda d, _: d.claimed(Route("", "fd99::/64", metric=1024, gateway="2001:db8:ffff::1", device="")),
        "the gateway is not on a link of this host, or that link is down",
    ),
    "a device of a route": (
        lambda d, _: d.claimed(Route("", "172.16.0.0/16", gateway="192.0.2.9", device="nothing")),
        "there is no interface nothing",
    ),
    "a device of an address": (
        lambda d, _: d.address(Address("", "nothing", "10.1.0.1/24"), link_key("nothing")),
        "there is no interface nothing",
    ),
    "a master": (_missing_master, "there is no interface nothing"),
    "a parent": (
        lambda d, app: d.link(Macvlan(app, "lan0", parent="nothing", mode="bridge")),
        "there is no interface nothing",
    ),
    "an underlay": (
        lambda d, _: d.link(Vxlan("", "nc-vx", vni=7, local="192.0.2.1", underlay="nothing", port=4789)),
        "there is no interface nothing",
    ),
    "a port": (lambda d, _: d.port(Port("", "nothing", "nc-a", True)), "there is no interface nothing"),
    "a port's bridge": (lambda d, _: d.port(Port("", "wan", "nothing", True)), "there is no interface nothing"),
    "a setting's interface": (
        lambda d, _: d.sysctl(Sysctl("net.ipv4.conf.nothing.forwarding", "nothing", "1")),
        "this kernel has no such parameter, or there is no such interface",
    ),
    "a setting": (
        lambda d, _: d.sysctl(Sysctl("net.ipv4.conf.eth0.nonsense", "eth0", "1")),
        "this kernel has no such parameter, or there is no such interface",
    ),
    "a setting's value": (
        lambda d, _: d.sysctl(Sysctl("net.ipv4.conf.eth0.rp_filter", "eth0", "nonsense")),
        "set net.ipv4.conf.eth0.rp_filter to nonsense: Invalid argument",
    ),
    "a clash of VNIs": (
        lambda d, _: d.link(Vxlan("", "nc-vx", vni=99, local="192.0.2.1", underlay="eth0", port=4789)),
        "VNI",
    ),
    "a parent that another has for itself": (_two_for_one_parent, "a macvlan in mode passthru has it for itself"),
    "a name that is too long": (lambda d, _: d.link(Bridge("", "nc-" + "x" * 13)), "create kernel/link/nc-xxx"),
    "an alternative name of another": (lambda d, _: d.link(Bridge("", "nc-b", altnames=("eth0",))), "EEXIST"),
    "the far end's name": (_taken_name_of_the_far_end, "EEXIST"),
    "an fdb entry's device": (
        lambda d, _: d.fdb(FdbEntry("nothing", VTEP_MAC, "192.0.2.2"), link_key("nothing")),
        "there is no interface nothing",
    ),
}


@pytest.mark.parametrize("reason", REFUSALS)
def test_a_refusal_is_said_clearly_and_all_is_undone(host: Host, reason: str) -> None:
    ip(host.ns, "link add foreign type vxlan id 99 local 192.0.2.1 dev eth0 dstport 4789", "link set foreign up")
    declared = some(Declared())
    declare, expected = REFUSALS[reason]
    declare(declared, host.app)
    before = snapshot(host.ns), snapshot(host.app)
    report = refused(host.ns, declared)
    assert expected in answers(report)
    assert len(report.failed) == 1
    assert report.not_undone == ()
    assert report.result is Result.UNDONE
    same(snapshot(host.ns), before[0])
    same(snapshot(host.app), before[1])


def test_the_kernel_s_own_route_to_a_gateway_is_put_back_before_what_leads_through_it(host: Host) -> None:
    declared = everything(host.app)
    apply(host.ns, declared)
    ip(host.app, "route flush table main")
    apply(host.ns, declared)
    converged(host.ns, declared)


def test_a_stack_whose_name_leaves_no_room_for_a_mark_is_told_so(host: Host) -> None:
    long = "netctl-" + "x" * 56
    interface = "an-interface-15"
    ip(host.ns, f"link set wan name {interface}")
    declared = Declared(long)
    declared.sysctl(Sysctl(f"net.ipv6.conf.{interface}.{IPV6_FORWARDING}", interface, "1"))
    before = snapshot(host.ns)
    assert "use a shorter stack name" in answers(refused(host.ns, declared))
    same(snapshot(host.ns), before)


# -------------------------------------------------------------------------------------------------------------- races


def test_a_link_that_someone_makes_meanwhile_is_left_alone(host: Host) -> None:
    """It may even have got the index that was chosen for ours."""
    declared = some(Declared())
    states: list[Snapshot] = []

    def meanwhile() -> None:
        ip(host.ns, "link add nc-a type bridge", "link set nc-a alias mine", "address add 10.77.0.1/24 dev nc-a")
        states.append(snapshot(host.ns))

    report = refused(host.ns, declared, meanwhile)
    assert "EEXIST" in answers(report)
    assert "something of that name has appeared meanwhile: plan again" in answers(report)
    same(snapshot(host.ns), states[0])


def test_a_route_that_someone_makes_meanwhile_is_left_alone(host: Host) -> None:
    declared = some(Declared())
    declared.claimed(Route("", "172.16.0.0/16", gateway="192.0.2.9", device="eth0"))
    states: list[Snapshot] = []

    def meanwhile() -> None:
        ip(host.ns, "route add 172.16.0.0/16 via 192.0.2.77", "route add 172.16.0.0/16 via 192.0.2.78 metric 100")
        states.append(snapshot(host.ns))

    assert "EEXIST" in answers(refused(host.ns, declared, meanwhile))
    same(snapshot(host.ns), states[0])


def test_undoing_a_route_that_was_refused_spares_a_foreign_one_of_another_metric(host: Host) -> None:
    """To the kernel, the metric 0 of a deletion is any metric: this could be the host's default route."""
    ip(host.ns, "route add default via 192.0.2.254 metric 100")
    declared = some(Declared())
    declared.claimed(Route("", "0.0.0.0/0", gateway="203.0.113.1", device="eth0"))
    before = snapshot(host.ns)
    assert "ENETUNREACH" in answers(refused(host.ns, declared))
    same(snapshot(host.ns), before)


def test_a_link_that_someone_deletes_meanwhile_fails_what_is_on_it(host: Host) -> None:
    declared = some(Declared())
    apply(host.ns, declared)
    declared.change(link_key("nc-a"), mtu=1400)
    report = refused(host.ns, declared, lambda: ip(host.ns, "link delete nc-a"))
    assert "the interface has gone meanwhile: plan again" in answers(report)
    apply(host.ns, declared)
    converged(host.ns, declared)


def test_what_is_to_be_deleted_and_gone_meanwhile_is_done(host: Host) -> None:
    apply(host.ns, everything(host.app))
    with writing(host.ns) as session:
        made = session.plan(Declared(), stack=STACK, host="h")
        ip(
            host.ns,
            "link delete nc-a",
            "link delete nc-vx",
            "link delete nc-a-app",
            "rule delete priority 1001",
            "route delete 172.18.0.0/16",
            "link delete phy",
        )
        assert apply_plan(made, {}, session).result is Result.APPLIED
    assert not plan(host.ns, Declared())


# ------------------------------------------------------------------------------------------------------- taking over


def test_taking_over_is_undone_to_the_letter(host: Host) -> None:
    """Aliases, protocol numbers and states that a foreign object had before come back."""
    ip(
        host.ns,
        "link add nc-a mtu 1450 type bridge stp_state 1",
        "link set nc-a alias mine group 5 up",
        "address add 10.10.0.1/24 dev nc-a",
        "address add fd00::1/64 dev nc-a nodad",
        "link add nc-vx type vxlan id 7 local 192.0.2.1 dev eth0 dstport 4789 ttl 3",
        "link set nc-vx address 02:00:00:00:00:09 up",
        "neighbour add 10.42.2.0 lladdr 02:00:00:00:00:99 dev nc-vx nud permanent",
        "route add 172.16.0.0/16 via 192.0.2.77 proto static",
        "route add fd99::/64 via 2001:db8::77 dev eth0 proto bird",
        "route add 10.30.0.0/24 via 10.10.0.9 dev nc-a proto static",
        "rule add from 10.0.0.0/8 table 100 priority 1000 protocol static",
    )
    bridge(host.ns, f"fdb append {VTEP_MAC} dev nc-vx dst 192.0.2.77 self permanent")
    wait_for_addresses(host.ns)
    declared = Declared()
    link = declared.link(Bridge("", "nc-a", mtu=1400, altnames=("nc-a-too",), stp=False, ipv4_forwarding=True, group=0))
    declared.address(Address("", "nc-a", "10.10.0.1/24"), link)
    declared.address(Address("", "nc-a", "fd00::1/64"), link)
    declared.route(Route("", "10.30.0.0/24", gateway="10.10.0.8", device="nc-a"), link)
    tunnel = declared.link(Vxlan("", "nc-vx", vni=7, local="192.0.2.1", underlay="eth0", port=4789, ttl=9))
    declared.fdb(FdbEntry("nc-vx", VTEP_MAC, "192.0.2.2"), tunnel)
    declared.claimed(Route("", "172.16.0.0/16", gateway="192.0.2.9", device="eth0"))
    declared.claimed(Route("", "fd99::/64", metric=1024, gateway="2001:db8::9", device="eth0"))
    declared.rule(Rule(4, 1000, source="10.0.0.0/8", table=100))
    last = declared.link(Bridge("", "nc-z"), *declared)
    declared.claimed(Route("", "172.20.0.0/16", gateway="203.0.113.1", device="eth0"), last)
    before = snapshot(host.ns)
    report = refused(host.ns, declared, adopt=True)
    assert report.not_undone == ()
    same(snapshot(host.ns), before)


# --------------------------------------------------------------------------------------------------------- privileges


def test_without_the_capability_changes_are_refused_before_anything_is_read_and_plans_work(host: Host) -> None:
    script = f"""
from netctl.engine.protocol import Context
from netctl.engine.session import read_session, write_session
from netctl.errors import PrivilegeError
from reconcilers.kernel import SYSTEM
from tests.kernel.hosts import everything

try:
    with write_session([SYSTEM], Context({host.ns!r})):
        pass
except PrivilegeError as error:
    print(error.message, error.advice, error.code, sep="|")
with read_session([SYSTEM], Context({host.ns!r})) as session:
    declared = everything({host.app!r})
    found = session.plan(declared, stack="shop", host="h")
    print(len(list(found.changes)) == len(declared), found.unread)
"""
    before = snapshot(host.ns)
    child = run(
        ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", sys.executable, "-c", script],
        check=False,
    )
    first, second = child.stdout.splitlines() or [child.stderr, ""]
    message, advice, code = first.split("|")
    assert "CAP_NET_ADMIN" in message
    assert "netctl plan" in advice
    assert code == "NC302"
    assert second == "True ()"
    same(snapshot(host.ns), before)


def test_root_has_the_capability() -> None:
    assert effective(CAP_NET_ADMIN)


# ----------------------------------------------------------------------------------------------------- faults, injected


class Situation:
    """A host in a certain state, a stack to be applied to it, and how many changes that takes."""

    def __init__(self, host: Host, before: Declared, after: Declared) -> None:
        self.host = host
        self.after = after
        apply(host.ns, before)
        converged(host.ns, before)
        self.state = self.look()
        self.steps = len(list(plan(host.ns, after).changes))

    def look(self) -> tuple[Snapshot, Snapshot]:
        return unnumbered(snapshot(self.host.ns)), unnumbered(snapshot(self.host.app))

    def fail(self, step: int, *, crash: bool) -> None:
        """Apply, failing at that step; then everything is as it was before."""
        system = FaultySystem(step, crash=crash)
        with write_session([system], Context(self.host.ns)) as session:
            made = session.plan(self.after, stack=STACK, host="h")
            with pytest.raises(ApplyError) as caught:
                apply_plan(made, self.after, session)
        assert system.reached
        assert caught.value.report.not_undone == ()
        now = self.look()
        same(now[0], self.state[0])
        same(now[1], self.state[1])


def nothing(_app: str) -> Declared:
    return Declared()


def other_values(app: str) -> Declared:
    """Everything, with another value for an attribute of most; some more, some less."""
    declared = everything(app)
    declared.change(link_key("nc-a"), mtu=1390, stp=True, group=3, ipv4_forwarding=False, altnames=("second-name",))
    declared.change(link_key("nc-a-app"), mtu=1390, master="nc-b")
    declared[link_key("nc-a-app")] = declared[link_key("nc-a-app")]._replace(needs=(link_key("nc-b"),))
    declared.link(Bridge("", "nc-b", mtu=1390))
    declared.change(link_key("eth0", app), mac="02:00:00:00:00:55", ipv6_forwarding=False)
    declared.change(link_key("nc-vx"), vni=9, ttl=3)
    declared.change(link_key("lan0", app), mode="private")
    declared.change(route_key("172.16.0.0/16"), gateway="192.0.2.8", mtu=0)
    declared.change(route_key("172.18.0.0/16"), type="unreachable")
    declared.change(next(key for key in declared if key.id.startswith("ipv4 1000")), table=101)
    gone = [key for key in declared if key.kind in {"port", "sysctl"} or key.id in {"fd99::/64", "nc-a fd00::1/64"}]
    return declared.without(*gone, route_key("fd00:2::/64", metric=1024))


SITUATIONS: dict[str, tuple[Callable[[str], Declared], Callable[[str], Declared]]] = {
    "create": (nothing, everything),
    "change": (everything, other_values),
    "destroy": (everything, nothing),
}


@pytest.mark.parametrize("crash", [False, True], ids=["outcome", "crash"])
@pytest.mark.parametrize("part", range(3))
@pytest.mark.parametrize("name", SITUATIONS)
def test_a_fault_at_any_step_leaves_everything_as_it_was(host: Host, name: str, part: int, crash: bool) -> None:
    """Every third step in each of three tests, which can run side by side."""
    before, after = SITUATIONS[name]
    situation = Situation(host, before(host.app), after(host.app))
    assert situation.steps > 20
    for step in range(part, situation.steps, 3):
        situation.fail(step, crash=crash)
    apply(host.ns, situation.after)
    converged(host.ns, situation.after)


# -------------------------------------------------------------------------------------------------------------- kills

VICTIM = """
import sys
from tests.kernel.driving import apply, destroy
from tests.kernel.hosts import everything
ns, app, what = sys.argv[1:]
declared = everything(app)
print("ready", flush=True)
sys.stdin.readline()
apply(ns, declared) if what == "apply" else destroy(ns)
"""


def kill_during(host: Host, what: str, after: float) -> bool:
    """Kill a process that applies, or destroys, so many seconds after it began; whether it was still at it."""
    with subprocess.Popen(
        [sys.executable, "-c", VICTIM, *host, what], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdin
        assert process.stdout.readline() == "ready\n"
        process.stdin.write("\n")
        process.stdin.flush()
        time.sleep(after)
        os.kill(process.pid, signal.SIGKILL)
        return process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("seed", range(5))
def test_killed_at_any_moment_the_next_apply_converges_and_destroy_leaves_nothing(host: Host, seed: int) -> None:
    """Five of ten kills each: fifty in all."""
    moments = random.Random(seed)
    before = snapshot(host.ns), snapshot(host.app)
    declared = everything(host.app)
    started = time.monotonic()
    apply(host.ns, declared)
    making = time.monotonic() - started
    converged(host.ns, declared)
    started = time.monotonic()
    destroy(host.ns)
    ending = time.monotonic() - started
    for _ in range(5):
        kill_during(host, "apply", moments.uniform(0, making))
        apply(host.ns, declared)
        converged(host.ns, declared)
        kill_during(host, "destroy", moments.uniform(0, ending))
        if moments.random() < 0.5:
            apply(host.ns, declared)
            converged(host.ns, declared)
        destroy(host.ns)
        same(snapshot(host.ns), before[0])
        same(snapshot(host.app), before[1])
