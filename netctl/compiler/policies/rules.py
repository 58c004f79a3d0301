"""Rules resolved: who, which ports, and what a named port is on each destination."""

from collections.abc import Iterator, Mapping, Sequence

from netctl.compiler.policies.ports import NamedPort, parse_port
from netctl.compiler.policies.selection import Names, Selection
from netctl.compiler.prefixes import Span, parse_prefix
from netctl.engine.resource import Origin
from netctl.policy.model import Action, Direction, IcmpMatch, Peers, PortRange, Rule
from netctl.stack.policy_models import EgressRule, IngressRule, Selector

NamedPorts = tuple[tuple[str, tuple[PortRange, ...]], ...]

_KEYS = ("service", "network", "overlay", "host", "labels", "expr", "any")


class Ports:
    """Finds what the names of ports mean on endpoints. Answers are kept, as for selectors."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        declaring: dict[str, set[str]] = {}
        for name, end in selection.endpoints.items():
            for port in end.ports:
                declaring.setdefault(port, set()).add(name)
        self._declaring = {port: frozenset(names) for port, names in declaring.items()}
        self._meanings: dict[object, NamedPorts] = {}

    def on(self, names: Sequence[NamedPort], destinations: Names | None) -> NamedPorts:
        """For each of the destinations (None: of all endpoints) that has one of the ports, what it is there."""
        key = (tuple(names), destinations)
        found = self._meanings.get(key)
        if found is None:
            found = self._meanings[key] = tuple(self._meaning(names, destinations))
        return found

    def destinations(self, peers: Peers | None) -> Names | None:
        """The endpoints that peers mean, by name or by address."""
        if peers is None or not peers.prefixes:
            return peers and peers.endpoints
        region: dict[int, list[Span]] = {}
        for text in peers.prefixes:
            prefix = parse_prefix(text)
            region.setdefault(prefix.family, []).append(Span(prefix.first, prefix.last))
        return peers.endpoints.union(name for name, _, _ in self._selection.within(region))

    def _meaning(
        self, names: Sequence[NamedPort], destinations: Names | None
    ) -> Iterator[tuple[str, tuple[PortRange, ...]]]:
        declaring = [self._declaring.get(port.name, frozenset()) for port in names]
        concerned = declaring if destinations is None else [destinations & having for having in declaring]
        for name in sorted(frozenset[str]().union(*concerned)):
            ports = self._selection.endpoints[name].ports
            found = {range_ for port in names if (range_ := port.on(ports))}
            if found:
                yield name, tuple(sorted(found))


def resolve_rule(
    rule: IngressRule | EgressRule, selected: Names, selection: Selection, ports: Ports, origin: Origin
) -> Rule:
    """A rule of a policy that applies to the *selected* endpoints."""
    direction, selectors = side(rule)
    peers = selection.peers(selectors)
    parsed = [parse_port(text) for text in rule.ports or ()]
    names = [port for port in parsed if isinstance(port, NamedPort)]
    destinations = selected if direction is Direction.INGRESS else ports.destinations(peers) if names else None
    return Rule(
        Action(rule.action),
        peers,
        _ranges(rule, parsed),
        tuple(IcmpMatch(match.type, match.code) for match in rule.icmp or ()),
        ports.on(names, destinations) if names else (),
        origin,
        rule_text(rule),
        tuple(sorted({str(port) for port in names})),
    )


def side(rule: IngressRule | EgressRule) -> tuple[Direction, Sequence[Selector] | None]:
    """The rule's direction, and the selectors of its other side."""
    if isinstance(rule, IngressRule):
        return Direction.INGRESS, rule.from_
    return Direction.EGRESS, rule.to


def rule_text(rule: IngressRule | EgressRule) -> str:
    """The rule in one line: ``allow from service web, ports 5432/tcp``."""
    direction, selectors = side(rule)
    preposition = "from" if direction is Direction.INGRESS else "to"
    parts = [f"{rule.action} {preposition} {selectors_text(selectors)}"]
    if rule.ports:
        parts.append(f"ports {', '.join(rule.ports)}")
    parts += [f"icmp {match.type}" + ("" if match.code is None else f"/{match.code}") for match in rule.icmp or ()]
    return ", ".join(parts)


def selectors_text(selectors: Sequence[Selector] | None) -> str:
    """Selectors in a few words: ``service web or cidr 10.0.0.0/8``."""
    return " or ".join(map(_selector_text, selectors)) if selectors else "anyone"


def _selector_text(selector: Selector) -> str:
    said = [(key, getattr(selector, key)) for key in _KEYS]
    parts = [_key_text(key, value) for key, value in said if value is not None]
    if selector.cidr is not None:
        holes = f" except {', '.join(selector.except_)}" if selector.except_ else ""
        parts.append(f"cidr {', '.join(selector.cidr)}{holes}")
    return " and ".join(parts)


def _key_text(key: str, value: str | Mapping[str, str] | bool) -> str:
    if isinstance(value, Mapping):
        return f"labels {','.join(f'{name}={text}' for name, text in sorted(value.items())) or 'of any kind'}"
    return "anyone" if key == "any" else f"{key} {value}"


def _ranges(rule: IngressRule | EgressRule, parsed: Sequence[PortRange | NamedPort]) -> tuple[PortRange, ...] | None:
    if rule.ports is None:
        return None if rule.icmp is None else ()
    return tuple(sorted({port for port in parsed if isinstance(port, PortRange)}))
