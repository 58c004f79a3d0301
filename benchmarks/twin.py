"""A twin against the same namespaces made by ``ip`` and ``nft``, and its matrix tried."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from benchmarks import workload, yardsticks
from benchmarks.stage import NETCTL, await_teardown, sh, timed
from netctl.compiler.compile import compile_stack
from netctl.engine.protocol import Context
from netctl.engine.registry import find_systems
from netctl.engine.resource import Desired
from netctl.engine.session import read_session
from netctl.stack.loader import LoadedStack, load
from netctl.twin.blueprint import Blueprint
from netctl.twin.deployment import SYSTEMS
from netctl.twin.examination import examine_policies
from netctl.twin.spaces import WIRE, space
from netctl.twin.twin import plan_twin
from netctl.twin.underlay import underlay


class Measured(NamedTuple):
    """Seconds, and how many objects they were for."""

    resources: int
    up: float
    by_hand: float
    """The same namespaces and objects by ``ip`` and ``nft``."""
    connections: int
    tried: float


def stack(hosts: int, endpoints: int) -> str:
    """A routed overlay over so many hosts with so many endpoints on each; only half of them may talk to the others."""
    lines = ["stack: bench", "hosts:"]
    lines += [
        f"  n{host}: {{id: {host}, address: 192.0.2.{host + 10}, interface: eth0}}" for host in range(1, hosts + 1)
    ]
    lines += ["subnets: {pods: {cidr: 10.42.0.0/16, per_host: 24}}", "overlays:", "  pods:", "    subnet: pods"]
    lines += ["    vni: 42", "    attach:"]
    lines += [
        f"      - {{netns: e{host}-{number}, hosts: [n{host}], labels: {{app: {'db' if number == 0 else 'web'}}}, "
        "ports: {http: 80/tcp}}"
        for host in range(1, hosts + 1)
        for number in range(endpoints)
    ]
    rule = "from: [{labels: {app: web}}], ports: [80/tcp]"
    lines += [f"policies: {{db: {{applies_to: {{labels: {{app: db}}}}, ingress: [{{{rule}}}]}}}}", ""]
    return "\n".join(lines)


def measure(hosts: int, endpoints: int) -> Measured:
    """Putting a twin up, and trying everybody with everybody in it."""
    text = stack(hosts, endpoints)
    loaded = load(["-"], stdin=io.BytesIO(text.encode()))
    blueprint = plan_twin(examine_policies(loaded.stack, loaded))
    with workload.stack_file(text) as path:
        try:
            up = timed(*NETCTL, "twin", "up", "-f", path)
            tried = timed(*NETCTL, "twin", "test", "-f", path)
            desired = {host.name: _desired(loaded, blueprint, host.name) for host in blueprint.hosts}
        finally:
            sh(*NETCTL, "twin", "down", "-f", path)
            await_teardown()
    ends = hosts * endpoints
    made = _by_hand(blueprint, desired)
    return Measured(sum(map(len, desired.values())), up, made, ends * (ends - 1 + hosts), tried)


def _desired(loaded: LoadedStack, blueprint: Blueprint, host: str) -> list[Desired]:
    """What the stack wants on a host of the twin that is up."""
    attached = next(plan.attached for plan in blueprint.hosts if plan.name == host)
    with read_session(find_systems(SYSTEMS), Context(space("bench", host))) as session:
        facts = session.facts()._replace(namespaces=frozenset(attached))
    return list(compile_stack(loaded.stack, loaded, host, facts).resources.values())


def _by_hand(blueprint: Blueprint, desired: dict[str, list[Desired]]) -> float:
    """Seconds that ``ip`` and ``nft`` take to make the same, a process for each tool and namespace."""
    names = [space("bench", WIRE)]
    for host in blueprint.hosts:
        names += [space("bench", host.name), *(space("bench", host.name, netns) for netns in host.attached)]
    with _namespaces(names) as begun:
        seconds = begun + yardsticks.run(yardsticks.create_scripts(underlay(blueprint)), names[0])
        for host in blueprint.hosts:
            start = space("bench", host.name)
            scripts = [
                (
                    tool,
                    f"{start}.{netns}" if netns else "",
                    [line.replace(" netns ", f" netns {start}.") for line in lines],
                )
                for tool, netns, lines in yardsticks.create_scripts(desired[host.name])
            ]
            seconds += yardsticks.run(scripts, start)
    return seconds


@contextmanager
def _namespaces(names: list[str]) -> Iterator[float]:
    """Namespaces made by one ``ip``, and the seconds that it took."""
    try:
        yield timed("ip", "-batch", "-", stdin="".join(f"netns add {name}\n" for name in names))
    finally:
        for name in set(names).intersection(os.listdir("/run/netns")):
            sh("ip", "netns", "del", name)
        await_teardown()
