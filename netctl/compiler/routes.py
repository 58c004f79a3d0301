"""Static routes of the stack: ``routes:`` to `netctl.kinds.route.Route`."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

from netctl.compiler.claims import claim_of, owned_route
from netctl.compiler.legs import Leg
from netctl.compiler.places import Path
from netctl.compiler.prefixes import Prefix, PrefixIndex, parse_address, parse_prefix, prefix_around
from netctl.compiler.site import Site
from netctl.compiler.topology import Role
from netctl.engine.resource import Desired, Key
from netctl.kinds.route import IPV6_DEFAULT_METRIC, MAIN_TABLE, NextHop, Route, route_key
from netctl.stack.models import StaticRoute


class Target(NamedTuple):
    """What identifies a route."""

    destination: str
    table: int
    metric: int


class _Hop(NamedTuple):
    """Where a route of a table leads."""

    via: str | None
    dev: str | None
    table: int


class _Straight(NamedTuple):
    """A declared route straight onto a link."""

    device: str
    key: Key


class _Straights:
    """The declared routes straight onto links, by which the gateways of others may be reached."""

    def __init__(self, routes: Iterable[StaticRoute]) -> None:
        self._found: dict[tuple[int, Prefix], _Straight] = {}
        for route in routes:
            if route.type == "unicast" and route.dev is not None and route.via is None:
                target = target_of(route)
                straight = _Straight(route.dev, route_key(*target))
                self._found.setdefault((target.table, parse_prefix(target.destination)), straight)
        self._lengths = sorted({(prefix.family, prefix.length) for _, prefix in self._found}, reverse=True)

    def to(self, gateway: str, table: int) -> _Straight | None:
        """The most specific one to a gateway: of the table, or else of the main one."""
        family, value = parse_address(gateway)
        prefixes = [prefix_around(family, value, length) for known, length in self._lengths if known == family]
        places = ((chosen, prefix) for chosen in (table, MAIN_TABLE) for prefix in prefixes)
        return next((self._found[place] for place in places if place in self._found), None)


class Ways:
    """Where a gateway is found: on a network of the stack, by another of its routes, or on a foreign interface."""

    def __init__(self, legs: Iterable[Leg], routes: Iterable[StaticRoute], site: Site) -> None:
        legs = list(legs)
        self.near = PrefixIndex((local.prefix, (leg, local.key)) for leg in legs for local in leg.locals)
        self.remote = PrefixIndex(
            (pool.prefix, leg) for leg in legs if leg.net.role is Role.ROUTED for pool in leg.net.pools
        )
        self.addresses: dict[str, list[Key]] = {}
        for leg in legs:
            self.addresses[leg.bridge] = [local.key for local in leg.locals]
        self.sources = {local.text.partition("/")[0]: local.key for leg in legs for local in leg.locals}
        self.straight = _Straights(routes)
        self._site = site

    def foreign(self, gateway: str) -> str | None:
        """The foreign interface that has *gateway* on its link, as far as the host is known."""
        family, value = parse_address(gateway)
        return next((name for name, prefix in self._foreign if prefix.holds(family, value)), None)

    @cached_property
    def _foreign(self) -> list[tuple[str, Prefix]]:
        facts = self._site.facts
        return [
            (link.name, parse_prefix(text))
            for link in (sorted(facts.links.values()) if facts else ())
            if link.owner != self._site.stack
            for text in link.addresses
        ]


def family_of(route: StaticRoute) -> int | None:
    """4 or 6: that of the destination, else of the gateways or the source, else as declared; None where none tells."""
    texts = [route.to, route.via, *(hop.via for hop in route.nexthops), route.source]
    known = next((text for text in texts if text is not None and text != "default"), None)
    if known is None:
        return route.family
    return 6 if ":" in known else 4


def target_of(route: StaticRoute) -> Target:
    """The route's identity as the kernel has it: an IPv6 route that names no metric has the kernel's."""
    family = family_of(route)
    destination = {4: "0.0.0.0/0", 6: "::/0"}[family or 4] if route.to == "default" else route.to
    metric = route.metric or (IPV6_DEFAULT_METRIC if family == 6 else 0)
    return Target(destination, route.table, metric)


def compile_routes(site: Site, legs: Iterable[Leg]) -> Iterator[Desired]:
    """The routes that are declared for this host."""
    declared = [(index, route) for index, route in enumerate(site.topology.stack.routes) if site.selects(route.hosts)]
    ways = Ways(legs if declared else (), (route for _, route in declared), site)
    for index, route in declared:
        path = ("routes", index)
        if len(route.nexthops) > 1:
            yield from _several(site, route, path, ways)
        else:
            yield from _single(site, route, path, ways)


def _single(site: Site, route: StaticRoute, path: Path, ways: Ways) -> Iterator[Desired]:
    destination, table, metric = target_of(route)
    origin = site.origin(path)
    if route.type != "unicast":
        nowhere = Route("", destination, table, metric, route.type, "", "", False, route.source or "", route.mtu or 0)
        yield from owned_route(site, nowhere, origin)
        return
    via, dev = route.via, route.dev
    for hop in route.nexthops:  # of a list of one, the kernel makes a route with a gateway, and drops the weight
        via, dev, path = hop.via, hop.dev, (*path, "nexthops", 0)
    device, needs = _device(site, _Hop(via, dev, table), path, ways)
    unicast = Route(
        "", destination, table, metric, "unicast", via or "", device, route.onlink,
        route.source or "", route.mtu or 0,
    )  # fmt: skip
    yield from owned_route(site, unicast, origin, tuple(dict.fromkeys((*needs, *_source(route, ways)))))


def _several(site: Site, route: StaticRoute, path: Path, ways: Ways) -> Iterator[Desired]:
    """A route with several next hops has a claim whatever its devices are: it is within none of them."""
    destination, table, metric = target_of(route)
    origin = site.origin(path)
    hops: list[NextHop] = []
    needs: dict[Key, None] = {}
    for index, hop in enumerate(route.nexthops):
        place = (*path, "nexthops", index)
        device, needed = _device(site, _Hop(hop.via, hop.dev, table), place, ways)
        if device is None and hop.via is not None:
            device = ways.foreign(hop.via)
            _unknown_device(site, hop.via, device, place)
        hops.append(NextHop(hop.via or "", device or "", hop.weight))
        needs |= dict.fromkeys((*site.needs(device), *needed))
    attributes = Route(
        "", destination, table, metric, "unicast", "", "", False, route.source or "", route.mtu or 0,
        tuple(sorted(hops)),
    )  # fmt: skip
    claim = claim_of(site.stack, attributes)
    claim_key = route_key(claim.destination, claim.table, claim.metric)
    yield Desired(claim_key, claim, origin)
    needs |= dict.fromkeys(_source(route, ways))
    yield Desired(route_key(destination, table, metric), attributes, origin, (claim_key, *needs))


def _device(site: Site, hop: _Hop, path: Path, ways: Ways) -> tuple[str | None, tuple[Key, ...]]:
    """The interface, None where the kernel is to find it, and what of ours the gateway is reached by."""
    via, dev, table = hop
    straight = ways.straight.to(via, table) if via is not None else None
    if dev is not None:
        if not site.exists(dev):
            site.problems.error(
                "NC324",
                (*path, "dev"),
                f"interface '{dev}' does not exist on this host",
                "Correct the name, create the interface, or say with 'hosts:' where the route belongs.",
            )
        needs = tuple(ways.addresses.get(dev, ())) if dev in site.own else ()
        return dev, needs if straight is None else (*needs, straight.key)
    family, value = parse_address(via or "")
    found = ways.near.find(family, value)
    if found is not None:
        leg, key = found
        return leg.bridge, (key,)
    if straight is not None:
        return straight.device, (straight.key,)
    overlay = ways.remote.find(family, value)
    if overlay is not None:
        site.problems.error(
            "NC328",
            (*path, "via"),
            f"gateway {via} is in {overlay.net.label}, but not in this host's block, so it cannot be a next hop here",
            "Say with 'hosts:' on which host the route belongs.",
        )
    return None, ()


def _unknown_device(site: Site, via: str, device: str | None, path: Path) -> None:
    if device is None and site.facts is not None:
        site.problems.error(
            "NC328",
            (*path, "via"),
            f"no interface of this host has the next hop {via} on its link",
            "Name the interface with 'dev', or correct the address.",
        )


def _source(route: StaticRoute, ways: Ways) -> tuple[Key, ...]:
    """The preferred source address, where the stack makes it."""
    key = ways.sources.get(route.source or "")
    return () if key is None else (key,)
