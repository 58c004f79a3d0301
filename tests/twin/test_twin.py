"""Twins: put up, entered, tried with real packets, taken down without a trace."""

import json
import signal
import time
from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest

from tests.support.namespaces import wait_until
from tests.twin.ground import NETCTL, PROJECT, Ground
from tests.twin.stacks import FENCED, OVERLAYS, SEGMENTS, SIX, THREE

EXAMPLES = sorted(path.name for path in (PROJECT / "examples").glob("*.yaml"))


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_has_a_twin_with_nothing_left_to_do_that_does_as_declared_and_goes(
    ground: Ground, example: str
) -> None:
    file = PROJECT / "examples" / example
    ground.twin("up", "-f", file)
    stack = ground.run("ls", "/run/netctl/twins").strip()
    hosts = {name.split(".")[2] for name in ground.run("ls", "/run/netns").split()} - {"_wire"}
    for host in hosts:
        planned = ground.netctl("twin", "exec", "--stack", stack, host, "--", *NETCTL, "plan", "-f", file,
                                "--provider", "kernel,nftables", "--detailed-exitcode")  # fmt: skip
        assert planned.code == 0, planned.out + planned.err
    assert "all as declared" in ground.twin("test", "-f", file)
    assert ground.twin("down", "-f", file) == f"The twin of {stack} is gone.\n"


def test_three_hosts_over_an_overlay_do_as_their_policies_say(ground: Ground) -> None:
    file = ground.write(THREE)
    ran = ground.netctl("twin", "test", "-f", file, "--junit", "junit.xml", "-o", "json")
    assert ran.code == 0, ran.out + ran.err
    document = json.loads(ran.out)
    assert (document["mode"], document["summary"]["passed"], document["summary"]["failed"]) == ("twin", 5, 0)
    assert len(document["matrix"]["connections"]) > 40
    assert {connection["outcome"] for connection in document["matrix"]["connections"]} == {"passed"}
    cases = list(ET.parse(ground.directory / "junit.xml").getroot().iter("testcase"))
    assert len(cases) > 5
    assert not [case for case in cases if case.find("failure") is not None]


def test_a_twin_that_does_otherwise_than_declared_fails_with_the_pair_and_the_place(ground: Ground) -> None:
    file = ground.write(THREE)
    assert "3 hosts, 4 endpoints" in ground.twin("up", "-f", file)
    ground.twin("exec", "-f", file, "node3", "--", "nft", "flush", "ruleset")
    ran = ground.netctl("twin", "test", "-f", file)
    assert ran.code == 1
    assert "pods/dns to pods/db at 5432/tcp" in ran.out
    assert f"{file}:18" in ran.out, "the policy that should have denied it"
    assert "FAIL" in ran.out
    ground.twin("down", "-f", file)


def test_networks_that_are_kept_apart_are_expected_to_be_and_missed_when_they_are_not(ground: Ground) -> None:
    file = ground.write(FENCED)
    ground.twin("up", "-f", file)
    assert "all as declared" in ground.twin("test", "-f", file)
    ground.twin("exec", "-f", file, "host", "--", "nft", "flush", "ruleset")
    ran = ground.netctl("twin", "test", "-f", file)
    assert ran.code == 1
    assert "front/web to back/db at 5432/tcp" in ran.out
    ground.twin("down", "--stack", "fenced")


@pytest.mark.parametrize("stack", [SEGMENTS, OVERLAYS])
def test_segments_and_overlays_of_all_kinds_do_as_declared(ground: Ground, stack: str) -> None:
    told = ground.twin("test", "-f", ground.write(stack))
    assert "all as declared" in told
    assert int(told.split("Who reaches what: ")[1].split()[0]) > 80


def test_an_address_that_is_on_several_hosts_is_tried_from_its_own_alone(ground: Ground) -> None:
    file = ground.write(
        THREE.split("subnets:")[0]
        + """networks:
  front: {subnet: {cidr: 10.10.0.0/24}, attach: [{netns: web, ports: {http: 80/tcp}}, {netns: api}]}
"""
    )
    document = json.loads(ground.twin("test", "-f", file, "-o", "json"))
    outcomes = {(c["source"], c["destination"]): c["outcome"] for c in document["matrix"]["connections"]}
    assert outcomes["front/api@node1", "front/web@node1"] == "passed"
    assert outcomes["front/api@node1", "front/web@node2"] == "untested"


def test_ipv6_alone_reaches_across_links_and_outside(ground: Ground) -> None:
    file = ground.write(SIX)
    assert "2 passed" in ground.twin("test", "-f", file, "--keep")
    addresses = ground.twin("exec", "-f", file, "node1", "--", "ip", "-4", "-br", "address", "show", "dev", "eth0")
    assert addresses == "", "nothing of the stack speaks IPv4"
    ground.twin("down", "--all")


def test_what_leaves_the_stack_bears_the_address_of_its_host(ground: Ground) -> None:
    file = ground.write(THREE)
    ground.twin("up", "-f", file)
    count = "add table ip t\nadd chain ip t in { type filter hook input priority 0; }\n"
    count += "add rule ip t in tcp dport 443 ip saddr 198.51.100.13 counter\n"
    ground.run(*NETCTL, "twin", "exec", "-f", file, "_wire", "--", "nft", "-f", "-", stdin=count)
    ground.twin("test", "-f", file)
    counted = json.loads(ground.twin("exec", "-f", file, "_wire", "--", "nft", "-j", "list", "chain", "ip", "t", "in"))
    (rule,) = (entry["rule"] for entry in counted["nftables"] if "rule" in entry)
    assert rule["expr"][-1]["counter"]["packets"] > 0
    ground.twin("down", "-f", file)


def test_a_command_in_the_twin_sees_the_host_and_its_exit_code_is_passed_on(ground: Ground) -> None:
    file = ground.write(THREE)
    ground.twin("up", "-f", file)
    seen = ground.twin("exec", "-f", file, "node2", "--", "sh", "-c", "hostname; ip netns; ls /sys/class/net")
    assert seen.split()[0] == "node2"
    assert "web" in seen
    assert "dns" in seen
    assert "nc-pods-vxlan" in seen
    inside = ground.twin("exec", "-f", file, "node2/dns", "--", "sh", "-c", "ls /sys/class/net; ip -br link show eth0")
    assert "eth0" in inside
    assert "nc-pods" not in inside
    assert ground.netctl("twin", "exec", "-f", file, "node1", "--", "sh", "-c", "exit 7").code == 7
    assert ground.netctl("twin", "exec", "-f", file, "node1", "--", "no-such-command").code == 127
    for place, told in (("node9", "node3"), ("node1/dns", "web")):
        ran = ground.netctl("twin", "exec", "-f", file, place, "--", "true")
        assert ran.code == 1
        assert told in ran.err
    ground.twin("down", "-f", file)


def test_the_machine_itself_is_not_touched(ground: Ground) -> None:
    looks = ("ip -d address", "ip route show table all", "ip rule", "nft list ruleset", "hostname", "ip netns")
    look = "; ".join([*looks, "sysctl -a -e --pattern '^net\\.(ipv4|ipv6|bridge)\\.' 2>&1 | grep -v -e stable_secret"])
    before = ground.run("sh", "-c", look)
    file = ground.write(THREE)
    ground.twin("up", "-f", file)
    up = ground.run("sh", "-c", look).replace("\n".join(ground.run("ip", "netns").splitlines()), "")
    ground.twin("down", "-f", file)
    assert ground.run("sh", "-c", look) == before
    assert [line for line in up.splitlines() if line] == [line for line in before.splitlines() if line]


@pytest.mark.parametrize("delay", [0, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15])
def test_killed_at_any_moment_it_leaves_what_down_finds_and_up_gets_over(ground: Ground, delay: float) -> None:
    file = ground.write(THREE)
    for then in ("down", "up"):
        ground.attempt_until(signal.SIGKILL, after_first_name(ground, delay), *NETCTL, "twin", "up", "-f", file)
        ground.twin(then, "-f", file)
        assert (then == "up") == bool(ground.names())
    assert "all as declared" in ground.twin("test", "-f", file)
    ground.twin("down", "-f", file)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("verb", "delay"), [("up", 0), ("up", 0.03), ("up", 0.08), ("test", 0.5)])
def test_interrupted_it_leaves_nothing(ground: Ground, number: signal.Signals, verb: str, delay: float) -> None:
    file = ground.write(THREE)
    ran = ground.attempt_until(number, after_first_name(ground, delay), *NETCTL, "twin", verb, "-qf", file)
    if ran.code == 0:
        ground.twin("down", "-f", file)
    else:
        assert (ran.code, ran.err) == (130, "\nnetctl: interrupted\n")


def after_first_name(ground: Ground, delay: float) -> Callable[[], bool]:
    """Whether it is so many seconds since the first namespace was there."""
    seen: list[float] = []

    def condition() -> bool:
        if not seen and ground.names():
            seen.append(time.monotonic())
        return bool(seen) and time.monotonic() - seen[0] >= delay

    return condition


def test_what_answers_ends_with_the_twin_however_that_goes(ground: Ground) -> None:
    file = ground.write(THREE)
    ground.twin("up", "-f", file)
    assert len(ground.processes()) == 1
    for name in ground.run("ls", "/run/netns").split():
        ground.run("ip", "netns", "delete", name)
    wait_until(lambda: not ground.processes(), what="nothing answers any more")
    ground.twin("down", "-f", file)


def test_a_twin_in_which_nothing_answers_any_more_is_tried_all_the_same(ground: Ground) -> None:
    file = ground.write(THREE)
    ground.twin("up", "-f", file)
    (answering,) = ground.run("ps", "-e", "-o", "pid=,comm=").split("python")[0].splitlines()[-1:]
    ground.run("kill", "-KILL", answering.strip())
    wait_until(lambda: not ground.processes(), what="nothing answers any more")
    assert "all as declared" in ground.twin("test", "-f", file)
    ground.twin("down", "-f", file)


def test_what_runs_in_a_twin_ends_with_it(ground: Ground) -> None:
    file = ground.write(THREE)
    ground.twin("up", "-f", file)
    ground.run("sh", "-c", f"'{NETCTL[0]}' -P -m netctl twin exec -f {file} node1/web -- sleep 1000 >/dev/null 2>&1 &")
    wait_until(lambda: "sleep 1000" in ground.processes(), what="it runs")
    ground.twin("down", "-f", file)
    assert ground.processes() == []


def test_a_twin_of_an_earlier_declaration_is_not_taken_for_the_present_one(ground: Ground) -> None:
    file = ground.write(THREE)
    ground.twin("up", "-f", file)
    ground.write(THREE.replace("5432", "5433"))
    ran = ground.netctl("twin", "test", "-f", file)
    assert ran.code == 1
    assert "netctl twin up" in ran.err
    ground.twin("up", "-f", file)
    assert "all as declared" in ground.twin("test", "-f", file)
    ground.twin("down", "-f", file)


def test_down_takes_no_declaration_and_no_twin_amiss(ground: Ground) -> None:
    assert ground.twin("down", "--stack", "nothing") == "There is no twin of nothing.\n"
    assert ground.twin("down", "--all") == ""
    assert ground.netctl("twin", "down").code == 64
    assert ground.netctl("twin", "down", "--all", "--stack", "x").code == 64


def test_a_mistake_in_the_declaration_is_told_as_by_validate_and_nothing_is_made(ground: Ground) -> None:
    file = ground.write(THREE.replace("5432/tcp]}]}", "70000/tcp]}]}"))
    ran = ground.netctl("twin", "up", "-f", file)
    assert ran.code == 1
    assert f"{file}:18" in ran.err


def test_without_privilege_it_says_what_is_missing(ground: Ground) -> None:
    file = ground.write(THREE)
    ran = ground.attempt("setpriv", "--bounding-set=-sys_admin", *NETCTL, "twin", "up", "-f", file)
    assert ran.code == 1
    assert "root" in ran.err


def test_a_test_that_was_killed_is_not_taken_for_a_twin_that_is_to_stay(ground: Ground) -> None:
    file = ground.write(THREE)
    ground.attempt_until(signal.SIGKILL, after_first_name(ground, 0.5), *NETCTL, "twin", "test", "-f", file)
    ground.twin("test", "-f", file)
    assert ground.left() == []


def test_two_at_once_wait_for_one_another(ground: Ground) -> None:
    file = ground.write(THREE)
    both = f"for n in 1 2; do {' '.join(NETCTL)} twin up -f {file} > out.$n 2>&1 & done; wait"
    started = time.monotonic()
    ground.run("sh", "-c", both)
    assert time.monotonic() - started < 90
    for number in (1, 2):
        assert "is up" in (ground.directory / f"out.{number}").read_text()
    ground.twin("down", "-f", file)
