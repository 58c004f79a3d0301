"""Endpoints, and policies resolved to them: selectors have become endpoints and prefixes, names of ports numbers.

The semantics are those of Kubernetes' NetworkPolicy, with Calico's additions. An endpoint that no policy selects for a
direction is open in that direction. One that is selected is judged tier by tier, in each tier policy by policy and
rule by rule, in order; the first rule that matches decides. A tier in which a policy selects the endpoint and no rule
matches denies, so that without tiers, orders and actions what is allowed is the union of all rules and nothing else.
A connection needs both its source's egress and its destination's ingress; replies follow it.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from netctl.engine.resource import Origin


class Protocol(StrEnum):
    """What a port is of; `ICMP` stands for ICMPv6 too, by the addresses' family."""

    TCP = "tcp"
    UDP = "udp"
    SCTP = "sctp"
    ICMP = "icmp"


class Direction(StrEnum):
    """From the endpoint's point of view."""

    INGRESS = "ingress"
    EGRESS = "egress"


class Action(StrEnum):
    """What a rule does with what it matches."""

    ALLOW = "allow"
    DENY = "deny"
    LOG = "log"
    """Log, and go on with the next rule."""
    PASS = "pass"  # noqa: S105 - no password
    """Go on with the next tier; after the last one what no tier denies is allowed."""


class PortRange(NamedTuple):
    """Ports of a protocol; any port where first is 0 (and always for ICMP)."""

    protocol: Protocol
    first: int = 0
    last: int = 0


class IcmpMatch(NamedTuple):
    """ICMP messages by type, and code where one is given."""

    type: int
    code: int | None = None


class Endpoint(NamedTuple):
    """What policies select: an attached namespace, a host, or a static address of a service."""

    name: str
    """``frontend/web`` (network, namespace; ``frontend/web/eth1`` unless ``eth0``), with ``@node1`` appended where the
    attachment is on several hosts; ``host/node1``; ``service/db/10.20.0.10``."""
    kind: str
    """``attachment``, ``host`` or ``address``."""
    host: str
    """The stack's host that it is on; empty where the stack has none, or where it is an address elsewhere."""
    network: str
    """The network or overlay; empty for a host."""
    addresses: tuple[str, ...]
    """Without prefix length, IPv4 before IPv6."""
    labels: Mapping[str, str]
    """Declared ones, and ``host``, ``network`` where they hold."""
    ports: Mapping[str, PortRange] = {}
    """By name."""
    services: frozenset[str] = frozenset()
    interface: str = ""
    """The host's end of an attachment; empty for anything else (a macvlan has none)."""
    mac: str = ""
    """Of an attachment, inside its namespace."""
    netns: str = ""
    masqueraded: bool = False
    """Whether what it sends beyond `PolicySet.inside` of its host takes the host's address on the way."""
    spans_hosts: bool = False
    """Whether it is on an overlay, so that other hosts know the way back to it. What another endpoint that is
    masqueraded sends to `PolicySet.overlays` beyond its host takes the host's address, too."""
    anti_spoofing: bool = True
    """Whether what an attachment sends from another's address or MAC is dropped."""


class Peers(NamedTuple):
    """The other side of a rule: endpoints and prefixes, in union."""

    endpoints: frozenset[str] = frozenset()
    """Names."""
    prefixes: tuple[str, ...] = ()
    """Canonical, with exceptions already cut out, merged and sorted; no two overlap."""
    definition: str = ""
    """The selectors, in one canonical text: what has the same definition has the same members, today and after any
    change of an endpoint, so that the kernel can keep one set for all of them. Empty: shared with no other rule."""


class Rule(NamedTuple):
    """One rule of a policy, resolved."""

    action: Action
    peers: Peers | None
    """None: anyone."""
    ports: tuple[PortRange, ...] | None
    """None: any protocol and port. Empty: none, the rule matches nothing."""
    icmp: tuple[IcmpMatch, ...]
    """In union with the ports."""
    named_ports: tuple[tuple[str, tuple[PortRange, ...]], ...]
    """For each *destination* endpoint (by name) what the rule's named ports mean there; in union with the ports."""
    origin: Origin
    text: str = ""
    """As declared, in one line, for a person: ``from service web, ports 5432/tcp``."""
    port_names: tuple[str, ...] = ()
    """The named ports as declared, sorted: ``http``, ``dns/udp``. Rules of one direction that name the same ones mean
    the same by them at every endpoint. Empty where there are none, or where they are shared with no other rule."""


class Policy(NamedTuple):
    """A policy, resolved. A direction that it does not govern is None; ``()`` governs it and allows nothing."""

    name: str
    tier: str
    staged: bool
    selected: frozenset[str]
    """The names of the endpoints that it applies to."""
    ingress: tuple[Rule, ...] | None
    egress: tuple[Rule, ...] | None
    origin: Origin


class Failsafe(NamedTuple):
    """Ports of hosts that no policy closes."""

    ingress: tuple[PortRange, ...]
    egress: tuple[PortRange, ...]


class PolicySet(NamedTuple):
    """All that decides, resolved."""

    endpoints: Mapping[str, Endpoint]
    """By name, sorted."""
    policies: tuple[Policy, ...]
    """In the order in which they are consulted: by tier, order, name."""
    tiers: tuple[str, ...]
    """In order; the default one, ``default``, last unless its order is declared."""
    failsafe: Failsafe
    inside: Mapping[str, tuple[str, ...]] = {}
    """By host, the prefixes to which no endpoint of it is masqueraded."""
    overlays: Mapping[str, tuple[str, ...]] = {}
    """Of these, the prefixes of overlays that are neither internal nor isolated."""
    sources: Mapping[str, tuple[tuple[str, str], ...]] = {}
    """By host, prefixes, the narrowest first, and which of its addresses it sends to them from. What it sends from
    elsewhere is not known; of a host that is not here, it is its first address."""


class Connection(NamedTuple):
    """What a verdict is asked for. An end is an endpoint's name, or an address that is no endpoint's."""

    source: str
    destination: str
    protocol: Protocol
    port: int = 0
    icmp: IcmpMatch | None = None
    """An echo request unless given; a code that is not given is 0."""
    family: int = 4
    """By which of the endpoints' addresses: 4 or 6."""
