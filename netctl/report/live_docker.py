"""Docker's networks as networks of the language."""

from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_network
from typing import Any

from netctl.kinds.docker import PREDEFINED, Attachment, Network, Pairs, Pool

_SWARMS_OWN = frozenset({"docker_gwbridge", "ingress"})


def docker_networks(
    found: Iterable[Any], name_of: Callable[[str], str], remarks: list[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The networks among the attributes *found*, each with the containers on it; Docker's own are left out."""
    everything = list(found)
    attachments = [one for one in everything if isinstance(one, Attachment)]
    for network in everything:
        if not isinstance(network, Network) or network.name in PREDEFINED | _SWARMS_OWN:
            continue
        attached = [_attachment(one) for one in attachments if one.network == network.name]
        yield name_of(network.name), _network(network) | ({"attach": attached} if attached else {})
        if network.driver == "overlay":
            remarks.append(f"{network.name} is an overlay: only a manager of the swarm can make it, so give it 'hosts'")


def _network(network: Network) -> dict[str, Any]:
    spec: dict[str, Any] = {"provider": "docker", "name": network.name}
    settings = {
        "driver": network.driver if network.driver != "bridge" else "",
        "subnet": _subnet(network.pools or ()),
        "aux_addresses": {name: text for pool in network.pools or () for name, text in pool.auxiliary},
        "internal": network.internal,
        "attachable": network.attachable,
        "options": _mapping(network.options),
        "ipam_driver": network.ipam_driver if network.ipam_driver != "default" else "",
        "ipam_options": _mapping(network.ipam_options),
        "labels": _mapping(network.labels),
    }
    return spec | {key: value for key, value in settings.items() if value}


def _subnet(pools: tuple[Pool, ...]) -> dict[str, Any]:
    if not pools:
        return {}
    gateways = [pool.gateway for pool in pools if pool.gateway and pool.gateway != _first(pool.subnet)]
    ranges = [pool.range for pool in pools if pool.range]
    cidrs = [pool.subnet for pool in pools]
    subnet: dict[str, Any] = {"cidr": cidrs[0] if len(cidrs) == 1 else cidrs}
    subnet |= {"gateway": gateways[0] if len(gateways) == 1 else gateways} if gateways else {}
    return subnet | ({"range": ranges} if ranges else {})


def _first(subnet: str) -> str:
    network = ip_network(subnet)
    return str(network[1] if network.num_addresses > 1 else network[0])


def _attachment(attachment: Attachment) -> dict[str, Any]:
    addresses = list(attachment.addresses or ())
    entry: dict[str, Any] = {"container": attachment.container}
    return entry | ({"address": addresses[0] if len(addresses) == 1 else addresses} if addresses else {})


def _mapping(pairs: Pairs | None) -> dict[str, str]:
    """The pairs; a dollar sign, which would begin a variable, is written twice."""
    return {key: value.replace("$", "$$") for key, value in pairs or ()}
