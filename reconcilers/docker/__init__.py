"""Docker, over the Engine's HTTP API: networks, and the containers attached to them.

Read `api` first, then `snapshot` and `observation` (reading), `writer` and `replacement` (writing). What the Engine
answers is taken apart in `networks` and `containers`.
"""

from netctl.engine.protocol import Context
from netctl.engine.resource import Kind
from netctl.kinds.docker import ATTACHMENT, NETWORK, REFERENCE
from netctl.kinds.docker import SYSTEM as NAME
from reconcilers.docker.reader import Reader
from reconcilers.docker.writer import Writer


class Docker:
    """The system that the entry point names."""

    name = NAME
    kinds: tuple[Kind, ...] = (NETWORK, REFERENCE, ATTACHMENT)

    def reader(self, context: Context) -> Reader:
        """A reader; nothing is asked of the Engine before it has to."""
        return Reader(context)

    def writer(self, context: Context) -> Writer:
        """A writer; what the Engine does not permit is told when it is executed."""
        return Writer(context)


SYSTEM = Docker()
