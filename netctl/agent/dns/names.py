"""Which names a stack has, and what their records are: the Kubernetes specification's, and Consul's."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from netctl.agent.dns.wire import (
    CNAME,
    PTR,
    SRV,
    TXT,
    address_record,
    encode_name,
    reverse_name,
    service_data,
    text_data,
)
from netctl.agent.dns.zone import Zone
from netctl.compiler.consul.registration import Registration
from netctl.compiler.zones import tag_labels

SCHEMA_VERSION = "1.1.0"
DATACENTER = "dc1"
_CONSUL_TTL = 0
"""As Consul's default is."""


class Instance(NamedTuple):
    """An endpoint of a service."""

    address: str
    hostname: str = ""
    """Empty: named after its address."""
    weight: int = 1
    passing: int = 1
    """Its weight in Consul."""


class NamedService(NamedTuple):
    """What DNS says of a service."""

    name: str
    addresses: tuple[str, ...]
    """Virtual ones; none: its endpoints' names and addresses are given."""
    ports: tuple[tuple[str, str, int], ...]
    """Those with a name: name, protocol, number."""
    instances: tuple[Instance, ...]
    registrations: tuple[Registration, ...] = ()
    """What it is in Consul, the first port first."""
    passing: int = 1
    """Its weight in Consul, of an external one."""
    tags: tuple[str, ...] = ()
    external: str = ""
    """A host name or an address outside, in place of everything else."""
    is_virtual: bool = False
    """Whether it is to have virtual addresses, even where it has none."""


class Naming(NamedTuple):
    """What a stack's zones are made of."""

    stack: str
    services: tuple[NamedService, ...]
    zone: str
    ttl: int
    hosts: Mapping[str, str] = {}
    """Addresses by name."""
    consul: str = ""
    """The domain of Consul's names; empty for none."""


Nodes = dict[str, dict[int, dict[bytes, None]]]


def zones(naming: Naming, serial: int = 1) -> list[Zone]:
    """The zone of services, Consul's, and one of each name for an address."""
    forward, reverse = _Nodes(), _Nodes()
    forward.add(f"dns-version.{naming.zone}", TXT, text_data(SCHEMA_VERSION))
    forward.touch(f"{naming.stack}.svc.{naming.zone}")
    for service in naming.services:
        _service(service, f"{service.name}.{naming.stack}.svc.{naming.zone}", forward, reverse)
    found = [Zone(naming.zone, forward.frozen(), naming.ttl, serial)]
    if naming.consul:
        found.append(Zone(naming.consul, _consul(naming).frozen(), _CONSUL_TTL, serial))
    return found + [Zone(name, {name: node}, naming.ttl, serial) for name, node in reverse.frozen().items()]


class _Nodes:
    """Records by name and type, each once, in the order in which they come."""

    def __init__(self) -> None:
        self._nodes: Nodes = {}

    def touch(self, name: str) -> None:
        self._nodes.setdefault(name, {})

    def add(self, name: str, type_: int, data: bytes) -> None:
        self._nodes.setdefault(name, {}).setdefault(type_, {})[data] = None

    def address(self, name: str, address: str) -> None:
        self.add(name, *address_record(address))

    def frozen(self) -> dict[str, dict[int, tuple[bytes, ...]]]:
        return {name: {type_: tuple(data) for type_, data in node.items()} for name, node in self._nodes.items()}


def _service(service: NamedService, name: str, forward: _Nodes, reverse: _Nodes) -> None:
    if service.external:
        _external(service.external, name, forward)
    elif service.is_virtual:
        _virtual(service, name, forward, reverse)
    else:
        _headless(service, name, forward, reverse)


def _external(target: str, name: str, forward: _Nodes) -> None:
    if _is_address(target):
        forward.address(name, target)
    else:
        forward.add(name, CNAME, encode_name(target))


def _virtual(service: NamedService, name: str, forward: _Nodes, reverse: _Nodes) -> None:
    forward.touch(name)
    for address in service.addresses:
        forward.address(name, address)
        reverse.add(reverse_name(address), PTR, encode_name(name))
    for port, protocol, number in service.ports:
        forward.add(f"_{port}._{protocol}.{name}", SRV, service_data(0, 100, number, name))


def _headless(service: NamedService, name: str, forward: _Nodes, reverse: _Nodes) -> None:
    for instance in service.instances:
        if not instance.weight:
            continue
        own = f"{instance.hostname or address_label(instance.address)}.{name}"
        forward.address(name, instance.address)
        forward.address(own, instance.address)
        reverse.add(reverse_name(instance.address), PTR, encode_name(own))
        for port, protocol, number in service.ports:
            forward.add(f"_{port}._{protocol}.{name}", SRV, service_data(0, instance.weight, number, own))


def address_label(address: str) -> str:
    """The label of an endpoint without a host name: ``10-4-0-3``."""
    label = address.replace(".", "-").replace(":", "-")
    return label + "0" if label.endswith("-") else ("0" + label if label.startswith("-") else label)


def _consul(naming: Naming) -> _Nodes:
    nodes = _Nodes()
    for kind in ("service", "node", "addr"):
        nodes.touch(f"{kind}.{naming.consul}")
    for host, address in sorted(naming.hosts.items()):
        for suffix in (f"node.{naming.consul}", f"node.{DATACENTER}.{naming.consul}"):
            nodes.address(f"{host}.{suffix}", address)
    for service, registration in _registered(naming.services):
        for name in _consul_names(registration.name, service.tags, naming.consul):
            _consul_service(service, registration.port, name, naming.consul, nodes)
    return nodes


def _registered(services: Iterable[NamedService]) -> Iterator[tuple[NamedService, Registration]]:
    """Each port of each service; of a further one that would be called as another service is, that has the name."""
    names = {service.name for service in services}
    for service in services:
        for registration in service.registrations:
            if not registration.suffix or registration.name not in names:
                yield service, registration


def _consul_names(name: str, tagged: Iterable[str], domain: str) -> Iterator[str]:
    """``web``, ``v2.web`` for a tag, and RFC 2782's ``_web._tcp`` and ``_web._v2``; with the datacenter, too.

    One that is too long for DNS is left out: that of a port may be.
    """
    tags = tag_labels(tagged)
    plain = [name, *(f"{tag}.{name}" for tag in tags), *(f"_{name}._{word}" for word in ("tcp", "udp", *tags))]
    for prefix in plain:
        yield from filter(_is_name, (f"{prefix}.service.{domain}", f"{prefix}.service.{DATACENTER}.{domain}"))


def _consul_service(service: NamedService, port: int, name: str, domain: str, nodes: _Nodes) -> None:
    """What one name of a service leads to; that of a host name outside is an alias, and has SRV records beside it."""
    if service.external and not _is_address(service.external):
        nodes.add(name, CNAME, encode_name(service.external))
        nodes.add(name, SRV, service_data(1, service.passing, port, service.external))
        return
    outside = Instance(service.external, passing=service.passing)
    for instance in (outside,) if service.external else service.instances:
        _consul_instance(instance, port, name, domain, nodes)


def _consul_instance(instance: Instance, port: int, name: str, domain: str, nodes: _Nodes) -> None:
    if not instance.weight:
        return
    type_, data = address_record(instance.address)
    target = f"{data.hex()}.addr.{DATACENTER}.{domain}"
    nodes.add(target, type_, data)
    nodes.add(name, type_, data)
    nodes.add(name, SRV, service_data(1, instance.passing, port, target))


def _is_name(text: str) -> bool:
    try:
        encode_name(text)
    except ValueError:
        return False
    return True


def _is_address(text: str) -> bool:
    try:
        address_record(text)
    except OSError:
        return False
    return True
