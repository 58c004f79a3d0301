"""What happens to a packet on its way, step by step, and where the way ends."""

from enum import StrEnum
from typing import NamedTuple

from netctl.engine.resource import Origin
from netctl.kinds.route import MAIN_TABLE, NextHop


class At(NamedTuple):
    """A network namespace of a host."""

    host: str
    """Empty where the stack declares no hosts."""
    netns: str = ""
    """Empty for the host's own."""


class Position(NamedTuple):
    """Where a packet is, and the interface that it came in by."""

    at: At
    arrived_by: str | None = None
    """None where it was made there; empty where the declaration does not tell."""


class Packet(NamedTuple):
    """A packet's addresses; masquerading changes the source."""

    family: int
    source: str
    """Empty where it is an address that the declaration does not tell."""
    destination: str


class Entered(NamedTuple):
    """It comes from somewhere that the stack does not declare."""

    at: At
    interface: str
    """By which it comes in; empty where the declaration does not tell."""


class Routed(NamedTuple):
    """A route was chosen for it."""

    at: At
    destination: str
    """The route's; empty for a route of the host's own, which the stack does not declare."""
    gateway: str
    """Empty: the packet's destination is on the link."""
    interface: str
    """Empty where the kernel finds it, by what the stack does not declare."""
    table: int = MAIN_TABLE
    nexthops: tuple[NextHop, ...] = ()
    """All of them, where there are several: the kernel spreads connections over them. The path follows the first."""
    origin: Origin | None = None


class Crossed(NamedTuple):
    """It went through a veth pair."""

    at: At
    interface: str
    """The end that it went into."""
    to: At
    peer: str
    """The end that it came out of."""
    mtu: int | None
    """None where the underlay's decides."""
    origin: Origin


class Switched(NamedTuple):
    """A bridge passed it on by MAC address."""

    at: At
    bridge: str
    ingress: str
    """The port that it came in by; the bridge itself: from the host; empty: a port that the stack does not declare."""
    egress: str
    """The port that it goes out by; the bridge itself: to the host."""
    mac: str
    """Of the interface that it is for; empty where the declaration does not tell."""
    origin: Origin


class Attached(NamedTuple):
    """It crossed the segment of a parent interface, from or to a macvlan."""

    at: At
    interface: str
    to: At
    peer: str
    parent: str
    origin: Origin


class Encapsulated(NamedTuple):
    """It was put into a VXLAN packet."""

    at: At
    interface: str
    vni: int
    source: str
    """The outer addresses."""
    destination: str
    port: int
    """UDP."""
    mac: str
    """The inner destination; empty where the declaration does not tell."""
    flooded: bool
    """Whether the frame goes to every peer until the owner of its MAC address has been heard."""
    overhead: int
    """Bytes."""
    mtu: int | None
    origin: Origin


class Carried(NamedTuple):
    """The underlay took it to another host."""

    at: At
    interface: str
    """Empty where the declaration does not tell."""
    to: At
    address: str
    """Of the other host."""


class Decapsulated(NamedTuple):
    """It was taken out of the VXLAN packet."""

    at: At
    interface: str
    origin: Origin


class Masqueraded(NamedTuple):
    """Its source became the address of the interface that it leaves by."""

    at: At
    interface: str
    before: str
    after: str
    """Empty where the declaration does not tell."""


class Delivered(NamedTuple):
    """It is where its destination address is."""

    at: At
    interface: str
    address: str


class Left(NamedTuple):
    """It goes on where the stack declares nothing."""

    at: At
    interface: str
    reason: str


class Dropped(NamedTuple):
    """It ends here."""

    at: At
    reason: str
    origin: Origin | None = None


End = Delivered | Left | Dropped
Step = Entered | Routed | Crossed | Switched | Attached | Encapsulated | Carried | Decapsulated | Masqueraded | End


class Arrival(StrEnum):
    """Where a path ends."""

    DELIVERED = "delivered"
    LEFT = "left"
    DROPPED = "dropped"


class Path(NamedTuple):
    """The way of a packet."""

    sent: Packet
    steps: tuple[Step, ...]
    received: Packet
    """As it is at the end."""

    @property
    def arrival(self) -> Arrival:
        """Where it ends."""
        return _ARRIVALS.get(type(self.steps[-1]), Arrival.DROPPED)


_ARRIVALS: dict[type, Arrival] = {Delivered: Arrival.DELIVERED, Left: Arrival.LEFT}
