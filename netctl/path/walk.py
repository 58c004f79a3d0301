"""The walk of a packet over the hosts of a stack: from namespace to namespace, as their kernels would pass it on."""

from typing import NamedTuple

from netctl.compiler.mtu import VXLAN_OVERHEAD
from netctl.compiler.prefixes import parse_address
from netctl.kinds.link import Bridge, Link, Macvlan, VethPeer, Vxlan
from netctl.kinds.rule import Rule
from netctl.path.filtering import Fence, Passage, fence_between, masquerades
from netctl.path.lookup import look_up
from netctl.path.machine import Machine, Machines, Way
from netctl.path.segments import Seat, across_parent, seat_of, stranger_text
from netctl.path.steps import (
    At,
    Attached,
    Carried,
    Crossed,
    Decapsulated,
    Delivered,
    Dropped,
    Encapsulated,
    End,
    Entered,
    Left,
    Masqueraded,
    Packet,
    Path,
    Position,
    Routed,
    Step,
    Switched,
)

_MOST_ROUTERS = 32
"""Of a packet that has passed as many, nothing better can be expected."""


Next = Position | End


class Start(NamedTuple):
    """Where a packet begins."""

    position: Position
    outside: bool = False
    """Whether it comes from somewhere that the stack does not declare."""
    answer: bool = False
    """Whether it answers another packet: then nothing is masqueraded, but what was is undone."""


def walk(machines: Machines, start: Start, packet: Packet) -> Path:
    """The path of a packet to its end."""
    return _Walk(machines, packet, answer=start.answer).run(start)


class _Walk:
    """One packet on its way. Each step answers where the packet is next, or how its path ends."""

    def __init__(self, machines: Machines, packet: Packet, *, answer: bool) -> None:
        self._machines = machines
        self._answer = answer
        self._sent = packet
        self._packet = packet
        self._steps: list[Step] = []

    def run(self, start: Start) -> Path:
        following: Next = self._enter(start.position) if start.outside else start.position
        for _ in range(_MOST_ROUTERS):
            if not isinstance(following, Position):
                break
            following = self._pass(following)
        if isinstance(following, Position):
            following = Dropped(following.at, f"it goes in circles: {_MOST_ROUTERS} routers have passed it on")
        return Path(self._sent, (*self._steps, following), self._packet)

    def _enter(self, position: Position) -> Next:
        """From outside; on one of the stack's bridges, whoever shares its segment is reached without the host."""
        at, interface = position
        machine = self._machines[at.host]
        self._steps.append(Entered(at, interface or ""))
        if interface is None or at.netns or not isinstance(machine.links.get(("", interface)), Bridge):
            return position
        target = parse_address(self._packet.destination)
        held = machine.namespace("").addresses
        if any(own.interface == interface and own.prefix.holds(*target) for own in held):
            return self._switch(machine, interface, "", self._packet.destination)
        return position

    def _pass(self, position: Position) -> Next:
        """Through one network namespace: delivered there, or on by a route."""
        at, arrived_by = position
        machine = self._machines[at.host]
        holder = machine.namespace(at.netns).holder(self._packet.destination)
        if holder is not None:
            return Delivered(at, holder, self._packet.destination)
        if at.netns and arrived_by is not None:
            return Left(at, "", f"'{at.netns}' is the next hop; that it forwards, and where to, is not declared")
        way = look_up(machine, at.netns, self._packet, arrived_by)
        if isinstance(way, Rule):
            return Dropped(at, f"a policy-routing rule of priority {way.priority} is of type {way.action}")
        if way is None or self._is_near_underlay(at, way):
            return self._undeclared(machine, position)
        if way.type != "unicast":
            self._steps.append(_routed(at, way))
            return Dropped(at, f"the route is of type {way.type}", way.origin)
        gateway, interface = way.gateway, way.interface
        for hop in way.nexthops[:1]:
            gateway, interface = hop.gateway, hop.device
        self._steps.append(_routed(at, way)._replace(gateway=gateway, interface=interface))
        return self._forward(machine, position, interface, gateway or self._packet.destination)

    def _is_near_underlay(self, at: At, way: Way) -> bool:
        """Whether a declared default route loses to the host's own route to its peers' addresses."""
        return not at.netns and not way.prefix.length and bool(self._machines.on_underlay(self._packet.destination))

    def _undeclared(self, machine: Machine, position: Position) -> Next:
        """Without a declared route: a host has routes of its own, an attached namespace has none."""
        at = position.at
        destination = self._packet.destination
        if at.netns:
            return Dropped(at, f"no route to {destination} in network namespace '{at.netns}'")
        interface = machine.uplink if self._machines.on_underlay(destination) else ""
        self._steps.append(Routed(at, "", "", interface))
        return self._forward(machine, position, interface, destination)

    def _forward(self, machine: Machine, position: Position, interface: str, next_hop: str) -> Next:
        """Through the host's own chains, which do not see what a namespace sends by itself, and out."""
        at, arrived_by = position
        if not at.netns:
            if arrived_by is not None and (dropped := self._barred(machine, at, arrived_by, interface)):
                return dropped
            self._masquerade(machine, position, interface, next_hop)
        return self._send(machine, at, interface, next_hop)

    def _barred(self, machine: Machine, at: At, arrived_by: str, interface: str) -> Dropped | None:
        """What a host does not forward."""
        fence = fence_between(machine.table, Passage(self._packet, arrived_by, interface))
        if fence is None and _forwards(machine.links.get(("", arrived_by)), self._packet.family) is False:
            fence = Fence("internal", arrived_by)
        if fence is None:
            return None
        origin = machine.origins["", fence.interface]
        passage = f"from {arrived_by or 'outside'} to {interface or 'the outside'}"
        return Dropped(at, f"{origin.declaration} is {fence.kind}: nothing is forwarded {passage}", origin)

    def _masquerade(self, machine: Machine, position: Position, interface: str, next_hop: str) -> None:
        passage = Passage(self._packet, position.arrived_by or "", interface)
        if self._answer or not masquerades(machine.table, passage):
            return
        family = self._packet.family
        address = machine.namespace("").own_address(interface, family) if interface else ""
        if not address and self._machines.on_underlay(next_hop) and (":" in machine.address) == (family == 6):
            address = machine.address
        self._steps.append(Masqueraded(position.at, interface, self._packet.source, address))
        self._packet = self._packet._replace(source=address)

    def _send(self, machine: Machine, at: At, interface: str, next_hop: str) -> Next:
        """Out by an interface, to the next hop's address."""
        link = machine.links.get((at.netns, interface))
        match link:
            case VethPeer():
                return self._leave_namespace(machine, at, link, next_hop)
            case Macvlan():
                return self._across_parent(machine, at, link, next_hop)
            case Bridge():
                return self._switch(machine, interface, interface, next_hop)
            case Vxlan():
                return self._tunnel(machine, link, next_hop)
            case _:
                return self._over_underlay(machine, at, interface, next_hop)

    def _leave_namespace(self, machine: Machine, at: At, link: VethPeer, next_hop: str) -> Next:
        pair = machine.pair(at.netns, link.name)
        if pair is None or not pair.master:
            return Left(at, link.name, "the other end is no port of a bridge of the stack's")
        origin = machine.origins["", pair.name]
        self._steps.append(Crossed(at, link.name, At(at.host), pair.name, link.mtu, origin))
        return self._switch(machine, pair.master, pair.name, next_hop)

    def _switch(self, machine: Machine, bridge: str, ingress: str, target: str) -> Next:
        """Over a bridge to whoever has the target address on its segment."""
        seat = seat_of(machine, bridge, target)
        if seat is not None and seat.port != ingress:
            self._bridged(machine, bridge, ingress, seat.port, machine.mac(seat.netns, seat.interface))
            return self._take(machine, seat)
        for port in machine.ports(bridge):
            if isinstance(port, Vxlan) and port.name != ingress:
                return self._flood(machine, port, ingress, target)
        self._bridged(machine, bridge, ingress, "", "")
        if target == self._packet.destination and self._machines.is_guest(machine, target):
            return Delivered(At(machine.name), bridge, target)
        return Left(At(machine.name), bridge, stranger_text(machine, bridge, target))

    def _take(self, machine: Machine, seat: Seat) -> Position:
        """From a bridge to whoever it is for: the host, or an attached namespace."""
        at = At(machine.name, seat.netns)
        if seat.netns:
            pair = machine.links["", seat.port]
            origin = machine.origins["", seat.port]
            self._steps.append(Crossed(At(machine.name), seat.port, at, seat.interface, pair.mtu, origin))
        return Position(at, seat.interface)

    def _bridged(self, machine: Machine, bridge: str, ingress: str, egress: str, mac: str) -> None:
        origin = machine.origins["", bridge]
        self._steps.append(Switched(At(machine.name), bridge, ingress, egress, mac, origin))

    def _flood(self, machine: Machine, device: Vxlan, ingress: str, target: str) -> Next:
        """Over a segment that spans hosts, to the one of them where the target is."""
        bridge = device.master or ""
        peer = self._machines.flooded(machine, device.name, target)
        there = peer.tunnel(device.vni) if peer else None
        if peer is None or there is None or not there.master:
            self._bridged(machine, bridge, ingress, "", "")
            return Left(At(machine.name), bridge, stranger_text(machine, bridge, target))
        seat = seat_of(peer, there.master, target)
        mac = peer.mac(seat.netns, seat.interface) if seat else ""
        self._bridged(machine, bridge, ingress, device.name, mac)
        self._encapsulate(machine, device, peer.address, mac, flooded=True)
        self._carry(machine, device.underlay or "", peer)
        self._steps.append(Decapsulated(At(peer.name), there.name, peer.origins["", there.name]))
        return self._switch(peer, there.master, there.name, target)

    def _tunnel(self, machine: Machine, device: Vxlan, next_hop: str) -> Next:
        """Into the tunnel to the host whose block's first address the next hop is."""
        at = At(machine.name)
        mac = machine.neighbours.get((device.name, next_hop), "")
        peers = machine.forwarding.get((device.name, mac), [])
        peer = self._machines.on_underlay(peers[0]) if mac and peers else None
        there = peer.tunnel(device.vni) if peer else None
        if peer is None or there is None:
            return Dropped(at, f"no host of the overlay has {next_hop} on '{device.name}'")
        self._encapsulate(machine, device, peer.address, mac, flooded=False)
        self._carry(machine, device.underlay or "", peer)
        self._steps.append(Decapsulated(At(peer.name), there.name, peer.origins["", there.name]))
        return Position(At(peer.name), there.name)

    def _encapsulate(self, machine: Machine, device: Vxlan, peer: str, mac: str, *, flooded: bool) -> None:
        family, _ = parse_address(peer)
        outer = (device.local or "", peer, device.port or 0)
        origin = machine.origins["", device.name]
        step = Encapsulated(
            At(machine.name), device.name, device.vni or 0, *outer, mac, flooded,
            VXLAN_OVERHEAD[family], device.mtu, origin,
        )  # fmt: skip
        self._steps.append(step)

    def _carry(self, machine: Machine, interface: str, peer: Machine) -> None:
        self._steps.append(Carried(At(machine.name), interface, At(peer.name), peer.address))

    def _over_underlay(self, machine: Machine, at: At, interface: str, next_hop: str) -> Next:
        """By an interface that the stack does not make: to another of its hosts, or away."""
        peer = self._machines.on_underlay(next_hop)
        if peer is None or peer is machine:
            return Left(at, interface, _beyond(next_hop, self._packet.destination))
        self._carry(machine, interface or machine.uplink, peer)
        return Position(At(peer.name), peer.uplink)

    def _across_parent(self, machine: Machine, at: At, link: Macvlan, next_hop: str) -> Next:
        """Over the segment of a macvlan's parent."""
        found = across_parent(self._machines, machine, at, link, next_hop)
        if not isinstance(found, Position):
            return found
        origin = machine.origins[at.netns, link.name]
        self._steps.append(Attached(at, link.name, found.at, found.arrived_by or "", link.parent or "", origin))
        return found


def _routed(at: At, way: Way) -> Routed:
    return Routed(at, str(way.prefix), way.gateway, way.interface, way.table, way.nexthops, way.origin)


def _forwards(link: Link | None, family: int) -> bool | None:
    """Whether what comes in by an interface is forwarded; None where the stack does not say."""
    if link is None:
        return None
    return link.ipv6_forwarding if family == 6 else link.ipv4_forwarding


def _beyond(next_hop: str, destination: str) -> str:
    return "what follows is not declared" + (f", nor is {next_hop}" if next_hop != destination else "")
