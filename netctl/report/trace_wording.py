"""The steps of a path in words."""

from netctl.kinds.route import MAIN_TABLE
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
    Routed,
    Step,
    Switched,
)

STEP_NAMES: dict[type, str] = {
    Entered: "enter",
    Routed: "route",
    Crossed: "veth",
    Switched: "bridge",
    Attached: "macvlan",
    Encapsulated: "encapsulate",
    Carried: "underlay",
    Decapsulated: "decapsulate",
    Masqueraded: "masquerade",
    Delivered: "deliver",
    Left: "leave",
    Dropped: "drop",
}
_DEFAULTS = {"0.0.0.0/0", "::/0"}


def step_text(step: Step) -> str:
    """What happens, without its name and place: ``nc-frontend: port nc-frontend-web -> the host``."""
    match step:
        case Routed():
            return _route(step)
        case Crossed(_, interface, _, peer, mtu):
            return f"{interface} -> {peer}{_mtu(mtu)}"
        case Switched():
            return _bridge(step)
        case Attached(_, interface, _, peer, parent):
            return f"{interface} -> {peer}, over the segment of {parent}"
        case Encapsulated():
            return _encapsulation(step)
        case Carried(_, interface, to, address):
            return f"{interface or 'an interface of its own'} -> {to.host} ({address})"
        case Entered(_, interface) | Decapsulated(_, interface):
            return f"by {interface}" if interface else "by an interface of the host's own"
        case Masqueraded(_, interface, before, after):
            address = after or f"the address of {interface or 'the interface that it leaves by'}"
            return f"source {before} becomes {address}"
        case _:
            return _end(step)


def place_text(at: At) -> str:
    """Where it happens: ``node1``, ``node1, netns web``; in a stack without hosts ``host``, ``netns web``."""
    return ", ".join(part for part in (at.host, f"netns {at.netns}" if at.netns else "") if part) or "host"


def _end(step: End) -> str:
    match step:
        case Delivered(_, interface, address):
            return f"{address}, which is on {interface}" if interface else f"{address}, which is its own"
        case Left(_, interface, reason):
            return f"by {interface}: {reason}" if interface else reason
        case Dropped(_, reason):
            return reason


def _route(step: Routed) -> str:
    if not step.destination:
        return f"a route of the host's own{f', dev {step.interface}' if step.interface else ''}"
    parts = ["default" if step.destination in _DEFAULTS else step.destination]
    parts += [f"via {step.gateway}"] if step.gateway else []
    parts += [f"dev {step.interface}"] if step.interface else []
    parts += [f"table {step.table}"] if step.table != MAIN_TABLE else []
    parts += [f"(first of {len(step.nexthops)} next hops)"] if len(step.nexthops) > 1 else []
    return " ".join(parts)


def _bridge(step: Switched) -> str:
    ingress = "the host" if step.ingress == step.bridge else f"port {step.ingress}" if step.ingress else "another port"
    egress = "the host" if step.egress == step.bridge else f"port {step.egress}" if step.egress else "nobody known"
    return f"{step.bridge}: {ingress} -> {egress}"


def _encapsulation(step: Encapsulated) -> str:
    text = f"{step.interface}: VNI {step.vni}, UDP {step.source} -> {step.destination} port {step.port}"
    text += ", flooded to every peer until its MAC is known" if step.flooded else ""
    return text + (_mtu(step.mtu) or f", {step.overhead} bytes more")


def _mtu(mtu: int | None) -> str:
    return f", mtu {mtu}" if mtu else ""
