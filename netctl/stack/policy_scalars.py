"""The scalar types of policies and services: ports in their several forms, and expressions over labels.

Each validator returns the canonical spelling (``80`` becomes ``80/tcp``) or says what is wrong.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from netctl.policy.expressions import parse
from netctl.stack.scalars import AS_WRITTEN, LISTED, ONE_OR_MORE

TRANSPORTS = ("tcp", "udp", "sctp")
"""Protocols that have ports."""

_NUMBERS = re.compile(r"(\d+)(?:-(\d+))?\Z", re.ASCII)
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")
_ICMP = "ICMP has no ports; 'icmp' alone is any message, and the key 'icmp' selects types"


def port_number(text: str) -> str:
    """``80/tcp``: one port. Raises ValueError."""
    canonical = port_range(text)
    if "-" in canonical:
        raise ValueError(f"'{text}' is a range, and one port is wanted")
    return canonical


def port_range(text: str) -> str:
    """``80/tcp`` or ``8000-8010/sctp``. Raises ValueError."""
    numbers, slash, protocol = text.partition("/")
    match = _NUMBERS.match(numbers)
    if match is None:
        raise ValueError(f"'{text}' is not a port such as 80, 80/udp or 8000-8010/tcp")
    first, last = _in_range(match[1]), _in_range(match[2] or match[1])
    if last < first:
        raise ValueError(f"the range {first}-{last} ends before it begins")
    spelled = str(first) if first == last else f"{first}-{last}"
    return f"{spelled}/{_transport(protocol, spelled) if slash else 'tcp'}"


def ports_or_protocol(text: str) -> str:
    """As `port_range`; or a protocol alone, which is any port of it. Raises ValueError."""
    return text if text in {*TRANSPORTS, "icmp"} else port_range(text)


def policy_port(text: str) -> str:
    """As `ports_or_protocol`; or the name of a port, alone or with its protocol: ``http/tcp``. Raises ValueError."""
    name, slash, protocol = text.partition("/")
    if text in {*TRANSPORTS, "icmp"} or _NUMBERS.match(name):
        return ports_or_protocol(text)
    port_name(name)
    return f"{name}/{_transport(protocol, name)}" if slash else name


def expected_port(text: str) -> str:
    """One port, by number or by name, or ``icmp``. Raises ValueError."""
    if text in TRANSPORTS:
        raise ValueError(f"'{text}' is any port, and one port is wanted, such as 80/{text}")
    return port_number(text) if _NUMBERS.match(text.partition("/")[0]) else policy_port(text)


def port_name(text: str) -> str:
    """The name of a port, which cannot be mistaken for a number, a range or a protocol. Raises ValueError."""
    if text in {*TRANSPORTS, "icmp"}:
        raise ValueError(f"'{text}' is a protocol and cannot be the name of a port")
    if len(text) > 63 or not _NAME.match(text) or _NUMBERS.match(text):
        raise ValueError(
            f"'{text}' is neither a port such as 80, 80/udp or 8000-8010/tcp, nor a protocol, nor the name of a port"
        )
    return text


def label_expression(text: str) -> str:
    """An expression over labels. Raises ValueError that names the column within it."""
    parse(text)
    return text


def _in_range(digits: str) -> int:
    number = int(digits) if len(digits) < 10 else 0
    if not 1 <= number <= 65535:
        raise ValueError(f"port {digits[:20]} is not from 1 to 65535")
    return number


def _transport(protocol: str, port: str) -> str:
    if protocol == "icmp":
        raise ValueError(_ICMP)
    if protocol not in TRANSPORTS:
        raise ValueError(f"'{protocol}' is not a protocol with ports; they are tcp, udp and sctp, as in {port}/tcp")
    return protocol


_PORT = WithJsonSchema({"type": ["string", "integer"]})

PortNumber = Annotated[str, AfterValidator(port_number), AS_WRITTEN, _PORT]
PortNumbers = Annotated[list[PortNumber], LISTED, Field(min_length=1), ONE_OR_MORE]
PortRange = Annotated[str, AfterValidator(port_range), AS_WRITTEN, _PORT]
ProtocolOrPorts = Annotated[str, AfterValidator(ports_or_protocol), AS_WRITTEN, _PORT]
PolicyPort = Annotated[str, AfterValidator(policy_port), AS_WRITTEN, _PORT]
PolicyPorts = Annotated[list[PolicyPort], LISTED, Field(min_length=1), ONE_OR_MORE]
ExpectedPort = Annotated[str, AfterValidator(expected_port), AS_WRITTEN, _PORT]
PortName = Annotated[str, AfterValidator(port_name)]
NamedPorts = dict[PortName, PortRange]
LabelExpression = Annotated[str, AfterValidator(label_expression)]
