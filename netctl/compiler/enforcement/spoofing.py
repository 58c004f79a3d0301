"""What an attachment may send: frames of its own MAC address, and packets of its own addresses.

It is judged where a frame enters the host's end of the veth pair, in a table of family ``bridge``, before anything else
sees it. A frame is that of IPv4, of IPv6 or of ARP, without a VLAN tag; anything else is dropped. Allowed besides its
own addresses are those with which a node has none yet: 0.0.0.0 in ARP probes (RFC 5227) and to DHCP servers, ``::`` in
duplicate address detection (RFC 4862), and the IPv6 link-local address that follows from its MAC address (RFC 4291). It
is no router: its router advertisements and redirects are dropped.

The target of a neighbour advertisement is not compared: nft 1.0 has no name for it.
"""

from collections.abc import Iterable, Iterator

from netctl.compiler.enforcement.lanes import ADDRESS_TYPE, FAMILIES, addresses_of
from netctl.compiler.prefixes import format_address
from netctl.kinds.nftables import (
    BRIDGE,
    Chain,
    Counter,
    Lookup,
    Match,
    Rule,
    Set,
    Statement,
    Table,
    Verdict,
    own_table,
    rule,
)
from netctl.policy.model import Endpoint

PRIORITY = -200
"""Of ``filter`` in the family ``bridge``: before IPv4 and IPv6 see what is bridged."""

_LINK_LOCAL = 0xFE80 << 112
_RETURN = Verdict("return")
_DROP = (Counter(), Verdict("drop"))
_ARP = Match("ether type", "arp")
_IPV4 = Match("meta protocol", "ip")
_IPV6 = Match("meta protocol", "ip6")
_ICMPV6 = Match("meta l4proto", "ipv6-icmp")
_ROUTERS = frozenset({"134", "137"})
"""Router advertisement and redirect (RFC 4861)."""


def guard(endpoints: Iterable[Endpoint], stack: str) -> Table | None:
    """The table for the attachments among a host's endpoints that are to be guarded; None where there is none."""
    guarded = [end for end in endpoints if is_guarded(end)]
    if not guarded:
        return None
    elements = {name: set[str]() for name in ("guarded", "macs", "sources4", "sources6")}
    for end in guarded:
        for name, element in elements_of(end):
            elements[name].add(element)
    return own_table(stack, _sets({name: frozenset(found) for name, found in elements.items()}), _chains(), BRIDGE)


def is_guarded(endpoint: Endpoint) -> bool:
    """Whether what it sends passes a port of ours, and is to be compared: its addresses are known."""
    return bool(endpoint.interface and endpoint.mac and endpoint.addresses and endpoint.anti_spoofing)


def elements_of(endpoint: Endpoint) -> Iterator[tuple[str, str]]:
    """What a guarded endpoint is in the sets, by name."""
    port = endpoint.interface
    yield "guarded", port
    yield "macs", f"{port} . {endpoint.mac.lower()}"
    yield "sources6", f"{port} . {link_local(endpoint.mac)}"
    for family in FAMILIES:
        for address in addresses_of(endpoint, family):
            yield f"sources{family}", f"{port} . {address}"


def link_local(mac: str) -> str:
    """The IPv6 link-local address of an interface with this MAC address (RFC 4291, appendix A)."""
    value = int(mac.replace(":", ""), 16) ^ (0x02 << 40)
    return format_address(6, _LINK_LOCAL | value >> 24 << 40 | 0xFFFE << 24 | value & 0xFFFFFF)


def _sets(elements: dict[str, frozenset[str]]) -> Iterator[Set]:
    yield Set("guarded", ("ifname",), elements=elements["guarded"])
    yield Set("macs", ("ifname", "ether_addr"), elements=elements["macs"])
    yield Set("routers", ("icmpv6_type",), elements=_ROUTERS)
    for family in FAMILIES:
        yield Set(f"sources{family}", ("ifname", ADDRESS_TYPE[family]), elements=elements[f"sources{family}"])


def _chains() -> Iterator[Chain]:
    entrance = rule(Lookup(("iifname",), "guarded"), Verdict("jump", "source"))
    yield Chain("prerouting", (entrance,), "filter", "prerouting", PRIORITY, "accept")
    yield Chain(
        "source",
        (
            rule(Lookup(("iifname", "ether saddr"), "macs", negated=True), *_DROP),
            rule(Match("ether type", "ip"), Verdict("goto", "source-ipv4")),
            rule(Match("ether type", "ip6"), Verdict("goto", "source-ipv6")),
            rule(_ARP, Verdict("goto", "source-arp")),
            rule(*_DROP),
        ),
    )
    yield _own("source-arp", _arp_rules())
    yield _own("source-ipv4", _ipv4_rules())
    yield _own("source-ipv6", _ipv6_rules())


def _own(name: str, rules: Iterable[Rule]) -> Chain:
    return Chain(name, (*rules, rule(*_DROP)))


def _arp_rules() -> Iterator[Rule]:
    yield rule(_ARP, Lookup(("iifname", "arp saddr ether"), "macs", negated=True), *_DROP)
    yield rule(_ARP, _from("arp saddr ip", 4), _RETURN)
    yield rule(_ARP, Match("arp saddr ip", "0.0.0.0"), _RETURN)


def _ipv4_rules() -> Iterator[Rule]:
    yield rule(_IPV4, _from("ip saddr", 4), _RETURN)
    anyone = (Match("ip saddr", "0.0.0.0"), Match("ip daddr", "255.255.255.255"))
    yield rule(_IPV4, *anyone, Match("meta l4proto", "udp"), Match("th dport", "67"), _RETURN)


def _ipv6_rules() -> Iterator[Rule]:
    yield rule(Match("ether type", "ip6"), _ICMPV6, Lookup(("icmpv6 type",), "routers"), *_DROP)
    yield rule(_IPV6, _from("ip6 saddr", 6), _RETURN)
    yield rule(_IPV6, Match("ip6 saddr", "::"), _ICMPV6, _RETURN)


def _from(field: str, family: int) -> Statement:
    return Lookup(("iifname", field), f"sources{family}")
