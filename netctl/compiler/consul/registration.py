"""Which services Consul is told of."""

from netctl.stack.models import Stack
from netctl.stack.policy_models import Service

_CONSULS_OWN = frozenset({"tags", "meta", "weights", "tagged_addresses", "enable_tag_override"})


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


def first_port(service: Service) -> int:
    """The port that Consul is told of: of several, the first; 0 where the service declares none."""
    listed = [*(service.port or ()), *service.ports.values()]
    return int(listed[0].partition("/")[0].partition("-")[0]) if listed else 0
