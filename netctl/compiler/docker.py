"""Docker networks and the containers on them, as one host's Engine is to have them."""

from collections.abc import Iterator, Mapping

from netctl.compiler.docker_networks import Attached, DockerNet, gateway_of, range_of
from netctl.compiler.prefixes import Prefix, format_address
from netctl.compiler.site import Site
from netctl.compiler.subnets import Pool
from netctl.engine.facts import ContainerFact, EngineFacts
from netctl.engine.resource import Desired, Key, Origin
from netctl.kinds import docker as kinds
from netctl.kinds.docker import Attachment, Network, Pairs, attachment_key, network_key
from netctl.policy.selectors import LabelIndex
from netctl.stack.docker_models import ContainerSelector, DockerNetwork, NamedContainer, SelectedContainers

_MTU = "com.docker.network.driver.mtu"
_BRIDGE = "com.docker.network.bridge.name"
_MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"


def compile_docker(site: Site) -> Iterator[Desired]:
    """The networks of the host's Engine, and the attachments of the containers that are there."""
    nets = site.dockers
    engine = site.engine if any(net.spec.is_reference or net.attached for net in nets) else None
    for net in nets:
        origin = site.origin(net.path)
        within = None
        if net.spec.is_reference:
            _demand_presence(net, engine, site)
        else:
            within = network_key(net.docker_name)
            yield Desired(within, docker_network(net, site), origin)
        yield from _attachments(net, engine, site, origin, within)


def docker_network(net: DockerNet, site: Site) -> Network:
    """The attributes of a network that is made on the site's host."""
    spec = net.spec
    number = site.hosts.number(site.host)
    pools = tuple(_pool(net, pool, pool.on(number)) for pool in net.pools)
    has_ipv6 = any(pool.prefix.family == 6 for pool in net.pools)
    return Network(
        net.docker_name,
        spec.driver,
        pools or None,
        (has_ipv6 if pools else None) if spec.ipv6 is None else spec.ipv6,
        spec.internal,
        spec.attachable,
        _driver_options(spec),
        spec.ipam_driver,
        _pairs(spec.ipam_options),
        _pairs(spec.labels),
        None,
        (),
    )


def _driver_options(spec: DockerNetwork) -> Pairs:
    short = {
        _MTU: None if spec.mtu is None else str(spec.mtu),
        _BRIDGE: spec.interface_name,
        _MASQUERADE: None if spec.nat is None else ("false" if spec.nat == "none" else "true"),
        "parent": spec.parent,
    }
    return _pairs({key: value for key, value in short.items() if value is not None} | spec.options)


def _pairs(mapping: Mapping[str, str]) -> Pairs:
    return tuple(sorted(mapping.items()))


def _pool(net: DockerNet, pool: Pool, prefix: Prefix) -> kinds.Pool:
    family = prefix.family
    own_ipam = net.spec.ipam_driver == "default"
    gateway = format_address(family, gateway_of(pool, prefix)) if own_ipam or pool.gateway is not None else ""
    assigned = range_of(pool)
    reserved = {
        (text := format_address(family, address)): text
        for first, last in pool.reserved
        for address in range(max(first, prefix.first), min(last, prefix.last) + 1)
    }
    named = {name: text for name, text in net.spec.aux_addresses.items() if (":" in text) == (family == 6)}
    auxiliary = {f"reserved-{name}": text for name, text in reserved.items()} | named
    return kinds.Pool(str(prefix), gateway, str(assigned) if assigned else "", _pairs(auxiliary))


def _demand_presence(net: DockerNet, engine: EngineFacts | None, site: Site) -> None:
    if engine is not None and net.docker_name not in engine.networks:
        site.problems.error(
            "NC342",
            net.path,
            f"Docker has no network '{net.docker_name}' on this host",
            "Correct 'name:', create the network, or leave 'external:' out to have it made.",
        )


def _attachments(
    net: DockerNet, engine: EngineFacts | None, site: Site, origin: Origin, within: Key | None
) -> Iterator[Desired]:
    """The first entry that means a container counts; by its name before by its labels."""
    seen: set[str] = set()
    for entry in sorted(net.attached, key=lambda entry: isinstance(entry.spec, SelectedContainers)):
        if site.host not in entry.hosts:
            continue
        for container in _containers(net, entry, engine, site):
            if container not in seen:
                seen.add(container)
                yield Desired(
                    attachment_key(net.docker_name, container), _attachment(net, entry, container), origin,
                    () if within is None else (within,), within,
                )  # fmt: skip


def _containers(net: DockerNet, entry: Attached, engine: EngineFacts | None, site: Site) -> list[str]:
    """The names of the containers that an entry means; of an Engine that cannot be read, those that it names."""
    if isinstance(entry.spec, SelectedContainers):
        return [] if engine is None else selected(entry.spec.containers, engine)
    name = entry.spec.container
    if engine is None:
        return [name]
    found = engine.containers.get(name)
    if found is None:
        site.problems.warn(
            "NC341",
            (*entry.path, "container"),
            f"there is no container '{name}' on this host yet",
            f"It is attached to {net.label} by the next apply once it is there.",
        )
        return []
    if not _can_join(found):
        site.problems.error(
            "NC343",
            (*entry.path, "container"),
            f"container '{name}' was made with the network mode '{found.mode}', which excludes any other network",
            "Make the container without this mode, or remove this attachment.",
        )
        return []
    return [name]


def selected(selector: ContainerSelector, engine: EngineFacts) -> list[str]:
    """The names of the containers that the selector means, less those that can join no network."""
    index = LabelIndex({name: fact.labels for name, fact in engine.containers.items() if _can_join(fact)})
    names = index.everything
    if selector.labels is not None:
        names &= index.labelled(selector.labels)
    if selector.expr is not None:
        names &= index.select(selector.expr)
    return sorted(names)


def _can_join(container: ContainerFact) -> bool:
    return container.mode not in {"host", "none"} and not container.mode.startswith("container:")


def _attachment(net: DockerNet, entry: Attached, container: str) -> Attachment:
    spec = entry.spec
    named = spec if isinstance(spec, NamedContainer) else None
    addresses = tuple(format_address(family, value) for family, value in sorted(entry.addresses))
    return Attachment(
        net.docker_name,
        container,
        addresses or None,
        None if spec.aliases is None else tuple(sorted(set(spec.aliases))),
        None if named is None or named.link_local is None else tuple(sorted(named.link_local)),
        None if spec.options is None else _pairs(spec.options),
    )
