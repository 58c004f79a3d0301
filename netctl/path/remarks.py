"""What a person should know of a path beside its steps."""

from collections.abc import Iterator

from netctl.compiler.topology import Net, Topology
from netctl.path.steps import At, Dropped, Encapsulated, Path, Routed
from netctl.policy.evaluate import Ends
from netctl.stack.models import MacvlanNetwork, VxlanOverlay


def remarks_on(topology: Topology, ends: Ends, path: Path | None, answer: Path | None) -> tuple[str, ...]:
    """A sentence or two for each thing, in the order of the path."""
    if path is None:
        return ()
    return (
        *_other_interface(topology, ends, path),
        *_missing_route(topology, path),
        *_direct(topology, path),
        *_several_hops(path),
        *(_missing_route(topology, answer) if answer else ()),
    )


def _other_interface(topology: Topology, ends: Ends, path: Path) -> Iterator[str]:
    """The source's namespace has several interfaces, and sends by another than the one that was named."""
    source = ends.source.endpoint
    first = path.steps[0]
    if source is None or not source.netns or not isinstance(first, Routed):
        return
    for net in topology.nets:
        for end in net.endpoints:
            here = end.spec.netns == source.netns and source.host in end.hosts
            if here and end.spec.interface == first.interface and net.name != source.network:
                yield (
                    f"{source.name} sends this by {first.interface}, its interface on {net.label}, and from its "
                    f"address there unless its socket is bound to {path.sent.source}. Trace it from that endpoint, too."
                )


def _missing_route(topology: Topology, path: Path) -> Iterator[str]:
    """Why a namespace has no route."""
    last = path.steps[-1]
    if not isinstance(last, Dropped) or not last.at.netns or last.origin is not None:
        return
    for net in _nets_of(topology, last.at):
        family = path.sent.family
        if not any(pool.prefix.family == family for pool in net.pools):
            yield f"{net.label} has no IPv{family} subnet."
        elif isinstance(net.spec, MacvlanNetwork):
            yield f"{net.label} declares no gateway."
        elif net.spec.internal:
            yield f"{net.label} is internal, so its endpoints have no default route."
        else:
            yield f"On {net.label} the namespace declines the default route ('default_route: false')."


def _nets_of(topology: Topology, at: At) -> Iterator[Net]:
    """The networks that a namespace is attached to."""
    for net in topology.nets:
        if any(end.spec.netns == at.netns and at.host in end.hosts for end in net.endpoints):
            yield net


def _direct(topology: Topology, path: Path) -> Iterator[str]:
    """Whether hosts share a link is theirs to know, not the declaration's."""
    used = {step.interface for step in path.steps if isinstance(step, Encapsulated)}
    for net in topology.nets:
        if isinstance(net.spec, VxlanOverlay) and net.spec.direct_routing and net.vxlan_interface.name in used:
            yield (
                f"{net.label} routes directly between hosts that share a link, which the declaration does not tell: "
                "there, the packet goes to the other host's address without encapsulation."
            )


def _several_hops(path: Path) -> Iterator[str]:
    for step in path.steps:
        if isinstance(step, Routed) and len(step.nexthops) > 1:
            yield f"The route to {step.destination} has {len(step.nexthops)} next hops; the path follows the first."
