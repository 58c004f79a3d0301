"""The stack language as typed models: the one place where a key of the language is defined.

Pydantic stays at this boundary: what the compiler makes of a stack are the plain records of `netctl.kinds`.
The docstring of a model and the description of a field are what ``netctl explain`` and the JSON Schema show.
"""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from netctl.stack.balancing_models import Dns
from netctl.stack.consul_models import ConsulSettings, KeyEntry, KeyPath
from netctl.stack.declaration import Declaration
from netctl.stack.docker_models import DockerNetwork
from netctl.stack.policy_models import Expectation, Failsafe, Policy, Service, Tier
from netctl.stack.policy_scalars import NamedPorts
from netctl.stack.scalars import (
    Address,
    Addresses,
    Destination,
    HostSelector,
    InterfaceName,
    Labels,
    Mac,
    Mtu,
    Name,
    NetnsName,
    Text,
)
from netctl.stack.subnet_models import Subnet


class Host(Declaration):
    """A machine of the stack."""

    id: int | None = Field(
        None, ge=1, le=65535, description="Stable number; selects the host's block in every subnet with `per_host`."
    )
    address: Address = Field(description="The host's address on the underlay, by which its peers reach it.")
    interface: InterfaceName | None = Field(
        None, description="The underlay interface; default: the one that has `address`."
    )
    labels: Labels = Field(default_factory=dict, description="Labels that `hosts:` selectors choose by.")


class NamespaceAttachment(Declaration):
    """A network namespace, attached by an interface in it (a veth pair, or a macvlan)."""

    netns: NetnsName = Field(description="A named network namespace (`ip netns`); it must exist.")
    interface: InterfaceName = Field("eth0", description="The interface's name inside the namespace.")
    address: Addresses | None = Field(
        None, description="One address or a list; a family that is not given is assigned from the subnet."
    )
    mac: Mac | None = Field(None, description="Default: derived from the stack, the network and the namespace.")
    mtu: Mtu | None = Field(None, description="Default: the network's.")
    default_route: bool = Field(True, description="Route everything through the network's gateway.")
    host_interface: InterfaceName | None = Field(
        None, description="The host's end of the veth pair; default: made from the names."
    )
    hosts: HostSelector | None = Field(None, description="On which hosts; default: those of the network.")
    labels: Labels = Field(
        default_factory=dict, description="Labels of this endpoint; it has `host`, `network` and `service` besides."
    )
    ports: NamedPorts = Field(
        default_factory=dict, description="Its ports by name: `{http: 80/tcp}`; policies may refer to them."
    )
    anti_spoofing: bool = Field(
        True, description="Drop what it sends from an address or a MAC address that is not its own."
    )


class InterfaceAttachment(Declaration):
    """An existing interface of the host, made a port of the bridge."""

    interface: InterfaceName = Field(description="An existing interface, usually a physical one.")
    hosts: HostSelector | None = Field(None, description="On which hosts; default: those of the network.")
    labels: Labels = Field(default_factory=dict, description="Labels of this endpoint.")


def _attachment_tag(value: Any) -> str:
    keys = value if isinstance(value, dict) else getattr(value, "__dict__", ())
    return "netns" if "netns" in keys else "interface"


Attachment = Annotated[
    Annotated[NamespaceAttachment, Tag("netns")] | Annotated[InterfaceAttachment, Tag("interface")],
    Discriminator(_attachment_tag),
]


class _Network(Declaration):
    provider: Literal["kernel"] = Field("kernel", description="Who makes the network.")
    hosts: HostSelector | None = Field(None, description="Host names, or labels; default: every host.")


class BridgeNetwork(_Network):
    """One L2 segment on each of its hosts: a bridge, its gateway address, NAT, and what is attached to it."""

    driver: Literal["bridge"] = Field("bridge", description="What the network is made of.")
    subnet: Name | Subnet | None = Field(
        None, description="A declared subnet's name, or a subnet; none: the bridge has no address."
    )
    attach: list[Attachment] = Field(default_factory=list, description="What is attached.")
    nat: Literal["masquerade", "none"] | None = Field(
        None, description="Default: `masquerade`; `none` where `internal`."
    )
    internal: bool = Field(False, description="No traffic leaves or enters the segment.")
    isolated: bool = Field(
        False, description="No traffic to or from this stack's other networks on the host; all else is reached."
    )
    mtu: Mtu | None = Field(None, description="Bytes; default: not managed, so the kernel's 1500 on a new bridge.")
    mac: Mac | None = Field(
        None, description="The bridge's; default: derived from the stack, the host and the network."
    )
    stp: bool = Field(False, description="Spanning tree protocol.")
    group: int | None = Field(None, ge=0, le=0x7FFFFFFF, description="Interface group; default: not managed.")
    interface_name: InterfaceName | None = Field(
        None, description="Default: `nc-<name>`, shortened with a hash where over 15 bytes."
    )


class MacvlanNetwork(_Network):
    """Endpoints with a MAC address of their own on the segment of a parent interface."""

    driver: Literal["macvlan"] = Field(description="What the network is made of.")
    parent: InterfaceName = Field(description="An existing interface of the host.")
    mode: Literal["bridge", "private", "vepa", "passthru"] = Field(
        "bridge", description="How endpoints on one parent reach each other."
    )
    subnet: Name | Subnet = Field(description="The segment's subnet; its gateway is a router on the segment.")
    attach: list[NamespaceAttachment] = Field(default_factory=list, description="What is attached.")
    mtu: Mtu | None = Field(None, description="Bytes; default: the parent's.")


class HostNetwork(_Network):
    """The host's own network, to be referred to; nothing is made."""

    driver: Literal["host"] = Field(description="What the network is made of.")


def _driver_tag(value: Any) -> str:
    if isinstance(value, DockerNetwork):
        return "docker"
    if not isinstance(value, dict):
        return str(getattr(value, "driver", "bridge"))
    return "docker" if value.get("provider") == "docker" else str(value.get("driver", "bridge"))


Network = Annotated[
    Annotated[BridgeNetwork, Tag("bridge")]
    | Annotated[MacvlanNetwork, Tag("macvlan")]
    | Annotated[HostNetwork, Tag("host")]
    | Annotated[DockerNetwork, Tag("docker")],
    Discriminator(_driver_tag),
]


class _Overlay(Declaration):
    subnet: Name | Subnet = Field(
        description="A declared subnet's name, or a subnet; with `per_host` where `mode` is `routed`."
    )
    hosts: HostSelector | None = Field(None, description="Host names, or labels; default: every host.")
    mtu: Literal["auto"] | Mtu = Field("auto", description="`auto`: the underlay's less the encapsulation.")
    nat: Literal["masquerade", "none"] = Field(
        "masquerade", description="Traffic that leaves the overlay takes the host's address."
    )
    internal: bool = Field(False, description="No traffic leaves or enters the overlay.")
    isolated: bool = Field(
        False, description="No traffic to or from this stack's other networks on the host; all else is reached."
    )
    attach: list[NamespaceAttachment] = Field(default_factory=list, description="What is attached; `hosts` says where.")
    interface_name: InterfaceName | None = Field(None, description="The local bridge's; default: `nc-<name>`.")


class VxlanOverlay(_Overlay):
    """A network that spans hosts, by VXLAN (RFC 7348): static entries for each peer, nothing learned in routed mode."""

    backend: Literal["vxlan"] = Field("vxlan", description="How packets reach other hosts.")
    mode: Literal["routed", "bridged"] = Field(
        "routed", description="`routed`: a subnet per host; `bridged`: one L2 segment for all."
    )
    vni: int = Field(ge=1, le=16777215, description="VXLAN network identifier.")
    port: int = Field(4789, ge=1, le=65535, description="UDP port.")
    direct_routing: bool = Field(False, description="No encapsulation between hosts that share a link (`routed` only).")


class HostGatewayOverlay(_Overlay):
    """A network that spans hosts on one link: plain routes, no encapsulation."""

    backend: Literal["host-gw"] = Field(description="How packets reach other hosts.")
    mode: Literal["routed"] = Field("routed", description="A subnet per host.")


def _backend_tag(value: Any) -> str:
    return str(value.get("backend", "vxlan") if isinstance(value, dict) else getattr(value, "backend", "vxlan"))


Overlay = Annotated[
    Annotated[VxlanOverlay, Tag("vxlan")] | Annotated[HostGatewayOverlay, Tag("host-gw")],
    Discriminator(_backend_tag),
]


class RouteNextHop(Declaration):
    """One of several next hops."""

    via: Address | None = Field(None, description="The gateway.")
    dev: InterfaceName | None = Field(None, description="The interface; default: found by the gateway.")
    weight: int = Field(1, ge=1, le=256, description="Share of the traffic.")


class StaticRoute(Declaration):
    """A route of the host."""

    to: Destination = Field(description="A CIDR, an address, or `default` (needs `via`, or `family`).")
    via: Address | None = Field(None, description="The gateway.")
    dev: InterfaceName | None = Field(None, description="The interface; default: found by the gateway.")
    nexthops: list[RouteNextHop] = Field(
        default_factory=list, description="Several next hops, in place of `via` and `dev`."
    )
    type: Literal["unicast", "blackhole", "unreachable", "prohibit"] = Field(
        "unicast", description="What happens to packets."
    )
    table: int = Field(254, ge=1, le=4294967295, description="Routing table; 254 is `main`.")
    metric: int | None = Field(
        None, ge=0, le=4294967295, description="Lower wins; default: the kernel's (0, for IPv6 1024)."
    )
    source: Address | None = Field(None, description="Preferred source address.")
    mtu: int | None = Field(None, ge=68, le=65520, description="MTU along this route.")
    onlink: bool = Field(False, description="The gateway is on the link, whatever the addresses say.")
    family: Literal[4, 6] | None = Field(None, description="Of `default` where no address tells it.")
    hosts: HostSelector | None = Field(None, description="Host names, or labels; default: every host.")


class RoutingRule(Declaration):
    """A policy-routing rule: which packets look up which table."""

    priority: int = Field(ge=1, le=32765, description="Lower is earlier; `main` is at 32766.")
    from_: Destination | None = Field(None, alias="from", description="Source prefix.")
    to: Destination | None = Field(None, description="Destination prefix.")
    iif: InterfaceName | None = Field(None, description="Incoming interface.")
    oif: InterfaceName | None = Field(None, description="Outgoing interface (of local sockets bound to it).")
    mark: int | None = Field(None, ge=0, le=0xFFFFFFFF, description="Firewall mark.")
    mask: int = Field(0xFFFFFFFF, ge=1, le=0xFFFFFFFF, description="Bits of the mark that count.")
    table: int | None = Field(
        None, ge=1, le=4294967295, description="Table to look up; needed unless `action` is given."
    )
    action: Literal["lookup", "blackhole", "unreachable", "prohibit"] = Field("lookup", description="What to do.")
    family: Literal[4, 6] | None = Field(None, description="Default: that of `from` or `to`; 4 where neither is given.")
    hosts: HostSelector | None = Field(None, description="Host names, or labels; default: every host.")


class Stack(Declaration):
    """A stack: hosts, networks and overlays, and who may talk to whom on them, under one owner's name."""

    version: Literal[1] = Field(1, description="Of the language.")
    stack: Name = Field(description="The owner of everything declared below.")
    hosts: dict[Name, Host] = Field(
        default_factory=dict, description="Absent: the stack is for the machine that applies it."
    )
    subnets: dict[Name, Subnet] = Field(default_factory=dict, description="Ranges of addresses.")
    networks: dict[Name, Network] = Field(default_factory=dict, description="L2 segments, one on each of their hosts.")
    overlays: dict[Name, Overlay] = Field(default_factory=dict, description="Networks that span hosts.")
    services: dict[Name, Service] = Field(default_factory=dict, description="Endpoints that offer the same, by name.")
    dns: Dns | None = Field(None, description="What `netctl dns` answers; default: all of its defaults.")
    tiers: dict[Name, Tier] = Field(default_factory=dict, description="Groups of policies, consulted in order.")
    failsafe: Failsafe | None = Field(None, description="Ports of hosts that no policy closes.")
    policies: dict[Name, Policy] = Field(default_factory=dict, description="Who may talk to whom.")
    consul: ConsulSettings | None = Field(None, description="What is asked of Consul; even empty, it is asked for.")
    kv: dict[KeyPath, Text | KeyEntry] = Field(default_factory=dict, description="Keys of Consul's and their values.")
    routes: list[StaticRoute] = Field(default_factory=list, description="Routes of the hosts.")
    rules: list[RoutingRule] = Field(default_factory=list, description="Policy-routing rules of the hosts.")
    expect: list[Expectation] = Field(
        default_factory=list, description="Reachability that must hold; proved before anything is changed."
    )

    @property
    def sensitive_values(self) -> list[str]:
        """What is shown nowhere, as far as it stands in the stack and not in a file of its own."""
        kept = [entry.value for entry in self.kv.values() if isinstance(entry, KeyEntry) and entry.is_sensitive]
        for check in (check for service in self.services.values() for check in service.checks):
            kept += [check.body, *(value for values in (check.headers or {}).values() for value in values)]
        return [value for value in kept if value]
