"""What is wrong with a stack whatever the host: every mistake at once, each with the path of what is to be corrected.

One module for each thing that can be wrong. A check reads the resolved `Topology` and reports to `Problems`.
"""

from operator import attrgetter

from netctl.compiler.checks.balancing import check_balancing
from netctl.compiler.checks.consul import check_consul
from netctl.compiler.checks.consul_mesh import check_mesh
from netctl.compiler.checks.dns import check_dns
from netctl.compiler.checks.docker import check_docker
from netctl.compiler.checks.endpoints import check_endpoints
from netctl.compiler.checks.hosts import check_hosts
from netctl.compiler.checks.names import check_names
from netctl.compiler.checks.networks import check_networks
from netctl.compiler.checks.overlays import check_overlays
from netctl.compiler.checks.policies import check_policies
from netctl.compiler.checks.references import check_references
from netctl.compiler.checks.routes import check_routes
from netctl.compiler.checks.rules import check_rules
from netctl.compiler.checks.subnets import check_subnets
from netctl.compiler.places import Path, Problems
from netctl.compiler.topology import Topology

__all__ = ["check"]


def check(topology: Topology, problems: Problems) -> None:
    """Report everything that is wrong with the stack as a whole."""
    topology = _as_written(topology)
    check_references(topology, problems)
    check_hosts(topology, problems)
    check_subnets(topology, problems)
    check_networks(topology, problems)
    check_overlays(topology, problems)
    check_endpoints(topology, problems)
    check_names(topology, problems)
    check_docker(topology, problems)
    check_routes(topology, problems)
    check_rules(topology, problems)
    check_policies(topology, problems)
    check_consul(topology, problems)
    check_mesh(topology, problems)
    check_balancing(topology, problems)
    check_dns(topology.stack, problems)


def _as_written(topology: Topology) -> Topology:
    """Networks and endpoints in the order of the files, so that of two that clash the later one is the mistake."""
    stack = topology.stack
    written: list[Path] = [
        *(("networks", name) for name in stack.networks),
        *(("overlays", name) for name in stack.overlays),
    ]
    place = {path: number for number, path in enumerate(written)}
    nets = sorted(topology.nets, key=lambda net: place[net.path])
    return topology._replace(
        nets=tuple(net._replace(endpoints=tuple(sorted(net.endpoints, key=attrgetter("path")))) for net in nets)
    )
