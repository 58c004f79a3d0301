"""Routes.

A route over an interface of ours is recognised by netctl's protocol number; the interface tells the stack. A route
over anything else has a *claim*: a blackhole route to the same destination in the stack's own claim table, which no
rule looks up, with a metric that tells the route's table and metric (see ``docs/decisions/``).
"""

from typing import NamedTuple
from zlib import crc32

from netctl.engine.resource import Key, Kind
from netctl.kinds.link import SYSTEM

PROTOCOL = 110
"""netctl's number in ``/etc/iproute2/rt_protos``: on its routes, rules, neighbours and addresses."""
MAIN_TABLE = 254
IPV6_DEFAULT_METRIC = 1024
"""The kernel gives it to an IPv6 route that names none."""
CLAIM_TABLES = 0x6E000000
"""Claim tables are this number plus 24 bits of the stack's name."""
_OTHER_TABLES = 0x80000000
"""Claims to routes of any table but the main one have a metric from here on."""


def stack_number(stack: str) -> int:
    """A number for *stack*, 0x6e000000 … 0x6effffff: its claim table, and the mark on its rules."""
    return CLAIM_TABLES | (crc32(stack.encode()) & 0xFFFFFF)


def claim_metric(table: int, metric: int) -> int:
    """The metric of the claim to a route: in the main table the route's own, else a number for table and metric."""
    return metric if table == MAIN_TABLE else _OTHER_TABLES | (crc32(f"{table} {metric}".encode()) & ~_OTHER_TABLES)


def route_key(destination: str, table: int = MAIN_TABLE, metric: int = 0, netns: str = "") -> Key:
    """The key of a route; *metric* as the kernel has it, so never 0 for IPv6."""
    text = destination
    if table != MAIN_TABLE:
        text += f" table {table}"
    if metric and not (metric == IPV6_DEFAULT_METRIC and ":" in destination):
        text += f" metric {metric}"
    return Key(SYSTEM, "route", f"{netns}/{text}" if netns else text)


class NextHop(NamedTuple):
    """One of several next hops."""

    gateway: str
    device: str
    weight: int = 1


class Route(NamedTuple):
    """A unicast route with one next hop or several, or a blackhole, unreachable or prohibit route."""

    netns: str
    destination: str
    """``0.0.0.0/0`` and ``::/0`` for the default routes."""
    table: int = MAIN_TABLE
    metric: int = 0
    type: str | None = "unicast"
    gateway: str | None = ""
    """Empty: directly on the link."""
    device: str | None = None
    """None: the kernel finds it by the gateway. Empty: none (blackhole and its like, several next hops)."""
    onlink: bool | None = False
    source: str | None = ""
    """The preferred source address; empty for none."""
    mtu: int | None = 0
    """0: the device's own."""
    nexthops: tuple[NextHop, ...] | None = ()
    """Sorted; empty where there is one."""


ROUTE = Kind(SYSTEM, "route", identity=frozenset({"netns", "destination", "table", "metric"}))
