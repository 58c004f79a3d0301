"""Which endpoints belong to which services, and the addresses of services that are no attachment's."""

from collections.abc import Mapping, Sequence

from netctl.compiler.hosts import Hosts
from netctl.compiler.policies.endpoints import ADDRESS, ATTACHMENT, CONTAINER, is_masqueraded
from netctl.compiler.policies.ports import named_ports
from netctl.compiler.prefixes import parse_address
from netctl.compiler.topology import Net, Topology
from netctl.policy.model import Endpoint, PortRange
from netctl.policy.selectors import LabelIndex
from netctl.stack.docker_models import ContainerSelector
from netctl.stack.policy_models import AttachmentSelector, Service, ServiceEndpoint


def with_services(topology: Topology, endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """The endpoints with their services, and those that only services name."""
    if not topology.stack.services:
        return list(endpoints)
    membership = _Membership(topology, endpoints)
    for name, service in sorted(topology.stack.services.items()):
        membership.add(name, service)
    return membership.endpoints()


def members(service: Service) -> list[ServiceEndpoint]:
    """The addresses that a service lists."""
    if isinstance(service.endpoints, AttachmentSelector):
        return []
    return [entry if isinstance(entry, ServiceEndpoint) else ServiceEndpoint(address=entry, host=None, weight=1)
            for entry in service.endpoints]  # fmt: skip


_ATTACHED = (ATTACHMENT, CONTAINER)


class _Membership:
    """Who belongs to what, service by service."""

    def __init__(self, topology: Topology, endpoints: Sequence[Endpoint]) -> None:
        self._topology = topology
        self._endpoints = {end.name: end for end in endpoints}
        self._services: dict[str, list[str]] = {}
        self._nets = {net.name: net for net in topology.nets}
        self._at: dict[str, list[str]] = {}
        for end in endpoints:
            # A host is found by its underlay address alone: several hosts can have one address on their bridges.
            own = end.addresses if end.kind in _ATTACHED else (topology.stack.hosts[end.host].address,)
            for address in own:
                self._at.setdefault(address, []).append(end.name)
        self._index = {kind: LabelIndex({e.name: e.labels for e in endpoints if e.kind == kind}) for kind in _ATTACHED}

    def add(self, name: str, service: Service) -> None:
        """Notes whom the service has."""
        if isinstance(service.endpoints, AttachmentSelector):
            found = self._selected(service.endpoints, service.network)
        else:
            found = [end for entry in members(service) for end in self._listed(name, service, entry)]
        for end in found:
            self._services.setdefault(end, []).append(name)

    def endpoints(self) -> list[Endpoint]:
        """All endpoints, each with its services, their label where there is one, and their named ports."""
        return [self._joined(end, sorted(set(self._services.get(name, ())))) for name, end in self._endpoints.items()]

    def _selected(self, selector: AttachmentSelector, network: str | None) -> list[str]:
        if selector.containers is not None:
            return self._matching(selector.containers, CONTAINER, network)
        return self._matching(selector, ATTACHMENT, network)

    def _matching(self, selector: AttachmentSelector | ContainerSelector, kind: str, network: str | None) -> list[str]:
        index = self._index[kind]
        found = index.everything
        if selector.labels is not None:
            found &= index.labelled(selector.labels)
        if selector.expr is not None:
            found &= index.select(selector.expr)
        return [name for name in found if network in {None, self._endpoints[name].network}]

    def _listed(self, name: str, service: Service, entry: ServiceEndpoint) -> list[str]:
        """The endpoints that have the address; a new one where none has."""
        found = [known for known in self._at.get(entry.address, ()) if self._fits(known, service, entry)]
        if found:
            return found
        net = self._nets.get(service.network or "")
        host = entry.host or (_host_of(net, entry.address, self._topology.hosts) if net else "")
        labels = {**({"host": host} if host else {}), **({"network": net.name} if net else {})}
        full = f"service/{name}/{entry.address}" + (f"@{entry.host}" if entry.host else "")
        end = Endpoint(full, ADDRESS, host, net.name if net else "", (entry.address,), labels)
        self._endpoints[full] = end._replace(masqueraded=net is not None and is_masqueraded(net))
        self._at.setdefault(entry.address, []).append(full)
        return [full]

    def _fits(self, known: str, service: Service, entry: ServiceEndpoint) -> bool:
        end = self._endpoints[known]
        is_there = entry.host is None or end.host in {entry.host, ""}
        return is_there and (end.kind not in _ATTACHED or service.network in {None, end.network})

    def _joined(self, end: Endpoint, services: list[str]) -> Endpoint:
        if not services:
            return end
        declared = self._topology.stack.services
        ports: dict[str, PortRange] = {}
        for name in services:
            ports |= named_ports(declared[name].ports)
        labels = {**end.labels, "service": services[0]} if len(services) == 1 else end.labels
        return end._replace(labels=labels, ports={**ports, **end.ports}, services=frozenset(services))


def _host_of(net: Net, address: str, hosts: Hosts) -> str:
    """The host of a network that has an address: the only one, or the one whose block it is in; else empty."""
    if len(net.hosts) == 1:
        return next(iter(net.hosts))
    family, value = parse_address(address)
    pool = next((pool for pool in net.pools if pool.prefix.family == family), None)
    if pool is None or pool.block is None:
        return ""
    return next((host for host in net.hosts if pool.on(hosts.number(host)).holds(family, value)), "")


def port_conflicts(endpoint: Endpoint, services: Mapping[str, Service]) -> list[tuple[str, str, str]]:
    """Names of ports that two of an endpoint's services give different ports: (name, service, other service)."""
    first: dict[str, tuple[str, str]] = {}
    found = []
    for service in sorted(endpoint.services):
        for name, text in services[service].ports.items():
            earlier = first.setdefault(name, (service, text))
            if earlier[1] != text:
                found.append((name, earlier[0], service))
    return found
