"""The namespaces that the tests are made in."""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.namespaces import Namespaces, call_in, existing, ip, ip_json, run, run_in, veth_between, wait_until


def test_a_namespace_is_new_and_empty(netns: Namespaces) -> None:
    first, second = netns(), netns("host1")
    assert first != second
    assert second.endswith("-host1")
    assert [link["ifname"] for link in ip_json(first, "link", "show")] == ["lo"]
    assert "UP" not in ip_json(first, "link", "show", "lo")[0]["flags"]


def test_loopback_is_up_on_request(netns: Namespaces) -> None:
    assert "UP" in ip_json(netns(loopback=True), "link", "show", "lo")[0]["flags"]


def test_removing_a_namespace_kills_what_runs_in_it(netns: Namespaces) -> None:
    name = netns()
    with subprocess.Popen(["ip", "netns", "exec", name, "sleep", "60"]) as process:
        wait_until(lambda: run(["ip", "netns", "pids", name]).stdout)
        netns.remove_all()
        killed = wait_until(process.poll, timeout=2)
    assert killed == -signal.SIGKILL
    assert name not in existing()
    assert netns.left_behind() == []


def test_a_namespace_that_was_not_removed_is_found(netns: Namespaces) -> None:
    name = netns()
    assert netns.left_behind() == [name]


def test_a_namespace_that_the_test_removed_itself_is_no_error(netns: Namespaces) -> None:
    subprocess.run(["ip", "netns", "delete", netns()], check=True)
    netns.remove_all()


def test_a_failed_command_shows_what_it_said(netns: Namespaces) -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        ip(netns(), "link add nonsense type nonsense")
    assert "Unknown device type" in caught.value.__notes__[0]


def test_a_veth_pair_carries_packets_between_two_namespaces(netns: Namespaces) -> None:
    left, right = netns("left"), netns("right")
    veth_between(left, right, name_b="eth0")
    ip(left, "address add 192.0.2.1/24 dev veth0")
    ip(right, "address add 192.0.2.2/24 dev eth0")
    run_in(left, ["ping", "-c1", "-W2", "192.0.2.2"])


def test_a_call_inside_a_namespace_leaves_the_caller_outside(netns: Namespaces) -> None:
    name = netns()
    own = Path("/proc/thread-self/ns/net")
    outside = own.stat().st_ino
    inside = call_in(name, lambda: own.stat().st_ino)
    assert inside == Path(f"/run/netns/{name}").stat().st_ino
    assert own.stat().st_ino == outside != inside


def test_waiting_ends_with_what_the_predicate_returned() -> None:
    answers = iter(["", "", "done"])
    assert wait_until(lambda: next(answers)) == "done"


def test_waiting_for_what_never_comes_says_what_it_was() -> None:
    with pytest.raises(AssertionError, match=r"not within 0\.05 s: the moon is blue"):
        wait_until(lambda: False, timeout=0.05, what="the moon is blue")
