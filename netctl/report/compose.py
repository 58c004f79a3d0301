"""The networks of a Compose file as networks of the language.

What Compose calls ``shop_front`` for its network ``front`` of the project ``shop`` is called so by the stack ``shop``,
too, so that what Compose has made can be taken over.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def project_name(content: Mapping[str, Any], path: Path) -> str:
    """The project of a Compose file, as Compose finds it: its ``name``, else the directory's."""
    said = content.get("name")
    if isinstance(said, str) and "$" not in said:
        return said
    return re.sub(r"[^a-z0-9_-]", "", path.absolute().parent.name.lower()).lstrip("_-") or "imported"


def compose_networks(content: Mapping[str, Any], project: str, remarks: list[str]) -> dict[str, dict[str, Any]]:
    """The ``networks`` of a Compose file, and the services on them by the labels that Compose gives containers."""
    declared = _record(content.get("networks"))
    services = _record(content.get("services"))
    names = list(declared)
    if any(
        "networks" not in _record(service) and "network_mode" not in _record(service) for service in services.values()
    ):
        names = list(dict.fromkeys([*names, "default"]))
    networks = {}
    for name in names:
        key = name.lower().replace("_", "-").replace(".", "-")
        spec = _composed(name, key, _record(declared.get(name)), project, remarks)
        attached = list(_composed_attachments(name, services, project))
        networks[key] = spec | ({"attach": attached} if attached else {})
    return networks


def _composed(name: str, key: str, network: Mapping[str, Any], project: str, remarks: list[str]) -> dict[str, Any]:
    external = network.get("external")
    if external:
        known = _record(external).get("name") or network.get("name") or name
        return {"provider": "docker", "external": True, "name": known}
    docker_name = network.get("name") or f"{project}_{name}"
    spec: dict[str, Any] = {"provider": "docker"}
    settings = {
        "name": docker_name if docker_name != f"{project}_{key}" else "",
        "driver": network.get("driver") if network.get("driver") != "bridge" else "",
        "internal": network.get("internal"),
        "attachable": network.get("attachable"),
        "options": _texts(network.get("driver_opts")),
        "labels": _texts(network.get("labels")),
        **_composed_ipam(_record(network.get("ipam"))),
    }
    if network.get("enable_ipv6") and not settings.get("subnet"):
        remarks.append(f"network {name} has enable_ipv6: give it a subnet with an IPv6 CIDR")
    return spec | {setting: value for setting, value in settings.items() if value}


def _composed_ipam(ipam: Mapping[str, Any]) -> dict[str, Any]:
    configs = [_record(config) for config in ipam.get("config") or () if _record(config).get("subnet")]
    found: dict[str, Any] = {
        "ipam_driver": ipam.get("driver") if ipam.get("driver") != "default" else "",
        "ipam_options": _texts(ipam.get("options")),
        "aux_addresses": {
            name: text for config in configs for name, text in _record(config.get("aux_addresses")).items()
        },
    }
    if configs:
        cidrs = [config["subnet"] for config in configs]
        gateways = [config["gateway"] for config in configs if config.get("gateway")]
        ranges = [config["ip_range"] for config in configs if config.get("ip_range")]
        subnet: dict[str, Any] = {"cidr": cidrs[0] if len(cidrs) == 1 else cidrs}
        subnet |= {"gateway": gateways[0] if len(gateways) == 1 else gateways} if gateways else {}
        found["subnet"] = subnet | ({"range": ranges} if ranges else {})
    return found


def _composed_attachments(network: str, services: Mapping[str, Any], project: str) -> Iterator[dict[str, Any]]:
    """The services on a network; a container with a name of its own by that, any other by Compose's labels."""
    for name, service in services.items():
        settings = _on_network(_record(service), network)
        if settings is None:
            continue
        own = _record(service).get("container_name")
        labels = {"com.docker.compose.project": project, "com.docker.compose.service": name}
        entry: dict[str, Any] = {"container": own} if own else {"containers": {"labels": labels}}
        addresses = [settings[key] for key in ("ipv4_address", "ipv6_address") if settings.get(key)]
        if addresses and own:
            entry["address"] = addresses[0] if len(addresses) == 1 else addresses
        yield entry | {"aliases": [name, *(settings.get("aliases") or ())]}


def _on_network(service: Mapping[str, Any], network: str) -> Mapping[str, Any] | None:
    """What a service says of a network; None where it is not on it."""
    if service.get("network_mode"):
        return None
    networks = service.get("networks", ["default"])
    if isinstance(networks, list):
        return {} if network in networks else None
    return _record(networks[network]) if network in _record(networks) else None


def _texts(value: Any) -> dict[str, str]:
    """A mapping, or Compose's list of ``key=value``."""
    if isinstance(value, list):
        return dict(str(entry).partition("=")[::2] for entry in value)
    return {str(key): str(entry) for key, entry in _record(value).items()}


def _record(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
