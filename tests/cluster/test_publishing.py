"""One host: what is published is what it keeps; what cannot be used is reported, and the last good state stays."""

import json

import pytest

from netctl.cluster import publication
from netctl.cluster.document import digest_of, divided
from netctl.cluster.memory import Memory
from netctl.cluster.records import Publication
from netctl.engine.store import Write
from netctl.errors import DeclarationError, NetctlError, RefusedError
from tests.cluster.watches import following, layout, publish, store
from tests.consul.agent import Agent
from tests.e2e.lab import Lab
from tests.support.namespaces import ip_json, wait_until

ADDRESS = ("--address", "192.0.2.11")
STACK = """\
stack: pods
subnets: {pods: {cidr: 10.42.0.0/16, per_host: 24}}
overlays:
  pods: {backend: vxlan, subnet: pods, vni: 42, attach: [{netns: "${web}"}]}
kv: {pods/price: "5 $$"}
"""
MORE = STACK + "routes: [{to: 172.31.0.0/16, via: 192.0.2.1}]\n"


def routes(lab: Lab) -> set[str]:
    return {route["dst"] for route in ip_json(lab["node1"], "route", "show")}


def test_a_host_that_nobody_declared_joins_and_keeps_what_is_published(lab: Lab, agent: Agent) -> None:
    assert publish(lab, STACK) == 0
    with following(lab, "node1", *ADDRESS) as watcher:
        assert watcher.get("/readyz")[0] == 200
        assert lab.address("web").startswith("10.42.1.")
        assert agent.keys()["pods/price"][0] == b"5 $"
        publish(lab, MORE)
        wait_until(lambda: [line for line in watcher.said("^reloaded") if line["changes"] != "no changes"], 60)
        assert "172.31.0.0/16" in routes(lab)
        lab.ip("node1", "route delete 172.31.0.0/16")
        wait_until(lambda: "172.31.0.0/16" in routes(lab), 30, "drift is repaired")
        assert watcher.end() == 0
    lab.destroy("pods", "node1")


def test_a_host_that_starts_before_anything_is_published_waits_for_it(lab: Lab) -> None:
    with following(lab, "node1", *ADDRESS, ready=False) as watcher:
        watcher.await_said("nothing is published for stack 'pods' yet", timeout=60)
        publish(lab, STACK)
        watcher.await_said("^watching", timeout=60)
    lab.destroy("pods", "node1")


def test_the_same_again_writes_nothing(lab: Lab, agent: Agent) -> None:
    publish(lab, STACK)
    before = agent.get("kv/netctl/pods/cluster/current")[0]["ModifyIndex"]
    publish(lab, STACK.replace("vni: 42", "vni: 0x2a"))
    assert agent.get("kv/netctl/pods/cluster/current")[0]["ModifyIndex"] == before


def test_of_two_who_publish_at_once_one_is_told(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(lab, STACK)
    with store(lab) as ours, store(lab) as theirs:

        def interrupted(text: str) -> list[bytes]:
            monkeypatch.setattr(publication, "divided", divided)
            publication.publish(theirs, layout(), "stack: pods\n", None, "someone")
            return divided(text)

        monkeypatch.setattr(publication, "divided", interrupted)
        with pytest.raises(RefusedError, match="version 2 by someone"):
            publication.publish(ours, layout(), STACK, None, "me")


def test_what_is_invalid_is_not_published(lab: Lab) -> None:
    with pytest.raises(DeclarationError):
        publish(lab, STACK.replace("per_host: 24", "per_host: 12"))
    with pytest.raises(DeclarationError) as caught:
        publish(
            lab,
            STACK + "expect: [{from: {host: node1}, to: {cidr: 10.42.1.9/32}, port: 80/tcp, verdict: deny}]\n"
            "hosts: {node1: {address: 192.0.2.11}}\n",
        )
    assert "NC267" in {found.code for found in caught.value.diagnostics}
    with store(lab) as there:
        assert publication.current(there, layout()) == (None, 0)


def test_the_contents_of_files_are_published_with_them(lab: Lab) -> None:
    (lab.directory / "banner").write_text("${not} a variable: $$\n")
    text = STACK.replace("kv: {", "kv: {pods/banner: {file: banner}, ")
    publish(lab, text)
    with store(lab) as there:
        known, _ = publication.current(there, layout())
        assert known is not None
        loaded = Memory(lab.directory / "m").store(known.digest, publication.fetch(there, layout(), known))
    assert loaded.stack.kv["pods/banner"].value == "${not} a variable: $$\n"  # type: ignore[union-attr]
    assert loaded.stack.sensitive_values == ["${not} a variable: $$\n"], "as what is read from a file is"


def _damage(lab: Lab, how: str) -> None:
    """Put into Consul what cannot be used."""
    text = "stack: pods\nnetworks: {a: {subnet: {cidr: 10.0.0.1/24}}}\n"
    if how == "another stack":
        text = "stack: other\n"
    digest = digest_of(text)
    part = divided(text)[0]
    if how == "truncated":
        part = part[:-12]
    changed = Publication(stack="pods", version=2, digest=digest, parts=1, time=0).encoded()
    if how == "newer":
        changed = json.dumps(json.loads(changed) | {"format": 2}).encode()
    if how == "another stack's key":
        changed = json.dumps(json.loads(changed) | {"stack": "other"}).encode()
    if how == "no JSON":
        changed = b"{"
    with store(lab) as there:
        if how != "missing":
            there.write([Write(layout().part(digest, 0), part)])
        _, index = publication.current(there, layout())
        assert there.write([Write(layout().current, changed, index)])


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("invalid", "10.0.0.1/24"),
        ("truncated", "truncated"),
        ("missing", "is not whole"),
        ("newer", "newer netctl"),
        ("another stack", "of stack 'other'"),
        ("another stack's key", "of stack 'other'"),
        ("no JSON", "not what netctl writes"),
    ],
)
def test_what_cannot_be_used_is_reported_once_and_the_last_good_state_stays(
    lab: Lab, agent: Agent, how: str, told: str
) -> None:
    publish(lab, MORE)
    with following(lab, "node1", *ADDRESS) as watcher:
        _damage(lab, how)
        line = watcher.await_said("refused; the last good one is kept", timeout=60)
        assert told in line["error"]
        assert told in watcher.get("/readyz")[1]
        assert told in watcher.status()["error"]
        assert watcher.metric("netctl_desired_state_errors_total") == 1
        lab.ip("node1", "route delete 172.31.0.0/16")
        wait_until(lambda: "172.31.0.0/16" in routes(lab), 30, "drift is repaired")
        assert len(watcher.said("refused")) == 1
        if how == "newer":
            with pytest.raises(NetctlError, match="newer netctl"):
                publish(lab, STACK)
            agent.delete("kv/netctl/pods/cluster/current")
        publish(lab, STACK)
        wait_until(lambda: watcher.get("/readyz")[0] == 200, 60)
        wait_until(lambda: "172.31.0.0/16" not in routes(lab), 30)
    lab.destroy("pods", "node1")


def test_a_host_keeps_its_network_over_a_restart_without_consul(lab: Lab) -> None:
    publish(lab, MORE)
    with following(lab, "node1", *ADDRESS) as watcher:
        assert watcher.end() == 0
    lab.ip("node1", "route delete 172.31.0.0/16")
    with following(lab, "node1", *ADDRESS, CONSUL_HTTP_ADDR="127.0.0.1:1") as watcher:
        assert "172.31.0.0/16" in routes(lab)
        assert "cannot be reached" in watcher.get("/readyz")[1]
    lab.destroy("pods", "node1")


def test_a_host_that_starts_while_the_newest_version_fails_keeps_the_last_that_held(lab: Lab) -> None:
    publish(lab, MORE)
    with following(lab, "node1", *ADDRESS) as watcher:
        publish(lab, MORE.replace("192.0.2.1}", "198.51.100.1}"))
        watcher.await_said("refused; the last good one is kept", timeout=60)
        assert watcher.end() == 0
    with following(lab, "node1", *ADDRESS) as watcher:
        watcher.await_said("refused; the last good one is kept", timeout=60)
        lab.ip("node1", "route delete 172.31.0.0/16")
        wait_until(lambda: "172.31.0.0/16" in routes(lab), 30, "drift is repaired")
        publish(lab, STACK)
        wait_until(lambda: watcher.get("/readyz")[0] == 200, 60)
    lab.destroy("pods", "node1")


def test_a_host_that_starts_where_the_last_version_is_not_possible_any_more_takes_the_newest(lab: Lab) -> None:
    publish(lab, MORE)
    with following(lab, "node1", *ADDRESS) as watcher:
        assert watcher.end() == 0
    publish(lab, MORE.replace(', attach: [{netns: "${web}"}]', ""))
    lab.run("node1", "ip", "netns", "delete", lab.names.pop("web"))
    with following(lab, "node1", *ADDRESS) as watcher:
        wait_until(lambda: watcher.get("/readyz")[0] == 200, 60)
        assert not watcher.said("refused")
    lab.destroy("pods", "node1")


def test_without_consul_and_without_a_memory_there_is_nothing_to_begin_with(lab: Lab) -> None:
    with following(lab, "node1", *ADDRESS, ready=False, CONSUL_HTTP_ADDR="127.0.0.1:1") as watcher:
        assert watcher.process.wait(60) == 1
        assert "cannot be reached" in watcher.text()


def test_a_second_watch_of_the_host_is_told_who_has_the_lock(lab: Lab) -> None:
    publish(lab, STACK)
    with (
        following(lab, "node1", *ADDRESS),
        following(lab, "node1", *ADDRESS, "--lock-timeout", "0", ready=False) as other,
    ):
        assert other.process.wait(60) == 1
        assert "another netctl is at work" in other.text()
    lab.destroy("pods", "node1")


def test_of_two_machines_of_one_name_the_later_has_it_and_the_earlier_says_so(lab: Lab, agent: Agent) -> None:
    lab.add("node2", "web2")
    lab.join("wire", "eth1", "node2", "eth0")
    lab.ip("node2", "address add 192.0.2.12/24 dev eth0")
    publish(lab, STACK.replace(', attach: [{netns: "${web}"}]', ""))
    second = ("--address", "192.0.2.12")
    with (
        following(lab, "node1", *ADDRESS) as first,
        following(lab, "node1", *second, at="node2", CONSUL_HTTP_ADDR=agent.url) as later,
    ):
        line = first.await_said("refused; the last good one is kept", timeout=60)
        assert "another machine already" in line["error"]
        assert later.get("/readyz")[0] == 200
        assert "another machine" not in later.text()
    lab.destroy("pods", "node1", "node2")
