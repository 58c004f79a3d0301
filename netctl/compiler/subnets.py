"""Subnets: their prefixes, the block of each host, and what of them can be assigned."""

from typing import NamedTuple

from netctl.compiler.places import Path
from netctl.compiler.prefixes import BITS, Prefix, Span, parse_address, parse_prefix, parse_span, subtract
from netctl.stack.subnet_models import Subnet


class Pool(NamedTuple):
    """The addresses of one family of a subnet."""

    prefix: Prefix
    block: int | None = None
    """Prefix length of each host's block; None where the subnet is one for all."""
    gateway: int | None = None
    """As it is declared."""
    reserved: tuple[Span, ...] = ()
    ranges: tuple[Span, ...] = ()
    """Where assigned addresses come from; empty: from everywhere."""

    @property
    def blocks(self) -> int:
        """The highest number that a block can have."""
        return (1 << (self.block - self.prefix.length)) - 1 if self.block is not None else 0

    def on(self, number: int) -> Prefix:
        """What the host of that number has: its block, or the whole prefix."""
        return self.prefix if self.block is None else self.prefix.block(number, self.block)

    def assignable(self, within: Prefix) -> list[Span]:
        """The addresses of *within* that may be assigned, as far as the subnet's declaration tells."""
        usable = within.usable
        if not self.ranges:
            return subtract([usable], self.reserved)
        clipped = [Span(max(first, usable.first), min(last, usable.last)) for first, last in self.ranges]
        return subtract(clipped, self.reserved)


class Space(NamedTuple):
    """A resolved subnet: one pool, or one of each family."""

    label: str
    """As messages name it: ``subnet 'pods'``."""
    path: Path
    subnet: Subnet
    pools: tuple[Pool, ...]


def resolve_subnet(subnet: Subnet, label: str, path: Path) -> Space:
    """The subnet as numbers, IPv4 first. What contradicts itself is left out; `netctl.compiler.checks` reports it."""
    if len(subnet.cidr) == 1 and not (subnet.per_host or subnet.gateway or subnet.reserved or subnet.range):
        return Space(label, path, subnet, (Pool(parse_prefix(subnet.cidr[0])),))
    lengths = subnet.per_host or []
    gateways = dict(parse_address(text) for text in subnet.gateway or ())
    reserved = [parse_span(text) for text in subnet.reserved]
    ranges = [parse_span(text) for text in subnet.range]
    pools: dict[int, Pool] = {}
    for index, text in enumerate(subnet.cidr):
        prefix = parse_prefix(text)
        block = lengths[index] if index < len(lengths) else None
        pools.setdefault(
            prefix.family,
            Pool(
                prefix,
                block if block is not None and prefix.length < block <= BITS[prefix.family] else None,
                gateways.get(prefix.family),
                tuple(span for family, span in reserved if family == prefix.family),
                tuple(span for family, span in ranges if family == prefix.family),
            ),
        )
    return Space(label, path, subnet, tuple(pools[family] for family in sorted(pools)))
