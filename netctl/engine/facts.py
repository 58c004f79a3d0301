"""What the compiler may know of the host: read once a run, before the desired state is worked out."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

HEALTH = "health"
"""The kind in the key of an event that is about the health of endpoints alone, and so of no resource."""


class LinkFact(NamedTuple):
    """One network interface of the host."""

    name: str
    type: str
    """The kernel's kind (``bridge``, ``vxlan``); empty for a physical interface."""
    mtu: int
    addresses: tuple[str, ...] = ()
    """With prefix length: ``192.0.2.11/24``. Link-local addresses are left out."""
    owner: str = ""
    """The stack that owns the interface, if one does."""


class ForwardDrop(NamedTuple):
    """A base chain on the forward hook, of another tool, that drops what no rule of its own accepts."""

    family: str
    """``ip``, ``ip6`` or ``inet``."""
    table: str
    chain: str
    """Where rules of others belong: the chain itself, or the one reserved for them (``DOCKER-USER``)."""


class ContainerFact(NamedTuple):
    """One container of an Engine, running or not."""

    name: str
    labels: Mapping[str, str]
    networks: Mapping[str, tuple[str, ...]]
    """By the network's name, its addresses there, IPv4 first; none while it does not run."""
    running: bool
    health: str = ""
    """``healthy``, ``unhealthy`` or ``starting``; empty where nothing checks it."""
    ports: tuple[tuple[int, int, str], ...] = ()
    """Published ports: the host's, the container's, the protocol."""
    mode: str = ""
    """The network that it was made for; ``host``, ``none`` and ``container:`` exclude any other."""


class ContainerNetworkFact(NamedTuple):
    """One network of an Engine."""

    name: str
    driver: str
    subnets: tuple[str, ...] = ()
    interface: str = ""
    """The host's bridge; empty for other drivers."""
    owner: str = ""
    """The stack that owns it, if one does."""


class EngineFacts(NamedTuple):
    """What a container engine runs."""

    containers: Mapping[str, ContainerFact] = {}
    """By name."""
    networks: Mapping[str, ContainerNetworkFact] = {}
    """By name."""


class ConsulFacts(NamedTuple):
    """What the host's own Consul agent is."""

    node: str
    """The name of the agent's node."""
    version: tuple[int, ...]
    scripts: bool
    """Whether it takes checks that are programs by its API."""


Held = Callable[[str, str, str], tuple[str, ...]]
"""The addresses, with prefix length, that a stack has put on an interface of a named namespace: by the names of the
stack, the namespace and the interface."""


def _nothing_held(_stack: str, _netns: str, _interface: str) -> tuple[str, ...]:
    return ()


Published = Callable[[], Mapping[tuple[str, int], frozenset[str]]]
"""The stacks that publish services on this host: by protocol and port."""


def _nothing_published() -> Mapping[tuple[str, int], frozenset[str]]:
    return {}


def _no_consul() -> ConsulFacts | None:
    return None


def _no_engine() -> EngineFacts | None:
    return None


def _no_complaints() -> Mapping[str, str] | None:
    return None


ASKED = ("engine", "consul", "complaints")
"""Of `Facts`, those that systems are asked for only where a stack asks for them."""


class Facts(NamedTuple):
    """The facts of one host, or one reader's share of them."""

    hostname: str = ""
    links: Mapping[str, LinkFact] = {}
    namespaces: frozenset[str] = frozenset()
    """Named network namespaces (``ip netns``)."""
    forward_drops: tuple[ForwardDrop, ...] = ()
    per_device_ipv6_forwarding: bool = False
    """True where the kernel forwards IPv6 for single devices (``force_forwarding``, Linux 6.17)."""
    netns: str = ""
    """The name of the network namespace that is acted in; empty for the caller's own."""
    engine: Callable[[], EngineFacts | None] = _no_engine
    """The containers and their networks; None where they cannot be read. Asked only for a stack that names them: the
    answer takes as long as all the rest."""

    consul: Callable[[], ConsulFacts | None] = _no_consul
    """The host's Consul agent; None where it cannot be read. Asked only for a stack that registers services."""

    complaints: Callable[[], Mapping[str, str] | None] = _no_complaints
    """What Consul has against instances of services, on whatever host: why each is not healthy, by its id
    (``shop:web:10.10.0.20``); None where it cannot be read. Asked only for a stack that registers services."""

    failed_checks: Mapping[str, str] = {}
    """The same by netctl's own checks, of services that Consul is not told of."""

    held: Held = _nothing_held
    """What endpoints have already. Asked only for those whose addresses are to be assigned."""

    published: Published = _nothing_published
    """What stacks publish here. Asked only for one that does."""

    gone: frozenset[str] = frozenset()
    """Other hosts of the stack that have died, as far as somebody tells: declared still, and not reached any more."""

    elsewhere: Mapping[str, EngineFacts] = {}
    """By the names of other hosts of the stack, what of theirs is on its networks, as far as somebody tells."""

    def merged(self, other: "Facts") -> "Facts":
        """These facts and another reader's."""
        return Facts(
            hostname=self.hostname or other.hostname,
            links={**self.links, **other.links},
            namespaces=self.namespaces | other.namespaces,
            forward_drops=self.forward_drops + other.forward_drops,
            per_device_ipv6_forwarding=self.per_device_ipv6_forwarding or other.per_device_ipv6_forwarding,
            netns=self.netns or other.netns,
            engine=other.engine if self.engine is _no_engine else self.engine,
            consul=other.consul if self.consul is _no_consul else self.consul,
            complaints=other.complaints if self.complaints is _no_complaints else self.complaints,
            failed_checks={**self.failed_checks, **other.failed_checks},
            held=other.held if self.held is _nothing_held else self.held,
            published=other.published if self.published is _nothing_published else self.published,
            gone=self.gone | other.gone,
            elsewhere={**self.elsewhere, **other.elsewhere},
        )
