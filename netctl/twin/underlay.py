"""What is between a twin's hosts: its links and its router, as resources that the kernel's own reconciler makes.

They are made for nobody, and so bear no mark: to the stack they are what a machine's interfaces are.
"""

from collections.abc import Iterator, Sequence
from functools import partial

from netctl.compiler.naming import mac
from netctl.compiler.prefixes import BITS, parse_address
from netctl.engine.plan import make_plan
from netctl.engine.protocol import Context, Observation
from netctl.engine.registry import find_systems
from netctl.engine.resource import Attributes, Desired, Key, Origin
from netctl.engine.session import write_session
from netctl.errors import BackendError
from netctl.kinds.address import Address, address_key
from netctl.kinds.link import SYSTEM, Bridge, Veth, VethPeer, link_key
from netctl.kinds.route import IPV6_DEFAULT_METRIC, MAIN_TABLE, Route, route_key
from netctl.twin.blueprint import Blueprint, HostPlan
from netctl.twin.children import in_children
from netctl.twin.spaces import LONE, WIRE, space

_EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}
_ORIGIN = Origin("twin")


def lay(blueprint: Blueprint) -> None:
    """Connect the namespaces of a twin, which are there and empty. Raises BackendError."""
    for failure in in_children([partial(_lay, blueprint)]):
        if failure:
            raise BackendError(f"the twin's hosts could not be connected: {failure}")


def _lay(blueprint: Blueprint) -> str:
    """What went wrong; empty where nothing did."""
    desired = {want.key: want for want in underlay(blueprint)}
    systems = find_systems([SYSTEM])
    with write_session(systems, Context(netns=space(blueprint.stack, WIRE))) as session:
        plan = make_plan(desired, Observation({}), session.kinds, stack=blueprint.stack, host=WIRE)
        for batch in plan.batches:
            for outcome in session.execute([change._replace(owner=None) for change in batch]):
                if outcome.failure is not None:
                    return str(outcome.failure)
    return ""


def underlay(blueprint: Blueprint) -> Iterator[Desired]:
    """The resources, as seen by the router."""
    own: list[Key] = []
    for number, addresses in enumerate(blueprint.links):
        bridge = _bridge_name(number)
        yield _desired(link_key(bridge), Bridge("", bridge, mac=mac("twin", blueprint.stack, bridge)))
        yield from (_address("", bridge, text) for text in addresses)
        own += (address_key(bridge, text) for text in addresses)
    for text in blueprint.outside:
        yield _desired(address_key("lo", _alone(text)), _attributes("", "lo", _alone(text)))
    ports = 0
    for host in blueprint.hosts:
        yield from _host(blueprint.stack, host, ports)
        ports += len(host.interfaces)
    for destination, via in blueprint.ways:
        # One address stands for all, which are made together.
        yield _route("", _alone(destination), via, own[:1])


def _host(stack: str, host: HostPlan, ports: int) -> Iterator[Desired]:
    netns = space(stack, host.name or LONE)
    for number, interface in enumerate(host.interfaces, start=ports):
        port, bridge, name = f"port{number}", _bridge_name(interface.link), interface.name
        near = Veth("", port, altnames=(f"{host.name or LONE}.{name}",), master=bridge, peer=f"{netns}/{name}")
        yield _desired(link_key(port), near, link_key(bridge))
        far = VethPeer(netns, name, mac=mac("twin", stack, host.name, name))
        yield _desired(link_key(name, netns), far, link_key(port))
        yield from (_address(netns, name, text) for text in interface.addresses)
    own = [address_key(plug.name, text, netns) for plug in host.interfaces for text in plug.addresses]
    for gateway in host.gateways:
        yield _route(netns, _EVERYWHERE[parse_address(gateway)[0]], gateway, own)


def _bridge_name(number: int) -> str:
    return f"link{number}"


def _alone(address: str) -> str:
    return f"{address}/{BITS[parse_address(address)[0]]}"


def _desired(key: Key, attributes: Attributes, *needs: Key) -> Desired:
    return Desired(key, attributes, _ORIGIN, needs)


def _address(netns: str, link: str, text: str) -> Desired:
    return _desired(address_key(link, text, netns), _attributes(netns, link, text), link_key(link, netns))


def _attributes(netns: str, link: str, text: str) -> Address:
    return Address(netns, link, text, nodad=True if ":" in text else None)


def _route(netns: str, destination: str, gateway: str, needs: Sequence[Key]) -> Desired:
    metric = IPV6_DEFAULT_METRIC if ":" in destination else 0
    route = Route(netns, destination, MAIN_TABLE, metric, gateway=gateway)
    return _desired(route_key(destination, MAIN_TABLE, metric, netns), route, *needs)
