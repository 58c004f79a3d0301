"""The further addresses that a service has for some of its clients, by tag."""

from collections.abc import Mapping

from netctl.compiler.consul.registration import Registration
from netctl.kinds.consul import Pairs, is_implied, spelled_address
from netctl.stack.policy_models import Service

_NONE: Mapping[str, str] = {}


def tagged_addresses(
    service: Service, address: str, registration: Registration, others: Mapping[str, str] = _NONE
) -> Pairs:
    """Those of what has the *address*, less what Consul takes for granted; the declared ones go before the *others*.

    Those that are declared with a port are of the service's first one.
    """
    port = registration.port
    found = {tag: spelled_address(other, port) for tag, other in others.items()}
    for tag, where in service.tagged_addresses.items():
        if not (registration.suffix and _has_port(where)):
            found[tag] = where if _has_port(where) else spelled_address(where, port)
    own = spelled_address(address, port)
    return tuple(sorted((tag, where) for tag, where in found.items() if not is_implied(tag, where, own)))


def _has_port(where: str) -> bool:
    return "]:" in where if where.startswith("[") else where.count(":") == 1
