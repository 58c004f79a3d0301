"""What a host is to have in Consul: its instances of services, and what is cluster-wide, which every host wants alike.

`registration` says which services Consul is told of, `instances` where they are, `health` how they are checked, `keys`
what is stored.
"""

from collections.abc import Iterator, Mapping

from netctl.compiler.consul.externals import compile_externals
from netctl.compiler.consul.instances import compile_instances
from netctl.compiler.consul.keys import compile_keys
from netctl.compiler.site import Site
from netctl.engine.resource import Desired
from netctl.policy.model import Endpoint

__all__ = ["compile_consul"]


def compile_consul(site: Site, endpoints: Mapping[str, Endpoint]) -> Iterator[Desired]:
    """Instances of services by the stack's *endpoints*, external services, keys."""
    yield from compile_instances(site, endpoints)
    yield from compile_externals(site)
    yield from compile_keys(site)
