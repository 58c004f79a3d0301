"""Containers and their endpoints, from the Engine's answers and to its requests."""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

from netctl.engine.facts import ContainerFact
from netctl.engine.resource import Owner
from netctl.kinds.docker import DECLARATION_LABEL, OWN_LABELS, STACK_LABEL, Attachment, Network, Pairs
from reconcilers.answers import Record, entries, record, strings, text, texts
from reconcilers.docker.answers import address, pairs

_SHORT_ID = 12
_HEALTH = (("(healthy)", "healthy"), ("(unhealthy)", "unhealthy"), ("(health: starting)", "starting"))


class Endpoint(NamedTuple):
    """A container's place on a network, as far as the list of containers tells."""

    network: str
    """Its name."""
    network_id: str
    """Empty for a container that was never started."""
    addresses: tuple[str, ...]
    """IPv4 first; none where the container does not run."""
    fixed: tuple[str, ...]
    """Those that were asked for."""
    id: str
    """Another one with each connection and each start of the container; empty where it does not run."""


class ContainerRow(NamedTuple):
    """A container as the Engine lists it."""

    id: str
    name: str
    labels: Mapping[str, str]
    mode: str
    """The network that it was made for."""
    running: bool
    health: str
    ports: tuple[tuple[int, int, str], ...]
    endpoints: tuple[Endpoint, ...]

    def on(self, network: str, network_id: str) -> Endpoint | None:
        """Its endpoint on a network."""
        for endpoint in self.endpoints:
            if network_id == endpoint.network_id or (not endpoint.network_id and endpoint.network == network):
                return endpoint
        return None

    @property
    def fact(self) -> ContainerFact:
        """What the compiler may know of it."""
        networks = {endpoint.network: endpoint.addresses for endpoint in self.endpoints}
        return ContainerFact(
            self.name, self.labels, networks, self.running, self.health, self.ports, self.mode
        )  # fmt: skip


def container_row(answer: Record) -> ContainerRow:
    """A container from an entry of ``GET /containers/json``."""
    networks = record(record(answer.get("NetworkSettings")).get("Networks"))
    status = text(answer.get("Status"))
    return ContainerRow(
        text(answer.get("Id")),
        _name(texts(answer.get("Names"))),
        strings(answer.get("Labels")),
        text(record(answer.get("HostConfig")).get("NetworkMode")),
        text(answer.get("State")) == "running",
        next((word for mark, word in _HEALTH if mark in status), ""),
        _published(entries(answer.get("Ports"))),
        tuple(_endpoint(name, record(settings)) for name, settings in sorted(networks.items())),
    )


def _name(names: Sequence[str]) -> str:
    """The container's own name; one with a further slash is an alias that a link gives it."""
    own = [name[1:] for name in names if name.startswith("/") and "/" not in name[1:]]
    return min(own, default="")


def _published(ports: Iterable[Record]) -> tuple[tuple[int, int, str], ...]:
    found = {
        (port["PublicPort"], port["PrivatePort"], text(port.get("Type")))
        for port in ports
        if isinstance(port.get("PublicPort"), int) and isinstance(port.get("PrivatePort"), int)
    }
    return tuple(sorted(found))


def _endpoint(network: str, settings: Record) -> Endpoint:
    fixed = record(settings.get("IPAMConfig"))
    return Endpoint(
        network,
        text(settings.get("NetworkID")),
        _both(settings.get("IPAddress"), settings.get("GlobalIPv6Address")),
        _both(fixed.get("IPv4Address"), fixed.get("IPv6Address")),
        text(settings.get("EndpointID")),
    )


def _both(ipv4: Any, ipv6: Any) -> tuple[str, ...]:
    return tuple(found for found in (address(ipv4), address(ipv6)) if found)


class Settings(NamedTuple):
    """All that an endpoint is made of: what has to be asked for to have it again."""

    container: str
    """Its id."""
    name: str
    addresses: tuple[str, ...] = ()
    """Those that it has, asked for or not."""
    fixed: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    link_local: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    options: Pairs = ()
    """Of the driver, netctl's mark included."""

    @property
    def owner(self) -> Owner | None:
        """The stack that has attached it, by its mark."""
        options = dict(self.options)
        stack = options.get(STACK_LABEL, "")
        return Owner(stack, options.get(DECLARATION_LABEL, "")) if stack else None

    @property
    def own_options(self) -> Pairs:
        """The driver's options without the mark."""
        return tuple(pair for pair in self.options if not pair[0].startswith(OWN_LABELS))


def settings_of(answer: Record, network: str, network_id: str) -> Settings | None:
    """An endpoint from ``GET /containers/{id}/json``; None where the container is not on the network."""
    for name, found in record(record(answer.get("NetworkSettings")).get("Networks")).items():
        settings = record(found)
        if text(settings.get("NetworkID")) == network_id or (not settings.get("NetworkID") and name == network):
            return _settings(answer, settings)
    return None


def _settings(answer: Record, settings: Record) -> Settings:
    ident = text(answer.get("Id"))
    ipam = record(settings.get("IPAMConfig"))
    fixed = _both(ipam.get("IPv4Address"), ipam.get("IPv6Address"))
    current = _both(settings.get("IPAddress"), settings.get("GlobalIPv6Address"))
    return Settings(
        ident,
        text(answer.get("Name")).removeprefix("/"),
        fixed + tuple(found for found in current if not any(_same_family(found, other) for other in fixed)),
        fixed,
        # The Engine gives every endpoint the container's short id as an alias, and will do so again.
        tuple(sorted({alias for alias in texts(settings.get("Aliases")) if alias != ident[:_SHORT_ID]})),
        tuple(sorted(texts(ipam.get("LinkLocalIPs")))),
        tuple(sorted(texts(settings.get("Links")))),
        pairs(settings.get("DriverOpts")),
    )


def _same_family(one: str, other: str) -> bool:
    return (":" in one) == (":" in other)


def fitted(settings: Settings, network: Network, *, keep: bool) -> Settings:
    """The settings without addresses that the network does not have; *keep*: also those that were not asked for."""
    wanted = settings.addresses if keep else settings.fixed
    return settings._replace(fixed=tuple(text for text in wanted if _fits(text, network)))


def _fits(text: str, network: Network) -> bool:
    """Whether the network can give the address: it is in a declared subnet, and no gateway."""
    found = ip_address(text)
    return any(
        found in ip_network(pool.subnet) and text != pool.gateway and text not in dict(pool.auxiliary).values()
        for pool in network.pools or ()
    )


def connection(settings: Settings) -> dict[str, Any]:
    """The body of ``POST /networks/{id}/connect``."""
    ipam: dict[str, Any] = {("IPv6Address" if ":" in text else "IPv4Address"): text for text in settings.fixed}
    if settings.link_local:
        ipam["LinkLocalIPs"] = list(settings.link_local)
    endpoint = {
        "IPAMConfig": ipam,
        "Aliases": list(settings.aliases),
        "Links": list(settings.links),
        "DriverOpts": dict(settings.options),
    }
    return {
        "Container": settings.container,
        "EndpointConfig": {key: value for key, value in endpoint.items() if value},
    }


def changed(settings: Settings, wanted: Attachment, owner: Owner | None) -> Settings:
    """The settings as they are wanted; what is not declared stays."""
    options = settings.own_options if wanted.options is None else wanted.options
    mark = {STACK_LABEL: owner.stack, DECLARATION_LABEL: owner.declaration} if owner else {}
    fixed = settings.fixed
    if wanted.addresses is not None:
        others = (text for text in fixed if not any(_same_family(text, other) for other in wanted.addresses))
        fixed = (*wanted.addresses, *others)
    return settings._replace(
        fixed=fixed,
        aliases=settings.aliases if wanted.aliases is None else wanted.aliases,
        link_local=settings.link_local if wanted.link_local is None else wanted.link_local,
        options=tuple(sorted({**dict(options), **mark}.items())),
    )
