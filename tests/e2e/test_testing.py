"""``netctl test`` with real packets, on a host that the stack is applied to."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import host
from tests.e2e.lab import Lab
from tests.e2e.process import Ran, netctl
from tests.support.namespaces import call_in

STACK = f"""
stack: shop
hosts:
  h: {{id: 1, address: {host.HOST[4]}, interface: eth0}}
  other: {{id: 2, address: 192.0.2.20, interface: eth0}}
networks:
  front:
    hosts: [h]
    subnet: {{cidr: [10.10.0.0/24, "fd00:10::/64"]}}
    attach:
      - {{netns: "${{a}}", labels: {{app: a}}, ports: {{admin: 22}}}}
      - {{netns: "${{b}}", labels: {{app: b}}, ports: {{http: 80, dns: 53/udp}}}}
  back:
    hosts: [h]
    subnet: {{cidr: 10.20.0.0/24}}
    attach:
      - {{netns: "${{a}}", interface: eth1, default_route: false}}
      - {{netns: "${{c}}", labels: {{app: c}}, ports: {{signal: 7/sctp}}}}
  far:
    hosts: [other]
    subnet: {{cidr: 10.30.0.0/24}}
    attach: [{{netns: far, labels: {{app: far}}}}]
policies:
  b:
    applies_to: {{labels: {{app: b}}}}
    ingress:
      - {{from: {{labels: {{app: a}}}}, ports: [http, dns, icmp]}}
  c: {{applies_to: {{labels: {{app: c}}}}, ingress: [{{from: {{labels: {{app: b}}}}, ports: [signal, icmp]}}]}}
"""
EXPECT = f"""
expect:
  - {{from: {{labels: {{app: a}}}}, to: {{labels: {{app: b}}}}, port: http, verdict: allow}}
  - {{from: {{labels: {{app: a}}}}, to: {{labels: {{app: b}}}}, port: 81, verdict: deny}}
  - {{from: {{labels: {{app: a}}}}, to: {{labels: {{app: b}}}}, port: icmp, verdict: allow}}
  - {{from: {{host: h}}, to: {{labels: {{app: b}}}}, port: http, verdict: deny}}
  - {{from: {{labels: {{app: b}}}}, to: {{labels: {{app: c}}}}, port: signal, verdict: allow}}
  - {{from: {{labels: {{app: b}}}}, to: {{labels: {{app: c}}}}, port: 8/sctp, verdict: deny}}
  - {{from: {{labels: {{app: b}}}}, to: {{cidr: {host.OUTSIDE[4]}/32}}, port: 80, verdict: allow}}
  - {{from: {{labels: {{app: far}}}}, to: {{labels: {{app: b}}}}, port: http, verdict: deny}}
"""


class Site:
    """A host with endpoints, to which `STACK` is applied."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self.lab = lab
        self._directory = directory

    def test(self, expectations: str, *options: str) -> Ran:
        """Run the command on h."""
        file = self.lab.write(STACK + expectations)
        where = ("--netns", self.lab["h"], "--host", "h")
        return netctl("test", "-f", file, *where, "--timeout", "1", *options, directory=self._directory)

    def found(self, expectations: str, *options: str) -> Any:
        """What the document says."""
        return json.loads(self.test(expectations, "-o", "json", *options).out)

    def outcomes(self, expectations: str) -> list[str]:
        """What each of the expectations came to."""
        return [entry["outcome"] for entry in self.found(expectations)["expectations"]]


@pytest.fixture(scope="module")
def site(shared_lab: Callable[[], Lab], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    lab = shared_lab()
    host.build(lab)
    lab.apply(STACK, "h")
    lab.settle()
    yield Site(lab, tmp_path_factory.mktemp("test"))
    lab.destroy("shop", "h")
    lab.demand_as_before("h", "a", "b", "c")


def test_expectations_hold_by_real_packets_of_every_protocol_and_both_families(site: Site) -> None:
    ran = site.test(EXPECT)
    assert (ran.code, ran.err) == (0, "")
    rows = ran.out.partition("\n\n")[0].splitlines()[1:]
    assert [row.split()[0] for row in rows] == [*["pass"] * 7, "untested"]
    assert "far/far is not on this host" in rows[-1]
    assert ran.out.endswith(
        "8 expectations: 7 passed, 1 not tested from here. 11 connections, tried with real packets from "
        f"h/{site.lab['h']}.\n"
    )


def test_what_the_kernel_does_otherwise_than_is_declared_is_found_and_named(site: Site) -> None:
    chains = json.loads(site.lab.run("h", "nft", "-j", "list", "chains"))["nftables"]
    tables = {(entry["chain"]["family"], entry["chain"]["table"]) for entry in chains if "chain" in entry}
    for family, table in tables:
        site.lab.run("h", "nft", "delete", "table", family, table)
    try:
        ran = site.test(EXPECT)
        assert site.test(EXPECT, "--static").code == 0
    finally:
        site.lab.apply(STACK, "h")
    assert ran.code == 1
    rows = ran.out.partition("\n\n")[0].splitlines()[1:]
    failed = [row for row in rows if row.startswith("FAIL")]
    line = 1 + (STACK + EXPECT).splitlines().index(next(line for line in EXPECT.splitlines() if "port: 81" in line))
    assert f"stack.yaml:{line} " in failed[0]
    assert "at 81/tcp: it arrived and was refused, though no ingress rule of policy 'b' (" in (failed[0])
    assert "does otherwise than is declared" in ran.out
    assert site.test(EXPECT).code == 0


def test_an_expectation_that_the_policies_do_not_keep_fails_though_nothing_has_drifted(site: Site) -> None:
    wrong = EXPECT.replace("port: 81, verdict: deny", "port: 81, verdict: allow")
    ran = site.test(wrong)
    assert ran.code == 1
    assert "does otherwise than is declared" not in ran.out


def test_a_service_of_udp_that_does_not_answer_is_told_from_one_that_refuses(site: Site) -> None:
    expected = "expect: [{from: {labels: {app: a}}, to: {labels: {app: b}}, port: dns, verdict: allow}]\n"
    assert site.outcomes(expected) == ["passed"]
    with call_in(site.lab["b"], lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)) as mute:
        mute.bind(("", 53))
        assert site.outcomes(expected) == ["untold"]
        assert site.test(expected).code == 0


def test_what_a_namespace_with_two_attachments_sends_by_the_other_one_is_not_tested_as_this_one_s(site: Site) -> None:
    expected = "expect: [{from: {network: front}, to: {labels: {app: c}}, port: 80, verdict: deny}]\n"
    (expectation,) = site.found(expected)["expectations"]
    by_source = {one["source"].rpartition("-")[2]: one for one in expectation["connections"]}
    assert expectation["outcome"] == "partly"
    assert by_source["b"]["outcome"] == "passed"
    assert by_source["a"]["outcome"] == "untested"
    address = site.lab.address("a", interface="eth1")
    assert by_source["a"]["why"].startswith(f"its namespace sends this from {address}; ")


def test_a_namespace_that_is_not_there_is_a_failure_from_this_host_alone(site: Site) -> None:
    attach = "    attach: [{netns: gone, labels: {app: gone}}]\n"
    more = f"  gone:\n    hosts: [HOST]\n    subnet: {{cidr: 10.40.0.0/24}}\n{attach}policies:\n"
    expected = "expect: [{from: {labels: {app: gone}}, to: {labels: {app: b}}, port: 80, verdict: deny}]\n"
    for name, code, said in (("h", 1, "there is no network namespace 'gone'"), ("other", 0, "not on this host")):
        text = STACK.replace("policies:\n", more.replace("HOST", name)) + expected
        file = site.lab.write(text, "gone.yaml")
        place = ("--netns", site.lab["h"], "--host", "h")
        ran = netctl("test", "-f", file, *place, directory=Path(file).parent)
        assert (ran.code, said in ran.out) == (code, True)


def test_the_matrix_of_real_packets_is_as_declared(site: Site) -> None:
    document = site.found(EXPECT, "--matrix")
    connections = document["matrix"]["connections"]
    # To UDP that is dropped, silence tells nothing.
    assert {one["outcome"] for one in connections} == {"passed", "untested", "untold"}
    assert {one["protocol"] for one in connections if one["outcome"] == "untold"} == {"udp"}
    # The namespace of two attachments would answer by the one whose address was not asked.
    (answered_elsewhere,) = (one for one in connections if one["port"] == 22 and one["source"].startswith("back/"))
    assert (answered_elsewhere["expected"], answered_elsewhere["answer"]) == ("deny", "silent")
    here = {one["source"].partition("/")[0] for one in connections if one["outcome"] == "passed"}
    assert here == {"front", "back", "host"}
    tried = {(one["family"], one["protocol"], one["found"]) for one in connections if one["answer"]}
    assert {(4, "tcp", "allow"), (6, "tcp", "allow"), (4, "tcp", "deny"), (6, "tcp", "deny")} <= tried
    text = site.test(EXPECT, "--matrix").out
    assert "not as declared" not in text
    assert "Nothing was sent from 2 endpoints, which are not on this host." in text


def test_tests_leave_nothing_to_do(site: Site) -> None:
    site.test(EXPECT, "--matrix")
    site.lab.demand_done(STACK, "h")
