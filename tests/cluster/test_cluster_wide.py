"""What is cluster-wide is written by one host; a new version is taken up by turns; everyone's state is to be seen."""

import json
import signal
from contextlib import suppress

import pytest

from netctl.cli import status as status_command
from netctl.cli.options import Format
from netctl.cluster.layout import Layout
from netctl.cluster.records import Rollout
from tests.cluster.five import PATIENCE, PODS, Five, demand_quiet
from tests.cluster.watches import publish
from tests.consul.agent import Refused
from tests.support.namespaces import wait_until

pytestmark = pytest.mark.xdist_group("five hosts")
"""One cluster serves them all."""

THREE = ("h3", "h4", "h5")
KEYS = PODS + "kv: {pods/price: %s}\nservices: {mail: {external: smtp.example.com, port: 25}}\n"
LAYOUT = Layout("pods")


def overview(five: Five, capsys: pytest.CaptureFixture[str], host: str = "h1") -> dict[str, dict[str, object]]:
    """What ``netctl status --all`` says of the hosts."""
    options = status_command.Options(all=True, stack="pods", netns=five.lab[host], output=Format.JSON)
    assert status_command.run(options) == 0
    found: dict[str, dict[str, object]] = json.loads(capsys.readouterr().out)["stacks"]["pods"]["hosts"]
    return found


def states(five: Five, capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[object, object]]:
    """State and version of each host."""
    return {name: (host["state"], host["version"]) for name, host in overview(five, capsys).items()}


def writer(five: Five) -> str:
    """The host that holds the lock; empty where none does, or where nobody says so in time: the leader has died."""
    with suppress(OSError, Refused):
        return _writer(five)
    return ""


def _writer(five: Five) -> str:
    found = five.agents["h1"].get(f"kv/{LAYOUT.writer}")
    session = (found or [{}])[0].get("Session")
    rows = five.agents["h1"].get(f"kv/{LAYOUT.hosts}", recurse="") or []
    return next((row["Key"].rpartition("/")[2] for row in rows if session and row.get("Session") == session), "")


def price(five: Five) -> str:
    found = five.agents["h1"].keys().get("pods/price", (b"", 0))
    return found[0].decode()


def test_one_host_writes_what_is_cluster_wide_and_another_takes_over(five: Five) -> None:
    publish(five.lab, KEYS % 5, "h1")
    with five.watched(*THREE) as watchers:
        wait_until(lambda: price(five) == "5", PATIENCE)
        wait_until(lambda: writer(five), PATIENCE, "a host has the lock")
        five.await_reaching(*THREE)
        demand_quiet(watchers)
        first = writer(five)
        five.agents["h1"].put("kv/pods/price", b"6")
        wait_until(lambda: price(five) == "5", PATIENCE, "its drift is repaired")
        watchers[first].await_said("^repaired", timeout=PATIENCE)
        assert not [host for host in THREE if host != first and watchers[host].said("^repaired")]
        five.crash(first)
        wait_until(lambda: writer(five) not in {"", first}, PATIENCE, "another host has the lock")
        publish(five.lab, KEYS % 7, "h1")
        wait_until(lambda: price(five) == "7", PATIENCE)
        assert "pods-mail" in {node["Node"] for node in five.agents["h1"].get("catalog/nodes")}
        five.join(first)
        five.agents[first].start(wait=False)
        five.await_reaching(*THREE)
        demand_quiet(watchers)
        publish(five.lab, PODS, "h1")
        wait_until(lambda: not price(five), PATIENCE)
        wait_until(
            lambda: "pods-mail" not in {node["Node"] for node in five.agents["h1"].get("catalog/nodes")}, PATIENCE
        )
        demand_quiet(watchers)


def test_every_hosts_state_is_to_be_seen_on_any_host(five: Five, capsys: pytest.CaptureFixture[str]) -> None:
    publish(five.lab, PODS, "h1")
    with five.watched(*THREE) as watchers:
        wait_until(lambda: states(five, capsys) == dict.fromkeys(THREE, ("converged", 1)), PATIENCE)
        assert {host["address"] for host in overview(five, capsys, "h2").values()} == {
            "192.0.2.13", "192.0.2.14", "192.0.2.15"
        }  # fmt: skip
        five.crash("h4")
        wait_until(lambda: states(five, capsys)["h4"][0] == "lost", PATIENCE)
        assert "died" in str(overview(five, capsys)["h4"]["reason"])
        assert watchers["h3"].end() == 0
        assert states(five, capsys)["h3"] == ("converged", 1), "while netctl is away, the host is not"


def test_a_version_that_fails_goes_no_further_than_may_be_unavailable(
    five: Five, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(five.lab, PODS, "h1")
    with five.watched(*THREE) as watchers:
        wait_until(lambda: states(five, capsys) == dict.fromkeys(THREE, ("converged", 1)), PATIENCE)
        text = PODS + "routes: [{to: 172.31.0.0/16, via: 198.51.100.1}]\n"
        publish(five.lab, text, "h1", max_unavailable=1)

        def one_has_failed() -> bool:
            found = sorted(str(state) for state, _ in states(five, capsys).values())
            return found == ["failing", "waiting", "waiting"]

        wait_until(one_has_failed, PATIENCE)
        held = Rollout.read("", five.agents["h1"].keys()[LAYOUT.rollout][0])
        failing = [host for host in THREE if states(five, capsys)[host][0] == "failing"]
        assert list(held.slots) == failing
        assert "172.31.0.0/16" in str(overview(five, capsys)[failing[0]]["reason"])
        five.await_reaching(*THREE)
        publish(five.lab, PODS, "h1", max_unavailable=1)
        wait_until(lambda: states(five, capsys) == dict.fromkeys(THREE, ("converged", 3)), PATIENCE)
        demand_quiet(watchers)
        assert Rollout.read("", five.agents["h1"].keys()[LAYOUT.rollout][0]).slots == {}


def test_hosts_take_a_version_up_by_turns(five: Five, capsys: pytest.CaptureFixture[str]) -> None:
    publish(five.lab, PODS, "h1")
    with five.watched(*THREE) as watchers:
        wait_until(lambda: states(five, capsys) == dict.fromkeys(THREE, ("converged", 1)), PATIENCE)
        text = PODS + "routes: [{to: 172.31.0.0/16, via: 192.0.2.11}]\n"
        watchers["h4"].process.send_signal(signal.SIGSTOP)
        publish(five.lab, text, "h1", max_unavailable=1)
        wait_until(lambda: states(five, capsys)["h3"] == ("converged", 2), PATIENCE)
        wait_until(lambda: states(five, capsys)["h5"] == ("converged", 2), PATIENCE)
        assert states(five, capsys)["h4"] == ("waiting", 1)
        watchers["h4"].process.send_signal(signal.SIGCONT)
        wait_until(lambda: states(five, capsys)["h4"] == ("converged", 2), PATIENCE)
        five.demand_done(*THREE)
