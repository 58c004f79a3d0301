"""Access control: exactly the documented permissions suffice, and what may not be read is not taken for gone."""

from pathlib import Path

import pytest

from tests.cluster.watches import following, publish
from tests.consul.agent import Agent
from tests.consul.test_access import MASTER, _guarded, guarded, token
from tests.e2e.lab import Lab
from tests.support.namespaces import Namespaces, ip_json, wait_until

__all__ = ["_guarded", "guarded"]

_PAGE = Path(__file__).parents[2] / "docs" / "clusters.md"
DOCUMENTED = _PAGE.read_text(encoding="utf-8").partition("```hcl\n")[2].partition("```")[0]
PUBLISHING = 'key_prefix "netctl/pods/" { policy = "write" }'
STACK = "stack: pods\nnetworks: {lan: {subnet: {cidr: 10.57.0.0/24}}}\n"
MORE = STACK + "routes: [{to: 172.31.0.0/16, via: 10.57.0.9}]\n"


@pytest.fixture
def lab(netns: Namespaces, tmp_path: Path, guarded: Agent) -> Lab:
    made = Lab(netns, tmp_path)
    made.names["node1"] = guarded.namespace
    return made


def test_the_documented_permissions_suffice_and_with_less_everything_stays(
    lab: Lab, guarded: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = token(guarded, DOCUMENTED)
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", token(guarded, PUBLISHING + 'agent_prefix "" { policy = "read" }'))
    publish(lab, MORE)
    with following(lab, "node1", "--address", "192.0.2.11", CONSUL_HTTP_TOKEN=own) as watcher:
        keys = ("netctl/pods/cluster/hosts/node1", "netctl/pods/states/node1", "netctl/pods/cluster/ids/1")
        wait_until(lambda: set(guarded.keys()).issuperset(keys), 60, "the host has shown itself")
        publish(lab, STACK)
        wait_until(lambda: not _routed(lab), 60)
        publish(lab, MORE)
        wait_until(lambda: _routed(lab), 60)
        _take_away(guarded, own)
        guarded.put("kv/netctl/pods/cluster/hosts/other", b"")  # wakes who waits, to be told that it may not
        line = watcher.await_said("refused; the last good one is kept", timeout=90)
        assert "may not read" in line["error"] or "ACL" in line["error"] or "ermission" in line["error"]
        assert own not in watcher.text()
        assert _routed(lab)
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", MASTER)
    lab.destroy("pods", "node1")


def _routed(lab: Lab) -> bool:
    return "172.31.0.0/16" in {route["dst"] for route in ip_json(lab["node1"], "route", "show")}


def _take_away(agent: Agent, secret: str) -> None:
    """Delete the token."""
    found = next(entry for entry in agent.get("acl/tokens") if _secret(agent, entry["AccessorID"]) == secret)
    agent.delete(f"acl/token/{found['AccessorID']}")


def _secret(agent: Agent, accessor: str) -> str:
    return str(agent.get(f"acl/token/{accessor}")["SecretID"])
