"""What is to hold on a host, by what the store says: a version, completed with who is there."""

from typing import NamedTuple

from netctl.cluster.membership import View
from netctl.cluster.records import ContainersRecord, Publication
from netctl.engine.facts import Facts
from netctl.stack.loader import LoadedStack


class Offer(NamedTuple):
    """What is to hold on this host."""

    publication: Publication
    loaded: LoadedStack
    """The version, completed."""
    view: View
    gone: frozenset[str]
    leads: bool
    """Whether this host writes what is cluster-wide."""
    containers: dict[str, ContainersRecord]
    """By the other hosts, what they have on the stack's networks."""

    def facts(self, own: Facts) -> Facts:
        """What is known of this host, and of the others."""
        elsewhere = {host: record.facts() for host, record in self.containers.items()}
        return own._replace(gone=self.gone, elsewhere=elsewhere)

    def is_like(self, other: "Offer | None") -> bool:
        """Whether the other one comes to the same."""
        return (
            other is not None
            and self[3:] == other[3:]
            and self.publication == other.publication
            and self.loaded.stack.hosts == other.loaded.stack.hosts
        )
