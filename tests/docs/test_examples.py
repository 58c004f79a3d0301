"""Every example does what it says: applied on all its hosts it is complete, destroyed it leaves no trace."""

import subprocess
import sys
from collections.abc import Sequence

import pytest

from tests.docs.pages import read_stage
from tests.docs.stage import PROJECT, Machine, Stage

STAGES = {
    "consul.yaml": "node1: web db +consul",
    "consul-mesh.yaml": "node1: +consul",
    "edge-site.yaml": "node1: gateway printer camera",
    "overlay-bridged.yaml": "node1: a; node2: b; node3: c",
    "overlay-host-gw.yaml": "node1: job-1 api; node2: job-2 db",
    "policies.yaml": "node1: web api db",
    "policy-routing.yaml": "node1: office guest +eth1=203.0.113.11/24",
    "quickstart.yaml": "node1: web db job-1; node2: job-2",
    "services.yaml": "node1: client web-1 web-2 db",
    "two-bridges.yaml": "node1: web db keys",
}
"""What each example needs, as a page would say it."""

REACHED = {
    "consul.yaml": ["node1 web 10.20.0.10"],
    "consul-mesh.yaml": [],
    "edge-site.yaml": ["node1 gateway 198.51.100.1", "node1 printer 192.0.2.1"],
    "overlay-bridged.yaml": ["node1 a 10.44.0.3", "node3 c 10.44.0.1", "node2 b 198.51.100.1"],
    "overlay-host-gw.yaml": ["node1 job-1 10.42.2.1", "node2 db 10.43.1.1"],
    "policies.yaml": ["node1 web 198.51.100.1"],
    "policy-routing.yaml": [
        "node1 guest 203.0.113.1",
        "node1 guest 198.51.100.1",
        "node1 office 192.0.2.1",
        "node1 office 198.51.100.1",
    ],
    "quickstart.yaml": ["node1 web 10.20.0.10", "node1 web 198.51.100.1", "node1 job-1 10.42.2.10"],
    "services.yaml": ["node1 client 10.20.0.10", "node1 web-1 198.51.100.1"],
    "two-bridges.yaml": ["node1 web 198.51.100.1", "node1 db 198.51.100.1"],
}
"""What must answer where the example is applied: on which machine, from which namespace, to which address."""
NOT_REACHED = {
    "policies.yaml": ["node1 web 10.10.0.30", "node1 web 10.20.0.10", "node1 db 198.51.100.1", "node1 api 10.10.0.20"],
    "policy-routing.yaml": ["node1 guest 10.10.0.10"],
    "two-bridges.yaml": ["node1 web 10.20.0.10", "node1 db 10.10.0.20", "node1 web 10.30.0.10"],
}

LOOKS = (
    "ip -d addr show",
    "ip -d -4 route show table all",
    "ip -d -6 route show table all",
    "ip -4 rule show",
    "ip -6 rule show",
    "ip neigh show nud permanent",
    "bridge fdb show",
    "nft list ruleset",
    "grep -rs . /proc/sys/net --include=*forwarding",
)


def test_every_example_is_tested() -> None:
    assert {path.name for path in (PROJECT / "examples").glob("*.yaml")} == STAGES.keys()


@pytest.mark.parametrize("example", STAGES)
def test_an_example_says_at_its_top_what_it_is(example: str) -> None:
    assert (PROJECT / "examples" / example).read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("example", STAGES)
def test_an_example_is_formatted(example: str) -> None:
    command = [sys.executable, "-m", "netctl", "fmt", "--check", f"examples/{example}"]
    assert subprocess.run(command, cwd=PROJECT, check=False).returncode == 0


@pytest.mark.parametrize("example", STAGES)
def test_an_example_can_be_applied_and_destroyed_without_trace(example: str) -> None:
    with Stage(read_stage(STAGES[example])) as stage:
        machines = list(stage.machines.values())
        before = {name: look(machine) for name, machine in stage.machines.items()}
        file = f"examples/{example}"
        machines[0].run(f"netctl validate --strict -f {file}")
        everywhere(machines, f"netctl apply -f {file}")
        everywhere(machines, f"netctl plan --detailed-exitcode -f {file}")
        for way in REACHED[example]:
            assert answers(stage, way), way
        for way in NOT_REACHED.get(example, ()):
            assert not answers(stage, way), way
        everywhere(machines, f"netctl destroy --yes -f {file}")
        assert {name: look(machine) for name, machine in stage.machines.items()} == before


def everywhere(machines: Sequence[Machine], command: str) -> None:
    """Run a command on each of the machines, where it must succeed."""
    for machine in machines:
        machine.run(command)


def answers(stage: Stage, way: str) -> bool:
    """Whether an echo request is answered; *way* is a machine, a namespace and an address."""
    machine, namespace, address = way.split(maxsplit=2)
    return stage.machines[machine].attempt(f"ip netns exec {namespace} ping -c 1 -W 1 {address}")[0] == 0


def look(machine: Machine) -> str:
    """All that a stack could have touched on a machine and in its namespaces, as the system's own tools print it."""
    inside = [f"ip netns exec {name} {command}" for name in namespaces(machine) for command in LOOKS]
    return machine.run("\n".join(f"echo '== {command}'\n{command}" for command in [*LOOKS, *inside]))


def namespaces(machine: Machine) -> list[str]:
    """The names of a machine's network namespaces."""
    return sorted(line.split()[0] for line in machine.run("ip netns list").splitlines())
