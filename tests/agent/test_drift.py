"""Each kind of drift is repaired by the event that tells of it; looks at everything are switched off."""

import re
import signal
from functools import partial
from pathlib import Path

import pytest

from tests.agent.watcher import Watcher
from tests.support.namespaces import ip_json, run_in, wait_until

VXLAN = "nc-pods-vxlan"
FORWARDING = "force_forwarding" if Path("/proc/sys/net/ipv6/conf/all/force_forwarding").exists() else "forwarding"

DRIFTS = [
    ("node1", "ip link delete nc-front"),
    ("node1", "ip link delete nc-front-{web}"),
    ("node1", f"ip link delete {VXLAN}"),
    ("web", "ip link delete eth0"),
    ("node1", "ip link set nc-front down"),
    ("node1", "ip link set nc-front-{web} down"),
    ("node1", f"ip link set {VXLAN} down"),
    ("web", "ip link set eth0 down"),
    ("node1", "ip link set nc-front mtu 1300"),
    ("web", "ip link set eth0 mtu 1300"),
    ("node1", "ip link set nc-front-{web} nomaster"),
    ("node1", "ip link set nc-front address 02:00:00:00:00:99"),
    ("node1", "ip link set nc-front type bridge stp_state 1"),
    ("node1", "ip address delete 10.10.0.1/24 dev nc-front"),
    ("node1", "ip address flush dev nc-front"),
    ("node1", "ip address delete fd00:10::1/64 dev nc-front"),
    ("web", "ip address flush dev eth0"),
    ("node1", "ip route delete 10.10.0.0/24 dev nc-front"),
    ("node1", "ip route delete fd00:10::/64 dev nc-front"),
    ("node1", "ip route flush dev nc-front"),
    ("web", "ip route flush dev eth0"),
    ("node1", "ip route delete 172.31.0.0/16"),
    ("node1", "ip route delete 172.30.0.0/16"),
    ("node1", "ip route replace 172.31.0.0/16 via 10.10.0.253 proto 110"),
    ("node1", "ip route delete 10.42.2.0/24"),
    ("web", "ip route delete default"),
    ("node1", "ip route add 10.99.0.0/24 dev nc-front proto 110"),
    ("node1", f"ip neighbour flush dev {VXLAN} nud permanent"),
    ("node1", f"bridge fdb delete 02:00:00:00:00:00 dev {VXLAN}"),
    ("node1", "ip rule delete priority 1000"),
    ("node1", "sysctl -qw net.ipv4.conf.nc-front.forwarding=0"),
    ("node1", f"sysctl -qw net.ipv6.conf.nc-front.{FORWARDING}=0"),
    ("node1", "sysctl -qw net.ipv4.conf.eth0.forwarding=0"),
    ("node1", "nft flush table inet netctl-shop"),
    ("node1", "nft delete table inet netctl-shop"),
    ("node1", "nft delete table bridge netctl-shop"),
    ("node1", "nft flush ruleset"),
    ("node1", "nft add table inet netctl-shop { flags dormant; }"),
    ("node1", "nft add chain inet netctl-shop mine"),
]


@pytest.mark.parametrize(("where", "command"), DRIFTS, ids=lambda value: value.replace("{web}", "web"))
def test_a_drift_is_repaired_by_its_event(watcher: Watcher, where: str, command: str) -> None:
    lab = watcher.lab
    argv = _filled(watcher, command)
    run_in(lab[where], argv)
    watcher.await_said("^repaired")
    watcher.await_done()
    assert watcher.said("^repaired")
    assert not watcher.said("^(periodic|not repaired)")


def _filled(watcher: Watcher, command: str) -> list[str]:
    """The command, with the names that only the host knows."""
    lab = watcher.lab
    if "{web}" in command:
        names = [link["ifname"] for link in ip_json(lab["node1"], "link", "show", "master", "nc-front")]
        command = command.replace("nc-front-{web}", min(names))
    if "fdb" in command:
        shown = lab.run("node1", "bridge", "fdb", "show", "dev", VXLAN)
        found = re.search(r"^((?!00:00:00:00:00:00)\S+) dst", shown, re.MULTILINE)
        assert found, shown
        command = command.replace("02:00:00:00:00:00", found[1])
    return command.split()


def test_one_removed_element_of_a_set_is_put_back(watcher: Watcher) -> None:
    lab = watcher.lab
    before = _elements(watcher)
    name, members = next((name, members) for name, members in sorted(before.items()) if members)
    run_in(lab["node1"], ["nft", "delete", "element", *name.split(), "{", members[0], "}"])
    said = watcher.await_said("^repaired")
    assert said["drift"].startswith("set ")
    wait_until(lambda: _elements(watcher) == before, 60)
    watcher.await_done()


def test_a_foreign_element_is_removed_from_a_set(watcher: Watcher) -> None:
    before = _elements(watcher)
    name = next(
        name for name, members in sorted(before.items()) if members and "." in members[0] and "/" not in members[0]
    )
    run_in(watcher.lab["node1"], ["nft", "add", "element", *name.split(), "{", _other(before[name][0]), "}"])
    watcher.await_said("^repaired")
    wait_until(lambda: _elements(watcher) == before, 60)
    watcher.await_done()


def _other(element: str) -> str:
    return re.sub(r"\d+\.\d+\.\d+\.\d+", "10.10.0.99", element)


def test_an_edited_rule_is_put_back_and_the_program_named(watcher: Watcher) -> None:
    lab = watcher.lab
    shown = lab.run("node1", "nft", "-a", "list", "table", "bridge", "netctl-shop")
    chain, handle = _first_rule(shown)
    run_in(lab["node1"], ["nft", "replace", "rule", "bridge", "netctl-shop", chain, "handle", handle, "accept"])
    said = watcher.await_said("^repaired")
    assert said["drift"] == f"chain {chain}"
    assert said["by"].startswith("nft (")
    watcher.await_done()


def _first_rule(listing: str) -> tuple[str, str]:
    chain = ""
    for line in listing.splitlines():
        if found := re.match(r"\s*chain (\S+) {", line):
            chain = found[1]
        elif chain and "type " not in line and (found := re.search(r"# handle (\d+)$", line)):
            return chain, found[1]
    raise AssertionError(listing)


def _elements(watcher: Watcher) -> dict[str, list[str]]:
    """The elements of every set of the stack's, by ``family table set``."""
    found: dict[str, list[str]] = {}
    table = name = ""
    for line in watcher.lab.run("node1", "nft", "list", "ruleset").splitlines():
        if match := re.match(r"table (\S+ netctl-shop) {", line):
            table = match[1]
        elif match := re.match(r"\s+set (\S+) {", line):
            name = f"{table} {match[1]}"
            found[name] = []
        elif match := re.match(r"\s+elements = { (.*) }", line):
            found[name] = match[1].split(", ")
        elif "map " in line:
            name = "map"
    found.pop("map", None)
    return found


@pytest.mark.parametrize(("where", "link"), [("node1", "nc-front"), ("node1", VXLAN), ("web", "eth0")])
def test_a_mark_that_is_taken_away_from_a_link_of_the_stacks_is_put_back(
    watcher: Watcher, where: str, link: str
) -> None:
    lab = watcher.lab
    before = lab.link(where, link)
    lab.ip(where, f"link set {link} alias someone's", f"link set {link} mtu 1300")
    watcher.await_said("^repaired")
    watcher.await_done()
    after = lab.link(where, link)
    assert {after[name] == before[name] for name in ("ifalias", "ifindex", "mtu")} == {True}
    assert not watcher.said("^not repaired")


def test_a_mark_is_put_back_also_where_everything_has_to_be_looked_at(watcher: Watcher) -> None:
    lab = watcher.lab
    index = lab.link("node1", "nc-front")["ifindex"]
    watcher.process.send_signal(signal.SIGSTOP)
    lab.ip("node1", f"link delete {VXLAN}", f"link add {VXLAN} type bridge", "link set nc-front alias someone's")
    watcher.process.send_signal(signal.SIGCONT)
    wait_until(lambda: lab.link("node1", "nc-front")["ifalias"].startswith("netctl:shop/"), 60)
    watcher.process.send_signal(signal.SIGHUP)  # all is looked at, while the mark is not there
    lab.ip("node1", "link set nc-front alias someone's")
    lab.ip("node1", f"link delete {VXLAN}")
    watcher.await_done()
    assert lab.link("node1", "nc-front")["ifindex"] == index
    assert "kernel/link/nc-front" not in {said["resource"] for said in watcher.said("^not repaired")}


def test_a_link_that_another_stack_takes_over_is_left_to_it(watcher: Watcher) -> None:
    lab = watcher.lab
    alias = lab.link("node1", "nc-front")["ifalias"]
    lab.ip("node1", "link set nc-front alias netctl:other/networks.front@nc-front")
    wait_until(lambda: "kernel/link/nc-front" in {said["resource"] for said in watcher.said("^not repaired")}, 60)
    assert watcher.status()["drifted_count"] >= 1
    lab.ip("node1", f"link set nc-front alias {alias}")
    wait_until(lambda: not watcher.status()["drifted"], 60, "nothing is drifted")
    watcher.await_done()
    told = [said["resource"] for said in watcher.said("^not repaired")]  # the link, and perhaps what is on it
    assert len(told) == len(set(told))


def test_what_someone_makes_in_the_place_of_a_link_is_foreign_and_left_alone_until_it_is_gone(watcher: Watcher) -> None:
    lab = watcher.lab
    lab.ip("node1", "route delete 172.30.0.0/16")
    watcher.await_said("^repaired")  # so it has heard of what it made itself
    watcher.process.send_signal(signal.SIGSTOP)
    index = lab.link("node1", "nc-front")["ifindex"]
    lab.ip("node1", "link delete nc-front", f"link add nc-front index {index} type bridge")
    watcher.process.send_signal(signal.SIGCONT)
    told = partial(watcher.said, "^not repaired")
    wait_until(lambda: "kernel/link/nc-front" in {said["resource"] for said in told()}, 60, "it is reported as foreign")
    assert lab.link("node1", "nc-front")["mtu"] == 1500
    lab.ip("node1", "link delete nc-front")
    watcher.await_done(timeout=60)


def test_what_is_not_of_the_stack_is_left_alone_and_causes_nothing(watcher: Watcher) -> None:
    lab = watcher.lab
    lab.ip("node1", "link add mine type bridge", "address add 198.51.100.1/24 dev mine", "link set mine up")
    lab.ip("node1", "route add 203.0.113.0/24 via 192.0.2.77", "rule add priority 5 table 77")
    lab.run("node1", "nft", "add table inet mine { set s { type ipv4_addr; elements = { 10.0.0.1 } } ; }")
    watcher.await_done()
    assert not watcher.said("^repaired")
    assert lab.link("node1", "mine")["mtu"] == 1500
