"""Bridges of Docker's, and the containers on them, declared anew as what a twin can have: bridges and namespaces.

A namespace has no Engine of its own. So before a stack is put up as a twin, its Docker networks become bridge networks
and the containers that it names network namespaces, by the names and the addresses that they have; compiler and
evaluator know nothing of it. Of containers that it selects by labels there is one, with these labels. Networks of other
drivers, and containers that an expression selects, are left out: what they are like, a declaration does not tell. The
legs of overlays are in `leg_stand_ins`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from netctl.compiler.addressing import Slots, assign
from netctl.compiler.checks.policies import selectors
from netctl.compiler.containers import with_containers
from netctl.compiler.docker_networks import Attached, DockerNet, Member, gateway_of
from netctl.compiler.hosts import Hosts
from netctl.compiler.prefixes import Prefix, format_address, parse_address, parse_prefix
from netctl.compiler.subnets import Pool, resolve_subnet
from netctl.compiler.topology import Topology, resolve
from netctl.errors import NetctlError
from netctl.stack.docker_models import DockerNetwork, NamedContainer, SelectedContainers
from netctl.stack.models import BridgeNetwork, NamespaceAttachment, Network, Stack
from netctl.stack.policy_models import AttachmentSelector, Service
from netctl.stack.subnet_models import Subnet
from netctl.twin.leg_stand_ins import can_stand_on_overlay, with_attached
from netctl.twin.plugs import LENGTH

_MTU = "com.docker.network.driver.mtu"
_MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"
_CHOSEN = {4: (parse_prefix("172.16.0.0/12"), 22), 6: (parse_prefix("fdd0:c4e7::/48"), 64)}
"""Where subnets come from that Docker would choose, and how long their prefixes are."""
_UNFIT = re.compile(r"[^A-Za-z0-9.-]")
_MARK = "io.netctl.container"
"""Label of a container's stand-in, by which services tell containers from what else is attached."""


class StandIns(NamedTuple):
    """A stack in which containers are stood in for."""

    stack: Stack
    left_out: tuple[str, ...]
    """What of Docker's is not stood in for, a sentence each."""


def with_stand_ins(stack: Stack) -> StandIns:
    """The stack as a twin can have it, of one that has been checked; one without Docker is as it was.

    Raises NetctlError where no prefix is left for a network whose subnet Docker would choose.
    """
    topology = with_containers(resolve(stack), None, "")
    if not topology.dockers:
        return StandIns(stack, ())
    bridges = [net for net in topology.dockers if _is_bridge(net)]
    legs = [net for net in topology.dockers if can_stand_on_overlay(stack, net)]
    standing = _Standing(topology, [*bridges, *legs])
    networks: dict[str, Network] = {net.name: standing.network(net) for net in bridges}
    others = {name: network for name, network in stack.networks.items() if name not in {net.name for net in legs}}
    changed = {
        "networks": {**others, **networks},
        "overlays": with_attached(stack.overlays, ((net.spec.overlay, standing.attachments(net)) for net in legs)),
        "services": {name: _service(spec) for name, spec in stack.services.items()},
    }
    return StandIns(stack.model_copy(update=changed), tuple(_left_out(stack, topology)))


def _is_bridge(net: DockerNet) -> bool:
    return net.spec.driver == "bridge" and not net.spec.is_reference and not net.spans_hosts


class _Standing:
    """Declares networks and attachments that stand in for Docker's."""

    def __init__(self, topology: Topology, bridges: Sequence[DockerNet]) -> None:
        self._hosts = topology.hosts
        self._attached = {end.spec.netns for net in topology.nets for end in net.endpoints}
        self._subnets = _subnets(topology, bridges)
        self._members: dict[tuple[str, str], list[Member]] = {}
        self._legs: dict[tuple[str, str], list[DockerNet]] = {}
        by_name = {net.name: net for net in bridges}
        for member in (*topology.members, *_selected(topology, bridges)):
            if member.network in by_name:
                self._members.setdefault((member.network, member.host), []).append(member)
                self._legs.setdefault((member.container, member.host), []).append(by_name[member.network])

    def network(self, net: DockerNet) -> BridgeNetwork:
        """The bridge network that stands in for one of Docker's."""
        spec = net.spec
        masquerades = spec.nat != "none" and spec.options.get(_MASQUERADE) != "false"
        return BridgeNetwork(
            hosts=spec.hosts,
            subnet=spec.subnet or self._subnets[net.name],
            attach=[*self.attachments(net)],
            nat=None if masquerades else "none",
            internal=spec.internal,
            mtu=_mtu(spec),
            interface_name=spec.interface_name,
        )

    def attachments(self, net: DockerNet) -> list[NamespaceAttachment]:
        """The namespaces that stand in for the containers on a network."""
        return [end for host in sorted(net.hosts) for end in self._attachments(net, host)]

    def _attachments(self, net: DockerNet, host: str) -> Iterator[NamespaceAttachment]:
        members = self._members.get((net.name, host), [])
        pools = net.pools or resolve_subnet(self._subnets[net.name], net.label, net.path).pools
        assigned = [_assigned(net, pool, pool.on(self._hosts.number(host)), members, self._hosts) for pool in pools]
        for member in members:
            legs = sorted(self._legs[member.container, host], key=lambda leg: leg.docker_name)
            addresses = [*member.asked, *(part[member.container] for part in assigned if member.container in part)]
            yield NamespaceAttachment(
                netns=self._netns(member.container),
                interface=f"eth{legs.index(net)}",
                address=addresses or None,
                default_route=net is next((leg for leg in legs if not leg.spec.internal), None),
                hosts=[host] if host else None,
                labels={**member.labels, _MARK: ""},
                ports=member.entry.spec.ports if member.entry else {},
                anti_spoofing=False,
            )

    def _netns(self, container: str) -> str:
        """The container's name; another one where a namespace of the stack has it."""
        return f"{container}.container" if container in self._attached else container


def _selected(topology: Topology, bridges: Iterable[DockerNet]) -> Iterator[Member]:
    """One container for each selection by labels on each host, unless one that is named is declared to have them."""
    known = {(member.network, member.host, member.container): member.labels for member in topology.members}
    for net in bridges:
        for entry in net.attached:
            wanted = _labels_of(entry)
            for host in sorted(entry.hosts) if wanted else ():
                here = (labels for (name, place, _), labels in known.items() if (name, place) == (net.name, host))
                if not any(wanted.items() <= labels.items() for labels in here):
                    name = _UNFIT.sub("-", ".".join(("any", *wanted.values())))
                    known[net.name, host, name] = wanted
                    labels = {**wanted, **entry.spec.labels}
                    yield Member(net.name, name, host, entry, (), (), labels, is_known=False)


def _labels_of(entry: Attached) -> dict[str, str]:
    """The labels by which an entry selects containers; none where an expression does."""
    spec = entry.spec
    return (spec.containers.labels or {}) if isinstance(spec, SelectedContainers) and not spec.containers.expr else {}


def _mtu(spec: DockerNetwork) -> int | None:
    """What is declared, by Docker's own name or by the short one; one that no interface can have is left to Docker."""
    text = spec.options.get(_MTU, "")
    return int(text) if text.isdecimal() and 68 <= int(text) <= 65535 else spec.mtu


def _assigned(
    net: DockerNet, pool: Pool, prefix: Prefix, members: Sequence[Member], hosts: Hosts
) -> dict[str, str]:  # fmt: skip
    """An address of the family for each container for which Docker would choose it."""
    known = {member.container: set(_values(member.asked, prefix.family)) for member in members}
    taken = {gateway_of(pool, prefix), *hosts.addresses_in(prefix)}
    taken = taken.union(_values(net.spec.aux_addresses.values(), prefix.family), *known.values())
    waiting = [name for name, values in known.items() if not values]
    chosen = assign(waiting, Slots(pool.assignable(prefix)), taken)
    return {name: format_address(prefix.family, value) for name, value in chosen.items()}


def _values(texts: Iterable[str], family: int) -> Iterator[int]:
    return (value for kind, value in map(parse_address, texts) if kind == family)


def _subnets(topology: Topology, bridges: Iterable[DockerNet]) -> Mapping[str, Subnet]:
    """By network, the subnet where Docker would choose it: apart from all that the stack names."""
    free = {family: _free(family, list(_named(topology))) for family in _CHOSEN}
    found = {}
    for net in bridges:
        if net.space is None:
            families = (4, 6) if net.spec.ipv6 else (4,)
            found[net.name] = Subnet(cidr=[_next(free[family], net) for family in families])
    return found


def _next(free: Iterator[Prefix], net: DockerNet) -> str:
    prefix = next(free, None)
    if prefix is None:
        raise NetctlError(f"no prefix is left for {net.label} in the twin", "Give the network a 'subnet:'.")
    return str(prefix)


def _free(family: int, named: Sequence[Prefix]) -> Iterator[Prefix]:
    """The last ones first: of a wider CIDR that is expected something of, the first address stands for the others."""
    whole, length = _CHOSEN[family]
    for number in reversed(range(1 << (length - whole.length))):
        prefix = whole.block(number, length)
        if not any(prefix.holds(family, other.first) or other.holds(family, prefix.first)
                   for other in named if other.family == family):  # fmt: skip
            yield prefix


def _named(topology: Topology) -> Iterator[Prefix]:
    """The prefixes of subnets, of links between hosts, and of what expectations speak of."""
    stack = topology.stack
    yield from (pool.prefix for space in topology.spaces for pool in space.pools)
    for host in stack.hosts.values():
        family, value = parse_address(host.address)
        yield parse_prefix(f"{format_address(family, value)}/{LENGTH[family]}")
    for expected in stack.expect:
        for selector in (*expected.from_, *expected.to):
            cidrs = (parse_prefix(text) for text in selector.cidr or ())
            # One that has all of where subnets come from would leave none.
            yield from (cidr for cidr in cidrs if cidr.length > _CHOSEN[cidr.family][0].length)


def _service(spec: Service) -> Service:
    """A service that selects among the stand-ins as it does among containers, and among them alone."""
    selector = spec.endpoints
    if not isinstance(selector, AttachmentSelector):
        return spec
    if (containers := selector.containers) is not None:
        chosen = AttachmentSelector(labels={**(containers.labels or {}), _MARK: ""}, expr=containers.expr)
    else:
        others = f"!has({_MARK})"
        expr = others if selector.expr is None else f"({selector.expr}) && {others}"
        chosen = AttachmentSelector(labels=selector.labels, expr=expr)
    return spec.model_copy(update={"endpoints": chosen})


def _left_out(stack: Stack, topology: Topology) -> Iterator[str]:
    nets = [net for net in topology.dockers if not can_stand_on_overlay(stack, net)]
    wanted = [net for net in nets if not _is_bridge(net) and (net.attached or not net.spec.is_reference)]
    if others := [f"'{net.name}' ({_why(net)})" for net in wanted]:
        yield f"The twin has no stand-in for Docker's networks that are no bridges of the stack: {', '.join(others)}."
    stood_in = [net for net in topology.dockers if net not in wanted]
    attached = [(net.name, entry) for net in stood_in for entry in net.attached]
    if selecting := dict.fromkeys(f"'{name}'" for name, entry in attached if _is_left_out(entry)):
        yield f"The twin has no stand-ins for containers that an expression selects: on {', '.join(selecting)}."
    if any(_has_only_its_own_labels(entry) for _, entry in attached) and _asks_for_labels(stack):
        yield "The twin does not know the labels that containers have in Docker, only those that are declared of them."


def _is_left_out(entry: Attached) -> bool:
    return isinstance(entry.spec, SelectedContainers) and not _labels_of(entry)


def _has_only_its_own_labels(entry: Attached) -> bool:
    return isinstance(entry.spec, NamedContainer) and not entry.spec.labels


def _why(net: DockerNet) -> str:
    if net.spans_hosts:
        return f"the leg of overlay '{net.spec.overlay}', and named as a network of its own"
    return "not made by the stack" if net.spec.is_reference else f"driver {net.spec.driver}"


def _asks_for_labels(stack: Stack) -> bool:
    chosen = [spec.endpoints for spec in stack.services.values() if isinstance(spec.endpoints, AttachmentSelector)]
    asked = (selector for _, selector in selectors(stack))
    return any(one.containers for one in chosen) or any(one.labels or one.expr for one in asked)
