"""A watch as a process: new desired states, good and bad, the lock, signals, what it says of itself."""

import json
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.agent.watcher import STACK, WATCHED, Watcher, command, environment, watching
from tests.e2e.lab import Lab
from tests.e2e.process import netctl
from tests.support.namespaces import ip_json, run_in, wait_until

LESS = STACK.replace("  - {to: 172.31.0.0/16, via: 10.10.0.254, hosts: [node1]}\n", "")
NOTHING = "stack: shop\nhosts:\n  node1: {id: 1, address: 192.0.2.11}\n"


def rewrite(lab: Lab, text: str) -> None:
    """Replace the watched file as editors do: by another one under its name."""
    new = Path(lab.write(text, "watched/new"))
    new.rename(lab.directory / WATCHED)


def test_a_changed_file_is_made_so(watcher: Watcher) -> None:
    rewrite(watcher.lab, LESS)
    assert watcher.await_said("^reloaded")["changes"] == "1 deleted"
    watcher.await_done(LESS)


def test_a_file_written_in_place_is_made_so(watcher: Watcher) -> None:
    watcher.lab.write(LESS, WATCHED)
    watcher.await_said("^reloaded")
    watcher.await_done(LESS)


def test_sighup_reloads(watcher: Watcher) -> None:
    watcher.process.send_signal(signal.SIGHUP)
    watcher.await_said("^reloading")
    assert watcher.await_said("^reloaded")["changes"] == "no changes"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("stack: shop\nnetworks: [", "1 error"),
        ("", "error"),
        (STACK.replace("mtu: 1400", "mtu: many"), "1 error"),
        (STACK.replace("stack: shop", "stack: other"), "stack 'other'"),
        (NOTHING, "everything"),
    ],
    ids=["cut off", "empty", "invalid", "another stack", "nothing left"],
)
def test_a_bad_new_state_is_reported_once_and_the_last_good_one_kept(watcher: Watcher, text: str, reason: str) -> None:
    lab = watcher.lab
    rewrite(lab, text)
    assert reason in watcher.await_said("is refused")["error"]
    assert reason in watcher.status()["error"]
    assert watcher.metric("netctl_ready") == 0
    assert watcher.get("/readyz")[0] == 503
    assert watcher.get("/healthz")[0] == 200
    watcher.process.send_signal(signal.SIGHUP)
    watcher.await_said("^reloading")
    wait_until(lambda: watcher.metric("netctl_desired_state_errors_total") >= 2)
    assert len(watcher.said("is refused")) == 1
    lab.ip("node1", "link set nc-front down")
    watcher.await_done()
    rewrite(lab, LESS)
    watcher.await_said("good again")
    watcher.await_done(LESS)
    assert watcher.get("/readyz")[0] == 200


def test_a_file_that_is_gone_empties_nothing(watcher: Watcher) -> None:
    (watcher.lab.directory / WATCHED).unlink()
    watcher.await_said("is refused")
    watcher.lab.ip("node1", "route delete 172.31.0.0/16")
    watcher.await_done()


def test_a_first_state_that_is_bad_changes_nothing(lab: Lab) -> None:
    before = ip_json(lab["node1"], "link", "show")
    with watching(lab, STACK.replace("mtu: 1400", "mtu: many"), ready=False) as watcher:
        assert watcher.process.wait(60) == 1
    assert ip_json(lab["node1"], "link", "show") == before


def test_a_second_watch_is_told_who_has_the_lock_and_the_first_reports_it(watcher: Watcher) -> None:
    lab = watcher.lab
    argv = command(lab, "-f", str(lab.directory / WATCHED), "--host", "node1", "--lock-timeout", "0")
    second = subprocess.run(argv, env=environment(lab), capture_output=True, text=True, check=False, timeout=60)
    assert second.returncode == 1
    assert f"process {watcher.process.pid} (netctl watch)" in second.stderr
    subprocess.run(argv, env=environment(lab), capture_output=True, check=False, timeout=60)
    assert len(watcher.said("another watch")) == 1
    assert watcher.status()["refused"] == {"watches": 2}
    assert watcher.metric('netctl_refusals_total{what="watches"}') == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_ends_when_it_is_asked_to_and_leaves_the_host_as_declared(
    watcher: Watcher, number: signal.Signals, code: int
) -> None:
    assert watcher.end(number) == code
    watcher.lab.demand_done(STACK, "node1")
    assert watcher.said("^stopped")


def test_detecting_reports_drift_and_changes_nothing(lab: Lab) -> None:
    lab.apply(STACK, "node1")
    with watching(lab, STACK, "--detect-only") as watcher:
        lab.ip("node1", "link set nc-front mtu 1300")
        assert watcher.await_said("^drifted")["resource"] == "kernel/link/nc-front"
        run_in(lab["node1"], ["nft", "flush", "table", "bridge", "netctl-shop"])
        watcher.await_said("^drifted", times=2)
        assert {entry["resource"] for entry in watcher.status()["drifted"]} == {
            "kernel/link/nc-front",
            "nftables/table/bridge netctl-shop",
        }
        lab.ip("node1", "link set nc-front mtu 1400")
        wait_until(lambda: watcher.status()["drifted_count"] == 1)
        assert lab.link("node1", "nc-front")["mtu"] == 1400
        assert not watcher.said("^repaired")
        assert watcher.status()["repairs"] == 0


def test_a_fight_over_one_resource_is_slowed_reported_and_starves_nothing_else(watcher: Watcher) -> None:
    lab = watcher.lab
    program = "while true; do ip link set nc-front mtu 1300; done"
    argv = ["ip", "netns", "exec", lab["node1"], "sh", "-c", program]
    with subprocess.Popen(argv, start_new_session=True) as fighter:
        try:
            assert watcher.await_said("^contended")["resource"] == "kernel/link/nc-front"
            lab.ip("node1", "route delete 172.31.0.0/16")
            wait_until(lambda: ip_json(lab["node1"], "route", "show", "172.31.0.0/16"), timeout=60)
            assert watcher.status()["contended"] == ["kernel/link/nc-front"]
            assert watcher.metric("netctl_contended_resources") == 1
        finally:
            fighter.kill()
    watcher.await_done(timeout=90)
    assert len(watcher.said("^contended")) == 1
    assert watcher.said("^contended")[0]["resource"] == "kernel/link/nc-front"
    assert watcher.status()["repairs"] < 100


def test_metrics_have_the_names_and_shapes_of_controller_runtime(watcher: Watcher) -> None:
    watcher.lab.ip("node1", "route delete 172.31.0.0/16")
    watcher.await_said("^repaired")
    assert watcher.metric('controller_runtime_reconcile_total{controller="kernel",result="success"}') >= 1
    assert watcher.metric('controller_runtime_reconcile_time_seconds_bucket{controller="kernel",le="+Inf"}') >= 1
    assert watcher.metric('netctl_repairs_total{system="kernel",kind="route",action="create"}') == 1
    assert watcher.metric("netctl_ready") == 1


def test_pages_that_are_not_there_and_other_requests_are_refused(watcher: Watcher) -> None:
    assert watcher.get("/secrets")[0] == 404
    assert watcher.get("/metrics", "POST")[0] == 405
    assert watcher.get("/", "GET")[0] == 200
    assert watcher.get("/webhook", "POST")[0] == 405


def test_status_asks_the_running_watch(watcher: Watcher) -> None:
    lab = watcher.lab
    path = str(lab.directory / WATCHED)
    ran = netctl("status", "-f", path, "--netns", lab["node1"], "--host", "node1", directory=lab.directory)
    assert f"Watched by process {watcher.process.pid}" in ran.out
    ran = netctl(
        "status", "-f", path, "--netns", lab["node1"], "--host", "node1", "-o", "json", directory=lab.directory
    )
    assert json.loads(ran.out)["watch"]["process"] == watcher.process.pid


def test_the_service_manager_is_told(lab: Lab) -> None:
    address = str(lab.directory / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(60)
        with watching(lab, STACK, NOTIFY_SOCKET=address, WATCHDOG_USEC="300000") as watcher:
            told = [manager.recv(4096).decode()]
            while not told[-1].startswith("READY=1"):
                told.append(manager.recv(4096).decode())
            for _ in range(3):
                assert manager.recv(4096) == b"WATCHDOG=1"
            watcher.process.send_signal(signal.SIGHUP)
            told = []
            while not any(line.startswith("READY=1") for line in told):
                told.append(manager.recv(4096).decode())
            assert any(line.startswith("RELOADING=1\nMONOTONIC_USEC=") for line in told)
            assert watcher.end() == 0
            told = []
            while not any(line.startswith("STOPPING=1") for line in told):
                told.append(manager.recv(4096).decode())


def test_nothing_happens_while_nothing_happens(watcher: Watcher) -> None:
    watcher.lab.settle()
    trace = watcher.lab.directory / "trace"
    argv = ["strace", "-f", "-qq", "-o", str(trace), "-p", str(watcher.process.pid)]
    with subprocess.Popen(argv) as tracer:
        wait_until(lambda: "TracerPid:\t0" not in Path(f"/proc/{watcher.process.pid}/status").read_text(), 60)
        with pytest.raises(subprocess.TimeoutExpired):
            tracer.wait(5)
        tracer.terminate()
    # Other tests make namespaces meanwhile, whose names wake it: it reads them, and finds nothing else.
    woken = re.compile(r"epoll_wait|futex|read\(|recvmsg\(.* EAGAIN|restart_syscall")
    calls = [line for line in trace.read_text().splitlines() if not woken.search(line)]
    assert not calls, calls[:10]


def test_lost_notifications_are_made_up_for_by_a_look_at_everything(watcher: Watcher) -> None:
    lab = watcher.lab
    watcher.process.send_signal(signal.SIGSTOP)
    many = [f"route {verb} 11.{i >> 8}.{i & 255}.0/24 dev eth0" for verb in ("add", "delete") for i in range(60000)]
    lab.ip("node1", *many, "route delete 172.31.0.0/16", "link set nc-front mtu 1300")
    watcher.process.send_signal(signal.SIGCONT)
    assert "lost" in watcher.await_said("^looking at everything")["reason"]
    watcher.await_done(timeout=60)
    lab.ip("node1", "link set nc-front mtu 1300")
    watcher.await_done()


def test_a_namespace_that_is_made_anew_is_attached_again(watcher: Watcher) -> None:
    lab = watcher.lab
    subprocess.run(["ip", "netns", "delete", lab["web"]], check=True)
    watcher.await_said("^looking at everything")
    subprocess.run(["ip", "netns", "add", lab["web"]], check=True)
    watcher.await_done(timeout=90)
    wait_until(lambda: watcher.get("/readyz")[0] == 200, timeout=90)
