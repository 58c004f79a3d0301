"""A lane: one direction of one address family. Every chain and set of the judgement belongs to one."""

from typing import NamedTuple

from netctl.kinds.nftables import Match
from netctl.policy.model import Direction, Endpoint

FAMILIES = (4, 6)
ADDRESS_TYPE = {4: "ipv4_addr", 6: "ipv6_addr"}
VERSION = {4: Match("meta nfproto", "ipv4"), 6: Match("meta nfproto", "ipv6")}
"""What every rule that looks into an IPv4 or IPv6 header begins with."""
_IP = {4: "ip", 6: "ip6"}


class Lane(NamedTuple):
    """One direction of one address family."""

    direction: Direction
    family: int

    def __str__(self) -> str:
        """``ingress4``: the map of its endpoints, and the beginning of its chains' names."""
        return f"{self.direction}{self.family}"

    @property
    def own(self) -> str:
        """The field that has the address of the endpoint itself."""
        return f"{_IP[self.family]} {'daddr' if self.direction is Direction.INGRESS else 'saddr'}"

    @property
    def peer(self) -> str:
        """The field that has the address of the other side."""
        return f"{_IP[self.family]} {'saddr' if self.direction is Direction.INGRESS else 'daddr'}"

    @property
    def destination(self) -> str:
        """The field that has the destination's address."""
        return f"{_IP[self.family]} daddr"

    @property
    def icmp(self) -> str:
        """The family's ICMP, as a protocol."""
        return "icmp" if self.family == 4 else "ipv6-icmp"

    @property
    def messages(self) -> str:
        """The family's ICMP, as nft names its fields and types."""
        return "icmp" if self.family == 4 else "icmpv6"


LANES = tuple(Lane(direction, family) for direction in Direction for family in FAMILIES)


def addresses_of(endpoint: Endpoint, family: int) -> list[str]:
    """An endpoint's addresses of one family."""
    return [address for address in endpoint.addresses if (":" in address) == (family == 6)]
