"""The services of one host apart from everything else that was compiled: enough to follow the health of endpoints."""

from collections.abc import Mapping
from typing import NamedTuple

from netctl.compiler.balancing.frontends import Frontend, balanced_services
from netctl.compiler.balancing.probes import Probe, probes
from netctl.compiler.balancing.tables import rebalanced
from netctl.compiler.resting import Resting, Roster
from netctl.compiler.topology import Topology
from netctl.engine.facts import Facts
from netctl.kinds.consul import SYSTEM as CONSUL
from netctl.kinds.docker import SYSTEM as DOCKER
from netctl.kinds.nftables import Table
from netctl.policy.model import Endpoint


class Balanced(NamedTuple):
    """A host's frontends, and what they were made of."""

    topology: Topology
    host: str
    roster: Roster
    """The endpoints whose health matters: of the services that have frontends, or of all that have names."""
    resting: Resting
    """The endpoints that are left out."""
    fronts: tuple[Frontend, ...]
    gone: frozenset[str] = frozenset()
    """The hosts that are known to be gone."""

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """The stack's."""
        return self.roster.endpoints

    @property
    def told_by(self) -> set[str]:
        """The systems that tell of the endpoints' health."""
        has_docker = any(self.host in net.hosts for net in self.topology.dockers)
        return ({CONSUL} if self.roster.asks_consul else set()) | ({DOCKER} if has_docker else set())

    @property
    def hairpins(self) -> frozenset[str]:
        """The host's ends of attachments that may be translated to themselves.

        Where bridges hand their frames to the firewall, that happens on the bridge, which then has to send a frame back
        by the port that it came from. Other tools can switch that on at any time.
        """
        names = frozenset(balanced_services(self.topology))
        ends = (end for end in self.endpoints.values() if end.host == self.host)
        return frozenset(end.interface for end in ends if end.interface and end.services & names)

    @property
    def probes(self) -> tuple[Probe, ...]:
        """The checks that netctl makes itself."""
        return tuple(probes(self.topology, self.endpoints, self.roster.services, self.host))

    def seen(self, facts: Facts) -> Resting:
        """The endpoints to leave out by these facts of health; hosts that are gone stay so."""
        return self.roster.resting(facts._replace(gone=self.gone), self.host)

    def named(self, facts: Facts) -> "Balanced":
        """The same where the health of every service's endpoints matters, since their names are answered for."""
        whole = self._replace(roster=Roster(self.topology, self.endpoints, self.topology.stack.services))
        return whole._replace(resting=whole.seen(facts))

    def without(self, resting: Resting) -> "Balanced":
        """The same with other endpoints left out."""
        changed = {subject.service for subject in resting.keys() ^ self.resting.keys()}
        fronts = (front.without(resting) if front.service in changed else front for front in self.fronts)
        return self._replace(resting=resting, fronts=tuple(fronts))

    def table(self, table: Table, former: "Balanced") -> Table:
        """The stack's table for these frontends, from what it is for the *former* ones."""
        return rebalanced(table, former.fronts, self.fronts)
