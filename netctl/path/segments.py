"""Who has an address on a segment: of a bridge, or of a macvlan's parent."""

from typing import NamedTuple

from netctl.kinds.link import Macvlan, Veth
from netctl.path.machine import Machine, Machines
from netctl.path.steps import At, Dropped, Left, Position

_DIRECT = "bridge"
"""The mode in which macvlans of one parent reach one another on the host."""


class Seat(NamedTuple):
    """Someone's place on a bridge."""

    port: str
    """The bridge itself: the host."""
    netns: str
    interface: str
    """Whose the address is; beyond the port, where that is a veth pair's end."""


def seat_of(machine: Machine, bridge: str, target: str) -> Seat | None:
    """Where on a bridge the target address is; None where the stack has attached nobody with it."""
    if machine.namespace("").holder(target) == bridge:
        return Seat(bridge, "", bridge)
    for port in machine.ports(bridge):
        netns, _, name = (port.peer or "").rpartition("/") if isinstance(port, Veth) else ("", "", "")
        if name and machine.namespace(netns).holder(target) == name:
            return Seat(port.name, netns, name)
    return None


def stranger_text(machine: Machine, bridge: str, target: str) -> str:
    """What is known of an address that nobody has whom the stack attaches to a bridge."""
    ports = machine.foreign_ports.get(bridge)
    if ports:
        return f"{target} is none of the stack's endpoints on {bridge}; beyond its port {' or '.join(ports)} may be one"
    return f"the stack attaches nobody to {bridge} who has {target}"


def across_parent(
    machines: Machines, machine: Machine, at: At, link: Macvlan, target: str
) -> Position | Left | Dropped:
    """Where a frame from a macvlan to the target address comes out, or why it does not."""
    declaration = machine.origins[at.netns, link.name].declaration
    for other in machines.holding(target):
        found = _holder(other, declaration, target)
        if found is None:
            continue
        if other is machine and link.mode != _DIRECT:
            return Dropped(at, f"macvlans of mode '{link.mode}' do not reach one another on their host")
        return found
    if machine.address and target == machine.address and link.parent == machine.uplink:
        return Dropped(at, "a macvlan does not reach its parent's own host")
    peer = machines.on_underlay(target)
    if peer is not None and peer is not machine and link.parent == machine.uplink:
        return Position(At(peer.name), peer.uplink)
    return Left(at, link.name, f"{target} is beyond what the stack declares")


def _holder(machine: Machine, declaration: str, target: str) -> Position | None:
    """The macvlan of the same network that has the target address."""
    for (netns, name), link in machine.links.items():
        if not isinstance(link, Macvlan) or machine.origins[netns, name].declaration != declaration:
            continue
        if machine.namespace(netns).holder(target) == name:
            return Position(At(machine.name, netns), name)
    return None
