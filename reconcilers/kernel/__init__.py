"""The kernel, by route netlink: links, addresses, routes, rules, neighbours, forwarding entries, sysctls.

Reading: `sources` opens a `view` of each namespace, `observation` turns the rows of its dumps (`links`, `addresses`,
`routes`, `rules`, `neighbours`, `sysctls`) into live resources, by their `marks`. Writing: `writer` sends the requests
that the same modules encode, `link_writer` those for links, `loans` what is only borrowed.
"""

from netctl.engine.protocol import Context
from netctl.engine.resource import Kind
from netctl.kinds.address import ADDRESS
from netctl.kinds.link import LINK, PORT
from netctl.kinds.link import SYSTEM as NAME
from netctl.kinds.neighbour import FDB, NEIGHBOUR
from netctl.kinds.route import ROUTE
from netctl.kinds.rule import RULE
from netctl.kinds.sysctl import SYSCTL
from reconcilers.kernel.reader import KernelReader
from reconcilers.kernel.writer import KernelWriter


class KernelSystem:
    """The entry point of the group ``netctl.reconcilers``."""

    name = NAME
    kinds: tuple[Kind, ...] = (LINK, PORT, ADDRESS, ROUTE, RULE, NEIGHBOUR, FDB, SYSCTL)

    def reader(self, context: Context) -> KernelReader:
        """A reader of the kernel in one namespace."""
        return KernelReader(context)

    def writer(self, context: Context) -> KernelWriter:
        """A writer; entering it raises PrivilegeError without CAP_NET_ADMIN."""
        return KernelWriter(context)


SYSTEM = KernelSystem()
