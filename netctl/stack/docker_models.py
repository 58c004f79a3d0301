"""The language's models of Docker networks and of the containers on them."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, Tag, field_validator

from netctl.stack.declaration import Declaration
from netctl.stack.policy_scalars import LabelExpression, NamedPorts
from netctl.stack.scalars import (
    AS_WRITTEN,
    LISTED,
    ONE_OR_MORE,
    Address,
    Addresses,
    HostSelector,
    InterfaceName,
    Labels,
    Mtu,
    Name,
    Text,
)
from netctl.stack.subnet_models import Subnet

_CONTAINER_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+\Z")
_DRIVER_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_./:@-]*\Z")
_LONGEST = 255


def container_name(text: str) -> str:
    """A name that the Engine takes for a container. Raises ValueError."""
    if not _CONTAINER_NAME.match(text) or len(text) > _LONGEST:
        raise ValueError(f"'{text}' cannot be a container's name: two or more letters, digits, '_', '.' and '-'")
    return text


def network_name(text: str) -> str:
    """A name that the Engine takes for a network, which is almost any. Raises ValueError."""
    if text != text.strip() or not text.isprintable() or "/" in text or not 0 < len(text) <= _LONGEST:
        raise ValueError(f"{text!r} cannot be a Docker network's name: printable characters, but for '/'")
    return text


def driver_name(text: str) -> str:
    """The name of a driver or of a plugin that brings one. Raises ValueError."""
    if not _DRIVER_NAME.match(text) or len(text) > _LONGEST:
        raise ValueError(f"'{text}' cannot be the name of a driver")
    return text


ContainerName = Annotated[str, AfterValidator(container_name), AS_WRITTEN]
NetworkName = Annotated[str, AfterValidator(network_name), AS_WRITTEN]
DriverName = Annotated[str, AfterValidator(driver_name), AS_WRITTEN]
Options = dict[str, Text]
Aliases = Annotated[list[Text], LISTED, ONE_OR_MORE]


class _ContainerAttachment(Declaration):
    aliases: Aliases | None = Field(None, description="Further names by which its peers on the network find it.")
    options: Options | None = Field(None, description="Options of the driver for this endpoint.")
    labels: Labels = Field(
        default_factory=dict,
        description="Labels of this endpoint, for policies and services; it has the container's own besides.",
    )
    ports: NamedPorts = Field(
        default_factory=dict, description="Its ports by name: `{http: 80/tcp}`; policies may refer to them."
    )
    hosts: HostSelector | None = Field(None, description="On which hosts; default: those of the network.")


class NamedContainer(_ContainerAttachment):
    """One container, by its name. It is attached as soon as it is there."""

    container: ContainerName = Field(description="The container's name.")
    address: Addresses | None = Field(None, description="Fixed addresses, one of a family; default: Docker assigns.")
    link_local: Addresses | None = Field(None, description="Link-local addresses that the driver is to give it.")


class ContainerSelector(Declaration):
    """Containers by their labels. Of several keys, all must hold."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    labels: Labels | None = Field(None, description="Containers that have all of these labels.")
    expr: LabelExpression | None = Field(None, description="Containers by an expression over their labels.")


class SelectedContainers(_ContainerAttachment):
    """Every container that a selector means, now and at any later time."""

    containers: ContainerSelector = Field(description="What selects them.")

    @field_validator("containers")
    @classmethod
    def _selects_something(cls, selector: ContainerSelector) -> ContainerSelector:
        """Refuses a selector without a key. Raises ValueError."""
        if selector.labels is None and selector.expr is None:
            raise ValueError("a selector of containers needs the key 'labels' or 'expr'")
        return selector


def _attachment_tag(value: Any) -> str:
    keys = value if isinstance(value, dict) else getattr(value, "__dict__", ())
    return "containers" if "containers" in keys else "container"


ContainerAttachment = Annotated[
    Annotated[SelectedContainers, Tag("containers")] | Annotated[NamedContainer, Tag("container")],
    Discriminator(_attachment_tag),
]


class DockerNetwork(Declaration):
    """A network of the Docker Engine on each of its hosts, and the containers that are attached to it."""

    provider: Literal["docker"] = Field(description="Who makes the network.")
    driver: DriverName = Field(
        "bridge",
        description="`bridge`, `macvlan`, `ipvlan`, `overlay`, or what a plugin brings. `host` and `none` are the "
        "Engine's own and are referred to only.",
    )
    hosts: HostSelector | None = Field(None, description="Host names, or labels; default: every host.")
    name: NetworkName | None = Field(None, description="Its name in Docker; default: `<stack>_<name>`.")
    external: bool = Field(
        False, description="It exists already: it is referred to, and never made, changed or removed."
    )
    subnet: Name | Subnet | None = Field(
        None,
        description="A declared subnet's name, or a subnet; none: Docker chooses. `range` is what Docker assigns "
        "from, one CIDR of a family.",
    )
    overlay: Name | None = Field(
        None,
        description="The routed overlay that it is the local leg of, with the host's block for a subnet; in place of a "
        "bridge of netctl's.",
    )
    aux_addresses: dict[str, Address] = Field(
        default_factory=dict, description="Addresses by name that Docker never assigns: those of other devices."
    )
    ipv6: bool | None = Field(None, description="Default: whether the subnet has an IPv6 CIDR.")
    internal: bool = Field(False, description="No traffic leaves or enters the network.")
    attachable: bool = Field(False, description="Plain containers may join an overlay of a swarm.")
    mtu: Mtu | None = Field(None, description="Bytes; an option of the driver.")
    parent: InterfaceName | None = Field(None, description="The host's interface below a macvlan or an ipvlan.")
    interface_name: InterfaceName | None = Field(None, description="The bridge's; default: Docker chooses.")
    nat: Literal["masquerade", "none"] | None = Field(
        None, description="Whether what leaves a bridge takes the host's address; default: Docker's, which is to do so."
    )
    options: Options = Field(default_factory=dict, description="Options of the driver, as Docker names them.")
    ipam_driver: DriverName = Field("default", description="Who assigns addresses.")
    ipam_options: Options = Field(default_factory=dict, description="Options of the IPAM driver.")
    labels: Labels = Field(default_factory=dict, description="Labels of the network.")
    attach: list[ContainerAttachment] = Field(default_factory=list, description="The containers on it.")

    @property
    def is_reference(self) -> bool:
        """Whether it is the Engine's own, or someone else's."""
        return self.external or self.driver in {"host", "none", "null"}
