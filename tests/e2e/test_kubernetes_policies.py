"""Kubernetes' own cases of network policies, with real connections: applied one after another, as they change."""

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

import pytest

from netctl.policy.model import Protocol
from netctl.twin.probe import Answer, Probe, probe
from netctl.twin.responders import Responder, Responders
from tests.e2e.lab import Lab
from tests.e2e.rules import demand_unchanged_rules_stay
from tests.policy.kubernetes_cases import Layout, Step, netns_of, read_suite, stack_text

SUITE = read_suite()
NAMESPACES = ("x", "y", "z")
PORTS = (80, 81)
PROTOCOLS = (Protocol.TCP, Protocol.UDP, Protocol.SCTP)
WAIT = 1.5
"""Seconds in which an answer comes, if it does."""
AT_ONCE = 1024
OPEN = SUITE.steps[0]._replace(policies=(), labels={})

Attempt = tuple[str, str, Protocol, int, int]
"""Source, destination, protocol, port, family."""


class Cluster(NamedTuple):
    """Nine pods, on a host or on three."""

    lab: Lab
    layout: Layout
    hosts: tuple[str, ...]

    def apply(self, step: Step) -> None:
        """Put the step's policies in force on all hosts. What has not changed is not sent again."""
        text = stack_text(SUITE, step, self.layout, "${{{}}}")
        for host in self.hosts:
            with demand_unchanged_rules_stay(self.lab[host]):
                self.lab.apply(text, host)

    def answers(self, attempts: list[Attempt]) -> dict[Attempt, bool]:
        """Whether each attempt reaches its destination."""
        probes = [
            Probe(self.lab[netns_of(source)], SUITE.addresses[destination][family], protocol, port)
            for source, destination, protocol, port, family in attempts
        ]
        found = (answer is Answer.ANSWERED for answer in probe(probes, WAIT, AT_ONCE))
        return dict(zip(attempts, found, strict=True))


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(layout, id=layout.name.lower(), marks=pytest.mark.xdist_group(f"kubernetes {layout.name}"))
        for layout in (Layout.BRIDGES, Layout.OVERLAY)
    ],
)
def cluster(request: pytest.FixtureRequest, shared_lab: Callable[[], Lab]) -> Iterator[Cluster]:
    lab, layout = shared_lab(), request.param
    hosts = ("host",) if layout is Layout.BRIDGES else tuple(f"node-{name}" for name in NAMESPACES)
    pods = [netns_of(pod) for pod in SUITE.pods]
    lab.add(*hosts, *pods)
    if layout is Layout.OVERLAY:
        _join(lab, hosts)
    lab.remember(*hosts, *pods)
    made = Cluster(lab, layout, hosts)
    made.apply(OPEN)
    lab.settle()
    with Responders(Responder(lab[pod], *service) for pod in pods for service in product(PROTOCOLS, PORTS)):
        assert set(made.answers(list(_attempts(OPEN, PROTOCOLS))).values()) == {True}
        yield made
    lab.destroy("kubernetes", *hosts)
    lab.demand_as_before()


def _join(lab: Lab, hosts: tuple[str, ...]) -> None:
    """Connect the hosts by a switch."""
    lab.add("wire")
    lab.ip("wire", "link add underlay type bridge", "link set underlay up")
    for number, host in enumerate(hosts, 11):
        lab.join("wire", host, host, "eth0")
        lab.ip("wire", f"link set {host} master underlay")
        lab.ip(host, f"address add 192.0.2.{number}/24 dev eth0")


def _attempts(step: Step, protocols: tuple[Protocol, ...] = ()) -> Iterator[Attempt]:
    services = product(protocols, PORTS) if protocols else ((probe.protocol, probe.port) for probe in step.probes)
    for (protocol, port), family in product(services, step.families):
        for source, destination in step.probes[0].verdicts:
            yield source, destination, protocol, port, family


def _expected(step: Step) -> Mapping[Attempt, bool]:
    return {
        (*pair, probe.protocol, probe.port, family): allowed
        for probe, family in product(step.probes, step.families)
        for pair, allowed in probe.verdicts.items()
    }


@pytest.mark.parametrize("step", SUITE.steps, ids=lambda step: step.name)
def test_connections_reach_exactly_whom_the_table_says(cluster: Cluster, step: Step) -> None:
    cluster.apply(step)
    assert _different(cluster.answers(list(_attempts(step))), _expected(step)) == {}


def _different(found: Mapping[Any, bool], expected: Mapping[Any, bool]) -> dict[Any, bool]:
    return {attempt: reached for attempt, reached in found.items() if reached is not expected[attempt]}
