"""The ports that stacks publish, whichever they are: two of them must not have one port of a host."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from netctl.kinds.nftables import FAMILY, PUBLISHED
from reconcilers.nftables.tables import read_heads, read_set
from reconcilers.nftables.transport import Connection

_KEY = ("inet_proto", "inet_service")


def publications(connection: Connection) -> Mapping[tuple[str, int], frozenset[str]]:
    """The stacks that publish something, by protocol and port. Raises Interrupted, RequestError."""
    found: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    for head in list(read_heads(connection, FAMILY)):
        if head.owner is not None:
            for place in _ports(connection, head.name):
                found[place].add(head.owner.stack)
    return {place: frozenset(stacks) for place, stacks in found.items()}


def _ports(connection: Connection, table: str) -> Iterator[tuple[str, int]]:
    for name in PUBLISHED.values():
        published = read_set(connection, FAMILY, table, name)
        for element in published.elements if published is not None and published.key == _KEY else ():
            protocol, port = element.partition(" : ")[0].split(" . ")
            yield protocol, int(port)
