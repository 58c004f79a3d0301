"""What a person means by FROM, TO and PORT: endpoints, services, hosts and addresses by their names."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches

from netctl.compiler.policies import Resolution
from netctl.compiler.policies.endpoints import HOST
from netctl.compiler.policies.ports import NamedPort, parse_port
from netctl.compiler.prefixes import format_address, parse_address
from netctl.errors import UsageError
from netctl.policy.model import PortRange
from netctl.policy.ranges import family_of
from netctl.stack.models import Stack
from netctl.stack.policy_scalars import expected_port

_SERVICE = "service"
_MOST_NAMED = 6


class Names:
    """Finds endpoints by what they may be called, in this order: an endpoint's full name, a service, a host, the end
    of a single endpoint's name, an address. A virtual address stands for its service.
    """

    def __init__(self, stack: Stack, resolution: Resolution, virtual: Mapping[str, str]) -> None:
        """*virtual* is services by their virtual addresses."""
        self._stack = stack
        self._virtual = virtual
        self._endpoints = resolution.policies.endpoints

    def find(self, text: str) -> list[str]:
        """The endpoints that are meant, by name; or the one address. Raises UsageError."""
        if text in self._endpoints:
            return [text]
        service = text.removeprefix(f"{_SERVICE}/")
        if service in self._stack.services:
            return self._members(service)
        if f"{HOST}/{text}" in self._endpoints:
            return [f"{HOST}/{text}"]
        found = [name for name in self._endpoints if text in set(_endings(name))]
        if len(found) == 1:
            return found
        if found:
            raise UsageError(f"'{text}' may be {_listing(found, 'or')}", "Name one of them in full.")
        address = _address(text)
        if address is None:
            raise UsageError(f"'{text}' is no endpoint, service or host of the stack, and no address", self._near(text))
        if address in self._virtual:
            return self._members(self._virtual[address])
        return [address]

    def family(self, text: str) -> int | None:
        """That of a virtual address: what is behind it may have the other, too. None for anything else."""
        address = _address(text)
        return family_of(address) if address in self._virtual and address is not None else None

    def service_at(self, text: str) -> str | None:
        """The service whose virtual address it is."""
        address = _address(text)
        return self._virtual.get(address) if address is not None else None

    def port(self, text: str, destination: str) -> PortRange:
        """What PORT is at a destination. Raises UsageError."""
        try:
            port = parse_port(expected_port(text))
        except ValueError as error:
            raise UsageError(
                f"{error}", "Give one port: 80, 53/udp, icmp, or a name that the destination has."
            ) from error
        if not isinstance(port, NamedPort):
            return port
        endpoint = self._endpoints.get(destination)
        ports = endpoint.ports if endpoint else {}
        found = port.on(ports)
        if found is None:
            known = f"Its ports are {_listing(sorted(ports), 'and')}." if ports else "It names none; give a number."
            raise UsageError(f"{destination} has no port named '{port}'", known)
        return found

    def _members(self, service: str) -> list[str]:
        found = [name for name, end in self._endpoints.items() if service in end.services]
        if not found:
            raise UsageError(f"service '{service}' has no endpoint", "Correct its 'endpoints', or name another.")
        return found

    def _near(self, text: str) -> str:
        known = {*self._endpoints, *self._stack.services, *self._stack.hosts}
        short = {ending: name for name in self._endpoints for ending in _endings(name)}
        near = get_close_matches(text, sorted(known | short.keys()), 3)
        names = list(dict.fromkeys(name if name in known else short[name] for name in near))
        if names:
            return f"Did you mean {_listing(names, 'or')}?"
        return "An endpoint is named like frontend/web, a host like host/node1."


def families(resolution: Resolution, end: str) -> set[int]:
    """The families of an end's addresses."""
    endpoint = resolution.policies.endpoints.get(end)
    return set(map(family_of, endpoint.addresses)) if endpoint else {family_of(end)}


def _endings(name: str) -> Iterator[str]:
    """What remains of an endpoint's name without its first parts, or without its host: ``web`` of ``frontend/web``."""
    if name.startswith((f"{HOST}/", f"{_SERVICE}/")):
        return
    for text in {name, name.partition("@")[0]}:
        parts = text.split("/")
        yield from ("/".join(parts[start:]) for start in range(len(parts)))


def _address(text: str) -> str | None:
    """The address in canonical form; None where it is none."""
    try:
        return format_address(*parse_address(text))
    except (OSError, UnicodeEncodeError):  # the latter of bytes that are no UTF-8
        return None


def _listing(names: Iterable[str], conjunction: str) -> str:
    every = list(names)
    if len(every) > _MOST_NAMED:
        return f"{', '.join(every[:_MOST_NAMED])} … ({len(every)} in all)"
    *first, last = every
    return f"{', '.join(first)} {conjunction} {last}" if first else last
