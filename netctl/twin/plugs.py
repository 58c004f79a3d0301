"""The interfaces that hosts have before a stack is applied, as its declarations name them, and which share a link."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from netctl.compiler.prefixes import Prefix, format_address, parse_address, parse_prefix
from netctl.compiler.routes import family_of
from netctl.compiler.topology import Net, Topology
from netctl.stack.models import MacvlanNetwork, StaticRoute, VxlanOverlay

LENGTH = {4: 24, 6: 64}
"""How long a prefix two addresses share that are on one link."""
_UNDERLAY = "eth0"
_MAIN = 254


@dataclass
class Plug:
    """An interface of a host."""

    host: str
    name: str
    link: int
    addresses: list[str] = field(default_factory=list)
    """With prefix length."""

    @property
    def prefixes(self) -> list[Prefix]:
        """Those that its addresses are of."""
        return [parse_prefix(text) for text in self.addresses]

    def address(self, family: int) -> str | None:
        """Its first address of a family."""
        texts = (text.partition("/")[0] for text in self.addresses)
        return next((text for text in texts if parse_address(text)[0] == family), None)


class Plugs:
    """Every interface that a declaration speaks of and that the stack does not make."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._plugs: dict[tuple[str, str], Plug] = {}
        self._own = {host: frozenset(_own(topology, host)) for host in topology.hosts.names}
        self._links = 0
        self.gateways: list[tuple[Plug, str]] = []
        """Next hops outside of the stack, and the interfaces that they are to be reached by."""
        self.routers: list[tuple[Plug, str]] = []
        """Gateways of macvlan networks, and the parents on whose links they are."""
        self._segments: list[tuple[Plug, Prefix]] = []
        """Subnets of macvlan networks, and the parents whose segments they are."""
        self._add_underlays()
        for net in topology.nets:
            self._add_net(net)
        for host in topology.hosts.names:
            self._add_routes(host)
        self._number()

    @property
    def count(self) -> int:
        """How many links there are."""
        return self._links

    @property
    def prefixes(self) -> list[Prefix]:
        """All that are on some link."""
        return [prefix for plug in self._plugs.values() for prefix in plug.prefixes]

    def underlay(self, host: str) -> Plug:
        """The interface by which a host reaches others."""
        declared = self._topology.stack.hosts.get(host)
        return self._plugs[host, (declared.interface if declared else None) or _UNDERLAY]

    def of(self, host: str) -> list[Plug]:
        """The interfaces of a host, by name."""
        return [plug for (name, _), plug in sorted(self._plugs.items()) if name == host]

    def segment_prefix(self, link: int, family: int) -> Prefix | None:
        """What a macvlan network says that the prefix of a link is."""
        return next((p for plug, p in self._segments if plug.link == link and p.family == family), None)

    def default_routes(self, host: str) -> set[int]:
        """The families in which a host's default route is declared."""
        return {
            family_of(route) or 4
            for route in self._routes(host)
            if route.table == _MAIN and route.to in {"default", "0.0.0.0/0", "::/0"}
        }

    def _plug(self, host: str, name: str) -> Plug:
        if (host, name) not in self._plugs:
            self._plugs[host, name] = Plug(host, name, self._links)
            self._links += 1
        return self._plugs[host, name]

    def _join(self, one: Plug, other: Plug) -> None:
        """Put two interfaces, and all that are on a link with them, on one."""
        gone = other.link
        for plug in self._plugs.values():
            if plug.link == gone:
                plug.link = one.link

    def _number(self) -> None:
        """Number the links that are left by the order of their interfaces."""
        numbers: dict[int, int] = {}
        for _, plug in sorted(self._plugs.items()):
            plug.link = numbers.setdefault(plug.link, len(numbers))
        self._links = len(numbers)

    def _add_underlays(self) -> None:
        by_prefix: dict[Prefix, Plug] = {}
        for host in self._topology.hosts.names:
            declared = self._topology.stack.hosts.get(host)
            plug = self._plug(host, (declared.interface if declared else None) or _UNDERLAY)
            if declared is not None:
                text = f"{declared.address}/{LENGTH[parse_address(declared.address)[0]]}"
                plug.addresses.append(text)
                self._join(by_prefix.setdefault(parse_prefix(text), plug), plug)

    def _add_net(self, net: Net) -> None:
        """The parent of a macvlan, or the ports of a bridge: over all hosts one link."""
        named = [(host, port.interface) for port in net.ports for host in sorted(port.hosts)]
        if isinstance(net.spec, MacvlanNetwork):
            named = [(host, net.spec.parent) for host in sorted(net.hosts)]
        plugs = [self._plug(host, name) for host, name in named if name not in self._own[host]]
        for plug in plugs:
            self._join(plugs[0], plug)
        for pool in net.pools if isinstance(net.spec, MacvlanNetwork) else ():
            for plug in plugs:
                self._segments.append((plug, pool.prefix))
                if pool.gateway is not None:
                    self.routers.append((plug, format_address(pool.prefix.family, pool.gateway)))

    def _add_routes(self, host: str) -> None:
        for route in self._routes(host):
            hops = [(route.via, route.dev), *((hop.via, hop.dev) for hop in route.nexthops)]
            for via, dev in hops:
                self._add_hop(host, via, dev)
            if route.source is not None and not self._is_local(host, route.source):
                plug = self._foreign(host, route.dev) or self.underlay(host)
                plug.addresses.append(f"{route.source}/{128 if ':' in route.source else 32}")
        for rule in self._topology.stack.rules:
            if host in self._topology.hosts.matching(rule.hosts):
                for name in (rule.iif, rule.oif):
                    self._foreign(host, name)

    def _add_hop(self, host: str, via: str | None, dev: str | None) -> None:
        plug = self._foreign(host, dev)
        if via is None or (dev is not None and plug is None) or self._is_local(host, via):
            return
        if plug is None:
            address = parse_address(via)
            plug = next((p for p in self.of(host) if any(q.holds(*address) for q in p.prefixes)), self.underlay(host))
        self.gateways.append((plug, via))

    def _foreign(self, host: str, name: str | None) -> Plug | None:
        """The interface, unless it is the stack's own."""
        if name is None or name == "lo" or name in self._own[host]:
            return None
        return self._plug(host, name)

    def _is_local(self, host: str, text: str) -> bool:
        """Whether an address is on a network that the stack makes on the host."""
        family, value = parse_address(text)
        number = self._topology.hosts.number(host)
        nets = (net for net in self._topology.nets if host in net.hosts and not isinstance(net.spec, MacvlanNetwork))
        return any(pool.on(number).holds(family, value) for net in nets for pool in net.pools)

    def _routes(self, host: str) -> list[StaticRoute]:
        return [
            route for route in self._topology.stack.routes if host in self._topology.hosts.matching(route.hosts)
        ]  # fmt: skip


def _own(topology: Topology, host: str) -> Iterator[str]:
    """The interfaces that the stack makes on a host."""
    for net in topology.nets:
        if host not in net.hosts or isinstance(net.spec, MacvlanNetwork):
            continue
        yield net.interface.name
        if isinstance(net.spec, VxlanOverlay):
            yield net.vxlan_interface.name
        yield from (end.host_end.name for end in net.endpoints if host in end.hosts)
