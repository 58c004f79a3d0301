"""Five hosts and a real Consul cluster: who is there is reached by real packets, who is gone is in no table."""

import signal
from contextlib import suppress

import pytest

from tests.cluster.five import HOSTS, PATIENCE, PODS, Five, demand_quiet, others
from tests.cluster.watches import publish
from tests.consul.agent import Refused
from tests.support.namespaces import wait_until

pytestmark = pytest.mark.xdist_group("five hosts")
"""One cluster serves them all."""


def test_hosts_join_and_reach_one_another(five: Five) -> None:
    publish(five.lab, PODS, "h1")
    with five.watched(*HOSTS[:2]) as first:
        five.await_reaching("h1", "h2")
        with five.watched(*HOSTS[2:]) as later:
            five.await_reaching(*HOSTS)
            five.demand_done(*HOSTS)
            blocks = {five.pod(host).rpartition(".")[0] for host in HOSTS}
            assert len(blocks) == 5
            demand_quiet({**first, **later})


def test_a_host_that_dies_is_gone_after_a_grace_and_comes_back_with_its_block(five: Five) -> None:
    publish(five.lab, PODS, "h1")
    with five.watched(*HOSTS) as watchers:
        five.await_reaching(*HOSTS)
        block = five.pod("h5")
        five.crash("h5")
        for host in others("h5"):
            five.await_peers(host, *others(host, "h5"))
        five.await_reaching(*others("h5"))
        five.demand_done(*others("h5"))
        five.join("h5")
        five.agents["h5"].start(wait=False)
        five.await_reaching(*HOSTS)
        five.demand_done(*HOSTS)
        assert five.pod("h5") == block
        demand_quiet(watchers)


def test_a_host_that_is_back_within_the_grace_was_never_gone(five: Five) -> None:
    publish(five.lab, PODS, "h1")
    with five.watched(*HOSTS[:4], grace="10m") as watchers:
        five.await_reaching(*HOSTS[:4])
        five.crash("h4")
        wait_until(lambda: _sessions(five) == 3, PATIENCE, "gossip says that it has died")
        five.join("h4")
        five.agents["h4"].start(wait=False)
        wait_until(lambda: _sessions(five) == 4, PATIENCE, "it is there again")
        five.await_reaching(*HOSTS[:4])
        for host in ("h1", "h2", "h3"):
            assert not [line for line in watchers[host].said("^reloaded") if "deleted" in line["changes"]]
        five.demand_done(*HOSTS[:4])


def _sessions(five: Five) -> int:
    with suppress(OSError, Refused):
        return _counted(five)
    return -1


def _counted(five: Five) -> int:
    found = five.agents["h1"].get("kv/netctl/pods/cluster/hosts/", recurse="") or []
    return len([entry for entry in found if entry.get("Session")])


def test_a_host_leaves_with_its_consul_agent(five: Five) -> None:
    publish(five.lab, PODS, "h1")
    with five.watched(*HOSTS[:4]):
        five.await_reaching(*HOSTS[:4])
        five.agents["h4"].put("agent/leave")
        for host in ("h1", "h2", "h3"):
            five.await_peers(host, *others(host, "h4", "h5"))
        five.await_reaching("h1", "h2", "h3")
        five.demand_done("h1", "h2", "h3")
        five.agents["h4"].stop(signal.SIGKILL)


def test_with_all_keys_deleted_nothing_is_removed_and_everybody_has_the_same_addresses_again(five: Five) -> None:
    publish(five.lab, PODS, "h1")
    with five.watched(*HOSTS[:4]) as watchers:
        five.await_reaching(*HOSTS[:4])
        pods = {host: five.pod(host) for host in HOSTS[:4]}
        five.agents["h1"].delete("kv/netctl/", recurse="")
        wait_until(lambda: _sessions(five) == 4, PATIENCE, "all show themselves anew")
        publish(five.lab, PODS, "h1")
        demand_quiet(watchers)
        five.await_reaching(*HOSTS[:4])
        assert {host: five.pod(host) for host in HOSTS[:4]} == pods
        for watcher in watchers.values():
            assert not [line for line in watcher.said("^reloaded") if "deleted" in line["changes"]]
