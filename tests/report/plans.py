"""A plan with one of everything, made by the engine from desired and live resources."""

import os
from collections.abc import Iterable
from pathlib import Path

from netctl.engine.plan import Plan, make_plan
from netctl.engine.protocol import Observation, Unread
from netctl.engine.resource import Attributes, Desired, Key, Live, Origin, Owner
from netctl.kinds.address import ADDRESS, Address, address_key
from netctl.kinds.link import LINK, PORT, Bridge, OtherLink, Port, Veth, VethPeer, Vxlan, link_key, port_key
from netctl.kinds.neighbour import FDB, NEIGHBOUR, FdbEntry, Neighbour, fdb_key, neighbour_key
from netctl.kinds.nftables import RULE as NFT_RULE
from netctl.kinds.nftables import TABLE, Chain, Match, Set, Table, Verdict, own_table, rule, table_key
from netctl.kinds.route import ROUTE, NextHop, Route, route_key
from netctl.kinds.rule import RULE, Rule, rule_key
from netctl.kinds.sysctl import SYSCTL, Sysctl, sysctl_key

KINDS = {kind[:2]: kind for kind in (LINK, PORT, ADDRESS, ROUTE, RULE, NEIGHBOUR, FDB, SYSCTL, TABLE, NFT_RULE)}
GOLDEN = Path(__file__).parent / "golden"


def want(
    key: Key,
    attributes: Attributes,
    declaration: str,
    line: int,
    needs: tuple[Key, ...] = (),
    within: Key | None = None,
) -> Desired:
    """A desired resource that is declared in ``stack.yaml``."""
    return Desired(key, attributes, Origin(declaration, "stack.yaml", line), needs, within)


def have(key: Key, attributes: Attributes, declaration: str = "", within: Key | None = None) -> Live:
    """A live resource of the stack ``shop``."""
    return Live(key, attributes, Owner("shop", declaration), within)


def plan_of(
    desired: Iterable[Desired], live: Iterable[Live], unread: tuple[Unread, ...] = (), *, adopt: bool = False
) -> Plan:
    """The plan of the stack ``shop`` on ``node1``."""
    observation = Observation({found.key: found for found in live}, unread)
    return make_plan(
        {found.key: found for found in desired}, observation, KINDS, stack="shop", host="node1", adopt=adopt
    )


def table(*sources: str, verdict: str = "accept") -> Table:
    """The stack's table with a set and a chain."""
    inside = Set("inside4", ("ipv4_addr",), flags=("interval",), elements=frozenset(sources))
    forward = Chain("forward", (rule(Match("iifname", "nc-web"), Verdict(verdict)),), "filter", "forward", 0, "accept")
    return own_table("shop", [inside], [forward])


FRONTEND, WEB, PEER = link_key("nc-frontend"), link_key("nc-web"), link_key("eth0", "web")
VXLAN, OLD, TAKEN = link_key("nc-pods-vx"), link_key("nc-old"), link_key("nc-lan")
TUNNEL, STALE = address_key("nc-pods-vx", "10.42.1.0/32"), address_key("nc-old", "10.9.0.1/24")
VTEP = "02:00:00:00:00:02"

DESIRED = [
    want(FRONTEND, Bridge("", "nc-frontend", mtu=1450), "networks.frontend", 20),
    want(WEB, Veth("", "nc-web", master="nc-frontend", peer="web/eth0"), "networks.frontend", 22, (FRONTEND,)),
    want(PEER, VethPeer("web", "eth0", mtu=1450), "networks.frontend", 22, within=WEB),
    want(VXLAN, Vxlan("", "nc-pods-vx", vni=43, local="192.0.2.11", underlay="eth0"), "overlays.pods", 31),
    want(TUNNEL, Address("", "nc-pods-vx", "10.42.1.0/32"), "overlays.pods", 31, within=VXLAN),
    want(
        neighbour_key("nc-pods-vx", "10.42.2.0"),
        Neighbour("nc-pods-vx", "10.42.2.0", VTEP),
        "overlays.pods",
        31,
        (VXLAN,),
    ),
    want(
        fdb_key("nc-pods-vx", VTEP, "192.0.2.12"),
        FdbEntry("nc-pods-vx", VTEP, "192.0.2.12"),
        "overlays.pods",
        31,
        (VXLAN,),
    ),
    want(TAKEN, Bridge("", "nc-lan"), "networks.lan", 27),
    want(
        route_key("10.99.0.0/16"),
        Route("", "10.99.0.0/16", gateway="10.10.0.254", device="nc-frontend"),
        "routes[0]",
        40,
    ),
    want(
        route_key("10.98.0.0/16"),
        Route(
            "", "10.98.0.0/16", nexthops=(NextHop("10.10.0.7", "nc-frontend"), NextHop("10.10.0.8", "nc-frontend", 2))
        ),
        "routes[1]",
        41,
    ),
    want(rule_key(Rule(4, 1000, source="10.1.0.0/16")), Rule(4, 1000, source="10.1.0.0/16", table=100), "rules[0]", 44),
    want(
        sysctl_key("net.ipv4.conf.eth0.forwarding"),
        Sysctl("net.ipv4.conf.eth0.forwarding", "eth0", "1"),
        "networks.frontend",
        20,
    ),
    want(port_key("eth1"), Port("", "eth1", "nc-frontend", up=True), "networks.frontend", 24, (FRONTEND,)),
    want(table_key("shop"), table("10.10.0.0/24", "10.20.0.0/24"), "networks.frontend", 20),
]

LIVE = [
    have(FRONTEND, Bridge("", "nc-frontend", mtu=1500), "networks.frontend"),
    have(VXLAN, Vxlan("", "nc-pods-vx", vni=42, local="192.0.2.11", underlay="eth0"), "overlays.pods"),
    have(TUNNEL, Address("", "nc-pods-vx", "10.42.1.0/32"), "overlays.pods", VXLAN),
    have(OLD, Bridge("", "nc-old", mtu=1500), "networks.old"),
    have(STALE, Address("", "nc-old", "10.9.0.1/24"), "networks.old", OLD),
    Live(TAKEN, OtherLink("", "nc-lan", "dummy")),
    have(table_key("shop"), table("10.10.0.0/24", verdict="drop"), ""),
]

UNREAD = (
    Unread("kernel", "namespace db", "permission denied", frozenset({address_key("eth0", "10.20.0.10/24", "db")})),
)


def everything() -> Plan:
    """Each action, a conflict, and a part that could not be read."""
    return plan_of(DESIRED, LIVE, UNREAD)


def assert_golden(name: str, text: str) -> None:
    """*text* is what the file holds; with ``NETCTL_GOLDEN=write`` it is written there instead."""
    path = GOLDEN / name
    if os.environ.get("NETCTL_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"compare with {path.name}; NETCTL_GOLDEN=write renews it"
