"""Consul in parts, without a leader, or gone: unknown is not empty, and packets flow on."""

import signal

import pytest

from tests.cluster.five import HOSTS, PATIENCE, PODS, SERVERS, Five, demand_quiet, others
from tests.cluster.watches import publish
from tests.support.namespaces import wait_until

pytestmark = pytest.mark.xdist_group("five hosts")
"""One cluster serves them all."""


def test_parted_hosts_keep_what_they_have_and_all_is_well_once_the_link_is(five: Five) -> None:
    publish(five.lab, PODS, "h1")
    with five.watched(*HOSTS) as watchers:
        five.await_reaching(*HOSTS)
        five.part("h3", "h5")
        for host in ("h1", "h2", "h4"):
            five.await_peers(host, *others(host, "h3", "h5"))
        five.await_reaching("h1", "h2", "h4")
        for host in ("h3", "h5"):
            wait_until(lambda host=host: watchers[host].get("/readyz")[0] == 503, PATIENCE)  # type: ignore[misc]
            assert five.peers(host) == set(others(host)), "unknown is not empty"
        five.join("h3", "h5")
        five.await_reaching(*HOSTS)
        demand_quiet(watchers)
        five.demand_done(*HOSTS)


def test_the_leader_is_killed(five: Five) -> None:
    publish(five.lab, PODS, "h1")
    with five.watched(*HOSTS) as watchers:
        five.await_reaching(*HOSTS)
        leader = five.leader()
        five.agents[leader].stop(signal.SIGKILL)
        left = others(leader)
        for host in left:
            five.await_peers(host, *others(host, leader))
        five.await_reaching(*left)
        five.agents[leader].start(wait=False)
        for host in HOSTS:
            five.await_peers(host, *others(host))
        five.await_reaching(*HOSTS)
        demand_quiet(watchers)
        five.demand_done(*HOSTS)


def test_with_consul_gone_altogether_nothing_is_removed_and_drift_is_repaired(five: Five) -> None:
    publish(five.lab, PODS, "h1")
    with five.watched(*HOSTS, grace="1s") as watchers:
        five.await_reaching(*HOSTS)
        for host in HOSTS:
            five.agents[host].stop(signal.SIGKILL)
        for watcher in watchers.values():
            watcher.await_said("refused; the last good one is kept", timeout=PATIENCE)
        for host in HOSTS:
            five.lab.ip(host, "route flush 10.42.0.0/16 dev nc-pods-vxlan" if host == "h1" else "link show")
            five.await_peers(host, *others(host))
        five.await_reaching(*HOSTS)
        for host in (*SERVERS, "h4", "h5"):
            five.agents[host].start(wait=False)
        five.await_whole()
        demand_quiet(watchers)
        five.await_reaching(*HOSTS)
        for host in HOSTS:
            five.await_peers(host, *others(host))
        five.demand_done(*HOSTS)
        assert all(len(watcher.said("refused; the last good")) < 4 for watcher in watchers.values())
