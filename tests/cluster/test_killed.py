"""``netctl watch --consul``, killed at random moments: what is left is always something to go on from."""

import random
import signal
import time

import pytest

from tests.cluster.five import PATIENCE, PODS, Five, demand_quiet
from tests.cluster.watches import publish

pytestmark = pytest.mark.xdist_group("five hosts")
"""One cluster serves them all."""

THREE = ("h3", "h4", "h5")
TIMES = 50
SEED = 4711
_LONGEST = 1.2
"""Seconds that a watch is left to live: it starts, joins and is at work by then."""


def test_a_watch_that_is_killed_fifty_times_at_random_moments_goes_on_from_there(five: Five) -> None:
    chance = random.Random(SEED)
    publish(five.lab, PODS, "h1")
    with five.watched(*THREE[:2]) as watchers:
        for number in range(TIMES):
            with five.following("h5", ready=False) as victim:
                time.sleep(chance.uniform(0, _LONGEST))  # the moment is the test's subject
                victim.process.send_signal(signal.SIGKILL)
                victim.process.wait(30)
            if number == TIMES // 2:
                publish(five.lab, PODS + "routes: [{to: 172.31.0.0/16, via: 192.0.2.11}]\n", "h1")
        with five.following("h5", ready=False) as last:
            last.await_said("^watching", timeout=PATIENCE)
            five.await_reaching(*THREE)
            demand_quiet({**watchers, "h5": last})
            five.demand_done(*THREE)
            leases = five.agents["h1"].get("kv/netctl/pods/cluster/ids/", recurse="")
            assert len(leases) == len(THREE)
            names = [session["Name"] for session in five.agents["h1"].get("session/list")]
            assert sorted(names) == [f"netctl pods/{host}" for host in THREE]
