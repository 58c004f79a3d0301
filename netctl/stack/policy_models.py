"""Services, policies and expectations as typed models: what may talk to whom."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from netctl.stack.balancing_models import Affinity, Duration, Publications, Vip
from netctl.stack.consul_models import Check, ExternalHost, InstanceId, TaggedAddress, Texts, Weights
from netctl.stack.declaration import Declaration
from netctl.stack.docker_models import ContainerSelector
from netctl.stack.mesh_models import IntentionEntry, QueryEntry, QueryName, ServiceEntries
from netctl.stack.policy_scalars import (
    ExpectedPort,
    LabelExpression,
    NamedPorts,
    PolicyPorts,
    PortNumbers,
    ProtocolOrPorts,
)
from netctl.stack.scalars import LISTED, ONE_OR_MORE, Address, Cidr, Labels, Name, Text, holds_cidr

DEFAULT_TIER = "default"
DEFAULT_TIER_ORDER = 1_000_000


class Selector(Declaration):
    """Endpoints, or addresses. Of several keys, all must hold."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    service: Name | None = Field(None, description="The endpoints of a service.")
    network: Name | None = Field(None, description="The endpoints of a network, or of an overlay.")
    overlay: Name | None = Field(None, description="The endpoints of an overlay.")
    host: Name | None = Field(None, description="Alone: the host itself. With other keys: only what is on this host.")
    cidr: Annotated[list[Cidr], LISTED, Field(min_length=1), ONE_OR_MORE] | None = Field(
        None, description="Addresses, whether they are an endpoint's or not."
    )
    except_: Annotated[list[Cidr], LISTED, ONE_OR_MORE] | None = Field(
        None, alias="except", description="CIDRs within `cidr` that are not meant."
    )
    labels: Labels | None = Field(None, description="Endpoints that have all of these labels.")
    expr: LabelExpression | None = Field(
        None,
        description="Endpoints by an expression over their labels, in Calico's grammar: `app in {'web', 'api'} && "
        "env != 'dev'`; also `not in`, `has(key)`, `contains`, `starts with`, `ends with`, `all()`, `!`, `||` and "
        "parentheses.",
    )
    any: Literal[True] | None = Field(None, description="Every endpoint; in `from` and `to`, every address as well.")

    @model_validator(mode="after")
    def _is_whole(self) -> "Selector":
        """Refuses what selects nothing in particular. Raises ValueError."""
        if not any(value is not None for _, value in self):
            raise ValueError("a selector needs a key such as 'service', 'labels' or 'any: true'")
        for hole in self.except_ or ():
            if not any(holds_cidr(cidr, hole) for cidr in self.cidr or ()):
                raise ValueError(f"'except' {hole} is not within {' or '.join(self.cidr or ['any `cidr`'])}")
        return self


Selectors = Annotated[list[Selector], LISTED, Field(min_length=1), ONE_OR_MORE]


class IcmpType(Declaration):
    """ICMP messages, or ICMPv6 messages between IPv6 addresses."""

    type: int = Field(ge=0, le=255, description="As in the message: 8 is an echo request of ICMP, 128 of ICMPv6.")
    code: int | None = Field(None, ge=0, le=255, description="Default: any.")


IcmpTypes = Annotated[list[IcmpType], LISTED, Field(min_length=1), ONE_OR_MORE]
Action = Literal["allow", "deny", "log", "pass"]

_PORTS = (
    "Destination ports, one or a list: `80` (TCP), `80/udp`, `8000-8010/sctp`, a protocol alone (any port of it, or "
    "all of `icmp`), or the name of a port of the destination (`http`, `http/tcp`). Default, without `icmp`: anything."
)
_ICMP = "ICMP messages, one or a list; in addition to `ports`."
_ACTION = "`allow`; `deny`; `log`: and go on with the next rule; `pass`: go on with the next tier."


class IngressRule(Declaration):
    """A rule about what comes in; the first one that matches decides."""

    from_: Selectors | None = Field(None, alias="from", description="Sources, one or a list. Default: anyone.")
    ports: PolicyPorts | None = Field(None, description=_PORTS)
    icmp: IcmpTypes | None = Field(None, description=_ICMP)
    action: Action = Field("allow", description=_ACTION)


class EgressRule(Declaration):
    """A rule about what goes out; the first one that matches decides."""

    to: Selectors | None = Field(None, description="Destinations, one or a list. Default: anyone.")
    ports: PolicyPorts | None = Field(None, description=_PORTS)
    icmp: IcmpTypes | None = Field(None, description=_ICMP)
    action: Action = Field("allow", description=_ACTION)


class Policy(Declaration):
    """Who may talk to the endpoints that it applies to, and whom they may talk to.

    An endpoint that no policy governs in a direction is open in that direction. One that is governed admits what a rule
    allows, and nothing else. A connection needs the consent of both ends; replies follow it.
    """

    applies_to: Selectors = Field(description="The endpoints that are governed, by one selector or a list.")
    tier: Name = Field(DEFAULT_TIER, description="The tier that it belongs to.")
    order: int = Field(
        1000, ge=0, le=0x7FFFFFFF, description="Lower is consulted earlier; of equal ones, by name. Matters for `deny`."
    )
    staged: bool = Field(False, description="Count and log what would be dropped; drop nothing.")
    ingress: list[IngressRule] | None = Field(
        None, description="What may come in, by the first rule that matches; `[]`: nothing. Default: not governed."
    )
    egress: list[EgressRule] | None = Field(
        None, description="What may go out, by the first rule that matches; `[]`: nothing. Default: not governed."
    )


class Tier(Declaration):
    """Policies that are consulted together: a tier that governs an endpoint decides, unless a rule says `pass`."""

    order: int = Field(
        ge=0, le=0x7FFFFFFF, description=f"Lower is earlier. The tier `{DEFAULT_TIER}` has {DEFAULT_TIER_ORDER}."
    )


class Failsafe(Declaration):
    """Ports of hosts that no policy closes, so that nobody locks himself out."""

    ingress: list[ProtocolOrPorts] | None = Field(
        None, description="Default: 22/tcp, 68/udp, 8300-8302/tcp, 8300-8302/udp, 8500-8503/tcp, 8600/tcp, 8600/udp."
    )
    egress: list[ProtocolOrPorts] | None = Field(
        None,
        description="Default: 53/tcp, 53/udp, 67/udp, 123/udp, 8300-8302/tcp, 8300-8302/udp, 8500-8503/tcp.",
    )


class ServiceEndpoint(Declaration):
    """An address at which a service is."""

    address: Address = Field(description="Of an attachment, or of something that netctl does not attach.")
    host: Name | None = Field(None, description="The host that it is on; default: found by the network.")
    weight: int = Field(1, ge=0, le=65535, description="Share of the connections; 0: no new ones.")
    id: InstanceId | None = Field(None, description="In Consul; default: `<stack>:<service>:<address>`.")


class AttachmentSelector(Declaration):
    """Attachments by their labels, of which all keys must hold; or containers."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    labels: Labels | None = Field(None, description="Attachments that have all of these labels.")
    expr: LabelExpression | None = Field(None, description="Attachments by an expression over their labels.")
    containers: ContainerSelector | None = Field(
        None, description="Containers on Docker networks; of those on several, `network` says which one counts."
    )

    @property
    def is_empty(self) -> bool:
        """Whether it has no key, or keys of which one makes another meaningless."""
        own = self.labels is not None or self.expr is not None
        return own == (self.containers is not None)


_Endpoints = list[Address | ServiceEndpoint] | AttachmentSelector


class Service(Declaration):
    """Endpoints that offer the same, under one name."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"required": ["external"]},
            "then": {"not": {"required": ["endpoints"]}},
            "else": {"required": ["endpoints"]},
        }
    )

    network: Name | None = Field(None, description="The network or overlay that its endpoints are on; default: any.")
    port: PortNumbers | None = Field(None, description="What it listens on, one or a list: `80` (TCP), `80/udp`.")
    ports: NamedPorts = Field(default_factory=dict, description="Ports with a name: `{http: 80/tcp}`.")
    endpoints: _Endpoints = Field(default_factory=list, description="A list of addresses, or what selects attachments.")
    vip: Vip | None = Field(
        None,
        description="A virtual address, whose connections go to the endpoints: `auto` (from subnet `vips`), an address "
        "or one of each family, or `{subnet: NAME}`.",
    )
    publish: Publications | None = Field(
        None, description="Ports of the hosts that lead to the service, one or a list: `8080:80`, `53:53/udp`."
    )
    affinity: Affinity | None = Field(
        None, description="Which connections go to one endpoint; default: each goes to any."
    )
    drain: Duration | None = Field(
        None,
        description="How long connections to an endpoint that is removed or unhealthy go on until a running watch cuts "
        "them: `30s`. Default: as long as they last.",
    )
    external: ExternalHost | None = Field(
        None, description="In place of `endpoints`: a host name or an address outside, for Consul's catalog."
    )
    checks: list[Check] = Field(default_factory=list, description="Whether an endpoint is healthy: all must hold.")
    register_: bool | None = Field(
        None,
        alias="register",
        description="Whether Consul is told; default: where the stack has `consul`, `kv`, or a key below this one.",
    )
    tags: Texts = Field(default_factory=list, description="Consul's tags, in their order.")
    meta: dict[Text, Text] = Field(default_factory=dict, description="Consul's metadata: 60 pairs at most.")
    weights: Weights | None = Field(None, description="An endpoint's own `weight` goes before `passing`.")
    tagged_addresses: dict[Text, TaggedAddress] = Field(
        default_factory=dict, description="Further addresses by name, such as `wan`; with a port or the service's."
    )
    enable_tag_override: bool = Field(
        False, description="Others may change the tags in the catalog; they are then only set when registering."
    )
    queries: dict[QueryName, QueryEntry] = Field(default_factory=dict, description="Consul's prepared queries.")
    config_entries: ServiceEntries | None = Field(
        None, description="Consul's config entries that bear the service's name."
    )
    intentions: bool | list[IntentionEntry] | None = Field(
        None,
        description="Who may connect to it in Consul's mesh; `true`: what `policies` say; else `consul.intentions`.",
    )

    @field_validator("endpoints")
    @classmethod
    def _selects_something(cls, endpoints: _Endpoints) -> _Endpoints:
        """Refuses a selector without a key. Raises ValueError."""
        if isinstance(endpoints, AttachmentSelector) and endpoints.is_empty:
            raise ValueError("a selector of endpoints needs the keys 'labels' or 'expr', or 'containers' alone")
        return endpoints

    @model_validator(mode="after")
    def _is_somewhere(self) -> "Service":
        """Refuses a service without a place, or with two. Raises ValueError."""
        if self.external is not None and "endpoints" in self.model_fields_set:
            raise ValueError("an 'external' service is elsewhere and has no 'endpoints'; remove one of the two")
        if self.external is None and "endpoints" not in self.model_fields_set:
            raise ValueError("a service needs 'endpoints', or 'external'")
        return self


class Expectation(Declaration):
    """Reachability that must hold: for every pair of what `from` and `to` select."""

    from_: Selectors = Field(alias="from", description="Sources, one or a list.")
    to: Selectors = Field(description="Destinations, one or a list.")
    port: ExpectedPort = Field(description="One port: `5432/tcp`, the name of one of the destination's, or `icmp`.")
    verdict: Literal["allow", "deny"] = Field(description="Whether the policies allow it.")
