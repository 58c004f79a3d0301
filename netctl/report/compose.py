"""The networks of a Compose file as networks of the language.

What Compose calls ``shop_front`` for its network ``front`` of the project ``shop`` is called so by the stack ``shop``,
too, so that what Compose has made can be taken over.
"""

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from netctl.report.compose_file import ComposeFile, record
from netctl.report.yaml_text import one_or_more
from netctl.stack.core_schema import written

_LONGEST_NAME = 63


def project_name(file: ComposeFile, path: Path) -> str:
    """The project of a Compose file, as Compose finds it: its ``name``, else the directory's."""
    return file.name or re.sub(r"[^a-z0-9_-]", "", path.absolute().parent.name.lower()).lstrip("_-") or "imported"


def stack_of(project: str) -> str:
    """The name of the stack for a project."""
    return _name(project)


def compose_networks(file: ComposeFile, project: str) -> dict[str, dict[str, Any]]:
    """The networks of a Compose file, and the services on them by the labels that Compose gives containers.

    What could not be said goes to the file's remarks.
    """
    names = list(file.networks)
    if any("networks" not in service and "network_mode" not in service for service in file.services.values()):
        names = list(dict.fromkeys([*names, "default"]))
    networks: dict[str, dict[str, Any]] = {}
    for name in names:
        key = _free(_name(name), networks)
        composing = _Composing(name, key, project, file)
        spec = composing.network(file.networks.get(name, {}))
        attached = list(composing.attachments())
        networks[key] = spec | ({"attach": attached} if attached else {})
    return networks


def _name(text: str) -> str:
    """The nearest name that the language takes."""
    return re.sub(r"[^a-z0-9-]", "-", text.lower())[:_LONGEST_NAME].strip("-") or "network"


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """The name, or that with a number where it is taken."""
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name[: _LONGEST_NAME - 4]}-{number}"
    return found


class _Composing:
    """One network."""

    def __init__(self, name: str, key: str, project: str, file: ComposeFile) -> None:
        self.name = name
        self.key = key
        self.project = project
        self.file = file

    def network(self, network: Mapping[str, Any]) -> dict[str, Any]:
        """What the file says of the network."""
        said = network.get("name")
        external = network.get("external")
        if external:
            known = (external.get("name") if isinstance(external, Mapping) else "") or said or self.name
            return {"provider": "docker", "external": True, "name": _literal(known)}
        docker_name = _literal(said or f"{self.project}_{self.name}")
        spec: dict[str, Any] = {"provider": "docker"}
        settings = {
            "name": docker_name if docker_name != f"{stack_of(self.project)}_{self.key}" else "",
            "driver": _literal(network.get("driver") or "") if network.get("driver") != "bridge" else "",
            "internal": _is_true(network.get("internal")),
            "attachable": _is_true(network.get("attachable")),
            "options": _texts(network.get("driver_opts")),
            "labels": _texts(network.get("labels")),
            **self._ipam(record(network.get("ipam"))),
        }
        return spec | {key: value for key, value in (settings | self._families(network, settings)).items() if value}

    def _families(self, network: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
        if network.get("enable_ipv4") is False:
            self._remark("has enable_ipv4: false, which Docker takes from an IPv6 subnet alone only in newer versions")
        cidrs = record(settings.get("subnet")).get("cidr", ())
        has_ipv6 = any(":" in cidr for cidr in ([cidrs] if isinstance(cidrs, str) else cidrs))
        return {"ipv6": True} if _is_true(network.get("enable_ipv6")) and not has_ipv6 else {}

    def _ipam(self, ipam: Mapping[str, Any]) -> dict[str, Any]:
        configs = list(self._configs(ipam))
        found: dict[str, Any] = {
            "ipam_driver": ipam.get("driver") if ipam.get("driver") != "default" else "",
            "ipam_options": _texts(ipam.get("options")),
            "aux_addresses": {
                name: text for config in configs for name, text in _texts(config.get("aux_addresses")).items()
            },
        }
        if configs:
            gateways = [config["gateway"] for config in configs if config.get("gateway")]
            ranges = [config["ip_range"] for config in configs if config.get("ip_range")]
            subnet = {"cidr": one_or_more([config["subnet"] for config in configs])}
            subnet |= {"gateway": one_or_more(gateways)} if gateways else {}
            found["subnet"] = subnet | ({"range": ranges} if ranges else {})
        return found

    def _configs(self, ipam: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """The first subnet of each family."""
        families = set()
        configs = ipam.get("config")
        for config in map(record, configs if isinstance(configs, list) else ()):
            if not config.get("subnet"):
                continue
            family = ":" in (cidr := str(config["subnet"]))
            if family in families:
                self._remark(f"has several subnets of one family, and one is left out: {cidr}")
                continue
            families.add(family)
            yield {**config, "subnet": _prefix(cidr)}

    def attachments(self) -> Iterator[dict[str, Any]]:
        """The services on the network; a container with a name of its own by that, any other by Compose's labels."""
        for name, service in self.file.services.items():
            settings = self._of(service)
            if settings is None:
                continue
            own = service.get("container_name")
            labels = {"com.docker.compose.project": self.project, "com.docker.compose.service": name}
            entry: dict[str, Any] = {"container": _literal(own)} if own else {"containers": {"labels": labels}}
            entry |= self._fixed(name, settings, named=bool(own))
            aliases = list(dict.fromkeys([name, *map(_literal, settings.get("aliases") or ())]))
            options = _texts(settings.get("driver_opts"))
            yield entry | {"aliases": aliases} | ({"options": options} if options else {})

    def _of(self, service: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What a service says of the network; None where it is not on it."""
        if service.get("network_mode"):
            return None
        networks = service.get("networks", {"default": {}})
        return record(networks[self.name]) if self.name in networks else None

    def _fixed(self, service: str, settings: Mapping[str, Any], *, named: bool) -> dict[str, Any]:
        """The addresses that a service has on the network; only a container with a name of its own can be given one."""
        addresses = [settings[key] for key in ("ipv4_address", "ipv6_address") if settings.get(key)]
        link_local = [str(text) for text in settings.get("link_local_ips") or ()]
        if named:
            found = {"address": one_or_more(addresses)} if addresses else {}
            return found | ({"link_local": link_local} if link_local else {})
        if addresses or link_local:
            self._remark(
                f"has fixed addresses for service {service} ({', '.join(map(str, (*addresses, *link_local)))}), which "
                "Compose goes on to give: only with a container_name they could be declared here"
            )
        return {}

    def _remark(self, text: str) -> None:
        self.file.remarks.append(f"network {self.name} {text}")


def _prefix(text: str) -> str:
    """A subnet without the host bits that Docker passes over; as it is where it is none."""
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        return _literal(text)


def _is_true(value: Any) -> bool:
    """A truth value; one from a variable may be a text."""
    return value is True or (isinstance(value, str) and value.lower() in {"true", "yes", "on", "1", "y"})


def _texts(value: Any) -> dict[str, str]:
    """A mapping, or Compose's list of ``key=value``."""
    if isinstance(value, list):
        return {key: _literal(text) for key, _, text in (str(entry).partition("=") for entry in value)}
    return {str(key): _literal(entry) for key, entry in record(value).items()}


def _literal(value: Any) -> str:
    """The value as text, empty for none; a dollar sign, which would begin a variable, is written twice."""
    return "" if value is None else str(written(value)).replace("$", "$$")
