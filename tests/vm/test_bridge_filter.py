"""Policies between two ports of a bridge where the kernel's module for them has not been loaded yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from netctl.engine.apply import ApplyError
from tests.e2e.lab import Lab
from tests.support.namespaces import Namespaces, run, run_in

STACK = """\
stack: bf
networks:
  n:
    subnet: {cidr: 10.80.0.0/24}
    attach:
      - {netns: "${one}", address: 10.80.0.11, labels: {app: one}}
      - {netns: "${two}", address: 10.80.0.12}
policies:
  closed: {applies_to: {labels: {app: one}}, ingress: []}
"""
DEFAULT = "net.bridge.bridge-nf-call-iptables"


@pytest.fixture
def hosts(netns: Namespaces, tmp_path: Path) -> Iterator[Lab]:
    """A host with two endpoints, without the module."""
    run(["modprobe", "--remove", "br_netfilter"])
    lab = Lab(netns, tmp_path)
    lab.add("h", "one", "two")
    yield lab
    lab.destroy("bf", "h")


def _reaches(lab: Lab, source: str, address: str) -> bool:
    return run_in(lab[source], ["ping", "-c", "1", "-W", "5", address], check=False).returncode == 0


def test_the_module_is_loaded_and_no_other_bridge_filters_for_that(hosts: Lab) -> None:
    hosts.apply(STACK, "h")
    assert not _reaches(hosts, "two", "10.80.0.11")
    assert _reaches(hosts, "one", "10.80.0.12")
    assert run_in(hosts["h"], ["sysctl", "-n", DEFAULT]).stdout == "0\n"


def test_a_module_that_has_gone_is_drift(hosts: Lab) -> None:
    hosts.apply(STACK, "h")
    run(["modprobe", "--remove", "br_netfilter"])
    plan = hosts.plan(STACK, "h")
    assert [change.fields for change in plan.changes] == [("nf_call_iptables", "nf_call_ip6tables")]
    hosts.apply(STACK, "h")
    assert not _reaches(hosts, "two", "10.80.0.11")


def test_without_the_module_an_apply_fails_and_says_what_to_do(hosts: Lab) -> None:
    rule = Path("/etc/modprobe.d/netctl-test.conf")
    rule.write_text("install br_netfilter /bin/false\n")
    try:
        with pytest.raises(ApplyError) as caught:
            hosts.apply(STACK, "h")
    finally:
        rule.unlink()
    failure = caught.value.report.failed[0].failure
    assert failure is not None
    assert "br_netfilter" in failure.attempt
    assert "modprobe br_netfilter" in failure.advice
