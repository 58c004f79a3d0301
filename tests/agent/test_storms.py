"""Ten thousand foreign changes within seconds: the host ends as declared, by events alone, and is watched meanwhile."""

import random
import subprocess

import pytest

from tests.agent.test_drift import VXLAN
from tests.agent.watcher import Watcher
from tests.support.namespaces import ip_json, run_in, wait_until

COUNT = 10_000
HEAVY = 100
"""One in so many takes a link down or away, which takes the kernel milliseconds."""


def _light(chance: random.Random) -> str:
    """A change that the kernel makes in microseconds."""
    number = chance.randrange(256)
    return chance.choice(
        [
            f"route add 10.200.{number}.0/24 dev eth0",
            f"route delete 10.200.{number}.0/24",
            f"route add 10.98.{number}.0/24 dev nc-front protocol 110",
            "route delete 172.31.0.0/16",
            "route delete 172.30.0.0/16",
            f"route append 172.31.0.0/16 via 10.10.0.{number or 1}",
            "route delete 10.42.2.0/24",
            "rule delete priority 1000",
            f"rule add priority {10_000 + number} table 77",
            "address delete 10.10.0.1/24 dev nc-front",
            f"address add 10.10.7.{number}/24 dev nc-front",
            "link set nc-front mtu 1300",
            f"link set nc-front alias x{number}",
            f"link set nc-front address 02:00:00:00:00:{number:02x}",
            f"neighbour delete 10.42.2.0 dev {VXLAN}",
            f"neighbour add 10.42.9.{number} lladdr 02:00:00:00:00:01 dev {VXLAN}",
        ]
    )


def _heavy(chance: random.Random, ports: list[str]) -> str:
    return chance.choice(
        [
            "link set nc-front down", "link delete nc-front", f"link set {VXLAN} down", f"link delete {VXLAN}",
            f"link set {chance.choice(ports)} nomaster", f"link delete {chance.choice(ports)}",
            "address flush dev nc-front", f"neighbour flush dev {VXLAN} nud permanent",
        ]
    )  # fmt: skip


def _rules(chance: random.Random) -> str:
    """A transaction."""
    return chance.choice(
        [
            "flush table bridge netctl-shop", "delete table inet netctl-shop", "flush ruleset",
            "add chain bridge netctl-shop mine", "add table inet mine", "delete table inet mine",
            "add rule bridge netctl-shop mine accept", "add set inet netctl-shop mine { type ipv4_addr; }",
        ]
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(2))
def test_ten_thousand_foreign_changes_end_converged_and_starve_nothing(watcher: Watcher, seed: int) -> None:
    lab, chance = watcher.lab, random.Random(seed)
    ports = [link["ifname"] for link in ip_json(lab["node1"], "link", "show", "master", "nc-front")]
    changes = [_heavy(chance, ports) if n % HEAVY == 0 else _light(chance) for n in range(COUNT * 9 // 10)]
    (lab.directory / "changes").write_text("\n".join(changes) + "\n")
    (lab.directory / "rules").write_text("".join(f"{_rules(chance)}\n" for _ in range(COUNT // 10)))
    inside = ["ip", "netns", "exec", lab["node1"]]
    batch = [*inside, "ip", "-force", "-batch", str(lab.directory / "changes")]
    with (
        (lab.directory / "rules").open() as lines,
        subprocess.Popen(batch, stderr=subprocess.DEVNULL) as links,
        subprocess.Popen(
            [*inside, "nft", "-i"], stdin=lines, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
        ) as rules,
    ):
        run_in(lab["web"], ["ip", "route", "delete", "default"])
        wait_until(lambda: ip_json(lab["web"], "route", "show", "default"), 60, "what nobody fights over is repaired")
        assert links.wait(120) >= 0
        assert rules.wait(120) >= 0
    run_in(lab["node1"], ["ip", "route", "flush", "table", "77"], check=False)
    watcher.await_done(timeout=120)
    wait_until(lambda: not watcher.status()["drifted"], 90, "nothing is drifted")
    assert watcher.status()["repairs"] == watcher.total("netctl_repairs_total") > 10
    assert not watcher.said("bug")
    reasons = {said["reason"] for said in watcher.said("^looking at everything")}
    assert not {reason for reason in reasons if "periodic" in reason}, reasons
