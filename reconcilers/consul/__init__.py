"""Consul, over its HTTP API: services with their checks, external services, keys, and what its mesh and DNS are told.

Read `agent` and `api` first, then `agent_state`, `externals` and `keys` (reading), `service_writer` and `key_writer`
(writing); `entries`, `queries` and `intentions` do both. What is kept of netctl's own in Consul is in `marks`.
"""

from netctl.engine.protocol import Context
from netctl.engine.resource import Kind
from netctl.kinds.consul import EXTERNAL, KV, SERVICE
from netctl.kinds.consul import SYSTEM as NAME
from netctl.kinds.consul_mesh import CONFIG, INTENTION, QUERY
from reconcilers.consul.reader import Reader
from reconcilers.consul.writer import Writer


class Consul:
    """The system that the entry point names."""

    name = NAME
    kinds: tuple[Kind, ...] = (SERVICE, EXTERNAL, KV, CONFIG, QUERY, INTENTION)

    def reader(self, context: Context) -> Reader:
        """A reader; nothing is asked of Consul before it has to."""
        return Reader(context)

    def writer(self, context: Context) -> Writer:
        """A writer; what the token does not permit is told when it is executed."""
        return Writer(context)


SYSTEM = Consul()
