"""What a host is to have in Consul: its instances of services, and what is cluster-wide, which every host wants alike.

`registration` says which services Consul is told of, `instances` where they are, `health` how they are checked, `keys`
what is stored, `mesh` and `intentions` what else there is of the whole cluster.
"""

from collections.abc import Iterator, Mapping

from netctl.compiler.consul.externals import compile_externals
from netctl.compiler.consul.instances import compile_instances
from netctl.compiler.consul.intentions import compile_intentions
from netctl.compiler.consul.keys import compile_keys
from netctl.compiler.consul.mesh import compile_entries, compile_queries
from netctl.compiler.site import Site
from netctl.engine.resource import Desired
from netctl.policy.model import Endpoint, PolicySet

__all__ = ["compile_consul"]


def compile_consul(
    site: Site, endpoints: Mapping[str, Endpoint], policies: PolicySet | None = None
) -> Iterator[Desired]:
    """Instances of services by the *endpoints*, all that is the cluster's, and what the *policies* mean in its mesh."""
    yield from compile_instances(site, endpoints)
    yield from compile_externals(site)
    yield from compile_keys(site)
    yield from compile_entries(site)
    yield from compile_queries(site)
    yield from compile_intentions(site, policies)
