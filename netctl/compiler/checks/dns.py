"""The zones of DNS: two that are in each other's way, and one that leaves no room for the names in it."""

from collections.abc import Iterator

from netctl.compiler.places import Path, Problems
from netctl.compiler.zones import consul_domain, service_domain, tag_labels
from netctl.stack.balancing_models import Dns
from netctl.stack.models import Stack

_LONGEST = 253
"""Characters of a name (RFC 1035: 255 bytes, with a length before each label and one of the root)."""
_LABEL = "x" * 63
_CONSULS = ("service", "node", "addr")


def check_dns(stack: Stack, problems: Problems) -> None:
    """Report what is wrong with the zones of a stack that says something of DNS."""
    if stack.dns is None:
        return
    consul = consul_domain(stack)
    if consul:
        _both(stack.dns, consul, problems)
        _room(_consul_names(stack, consul), ("dns", "consul"), problems)
    _room(_service_names(stack), ("dns", "zone"), problems)


def _both(dns: Dns, consul: str, problems: Problems) -> None:
    """Of a name in two zones, the inner one answers alone."""
    hidden = dns.zone == consul or any(_is_in(dns.zone, f"{kind}.{consul}") for kind in _CONSULS)
    if hidden or _is_in(consul, f"svc.{dns.zone}"):
        problems.error(
            "NC298",
            ("dns", "zone" if "zone" in dns.model_fields_set else "consul"),
            f"the zone of services, {dns.zone}, and the domain of Consul's names, {consul}, hide each other's names",
            "Choose another zone, or another domain for Consul's names ('consul: example.com'), or have none of them "
            "('consul: false').",
        )


def _is_in(name: str, domain: str) -> bool:
    return name == domain or name.endswith(f".{domain}")


def _room(names: Iterator[str], place: Path, problems: Problems) -> None:
    longest = max((len(name.encode()) for name in names), default=0)
    if longest > _LONGEST:
        problems.error(
            "NC299",
            place,
            f"a name in this domain can have {longest} characters, and in DNS it may have {_LONGEST}",
            f"Choose a domain that is shorter by {longest - _LONGEST} characters.",
        )


def _service_names(stack: Stack) -> Iterator[str]:
    domain = service_domain(stack)
    for name, service in stack.services.items():
        first = [f"_{port}._tcp" for port in service.ports]
        if service.vip is None and service.external is None:
            first.append(_LABEL)  # of an endpoint, which may be a container that is not there yet
        yield from (f"{label}.{name}.{domain}" for label in first)
        yield f"{name}.{domain}"


def _consul_names(stack: Stack, domain: str) -> Iterator[str]:
    for name, service in stack.services.items():
        yield from (f"{word}.{name}.service.dc1.{domain}" for word in ("_tcp", *tag_labels(service.tags)))
    yield f"{_LABEL}.node.dc1.{domain}"
