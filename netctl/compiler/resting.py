"""Which endpoints of services take no new connections now, and why: health is a fact, as far as somebody tells it.

Docker tells of the host's own containers, Consul of what is registered with it, on whatever host, and netctl's own
checks of the rest while it watches. Who is not known to be unwell is well: a service is never emptied because nothing
could be read.
"""

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from netctl.compiler.consul.registration import instance_id, registered
from netctl.compiler.places import Problems
from netctl.compiler.topology import Topology
from netctl.engine.facts import ContainerFact, Facts
from netctl.policy.model import Endpoint
from netctl.stack.policy_models import AttachmentSelector

UNWELL = "NC361"
_NOT_READY = {"unhealthy": "is unhealthy", "starting": "has not been found healthy yet"}


class Subject(NamedTuple):
    """A service at one address."""

    service: str
    address: str


Resting = Mapping[Subject, str]
"""Why it is left out."""


class Roster:
    """The endpoints of some services, by what tells of their health."""

    def __init__(self, topology: Topology, endpoints: Mapping[str, Endpoint], services: Collection[str]) -> None:
        self.services = frozenset(services)
        self.endpoints = endpoints
        self._topology = topology
        told = registered(topology.stack)
        self.asks_consul = any(name in told for name in self.services)

    def resting(self, facts: Facts | None, host: str) -> dict[Subject, str]:
        """Those that are known to be unwell, as *host* sees it."""
        if facts is None or not self.services:
            return {}
        found: dict[Subject, str] = {}
        for ident, reason in facts.failed_checks.items():
            found |= dict.fromkeys(self._by_check.get(ident, ()), reason)
        for ident, reason in ((facts.complaints() if self.asks_consul else None) or {}).items():
            found |= dict.fromkeys(self._by_instance.get(ident, ()), reason)
        for place, reason in _resting_containers(self._topology, facts, host).items():
            found |= dict.fromkeys(self._by_place.get(place, ()), reason)
        for name in facts.gone:
            found |= dict.fromkeys(self._by_host.get(name, ()), f"host '{name}' is gone")
        return found

    def prepare(self) -> None:
        """Work out now what the first answer needs."""
        _ = self._by_check, self._by_instance if self.asks_consul else None

    def _subjects(self) -> Iterator[tuple[Endpoint, Subject, str]]:
        """Each endpoint as each of the services, with the id of the instance in Consul."""
        for end in self.endpoints.values():
            for name in end.services & self.services:
                for address, ident in _instances(self._topology, name, end):
                    yield end, Subject(name, address), ident

    @cached_property
    def _by_check(self) -> dict[str, list[Subject]]:
        """By what netctl's own checks call them."""
        return {instance_id(self._topology.stack.stack, *subject): [subject] for _, subject, _ in self._subjects()}

    @cached_property
    def _by_instance(self) -> dict[str, list[Subject]]:
        """By their ids in Consul."""
        found: dict[str, list[Subject]] = {}
        for _, subject, ident in self._subjects():
            found.setdefault(ident, []).append(subject)
        return found

    @cached_property
    def _by_place(self) -> dict[tuple[str, str], list[Subject]]:
        found: dict[tuple[str, str], list[Subject]] = {}
        for end, subject, _ in self._subjects():
            found.setdefault((end.network, subject.address), []).append(subject)
        return found

    @cached_property
    def _by_host(self) -> dict[str, list[Subject]]:
        found: dict[str, list[Subject]] = {}
        for end, subject, _ in self._subjects():
            found.setdefault(end.host, []).append(subject)
        return found


def warn_of(resting: Resting, problems: Problems) -> None:
    """Say of each service which of its endpoints is left out, and why."""
    for subject, reason in sorted(resting.items()):
        problems.warn(
            UNWELL,
            ("services", subject.service),
            f"endpoint {subject.address} of service '{subject.service}' gets no new connections: {reason}",
            "It is taken in again as soon as it is well.",
        )


def living(
    topology: Topology, endpoints: Mapping[str, Endpoint], facts: Facts | None, host: str
) -> Mapping[str, Endpoint]:
    """The endpoints less the containers of the host that do not run: those are nobody's instances."""
    dead = {place for place, container in _containers(topology, facts, host) if not _runs(container)}
    if not dead:
        return endpoints
    return {
        name: end
        for name, end in endpoints.items()
        if dead.isdisjoint((end.network, address) for address in end.addresses)
    }


def _resting_containers(topology: Topology, facts: Facts, host: str) -> dict[tuple[str, str], str]:
    """Why containers take no connections, by network and address."""
    found: dict[tuple[str, str], str] = {}
    for (network, address), container in _containers(topology, facts, host):
        if not _runs(container):
            found[network, address] = "its container does not run"
        elif container is not None and container.health in _NOT_READY:
            found[network, address] = f"container {container.name} {_NOT_READY[container.health]}"
    return found


def _containers(
    topology: Topology, facts: Facts | None, host: str
) -> Iterator[tuple[tuple[str, str], ContainerFact | None]]:
    """The host's containers at their networks and addresses; nothing where the Engine cannot be read."""
    here = [member for member in topology.members if member.host == host]
    engine = facts.engine() if here and facts is not None else None
    for member in here if engine is not None else ():
        for address in member.addresses:
            yield (member.network, address), engine.containers.get(member.container) if engine else None


def _runs(container: ContainerFact | None) -> bool:
    return container is not None and container.running


def _instances(topology: Topology, name: str, end: Endpoint) -> Iterator[tuple[str, str]]:
    """The addresses at which an endpoint is the service, each with the id of the instance in Consul."""
    stack, service = topology.stack.stack, topology.stack.services[name]
    if isinstance(service.endpoints, AttachmentSelector):
        yield from ((address, instance_id(stack, name, end.addresses[0])) for address in end.addresses)
        return
    for entry in service.endpoints:
        listed, ident = (entry, None) if isinstance(entry, str) else (entry.address, entry.id)
        if listed in end.addresses:
            yield listed, ident or instance_id(stack, name, listed)
