"""Which services Consul is told of, and under which names: Consul knows one port of a service."""

from collections.abc import Iterator
from typing import NamedTuple

from netctl.compiler.policies.ports import parse_port
from netctl.policy.model import PortRange
from netctl.stack.models import Stack
from netctl.stack.policy_models import Service

_CONSULS_OWN = frozenset(
    {
        *("tags", "meta", "weights", "tagged_addresses", "enable_tag_override"),
        *("queries", "config_entries", "intentions"),
    }
)


class Registration(NamedTuple):
    """A service in Consul: a service of the stack, by one of its ports."""

    name: str
    """The service's, to which each port but the first adds its own: ``web-metrics``."""
    suffix: str
    """``-metrics``; empty for the first port."""
    port: int
    """0 where the service declares none; of a range, the first."""
    ranges: tuple[PortRange, ...] = ()
    """All of its declared ports that begin with this number, of whichever protocol: Consul knows none."""


def instance_id(stack: str, service: str, address: str) -> str:
    """What an instance is called in Consul, unless it is given another id; and what netctl's own checks call it."""
    return f"{stack}:{service}:{address}"


def has_consul(stack: Stack) -> bool:
    """Whether the stack asks for Consul: by a section of its own, or by a key that means nothing without it."""
    return (
        stack.consul is not None
        or bool(stack.kv)
        or any(service.register_ or service.model_fields_set & _CONSULS_OWN for service in stack.services.values())
    )


def registered(stack: Stack) -> dict[str, Service]:
    """The services that Consul is told of, by name."""
    default = has_consul(stack) and (stack.consul is None or stack.consul.register_)
    return {
        name: service
        for name, service in sorted(stack.services.items())
        if (default if service.register_ is None else service.register_)
    }


def registrations(name: str, service: Service) -> tuple[Registration, ...]:
    """What a service is in Consul, the first port first."""
    ranges: dict[int, list[PortRange]] = {}
    names: dict[int, str] = {}
    for spelled, declared in _declared(service):
        if isinstance(port := parse_port(declared), PortRange):
            ranges.setdefault(port.first, []).append(port)
            names[port.first] = spelled or names.get(port.first, "")
    found: list[Registration] = []
    for number, ports in ranges.items():
        suffix = f"-{names[number] or number}" if found else ""
        found.append(Registration(f"{name}{suffix}", suffix, number, tuple(ports)))
    return tuple(found) or (Registration(name, "", 0),)


def first_port(service: Service) -> int:
    """The port that bears the service's own name; 0 where it declares none."""
    return registrations("", service)[0].port


def _declared(service: Service) -> Iterator[tuple[str, str]]:
    """Each port, by its name if it has one."""
    yield from (("", port) for port in service.port or ())
    yield from service.ports.items()
