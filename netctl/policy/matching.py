"""Whether a rule matches a connection."""

from netctl.policy.model import Connection, IcmpMatch, Peers, PortRange, Protocol, Rule
from netctl.policy.ranges import ECHO_REQUEST, AddressRanges, has_port

_OUTSIDE = {4: 1 << 24, 6: 0x2000 << 112}
"""Some address that is nobody's in particular: it stands for one that is not known."""


class Matching:
    """Compares rules and connections; the ranges of a rule's prefixes are worked out once."""

    def __init__(self) -> None:
        self._ranges: dict[tuple[str, ...], AddressRanges] = {}
        self._named: dict[int, tuple[Rule, dict[str, tuple[PortRange, ...]]]] = {}

    def matches(
        self, rule: Rule, connection: Connection, destination: str, peer: str, address: int | None
    ) -> bool:  # fmt: skip
        """Whether the rule matches a connection to the *destination* (an endpoint's name, or empty).

        The *peer* is the other end as the rule's policy sees it, by name (or empty) and address.
        """
        if not self.has_peer(rule.peers, peer, connection.family, address):
            return False
        protocol, port = connection.protocol, connection.port
        return has_service(rule, connection) or has_port(self.named(rule, destination), protocol, port)

    def has_peer(self, peers: Peers | None, name: str, family: int, address: int | None) -> bool:
        """Whether an end is one of the peers. Where its address is not known, it is taken for one outside."""
        if peers is None or name in peers.endpoints:
            return True
        own = _OUTSIDE[family] if address is None else address
        return bool(peers.prefixes) and self.ranges(peers).has(family, own)

    def ranges(self, peers: Peers) -> AddressRanges:
        """The addresses of the peers' prefixes."""
        found = self._ranges.get(peers.prefixes)
        if found is None:
            found = self._ranges[peers.prefixes] = AddressRanges(peers.prefixes)
        return found

    def named(self, rule: Rule, destination: str) -> tuple[PortRange, ...]:
        """What the rule's named ports are on a destination."""
        if not rule.named_ports or not destination:
            return ()
        # A rule is kept along with its table, so that no other can have its identity.
        kept = self._named.get(id(rule))
        if kept is None:
            kept = self._named[id(rule)] = rule, dict(rule.named_ports)
        return kept[1].get(destination, ())


def has_service(rule: Rule, connection: Connection) -> bool:
    """Whether the rule is about such connections, its named ports aside."""
    if rule.ports is None:
        return True
    if connection.protocol is Protocol.ICMP:
        message = connection.icmp or IcmpMatch(ECHO_REQUEST[connection.family])
        if any(match.type == message.type and match.code in {None, message.code or 0} for match in rule.icmp):
            return True
    return has_port(rule.ports, connection.protocol, connection.port)
