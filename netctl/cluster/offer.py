"""What is to hold on a host, by what the store says: a version, completed with who is there."""

from typing import NamedTuple

from netctl.cluster.completion import complete
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
    problems: tuple[str, ...] = ()
    """Who was left out, and why."""

    def facts(self, own: Facts) -> Facts:
        """What is known of this host, and of the others."""
        elsewhere = {host: record.facts() for host, record in self.containers.items()}
        return own._replace(gone=self.gone, elsewhere=elsewhere)

    def is_like(self, other: "Offer | None") -> bool:
        """Whether the other one comes to the same."""
        return (
            other is not None
            and (self.gone, self.leads, self.containers) == (other.gone, other.leads, other.containers)
            and self.publication == other.publication
            and self.loaded.stack.hosts == other.loaded.stack.hosts
        )


def offer_of(
    version: tuple[Publication, LoadedStack], view: View, host: str, gone: frozenset[str], *, leads: bool
) -> Offer:
    """What a version comes to on that host, with who is there. The host may be among those who were left out."""
    publication, loaded = version
    completed = complete(loaded.stack, view)
    others = {name: record for name, record in view.containers.items() if name != host}
    stack = loaded.having(completed.stack)
    return Offer(publication, stack, view, gone, leads, others, (*view.problems, *completed.problems))
