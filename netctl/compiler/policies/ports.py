"""Ports as the language spells them (canonically: ``80/tcp``) to ports as policies compare them."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from netctl.policy.model import PortRange, Protocol

DEFAULT_INGRESS = ("22/tcp", "68/udp", "8300-8302/tcp", "8300-8302/udp", "8500-8503/tcp", "8600/tcp", "8600/udp")
DEFAULT_EGRESS = ("53/tcp", "53/udp", "67/udp", "123/udp", "8300-8302/tcp", "8300-8302/udp", "8500-8503/tcp")

_PROTOCOLS = frozenset(Protocol)


class NamedPort(NamedTuple):
    """A port by the name that its endpoint gives it, of one protocol or whichever it is."""

    name: str
    protocol: Protocol | None

    def on(self, ports: Mapping[str, PortRange]) -> PortRange | None:
        """What it is among an endpoint's named ports; None where it is none of them."""
        found = ports.get(self.name)
        return found if found and self.protocol in {None, found.protocol} else None

    def __str__(self) -> str:
        return f"{self.name}/{self.protocol}" if self.protocol else self.name


@lru_cache(maxsize=1 << 12)  # ten thousand attachments declare the same few
def parse_port(text: str) -> PortRange | NamedPort:
    """The port, range, protocol or name that canonical text stands for."""
    numbers, _, protocol = text.partition("/")
    if numbers in _PROTOCOLS:
        return PortRange(Protocol(numbers))
    if not numbers.replace("-", "").isdigit():
        return NamedPort(numbers, Protocol(protocol) if protocol else None)
    first, _, last = numbers.partition("-")
    return PortRange(Protocol(protocol), int(first), int(last or first))


def port_ranges(texts: Iterable[str]) -> tuple[PortRange, ...]:
    """The numeric ones, in order, each once."""
    return tuple(sorted({port for port in map(parse_port, texts) if isinstance(port, PortRange)}))


def named_ports(declared: Mapping[str, str]) -> dict[str, PortRange]:
    """An endpoint's ports by name."""
    found = ((name, parse_port(text)) for name, text in sorted(declared.items()))
    return {name: port for name, port in found if isinstance(port, PortRange)}
