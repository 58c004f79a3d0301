"""SIGKILL at fifty random moments, in a start, an apply, a repair, a reload: the next watch converges each time."""

import random
import signal
import time

from tests.agent.nursery import Nursery, nursery
from tests.agent.test_watching import LESS, rewrite
from tests.agent.watcher import STACK, WATCHED, Watcher, free_port
from tests.e2e.lab import Lab
from tests.support.namespaces import ip_json

ROUNDS = 50
MORE = STACK.replace("mtu: 1400", "mtu: 1380") + "  - {priority: 1001, to: 10.30.0.0/24, table: 101, hosts: [node1]}\n"
TEXTS = (STACK, LESS, MORE)
FOREIGN = (
    "link delete nc-front", "link set nc-front down", "address flush dev nc-front", "link delete nc-pods-vxlan",
    "link set nc-front mtu 1300", "rule delete priority 1000",
)  # fmt: skip
_LONGEST = {"start": 0.4, "reload": 0.15, "repair": 0.05}
"""Seconds within which the kill comes."""


def test_killed_at_fifty_random_moments_the_next_watch_converges_each_time(lab: Lab) -> None:
    chance = random.Random(20)
    text = STACK
    path = lab.write(text, WATCHED)
    with nursery(lab, path) as born:
        watcher = _started(lab, born, path)
        watcher.await_said("^watching", timeout=60)
        for number in range(ROUNDS):
            kind = chance.choice(list(_LONGEST))
            new = chance.choice([other for other in TEXTS if other != text])
            if kind == "start":
                watcher.end(signal.SIGKILL)
                text = new
                lab.write(text, WATCHED)
                lab.run("node1", "ip", *chance.choice(FOREIGN).split(), check=False)
                watcher = _started(lab, born, path)
            elif kind == "reload":
                text = new
                rewrite(lab, text)
            else:
                lab.run("node1", "ip", *chance.choice(FOREIGN).split(), check=False)
            time.sleep(chance.random() * _LONGEST[kind])
            watcher.end(signal.SIGKILL)
            watcher = _started(lab, born, path)
            watcher.await_said("^watching", timeout=60)
            plan = lab.plan(text, "node1")
            assert not plan, f"round {number}, killed during {kind}: {[str(change.key) for change in plan.changes]}"
        watcher.end()
    lab.destroy("shop", "node1")
    assert not [link for link in ip_json(lab["node1"], "link", "show") if link["ifname"].startswith("nc-")]


def _started(lab: Lab, born: Nursery, path: str) -> Watcher:
    log = lab.directory / f"log-{time.monotonic_ns()}"
    log.touch()
    options = ["--host", "node1", "--netns", lab["node1"], "--resync", "0", "--log-format", "json"]
    return Watcher(lab, log, born.birth(["watch", "-f", path, *options], log), free_port())
