"""Networks, from the Engine's answers and to its requests."""

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any, NamedTuple

from netctl.engine.resource import Owner
from netctl.kinds.docker import (
    DECLARATION_LABEL,
    DIGEST_LABEL,
    LATEST,
    NAME_LABEL,
    OWN_LABELS,
    STACK_LABEL,
    Network,
    Pool,
    digest,
)
from reconcilers.answers import Record, entries, record, strings, text
from reconcilers.docker.answers import address, pairs, prefix

_TOOLS = "com.docker."
"""Labels by which Compose and its like know networks as theirs. They are kept, and no part of a declaration."""
_ADDED = frozenset({"com.docker.network.driver.overlay.vxlanid_list"})
"""Options that the Engine adds to those that it was given."""
_BRIDGE_NAME = "com.docker.network.bridge.name"


class NetworkRow(NamedTuple):
    """A network as the Engine lists it."""

    id: str
    network: Network
    """Its attributes; `containers` is None."""
    labels: Mapping[str, str]
    """All of them."""
    scope: str

    @property
    def owner(self) -> Owner | None:
        """Whose it is by its mark, unless the mark was copied from another network."""
        stack = self.labels.get(STACK_LABEL, "")
        if not stack or self.labels.get(NAME_LABEL) != self.network.name:
            return None
        return Owner(stack, self.labels.get(DECLARATION_LABEL, ""))

    @property
    def kept_labels(self) -> dict[str, str]:
        """Other tools' own, which a network keeps when it is made anew."""
        return {key: value for key, value in self.labels.items() if key.startswith(_TOOLS)}

    @property
    def interface(self) -> str:
        """The host's bridge; empty for other drivers."""
        if self.network.driver != "bridge":
            return ""
        if self.network.name == "bridge":
            return dict(self.network.options or ()).get(_BRIDGE_NAME) or "docker0"
        return dict(self.network.options or ()).get(_BRIDGE_NAME) or f"br-{self.id[:12]}"


def network_row(answer: Record) -> NetworkRow:
    """A network from an entry of ``GET /networks``."""
    ipam = record(answer.get("IPAM"))
    labels = strings(answer.get("Labels"))
    options = tuple(pair for pair in pairs(answer.get("Options")) if pair[0] not in _ADDED)
    own_ipam = text(ipam.get("Driver")) in {"", "default"}
    pools = sorted(
        (_pool(entry, own_ipam=own_ipam) for entry in entries(ipam.get("Config")) if prefix(entry.get("Subnet"))),
        key=lambda pool: (":" in pool.subnet, pool.subnet),
    )
    network = Network(
        text(answer.get("Name")),
        text(answer.get("Driver")).removesuffix(LATEST),
        tuple(pools),
        answer.get("EnableIPv6") is True,
        answer.get("Internal") is True,
        answer.get("Attachable") is True,
        options,
        text(ipam.get("Driver")) or "default",
        pairs(ipam.get("Options")),
        tuple(pair for pair in sorted(labels.items()) if not pair[0].startswith((OWN_LABELS, _TOOLS))),
        None,
        (),
    )
    return NetworkRow(text(answer.get("Id")), network, labels, text(answer.get("Scope")))


def _pool(entry: Record, *, own_ipam: bool) -> Pool:
    subnet = prefix(entry.get("Subnet"))
    assigned = prefix(entry.get("IPRange"))
    auxiliary = {key: address(value) for key, value in strings(entry.get("AuxiliaryAddresses")).items()}
    gateway = address(entry.get("Gateway"))
    if not gateway and own_ipam:
        gateway = _first(subnet, assigned or subnet)
    return Pool(subnet, gateway, assigned, tuple(sorted(auxiliary.items())))


def _first(subnet: str, assigned: str) -> str:
    """What the Engine takes for a gateway where none is named: the first address that it may assign."""
    network, first = ip_network(subnet), ip_network(assigned)[0]
    return str(first + 1 if first == network[0] and network.num_addresses > 1 else first)


def creation(network: Network, owner: Owner | None, kept: Mapping[str, str]) -> dict[str, Any]:
    """The body of ``POST /networks/create``."""
    body: dict[str, Any] = {
        "Name": network.name,
        "CheckDuplicate": True,
        "Driver": network.driver,
        "EnableIPv6": network.ipv6,
        "Internal": network.internal,
        "Attachable": network.attachable,
        "Options": dict(network.options or ()),
        "Labels": {**kept, **dict(network.labels or ()), **_mark(network, owner)},
    }
    ipam = {
        "Driver": network.ipam_driver,
        "Options": dict(network.ipam_options) if network.ipam_options else None,
        "Config": [_config(pool) for pool in network.pools] if network.pools else None,
    }
    body["IPAM"] = {key: value for key, value in ipam.items() if value is not None}
    return {key: value for key, value in body.items() if value is not None}


def _mark(network: Network, owner: Owner | None) -> dict[str, str]:
    if owner is None:
        return {}
    return {
        STACK_LABEL: owner.stack,
        DECLARATION_LABEL: owner.declaration,
        NAME_LABEL: network.name,
        DIGEST_LABEL: digest(network),
    }


def _config(pool: Pool) -> dict[str, Any]:
    config = {
        "Subnet": pool.subnet,
        "Gateway": pool.gateway,
        "IPRange": pool.range,
        "AuxiliaryAddresses": dict(pool.auxiliary),
    }
    return {key: value for key, value in config.items() if value}


def completed(wanted: Network, live: Network) -> Network:
    """What is wanted; where that says nothing, as it is live."""
    undeclared = {
        name: getattr(live, name) for name, value in zip(wanted._fields, wanted, strict=True) if value is None
    }
    return wanted._replace(**undeclared)
