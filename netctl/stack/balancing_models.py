"""Virtual addresses, published ports and affinity of services, and the names that DNS gives them, as typed models."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from netctl.stack.declaration import Declaration
from netctl.stack.policy_scalars import port_number
from netctl.stack.scalars import AS_WRITTEN, LISTED, ONE_OR_MORE, Addresses, Name, canonical_address

VIP_SUBNET = "vips"
"""The subnet of virtual addresses, unless another is named."""
DEFAULT_ZONE = "cluster.local"
DEFAULT_TTL = 5

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+[smhd])+\Z", re.ASCII)
_LABEL = re.compile(r"[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?\Z")


def seconds(duration: str) -> int:
    """The seconds of a duration such as ``1h30m``."""
    return sum(int(part[:-1]) * _UNITS[part[-1]] for part in re.findall(r"\d+[smhd]", duration))


def whole_seconds(text: str) -> str:
    """A duration of at least a second. Raises ValueError."""
    if not _DURATION.match(text):
        raise ValueError(f"'{text}' is not a duration such as 30s, 10m or 1h30m")
    if not 1 <= seconds(text) <= 365 * 86400:
        raise ValueError(f"'{text}' is not from 1s to 365d")
    return text


def publication(text: str) -> str:
    """``8080:80/tcp``: the host's port, and the service's. Raises ValueError."""
    numbers, slash, protocol = text.partition("/")
    outer, colon, inner = numbers.partition(":")
    if not colon:
        raise ValueError(f"'{text}' is not a publication such as 8080:80 or 53:53/udp: the host's port, the service's")
    suffix = slash + protocol
    return f"{port_number(outer + suffix).partition('/')[0]}:{port_number(inner + suffix)}"


def domain(text: str) -> str:
    """A domain name in lower case without the final dot. Raises ValueError."""
    name = text.lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or any(len(label) > 63 or not _LABEL.match(label) for label in labels):
        raise ValueError(f"'{text}' is not a domain name such as cluster.local")
    return name


def resolver(text: str) -> str:
    """``10.0.0.53`` or ``10.0.0.53:5353`` or ``[fd00::53]:5353``: always with its port. Raises ValueError."""
    if text.startswith("["):
        address, bracket, port = text[1:].partition("]")
        port = port.removeprefix(":") if bracket else "x"
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    else:
        address, port = text, ""
    number = port_number(port or "53").partition("/")[0]
    canonical = canonical_address(address)
    return f"[{canonical}]:{number}" if ":" in canonical else f"{canonical}:{number}"


Duration = Annotated[str, AfterValidator(whole_seconds), AS_WRITTEN]
Publication = Annotated[str, AfterValidator(publication), AS_WRITTEN, WithJsonSchema({"type": ["string", "integer"]})]
Publications = Annotated[list[Publication], LISTED, Field(min_length=1), ONE_OR_MORE]
Domain = Annotated[str, AfterValidator(domain)]
Resolver = Annotated[str, AfterValidator(resolver)]
Resolvers = Annotated[list[Resolver], LISTED, Field(min_length=1), ONE_OR_MORE]


class VirtualAddress(Declaration):
    """A virtual address from a subnet, or fixed ones."""

    subnet: Name = Field(VIP_SUBNET, description="The subnet that the address is from, or lies in.")
    address: Addresses | None = Field(None, description="One address, or one of each family; default: assigned.")


Vip = Literal["auto"] | Addresses | VirtualAddress


class Affinity(Declaration):
    """Which connections go to one endpoint."""

    client_ip: Duration = Field(
        description="A client's new connections go where its last one went, unless that was longer ago: `3h`."
    )


class Dns(Declaration):
    """The zone that `netctl dns` serves, and whom it asks about anything else."""

    zone: Domain = Field(DEFAULT_ZONE, description="The domain of services: `<service>.<stack>.svc.<zone>`.")
    ttl: int = Field(DEFAULT_TTL, ge=0, le=86400, description="Seconds for which an answer may be kept.")
    upstream: Resolvers | None = Field(
        None, description="Resolvers of all other names, one or a list: `10.0.0.53`, `[fd00::53]:5353`. Default: none."
    )
    stubs: dict[Domain, Resolvers] = Field(
        default_factory=dict, description="Resolvers of the names in certain domains: `{corp.example: 10.0.0.53}`."
    )
    consul: Domain | Literal[False] | None = Field(
        None,
        description="The domain of Consul's names for services, `web.service.consul`, or `false`. Default: `consul`, "
        "unless Consul itself is asked for.",
    )
