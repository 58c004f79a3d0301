"""The language's models of what is cluster-wide in Consul: config entries, prepared queries, intentions."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from netctl.stack.declaration import Declaration
from netctl.stack.durations import Duration
from netctl.stack.scalars import AS_WRITTEN, LISTED, ONE_OR_MORE, Text

_MESH_NAME = re.compile(r"[A-Za-z0-9_]([-A-Za-z0-9_.]{0,126}[A-Za-z0-9_])?\Z")


def mesh_name(text: str) -> str:
    """The name of a service in Consul, or ``*``. Raises ValueError."""
    if text != "*" and not _MESH_NAME.match(text):
        raise ValueError(f"'{text[:40]}' cannot be a name in Consul: it has letters, digits, '-', '_' and '.'")
    return text


def query_name(text: str) -> str:
    """The name of a prepared query. Raises ValueError."""
    if not _MESH_NAME.match(text):
        raise ValueError(f"'{text[:40]}' cannot be the name of a query: it has letters, digits, '-', '_' and '.'")
    return text


def global_name(text: str) -> str:
    """The one name that the defaults of all proxies have. Raises ValueError."""
    if text != "global":
        raise ValueError(f"'{text[:40]}' is not 'global', which is the only name that Consul takes here")
    return text


MeshName = Annotated[str, AfterValidator(mesh_name), AS_WRITTEN]
GlobalName = Annotated[str, AfterValidator(global_name), AS_WRITTEN]
QueryName = Annotated[str, AfterValidator(query_name), AS_WRITTEN]
Texts = Annotated[list[Text], LISTED, ONE_OR_MORE]


Fields = dict[str, Any]
"""Of a config entry, as Consul names them; what is wrong with one the compiler tells, with its place."""


class ServiceEntries(Declaration):
    """Consul's config entries of a service, each with the fields that Consul's documentation names."""

    service_defaults: Fields | None = Field(
        None, alias="service-defaults", description="Its protocol, and how it is reached: `{Protocol: http}`."
    )
    service_resolver: Fields | None = Field(
        None, alias="service-resolver", description="Subsets, redirects, failover, load balancing."
    )
    service_splitter: Fields | None = Field(
        None, alias="service-splitter", description="Shares of the traffic: `{Splits: [{Weight: 100}]}`."
    )
    service_router: Fields | None = Field(
        None, alias="service-router", description="Where requests go, by path, header or method."
    )
    ingress_gateway: Fields | None = Field(
        None, alias="ingress-gateway", description="Where the service is a gateway into the mesh: its listeners."
    )
    terminating_gateway: Fields | None = Field(
        None, alias="terminating-gateway", description="Where the service is a gateway out of the mesh: what is behind."
    )


class ClusterEntries(Declaration):
    """Consul's config entries that belong to no service of the stack, by kind and name."""

    proxy_defaults: dict[GlobalName, Fields] | None = Field(
        None, alias="proxy-defaults", description="Of all proxies; the name is `global`."
    )
    service_defaults: dict[MeshName, Fields] | None = Field(
        None, alias="service-defaults", description="Of services that the stack does not declare."
    )
    service_resolver: dict[MeshName, Fields] | None = Field(
        None, alias="service-resolver", description="Of names that are no service, such as one that redirects."
    )
    service_splitter: dict[MeshName, Fields] | None = Field(
        None, alias="service-splitter", description="Shares of the traffic to a name."
    )
    service_router: dict[MeshName, Fields] | None = Field(
        None, alias="service-router", description="Where requests to a name go."
    )
    ingress_gateway: dict[MeshName, Fields] | None = Field(
        None, alias="ingress-gateway", description="Gateways that the stack does not declare as services."
    )
    terminating_gateway: dict[MeshName, Fields] | None = Field(
        None, alias="terminating-gateway", description="Gateways that the stack does not declare as services."
    )


class IntentionEntry(Declaration):
    """Whether a service may connect to this one in Consul's mesh."""

    from_: MeshName = Field(alias="from", description="A service's name in Consul; `*`: any other.")
    action: Literal["allow", "deny"] = Field("allow", description="Whether it may.")
    description: Text | None = Field(None, description="For people.")


class QueryEntry(Declaration):
    """A prepared query: `<name>.query.consul` answers healthy instances, of other datacenters where here are none."""

    tags: Texts = Field(default_factory=list, description="All must be there; with `!` before it: none.")
    near: Text | None = Field(None, description="Sort by the distance from a node; `_agent`: the one that is asked.")
    nearest: int | None = Field(None, ge=1, le=100, description="Ask so many of the nearest datacenters then.")
    failover: Texts = Field(default_factory=list, description="Datacenters to ask then, in this order.")
    only_passing: bool = Field(False, description="Leave out instances with a warning.")
    connect: bool = Field(False, description="Only instances that can be reached in the mesh.")
    ignore_checks: Texts = Field(default_factory=list, description="Ids of checks that do not count.")
    node_meta: dict[Text, Text] = Field(default_factory=dict, description="The node must have this metadata.")
    service_meta: dict[Text, Text] = Field(default_factory=dict, description="The instance must have this metadata.")
    ttl: Duration | None = Field(None, description="How long resolvers may keep the answer.")
