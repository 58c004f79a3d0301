"""Would a plan cut the SSH connection that it is run over? Pure: the connection and the host's facts are given.

The connection runs over the interface that has the server's address; what a plan does to that interface, to the
address, or to the route towards the client can end it.
"""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_interface, ip_network
from typing import NamedTuple

from netctl.engine.change import Action, Change
from netctl.engine.facts import LinkFact
from netctl.engine.plan import Plan
from netctl.kinds.address import Address
from netctl.kinds.link import Port
from netctl.kinds.route import MAIN_TABLE, Route
from netctl.kinds.rule import Rule
from netctl.report.wording import attribute_map

_ENDS = frozenset({Action.DELETE, Action.REPLACE})
_CUTTING_FIELDS = {
    "up": "is taken down",
    "mtu": "gets another mtu",
    "master": "becomes a port",
    "mac": "gets another MAC address",
}
_TURNS_AWAY = frozenset({"blackhole", "unreachable", "prohibit"})


class Connection(NamedTuple):
    """The two ends of an SSH connection, as in ``SSH_CONNECTION`` (sshd(8))."""

    client: str
    server: str
    port: int = 22
    """The server's."""


def parse_connection(text: str) -> Connection | None:
    """The connection that the value of ``SSH_CONNECTION`` names, or None where it names none."""
    parts = text.split()
    if len(parts) != 4 or not parts[3].isdecimal():
        return None
    try:
        client, server = (ip_address(part.partition("%")[0]) for part in (parts[0], parts[2]))
    except ValueError:
        return None
    return Connection(str(client), str(server), int(parts[3]))


def ssh_warnings(plan: Plan, links: Mapping[str, LinkFact], connection: Connection | None) -> list[str]:
    """One sentence for each change that would, or might, cut *connection*."""
    carrier = _carrier(links, connection) if connection else None
    if connection is None or carrier is None:
        return []
    path = _Path(connection, carrier, _on_link_prefix(carrier, connection.client))
    return [
        f"this would cut the SSH connection from {connection.client} that netctl runs over: {text}"
        for change in plan.changes
        for text in path.cuts(change)
    ]


def _carrier(links: Mapping[str, LinkFact], connection: Connection) -> LinkFact | None:
    return next((link for link in links.values() if any(_bare(a) == connection.server for a in link.addresses)), None)


def _bare(address: str) -> str:
    return address.partition("/")[0]


def _on_link_prefix(link: LinkFact, client: str) -> int:
    """The length of the link's own prefix that has the client in it; 0 where a router is between."""
    networks = (ip_interface(address).network for address in link.addresses)
    return max((network.prefixlen for network in networks if _contains(network, client)), default=0)


def _contains(network: IPv4Network | IPv6Network, address: str) -> bool:
    return ip_address(address) in network


class _Path:
    """The way that the connection takes: its ends, the interface, how specific the route in use is."""

    def __init__(self, connection: Connection, link: LinkFact, prefix: int) -> None:
        self.connection = connection
        self.link = link
        self.prefix = prefix

    def cuts(self, change: Change) -> Iterator[str]:
        """How *change* cuts the connection, if it does."""
        attributes = change.after or change.before
        if attributes is None or attribute_map(attributes).get("netns"):
            return
        if change.key.kind == "link" and change.key.id == self.link.name:
            yield from self._link_cut(change)
        elif isinstance(attributes, Port) and attributes.name == self.link.name:
            yield from self._port_cut(change, attributes)
        elif isinstance(attributes, Address):
            yield from self._address_cut(change, attributes)
        elif isinstance(attributes, Route):
            yield from self._route_cut(change, attributes)
        elif isinstance(attributes, Rule):
            yield from self._rule_cut(change, attributes)

    def _link_cut(self, change: Change) -> Iterator[str]:
        if change.action in _ENDS:
            yield f"{change.key} is {'deleted' if change.action is Action.DELETE else 'replaced'}"
        elif change.action is Action.UPDATE and change.after is not None:
            after = attribute_map(change.after)
            for field in change.fields:
                if field in _CUTTING_FIELDS and not (field == "up" and after["up"]):
                    yield f"{change.key} {_CUTTING_FIELDS[field]}"

    def _port_cut(self, change: Change, port: Port) -> Iterator[str]:
        if change.action is not Action.DELETE and port.master and (change.before is None or "master" in change.fields):
            yield f"{port.name} becomes a port of {port.master}, without the address {self.connection.server}"
        elif change.action is Action.DELETE or "master" in change.fields:
            yield f"{port.name} leaves its bridge"
        elif "up" in change.fields and port.up is False:
            yield f"{port.name} is taken down"

    def _address_cut(self, change: Change, address: Address) -> Iterator[str]:
        if (
            change.action in _ENDS
            and address.link == self.link.name
            and _bare(address.address) == self.connection.server
        ):
            yield f"{change.key} is {'deleted' if change.action is Action.DELETE else 'replaced'}"

    def _route_cut(self, change: Change, route: Route) -> Iterator[str]:
        network = ip_network(route.destination)
        if route.table != MAIN_TABLE or not _contains(network, self.connection.client):
            return
        carries = network.prefixlen >= self.prefix
        if change.action in _ENDS and carries:
            verb = "deleted" if change.action is Action.DELETE else "replaced"
            yield f"{change.key}, the way back to the client, is {verb}"
        elif (
            change.action is Action.UPDATE
            and carries
            and {"gateway", "device", "nexthops", "type"} & set(change.fields)
        ):
            yield f"{change.key}, the way back to the client, is changed"
        elif change.action is Action.CREATE and carries:
            yield f"{change.key} becomes the way back to the client"

    def _rule_cut(self, change: Change, rule: Rule) -> Iterator[str]:
        if change.action is Action.DELETE or rule.action not in _TURNS_AWAY:
            return
        selects = {"source": self.connection.server, "destination": self.connection.client}
        values = attribute_map(rule)
        if rule.family == ip_address(self.connection.client).version and all(
            not values[field] or _contains(ip_network(values[field]), address) for field, address in selects.items()
        ):
            yield f"{change.key} turns its packets away"
