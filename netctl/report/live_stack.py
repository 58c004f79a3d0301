"""Live resources as a stack of the language: what ``netctl import`` prints.

    bridge + its addresses and ports            a network of driver bridge
    bridge + a VXLAN device among its ports     a bridged overlay, its peers as hosts
    macvlans on one parent                      a network of driver macvlan
    routes, rules                               routes, rules
    Consul's services and keys                  services, kv
    config entries, queries, intentions         consul, and within services

What the language cannot say is left out, and told in a remark.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_interface
from typing import Any

from netctl.engine.resource import Live
from netctl.kinds.address import Address
from netctl.kinds.link import Bridge, Macvlan, OtherLink, Port, Veth, VethPeer, Vxlan
from netctl.kinds.neighbour import FLOOD_MAC, FdbEntry, Neighbour
from netctl.kinds.route import IPV6_DEFAULT_METRIC, MAIN_TABLE, Route
from netctl.kinds.rule import Rule
from netctl.report.dollars import literal
from netctl.report.live_consul import consul_keys, consul_services
from netctl.report.live_docker import docker_networks
from netctl.report.live_mesh import add_queries_and_intentions, consul_section
from netctl.report.wording import type_name
from netctl.report.yaml_text import one_or_more

_DEFAULT_MTU = 1500
_VXLAN_PORT = 4789
_ALL_BITS = 0xFFFFFFFF
_DEFAULTS = frozenset({"0.0.0.0/0", "::/0"})


@dataclass
class LiveStack:
    """A stack's content, and what could not be put into it."""

    content: dict[str, Any]
    remarks: list[str] = field(default_factory=list)


def live_stack(found: Iterable[Live], name: str) -> LiveStack:
    """The stack *name* that declares what was *found*."""
    return _Conversion(list(found)).stack(name)


class _Conversion:
    """One conversion: what was found, by kind, and the remarks so far."""

    def __init__(self, found: Sequence[Live]) -> None:
        self.remarks: list[str] = []
        self._found = [live.attributes for live in found]
        self._owned = {live.key.id for live in found if live.owner is not None}
        self._names: set[str] = set()
        self._addresses: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for address in self._all(Address):
            self._addresses[address.netns, address.link].append(address.address)

    def stack(self, name: str) -> LiveStack:
        content: dict[str, Any] = {"stack": name}
        overlays, hosts = self._overlays()
        specs = {entry["name"]: entry["spec"] for entry in self._overlay_specs(overlays)}
        services = consul_services(self._found, self.remarks)
        add_queries_and_intentions(self._found, services, self.remarks)
        sections = {
            "hosts": hosts if specs else {},
            # What is literal in Docker's is said where each of its mappings is taken over.
            "networks": literal(self._networks(set(overlays.values())) | self._macvlans()) | self._docker_networks(),
            "overlays": literal(specs),
            "services": literal(services),
            "consul": literal(consul_section(self._found, self.remarks)),
            "kv": literal(consul_keys(self._found, self.remarks)),
            "routes": literal([entry for route in self._all(Route) for entry in self._route(route)]),
            "rules": literal([_rule(rule) for rule in self._all(Rule)]),
        }
        content |= {key: value for key, value in sections.items() if value}
        self._remark_on_the_rest(overlays)
        return LiveStack(content, self.remarks)

    def _all(self, kind: type[Any]) -> Iterator[Any]:
        return (attributes for attributes in self._found if isinstance(attributes, kind))

    # Networks

    def _networks(self, taken: set[str]) -> dict[str, Any]:
        bridges = [bridge for bridge in self._all(Bridge) if not bridge.netns and bridge.name not in taken]
        return {self._name(bridge.name): self._bridge(bridge) for bridge in bridges}

    def _bridge(self, bridge: Bridge) -> dict[str, Any]:
        spec: dict[str, Any] = {"driver": "bridge", "interface_name": bridge.name}
        spec |= {"mtu": bridge.mtu} if bridge.mtu not in {None, _DEFAULT_MTU} else {}
        spec |= {"mac": bridge.mac} if bridge.mac else {}
        spec |= {"group": bridge.group} if bridge.group else {}
        spec |= {"stp": True} if bridge.stp else {}
        subnet = self._subnet("", bridge.name)
        spec |= {"subnet": subnet, "nat": "none"} if subnet else {}
        attached = [*self._veths(bridge.name, subnet, spec.get("mtu")), *self._ports(bridge.name)]
        return spec | ({"attach": attached} if attached else {})

    def _subnet(self, netns: str, link: str) -> dict[str, Any] | None:
        """The first address of each family as a subnet and its gateway; more cannot be declared."""
        cidrs, gateways, families = [], [], set()
        for text in self._addresses[netns, link]:
            address = ip_interface(text)
            if address.version in families:
                self.remarks.append(f"{link} has the further address {text}; a network has one of a family")
                continue
            families.add(address.version)
            cidrs.append(str(address.network))
            gateways.append(str(address.ip))
        if not cidrs:
            return None
        return {"cidr": one_or_more(cidrs), "gateway": one_or_more(gateways)}

    def _veths(self, bridge: str, subnet: dict[str, Any] | None, mtu: int | None) -> Iterator[dict[str, Any]]:
        """What is attached to a bridge, where *mtu* is what all of it has unless it says otherwise."""
        for veth in self._all(Veth):
            if veth.master != bridge:
                continue
            netns, _, interface = (veth.peer or "").rpartition("/")
            if not netns:  # it is among the ports
                continue
            entry: dict[str, Any] = {"netns": netns, "interface": interface, "host_interface": veth.name}
            entry |= {"mtu": veth.mtu} if mtu and veth.mtu not in {None, mtu} else {}
            entry |= self._endpoint(netns, interface, subnet)
            # From which addresses it may send nobody has restricted so far.
            yield entry if veth.name in self._owned else entry | {"anti_spoofing": False}

    def _endpoint(self, netns: str, interface: str, subnet: dict[str, Any] | None) -> dict[str, Any]:
        """What an attached interface has: addresses, MAC, whether the default routes leave by it."""
        peer = next((link for link in self._all(VethPeer) if (link.netns, link.name) == (netns, interface)), None)
        addresses = [text.partition("/")[0] for text in self._addresses[netns, interface]]
        entry: dict[str, Any] = {"address": one_or_more(addresses)} if addresses and subnet else {}
        entry |= {"mac": peer.mac} if peer and peer.mac else {}
        if peer and subnet and not self._default_gateways(netns, interface).issuperset(_several(subnet["gateway"])):
            entry["default_route"] = False
        if subnet:
            self._remark_on_families(f"{netns}/{interface}", addresses, subnet)
        return entry

    def _default_gateways(self, netns: str, interface: str) -> set[str]:
        return {
            route.gateway
            for route in self._all(Route)
            if (route.netns, route.device) == (netns, interface) and route.destination in _DEFAULTS
        }

    def _remark_on_families(self, interface: str, addresses: list[str], subnet: dict[str, Any]) -> None:
        for cidr in _several(subnet["cidr"]):
            if not any((":" in address) == (":" in cidr) for address in addresses):
                self.remarks.append(f"{interface} has no address of {cidr}, and would be given one")

    def _ports(self, bridge: str) -> Iterator[dict[str, Any]]:
        yield from ({"interface": port.name} for port in self._all(Port) if port.master == bridge)

    def _docker_networks(self) -> dict[str, Any]:
        return dict(docker_networks(self._found, self._name, self.remarks))

    def _macvlans(self) -> dict[str, Any]:
        by_parent: defaultdict[tuple[str, str], list[Macvlan]] = defaultdict(list)
        for link in self._all(Macvlan):
            if link.netns and link.parent:
                by_parent[link.parent, link.mode or "bridge"].append(link)
            else:
                self.remarks.append(
                    f"{link.name} is a macvlan on {link.parent or 'another interface'} in no attached namespace"
                )
        networks = {}
        for (parent, mode), links in by_parent.items():
            subnet = next(filter(None, (self._subnet(link.netns, link.name) for link in links)), None)
            if subnet is None:
                self.remarks.append(f"the macvlans on {parent} have no address, and a macvlan network needs a subnet")
                continue
            attached = [
                {"netns": link.netns, "interface": link.name, "mac": link.mac}
                | self._endpoint(link.netns, link.name, subnet)
                for link in links
            ]
            spec = {"driver": "macvlan", "parent": parent, "mode": mode, "subnet": {"cidr": subnet["cidr"]}}
            networks[self._name(f"{parent}-macvlan")] = spec | {"attach": attached}
        return networks

    # Overlays

    def _overlays(self) -> tuple[dict[str, str], dict[str, Any]]:
        """The bridges of VXLAN devices, by device; the hosts that they connect."""
        bridges = {bridge.name for bridge in self._all(Bridge)}
        devices = {link.name: link for link in self._all(Vxlan) if link.master in bridges and link.local}
        hosts: dict[str, Any] = {}
        for link in devices.values():
            hosts.setdefault("this-host", {"id": 1, "address": link.local})
            for peer in self._peers(link.name):
                if peer not in {host["address"] for host in hosts.values()}:
                    hosts[f"peer-{len(hosts)}"] = {"id": len(hosts) + 1, "address": peer}
        return {name: str(link.master) for name, link in devices.items()}, hosts

    def _peers(self, device: str) -> list[str]:
        entries = [entry for entry in self._all(FdbEntry) if entry.link == device and entry.destination]
        return sorted(
            {str(entry.destination) for entry in entries if entry.mac == FLOOD_MAC}
            or {str(e.destination) for e in entries}
        )

    def _overlay_specs(self, overlays: dict[str, str]) -> Iterator[dict[str, Any]]:
        for link in self._all(Vxlan):
            bridge = overlays.get(link.name)
            if bridge is None:
                continue
            subnet = self._subnet("", bridge)
            if subnet is None:
                self.remarks.append(f"the overlay of {link.name} needs a subnet, and {bridge} has no address")
                continue
            spec = {
                "backend": "vxlan",
                "mode": "bridged",
                "vni": link.vni,
                "interface_name": bridge,
                "subnet": subnet,
                "nat": "none",
            }
            spec |= {"port": link.port} if link.port != _VXLAN_PORT else {}
            attached = list(self._veths(bridge, subnet, link.mtu))
            self.remarks.append(f"{link.name} gets a name of netctl's own: remove it before this overlay is applied")
            yield {"name": self._name(bridge), "spec": spec | ({"attach": attached} if attached else {})}

    # Routes and rules

    def _route(self, route: Route) -> Iterator[dict[str, Any]]:
        if route.netns:
            return
        entry: dict[str, Any] = {"to": "default" if route.destination in _DEFAULTS else route.destination}
        family = 6 if ":" in route.destination else 4
        if entry["to"] == "default" and not route.gateway:
            entry["family"] = family
        default_metric = IPV6_DEFAULT_METRIC if family == 6 else 0
        settings = {
            "via": route.gateway,
            "dev": route.device,
            "type": route.type if route.type != "unicast" else "",
            "table": route.table if route.table != MAIN_TABLE else 0,
            "metric": route.metric if route.metric != default_metric else 0,
            "source": route.source,
            "mtu": route.mtu,
            "onlink": route.onlink,
            "nexthops": [_next_hop(hop) for hop in route.nexthops or ()],
        }
        yield entry | {key: value for key, value in settings.items() if value}

    # The rest

    def _remark_on_the_rest(self, overlays: dict[str, str]) -> None:
        ports = {port.name for port in self._all(Port)}
        for link in self._all(OtherLink):
            if link.name not in ports:
                self.remarks.append(f"{link.name} is a {type_name(link)}, which netctl does not make")
        for link in self._all(Vxlan):
            if link.name not in overlays:
                self.remarks.append(f"{link.name} is a VXLAN device that is no port of a bridge; an overlay has one")
        for link in self._all(Veth):
            if not link.master:
                self.remarks.append(f"{link.name} is a veth that is no port of a bridge")
        loose = [entry for entry in self._all(Neighbour) if entry.link not in overlays]
        if loose:
            self.remarks.append(f"{len(loose)} permanent neighbours; netctl sets those of overlays only")

    def _name(self, link: str) -> str:
        """A name of the language for an interface, each given once."""
        base = re.sub(r"[^a-z0-9-]+", "-", link.lower().removeprefix("nc-")).strip("-") or "network"
        name, number = base, 2
        while name in self._names:
            name, number = f"{base}-{number}", number + 1
        self._names.add(name)
        return name


def _several(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _next_hop(hop: Any) -> dict[str, Any]:
    settings = {"via": hop.gateway, "dev": hop.device, "weight": hop.weight if hop.weight != 1 else 0}
    return {key: value for key, value in settings.items() if value}


def _rule(rule: Rule) -> dict[str, Any]:
    settings = {
        "from": rule.source,
        "to": rule.destination,
        "iif": rule.iif,
        "oif": rule.oif,
        "mark": rule.mark,
        "mask": rule.mask if rule.mask != _ALL_BITS else 0,
        "table": rule.table,
        "action": rule.action if rule.action != "lookup" else "",
        "family": 6 if rule.family == 6 and not (rule.source or rule.destination) else 0,
    }
    return {"priority": rule.priority} | {key: value for key, value in settings.items() if value}
