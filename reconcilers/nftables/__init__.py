"""nftables, over raw nfnetlink: neither libnftables nor ``nft`` is needed.

Read `transport` (the socket) first, then `tables` and `chains` (reading), `requests` and `writer` (writing). What a
rule or an element looks like to the kernel is in `encoding`, `decoding`, `sets` and `elements`.
"""

from netctl.engine.protocol import Context
from netctl.engine.resource import Kind
from netctl.kinds.nftables import RULE, TABLE
from netctl.kinds.nftables import SYSTEM as NAME
from reconcilers.nftables.reader import Reader
from reconcilers.nftables.writer import Writer


class Nftables:
    """The system that the entry point names."""

    name = NAME
    kinds: tuple[Kind, ...] = (TABLE, RULE)

    def reader(self, context: Context) -> Reader:
        """A reader; its socket is opened on entering."""
        return Reader(context)

    def writer(self, context: Context) -> Writer:
        """A writer; entering it raises PrivilegeError without CAP_NET_ADMIN."""
        return Writer(context)


SYSTEM = Nftables()
