"""The containers on the stack's Docker networks: who they are, and which address each of them has on which network.

A container that netctl attaches gets an address of netctl's choosing where none is declared and the subnet leaves room
beside the `range` that Docker assigns from: by a hash of its name, so that policies know it before it is attached. One
that it has already is kept. Without a `range` Docker assigns, and policies know the address once it is there.
"""

from collections.abc import Iterable, Iterator, Mapping

from netctl.compiler.addressing import Slots, assign
from netctl.compiler.docker_networks import Attached, DockerNet, Member, gateway_of
from netctl.compiler.hosts import Hosts
from netctl.compiler.prefixes import Prefix, format_address, parse_address, subtract
from netctl.compiler.subnets import Pool
from netctl.compiler.topology import Topology
from netctl.engine.facts import ContainerFact, EngineFacts, Facts
from netctl.policy.selectors import LabelIndex
from netctl.stack.docker_models import ContainerSelector, NamedContainer, SelectedContainers


def with_containers(topology: Topology, facts: Facts | None, host: str) -> Topology:
    """The stack with the containers on its networks: those of *host* as they are, those elsewhere as their hosts tell,
    or else as they are declared.
    """
    if not topology.dockers:
        return topology
    engines: dict[str, EngineFacts | None] = {}
    if facts is not None:
        engines |= facts.elsewhere
        # Of a host that has none of these networks, the Engine need not even be there.
        engines |= {host: facts.engine()} if any(host in net.hosts for net in topology.dockers) else {}
    found = [
        member
        for net in topology.dockers
        for place in sorted(net.hosts)
        for member in _members(net, place, topology.hosts, engines.get(place))
    ]
    return topology._replace(members=tuple(found))


def on_networks(topology: Topology, engine: EngineFacts | None) -> dict[str, ContainerFact]:
    """By name, the containers that are on one of the stack's networks, with those networks alone: what other hosts may
    have to know of them.
    """
    names = {net.docker_name for net in topology.dockers}
    found: dict[str, ContainerFact] = {}
    for name, fact in engine.containers.items() if engine is not None else ():
        if networks := {network: fact.networks[network] for network in fact.networks if network in names}:
            found[name] = fact._replace(networks=networks, ports=())
    return found


def _members(net: DockerNet, host: str, hosts: Hosts, engine: EngineFacts | None) -> Iterator[Member]:
    entries = dict(_entries(net, host, engine))
    here = {} if engine is None else engine.containers
    on_it = {name: fact.networks[net.docker_name] for name, fact in here.items() if net.docker_name in fact.networks}
    prefixes = [(pool, pool.on(hosts.number(host))) for pool in net.pools]
    chosen = [_choose(net, pool, prefix, entries, on_it) for pool, prefix in prefixes if pool.ranges]
    for name in sorted(entries.keys() | on_it.keys()):
        entry = entries.get(name)
        declared = () if entry is None else _texts(entry)
        families = {":" in text for text in declared}
        assigned = [part[name] for part in chosen if name in part and (":" in part[name]) not in families]
        asked = tuple(sorted((*declared, *assigned), key=lambda text: ":" in text))
        kept = (text for text in on_it.get(name, ()) if (":" in text) not in {":" in other for other in asked})
        addresses = tuple(sorted((*asked, *kept), key=lambda text: ":" in text))
        declared_labels = entry.spec.labels if entry is not None else {}
        labels = {**(here[name].labels if name in here else {}), **declared_labels}
        yield Member(net.name, name, host, entry, asked, addresses, labels, name in here)


def _entries(net: DockerNet, host: str, engine: EngineFacts | None) -> Iterator[tuple[str, Attached]]:
    """The containers to attach, each with an entry that means it; of several, the last one counts: the first that is
    declared, one by name before one by labels.
    """
    here = [entry for entry in reversed(net.attached) if host in entry.hosts]
    for entry in here:
        if isinstance(entry.spec, SelectedContainers) and engine is not None:
            yield from ((name, entry) for name in selected(entry.spec.containers, engine))
    for entry in here:
        if isinstance(entry.spec, NamedContainer):
            yield entry.spec.container, entry


def _choose(
    net: DockerNet,
    pool: Pool,
    prefix: Prefix,
    entries: Mapping[str, Attached],
    on_it: Mapping[str, tuple[str, ...]],
) -> dict[str, str]:
    """An address of the family for each container that has neither one nor a declared one."""
    family = prefix.family
    taken = {gateway_of(pool, prefix)}
    taken |= _values(net.spec.aux_addresses.values(), family)
    taken |= _values((text for texts in on_it.values() for text in texts), family)
    declared = {name: _values(_texts(entry), family) for name, entry in entries.items()}
    taken = taken.union(*declared.values())
    waiting = {name for name in entries if not declared[name] and not _values(on_it.get(name, ()), family)}
    slots = Slots(subtract([prefix.usable], (*pool.reserved, *pool.ranges)))
    chosen = assign([f"{net.name}\0{name}" for name in waiting], slots, taken)
    return {identity.partition("\0")[2]: format_address(family, value) for identity, value in chosen.items()}


def _values(texts: Iterable[str], family: int) -> set[int]:
    return {value for kind, value in map(parse_address, texts) if kind == family}


def _texts(entry: Attached) -> tuple[str, ...]:
    return tuple(format_address(family, value) for family, value in sorted(entry.addresses))


def selected(selector: ContainerSelector, engine: EngineFacts) -> list[str]:
    """The names of the containers that the selector means, less those that can join no network."""
    index = LabelIndex({name: fact.labels for name, fact in engine.containers.items() if can_join(fact)})
    names = index.everything
    if selector.labels is not None:
        names &= index.labelled(selector.labels)
    if selector.expr is not None:
        names &= index.select(selector.expr)
    return sorted(names)


def can_join(container: ContainerFact) -> bool:
    """Whether a container can be attached to a network."""
    return container.mode not in {"host", "none"} and not container.mode.startswith("container:")
