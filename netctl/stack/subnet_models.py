"""The language's model of subnets."""

from pydantic import Field

from netctl.stack.declaration import Declaration
from netctl.stack.scalars import Addresses, AddressRange, Cidrs, PrefixLengths


class Subnet(Declaration):
    """A range of addresses: one CIDR of a family, or one of each."""

    cidr: Cidrs = Field(description="One CIDR, or a list of one IPv4 and one IPv6 CIDR.")
    per_host: PrefixLengths | None = Field(
        None, description="Prefix length of each host's block; a list for one of each family."
    )
    gateway: Addresses | None = Field(None, description="Default: the subnet's (or the host's block's) first address.")
    reserved: list[AddressRange] = Field(
        default_factory=list, description="Addresses, CIDRs and `first-last` ranges that are never assigned."
    )
    range: list[AddressRange] = Field(
        default_factory=list, description="Where assigned addresses come from; default: the whole subnet."
    )
