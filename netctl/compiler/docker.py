"""Docker networks and the containers on them, as one host's Engine is to have them."""

from collections.abc import Iterable, Iterator, Mapping

from netctl.compiler.containers import can_join
from netctl.compiler.docker_networks import Attached, DockerNet, Member, gateway_of, range_of
from netctl.compiler.legs import Leg
from netctl.compiler.prefixes import Prefix, format_address
from netctl.compiler.site import Site
from netctl.compiler.subnets import Pool
from netctl.engine.resource import Desired, Key, Origin
from netctl.kinds import docker as kinds
from netctl.kinds.docker import (
    ENGINE,
    Attachment,
    Network,
    Pairs,
    Reference,
    attachment_key,
    network_key,
    reference_key,
)
from netctl.kinds.link import Veth
from netctl.kinds.nftables import table_key
from netctl.kinds.sysctl import Sysctl, bridge_setting, sysctl_key
from netctl.stack.docker_models import DockerNetwork, NamedContainer, SelectedContainers

_MTU = "com.docker.network.driver.mtu"
_BRIDGE = "com.docker.network.bridge.name"
_MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"


def compile_docker(site: Site, legs: Iterable[Leg] = ()) -> Iterator[Desired]:
    """The networks of the host's Engine, the attachments of the containers that are there, and what their bridges need
    for policies.
    """
    # Several networks of a stack may refer to one of Docker's.
    yield from {want.key: want for net in site.dockers for want in _of_any(net, site)}.values()
    overlays = {leg.net.name: leg for leg in legs if leg.net.overlay}
    for net in site.dockers:
        origin = site.origin(net.path)
        within = None
        if not net.spec.is_reference:
            within = network_key(net.docker_name)
            yield Desired(within, docker_network(net, site, overlays.get(net.spec.overlay or "")), origin)
        yield from _attachments(net, site, origin, within)


def docker_network(net: DockerNet, site: Site, leg: Leg | None = None) -> Network:
    """The attributes of a network that is made on the site's host, maybe as the *leg* of an overlay."""
    spec = net.spec
    number = site.hosts.number(site.host)
    pools = tuple(_pool(net, pool, pool.on(number)) for pool in net.pools)
    has_ipv6 = any(pool.prefix.family == 6 for pool in net.pools)
    return Network(
        net.docker_name,
        spec.driver.removesuffix(kinds.LATEST),
        pools or None,
        (has_ipv6 if pools else None) if spec.ipv6 is None else spec.ipv6,
        spec.internal,
        spec.attachable,
        _driver_options(spec, leg),
        spec.ipam_driver,
        _pairs(spec.ipam_options),
        _pairs(spec.labels),
        None,
        (),
    )


def _driver_options(spec: DockerNetwork, leg: Leg | None) -> Pairs:
    """A leg has the bridge's name and the MTU of its overlay, which also does what masquerading there is."""
    mtu, nat = (spec.mtu, spec.nat) if leg is None else (leg.mtu, "none")
    short = {
        _MTU: None if mtu is None else str(mtu),
        _BRIDGE: spec.interface_name if leg is None else leg.bridge,
        _MASQUERADE: None if nat is None else ("false" if nat == "none" else "true"),
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


def _of_any(net: DockerNet, site: Site) -> Iterator[Desired]:
    yield from _bridge_settings(net, site)
    if net.spec.is_reference:
        yield from _reference(net, site)


def _bridge_settings(net: DockerNet, site: Site) -> Iterator[Desired]:
    """What stays on the bridge of a network is judged too, where policies govern containers on it."""
    found = site.engine.networks.get(net.docker_name) if site.engine is not None else None
    if found is None or not found.interface or net.name not in site.enforcement.networks:
        return
    if not site.exists(found.interface):
        site.problems.warn(
            "NC344",
            net.path,
            f"the bridge '{found.interface}' of {net.label} is not on this host: policies do not reach what is on it",
            "Apply on the Engine's own host, and in its network namespace: DOCKER_HOST names one that is elsewhere.",
        )
        return
    families = {":" in subnet for subnet in found.subnets}
    for is_ipv6, setting in ((False, "nf_call_iptables"), (True, "nf_call_ip6tables")):
        if is_ipv6 in families:
            name = bridge_setting(found.interface, setting)
            yield Desired(sysctl_key(name), Sysctl(name, found.interface, "1"), site.origin(net.path), (ENGINE,))


def judged_networks(site: Site) -> tuple[Key, ...]:
    """The networks whose containers policies and services may mean. With Docker out of reach, nobody knows who is on
    them, or on those that are only referred to: what was made of them must then be left as it is.
    """
    stack = site.topology.stack
    if not site.dockers or not (stack.policies or stack.services):
        return ()
    return (ENGINE, *(network_key(net.docker_name) for net in site.dockers if not net.spec.is_reference))


def judged_first(resources: dict[Key, Desired], site: Site) -> dict[Key, Desired]:
    """The resources, of which the links of endpoints need the table that Docker may keep from being made: with Docker
    out of reach, no endpoint is to come up without what judges its packets.
    """
    table, networks = table_key(site.stack), judged_networks(site)
    if table not in resources or not networks:
        return resources
    needs = {key: (table,) for key, want in resources.items() if isinstance(want.attributes, Veth)} | {table: networks}
    return resources | {key: _needing(resources[key], more) for key, more in needs.items()}


def _needing(want: Desired, more: tuple[Key, ...]) -> Desired:
    return want._replace(needs=(*want.needs, *more))


def _reference(net: DockerNet, site: Site) -> Iterator[Desired]:
    engine = site.engine
    if engine is None or net.docker_name in engine.networks:
        yield Desired(reference_key(net.docker_name), Reference(net.docker_name), site.origin(net.path))
    else:
        site.problems.error(
            "NC342",
            net.path,
            f"Docker has no network '{net.docker_name}' on this host",
            "Correct 'name:', create the network, or leave 'external:' out to have it made.",
        )


def _attachments(net: DockerNet, site: Site, origin: Origin, within: Key | None) -> Iterator[Desired]:
    for member in site.topology.members:
        entry = member.entry
        if (member.network, member.host) != (net.name, site.host) or entry is None:
            continue
        if _is_there(net, member, entry, site):
            key = attachment_key(net.docker_name, member.container)
            needs = () if within is None else (within,)
            yield Desired(key, _attachment(net, entry, member), origin, needs, within)


def _is_there(net: DockerNet, member: Member, entry: Attached, site: Site) -> bool:
    """Whether a container is to be attached now; of an Engine that cannot be read, every one that is named."""
    if site.engine is None or isinstance(entry.spec, SelectedContainers):
        return True
    path = (*entry.path, "container")
    if not member.is_known:
        site.problems.warn(
            "NC341",
            path,
            f"there is no container '{member.container}' on this host yet",
            f"It is attached to {net.label} by the next apply once it is there.",
        )
        return False
    found = site.engine.containers[member.container]
    if not can_join(found):
        site.problems.error(
            "NC343",
            path,
            f"container '{member.container}' was made with the network mode '{found.mode}', which excludes any other",
            "Make the container without this mode, or remove this attachment.",
        )
    return can_join(found)


def _attachment(net: DockerNet, entry: Attached, member: Member) -> Attachment:
    spec = entry.spec
    named = spec if isinstance(spec, NamedContainer) else None
    return Attachment(
        net.docker_name,
        member.container,
        member.asked or None,
        None if spec.aliases is None else tuple(sorted(set(spec.aliases))),
        None if named is None or named.link_local is None else tuple(sorted(named.link_local)),
        None if spec.options is None else _pairs(spec.options),
    )
