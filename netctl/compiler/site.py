"""One host of a stack: what the modules of the declared kinds compile for."""

from functools import cached_property

from netctl.compiler.docker_networks import DockerNet
from netctl.compiler.enforcement import Enforcement
from netctl.compiler.hosts import Hosts, Selector
from netctl.compiler.places import Path, Places, Problems
from netctl.compiler.topology import Net, Role, Topology
from netctl.engine.facts import ConsulFacts, EngineFacts, Facts
from netctl.engine.resource import Key, Origin
from netctl.kinds.link import link_key
from netctl.stack.models import VxlanOverlay


class Site:
    """A host, what is known of it, and where to report what is wrong there."""

    def __init__(
        self,
        topology: Topology,
        host: str,
        facts: Facts | None,
        places: Places,
        problems: Problems,
        enforcement: Enforcement,
    ) -> None:
        self.topology = topology
        self.host = host
        self.facts = facts
        self.problems = problems
        self.enforcement = enforcement
        self.hairpins: frozenset[str] = frozenset()
        """The host's ends of attachments that reach themselves by way of their bridge."""
        self._places = places
        self._paths: dict[Origin, Path] = {}

    @property
    def stack(self) -> str:
        """The stack's name."""
        return self.topology.stack.stack

    @property
    def hosts(self) -> Hosts:
        """All hosts of the stack."""
        return self.topology.hosts

    def origin(self, path: Path) -> Origin:
        """Where a declaration stands."""
        origin = self._places.origin(path)
        self._paths[origin] = path
        return origin

    def path(self, origin: Origin) -> Path:
        """The path of a declaration whose origin was asked for."""
        return self._paths.get(origin, ())

    def selects(self, selector: Selector) -> bool:
        """Whether a ``hosts:`` selector means this host."""
        return selector is None or self.host in self.hosts.matching(selector)

    @cached_property
    def nets(self) -> tuple[Net, ...]:
        """The networks and overlays that are on this host."""
        return tuple(net for net in self.topology.nets if self.host in net.hosts)

    @property
    def dockers(self) -> tuple[DockerNet, ...]:
        """The Docker networks that are on this host."""
        return tuple(net for net in self.topology.dockers if self.host in net.hosts)

    @cached_property
    def docker_legs(self) -> dict[str, DockerNet]:
        """By overlay, the Docker network that is its leg on this host."""
        return {net.spec.overlay: net for net in self.dockers if net.spec.overlay is not None}

    def is_dockers(self, net: Net) -> bool:
        """Whether the bridge of an overlay is one of Docker's on this host."""
        return net.overlay and net.name in self.docker_legs

    def bridge_of(self, net: Net) -> str:
        """The name of a network's bridge on this host."""
        return self.docker_legs[net.name].bridge if self.is_dockers(net) else net.interface.name

    @cached_property
    def engine(self) -> EngineFacts | None:
        """What the container engine runs; None where nothing is known of it."""
        return self.facts.engine() if self.facts is not None else None

    @cached_property
    def consul(self) -> ConsulFacts | None:
        """The host's own Consul agent; None where nothing is known of it."""
        return self.facts.consul() if self.facts is not None else None

    @property
    def engine_bridges(self) -> frozenset[str]:
        """The bridges of the container engine's networks."""
        networks = self.engine.networks.values() if self.engine is not None else ()
        return frozenset(network.interface for network in networks if network.interface)

    @cached_property
    def own(self) -> dict[str, Key]:
        """Every interface that the stack makes on this host, outside of attached namespaces."""
        names: list[str] = []
        for net in self.nets:
            if net.role is Role.MACVLAN:
                continue
            names += [] if self.is_dockers(net) else [net.interface.name]
            if isinstance(net.spec, VxlanOverlay):
                names.append(net.vxlan_interface.name)
            names += [end.host_end.name for end in net.endpoints if self.host in end.hosts]
        return {name: link_key(name) for name in names}

    def needs(self, interface: str | None) -> tuple[Key, ...]:
        """The link of *interface* where the stack makes it; nothing where it is foreign."""
        key = self.own.get(interface or "")
        return () if key is None else (key,)

    def exists(self, interface: str) -> bool:
        """Whether the interface is there or will be; true where nothing is known of the host."""
        return self.facts is None or interface in self.facts.links or interface in self.own
