"""What there is to be reached in a stack: every port that a service, an endpoint or an expectation names."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from netctl.compiler.policies import Resolution
from netctl.compiler.policies.ports import parse_port
from netctl.compiler.questions import Questions
from netctl.policy.matrix import Service
from netctl.policy.model import PortRange, Protocol
from netctl.stack.models import Stack
from netctl.stack.policy_models import Service as Declared

Names = frozenset[str]


class Offer(NamedTuple):
    """A port, and who offers it: a service with its endpoints, or one endpoint alone."""

    name: str
    """``service db``, or the endpoint's name."""
    service: Service
    """Of family 4, whichever the endpoints have."""
    destinations: Names


def offers_of(stack: Stack, resolution: Resolution) -> list[Offer]:
    """What there is to be reached: of services first, then of endpoints alone, each by name and port.

    Of a range of ports, the first one stands for all.
    """
    offers = sorted(_of_services(stack.services, resolution))
    known = {(offer.service, name) for offer in offers for name in offer.destinations}
    alone = {*_of_endpoints(resolution), *_of_expectations(stack, resolution)} - known
    pairs = sorted((name, service) for service, name in alone)
    return offers + [Offer(name, service, Names({name})) for name, service in pairs]


def by_service(offers: Sequence[Offer]) -> dict[Service, Names]:
    """Who offers each port."""
    found: dict[Service, Names] = {}
    for offer in offers:
        found[offer.service] = found.get(offer.service, Names()) | offer.destinations
    return found


def _of_services(declared: Mapping[str, Declared], resolution: Resolution) -> Iterator[Offer]:
    members: dict[str, set[str]] = {}
    for end in resolution.policies.endpoints.values():
        for service in end.services:
            members.setdefault(service, set()).add(end.name)
    for name, spec in declared.items():
        ports = {_first(text) for text in (*(spec.port or ()), *spec.ports.values())}
        if name in members:
            yield from (Offer(f"service {name}", port, Names(members[name])) for port in ports if port)


def _of_endpoints(resolution: Resolution) -> Iterator[tuple[Service, str]]:
    for end in resolution.policies.endpoints.values():
        yield from ((_service(port), end.name) for port in end.ports.values())


def _of_expectations(stack: Stack, resolution: Resolution) -> Iterator[tuple[Service, str]]:
    questions = Questions(resolution)
    for expected in stack.expect:
        destinations = questions.ends(expected.to).endpoints
        for service, names in questions.services(expected, destinations):
            yield from ((service, name) for name in names)
        for service, names in questions.behind(expected, destinations):
            yield from ((service._replace(family=4), name) for name in names)


def _first(text: str) -> Service | None:
    port = parse_port(text)
    return _service(port) if isinstance(port, PortRange) else None


def _service(port: PortRange) -> Service:
    return Service(port.protocol, 0 if port.protocol is Protocol.ICMP else port.first)
