"""Consul's services and keys as the language declares them."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from netctl.kinds.consul import External, KeyValue, Secret, Service
from netctl.report.dollars import has_variable_as_key

_MOST = 65535
"""The last port; and the greatest weight."""
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")
_KEY = re.compile(r"(?!/)(?!.*//)(?!(?:.*/)?\.\.?(?:/|\Z)).{1,512}\Z")


def consul_services(found: Iterable[Any], remarks: list[str]) -> dict[str, Any]:
    """The services among the attributes *found*: the instances of one name together, where they are alike."""
    everything = list(found)
    services: dict[str, Any] = {}
    for service in everything:
        if isinstance(service, Service):
            _add_instance(service, services, remarks)
    for external in everything:
        if isinstance(external, External):
            _add_external(external, services, remarks)
    return services


def consul_keys(found: Iterable[Any], remarks: list[str]) -> dict[str, Any]:
    """The keys among the attributes *found*."""
    keys: dict[str, Any] = {}
    for pair in found:
        if isinstance(pair, KeyValue):
            if (reason := _undeclarable(pair)) is None:
                keys[pair.path] = {"value": pair.value, "flags": pair.flags} if pair.flags else pair.value
            else:
                remarks.append(f"key {pair.path} {reason}")
    return keys


def _undeclarable(pair: KeyValue) -> str | None:
    if not _KEY.match(pair.path) or pair.path.endswith("/") or "${" in pair.path:
        return "has a name that cannot be declared"
    value = pair.value or ""
    if isinstance(value, Secret):
        return "holds what is not to be shown: store it in a file, and declare it with 'file'"
    if any("\ud800" <= character <= "\udfff" for character in value):
        return "holds bytes that are no text: store them in a file, and declare it with 'file'"
    if not all(character.isprintable() or character in "\n\t" for character in value):
        return "holds control characters: store it in a file, and declare it with 'file'"
    return None


def _add_instance(service: Service, services: dict[str, Any], remarks: list[str]) -> None:
    name = service.name or ""
    if not _NAME.match(name):
        remarks.append(f"service {service.id}: '{name}' cannot be the name of a service here")
        return
    if not service.address:
        remarks.append(f"service {service.id} has no address of its own but its node's; declare it with that address")
        return
    if (reason := _refusal_of_instance(service)) is not None:
        remarks.append(f"service {service.id}: {reason}")
        return
    shared = dict(_shared(service))
    known = services.setdefault(name, {**shared, "endpoints": []})
    if {key: value for key, value in known.items() if key != "endpoints"} != shared:
        remarks.append(f"service {service.id} is not like the others of its name, which a stack cannot say")
        return
    passing = (service.weights or (1, 1))[0]
    known["endpoints"].append(
        {"address": service.address, "id": service.id, **({"weight": passing} if passing > 1 else {})}
    )
    remarks.append(f"service {service.id}: its checks, if it has any, since Consul does not tell how they are defined")


def _shared(service: Service) -> Iterator[tuple[str, Any]]:
    yield from _registered(service)
    warning = (service.weights or (1, 1))[1]
    if warning != 1:
        yield "weights", {"warning": warning}


def _registered(one: Service | External) -> Iterator[tuple[str, Any]]:
    """What is declared alike of services of the agent and of external ones."""
    yield "register", True
    settings = {
        "port": one.port,
        "tags": list(one.tags or ()),
        "meta": dict(one.meta or ()),
        "tagged_addresses": dict(one.tagged_addresses or ()),
        "enable_tag_override": one.enable_tag_override,
    }
    yield from ((key, value) for key, value in settings.items() if value)


def _refusal_of_instance(service: Service) -> str | None:
    """Why the language does not take it; None where it does."""
    from netctl.stack.consul_models import instance_id
    from netctl.stack.scalars import canonical_address

    try:
        instance_id(service.id)
        canonical_address(service.address or "")
    except ValueError as error:
        return str(error)
    return _refusal(service)


def _refusal_of_external(external: External) -> str | None:
    from netctl.stack.consul_models import external_host

    try:
        external_host(external.address or "")
    except ValueError as error:
        return str(error)
    return _refusal(external)


def _refusal(one: Service | External) -> str | None:
    """Why the language does not take what both kinds of services have."""
    from netctl.stack.consul_models import tagged_address

    try:
        for where in dict(one.tagged_addresses or ()).values():
            tagged_address(where)
    except ValueError as error:
        return f"{error}, and a tagged address is one"
    if has_variable_as_key(dict(one.tagged_addresses or ()) | dict(one.meta or ())):
        return "'${' cannot stand in a key here"
    passing, warning = one.weights or (1, 1)
    if not (0 < passing <= _MOST and 0 <= warning <= _MOST):
        return f"its weights are {passing} and {warning}"
    return None if 0 <= (one.port or 0) <= _MOST else f"{one.port} is no port"


def _add_external(external: External, services: dict[str, Any], remarks: list[str]) -> None:
    name = external.service or ""
    if not _NAME.match(name) or name in services:
        remarks.append(f"external service {external.node}: '{name}' cannot be a name here, or is another's")
        return
    if (reason := _refusal_of_external(external)) is not None:
        remarks.append(f"external service {external.node}: {reason}")
        return
    passing, warning = external.weights or (1, 1)
    weights = {"weights": {"passing": passing, "warning": warning}} if (passing, warning) != (1, 1) else {}
    services[name] = {"register": True, "external": external.address} | dict(_registered(external)) | weights
    node = f"node {external.node}"
    remarks.append(
        f"{node}: its service's checks; the service gets a node of netctl's own, so remove it here afterwards"
    )
    if external.probe:
        remarks.append(f"{node}: that consul-esm pings it, which it does not do with nodes of netctl's")
