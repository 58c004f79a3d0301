"""Static routes: what contradicts itself, and two of one key."""

from collections.abc import Iterator
from ipaddress import ip_address

from netctl.compiler.checks.occupancy import Occupancy, spell
from netctl.compiler.places import Path, Problems
from netctl.compiler.prefixes import format_address
from netctl.compiler.routes import Target, family_of, target_of
from netctl.compiler.topology import Topology
from netctl.stack.models import StaticRoute


def check_routes(topology: Topology, problems: Problems) -> None:
    """Each route by itself, then those that would be the same route of the kernel."""
    used: Occupancy[Target] = Occupancy()
    guarded = _guarded_addresses(topology) if topology.stack.routes else {}
    for index, route in enumerate(topology.stack.routes):
        path = ("routes", index)
        if not _sound(route, path, problems):
            continue
        _warn_of_guarded_routers(route, path, guarded, problems)
        target = target_of(route)
        earlier = used.take(target, topology.hosts.matching(route.hosts), path)
        if earlier is not None:
            problems.error(
                "NC243",
                path,
                f"{spell(earlier)} is a route to {target.destination} with the same table and metric",
                "Give one of them another 'metric' or 'table', or join them with 'nexthops'.",
            )


def _sound(route: StaticRoute, path: Path, problems: Problems) -> bool:
    found = [mistake for check in (_way, _nexthops, _family, _link_local) if (mistake := check(route)) is not None]
    for code, key, message, advice in found:
        problems.error(code, (*path, *key), message, advice)
    return not found


Mistake = tuple[str, Path, str, str] | None


def _way(route: StaticRoute) -> Mistake:
    """A unicast route needs a way; any other has none."""
    ways = [key for key, value in (("via", route.via), ("dev", route.dev), ("nexthops", route.nexthops)) if value]
    if route.type != "unicast":
        if not ways:
            return None
        return (
            "NC241", (ways[0],), f"a {route.type} route goes nowhere, but '{ways[0]}' is given",
            f"Remove '{ways[0]}', or 'type: {route.type}'.",
        )  # fmt: skip
    if not ways:
        return (
            "NC240", (), f"the route to {route.to} has no 'via', 'dev' or 'nexthops'",
            "Say where it leads, or give it 'type: blackhole'.",
        )  # fmt: skip
    if "nexthops" in ways and len(ways) > 1:
        return (
            "NC241", (ways[0],), f"the route to {route.to} has 'nexthops' and '{ways[0]}'",
            f"Put what '{ways[0]}' says into the list, or remove the list.",
        )  # fmt: skip
    if route.onlink and not (route.via and route.dev):
        return (
            "NC241", ("onlink",), "'onlink' needs 'via' and 'dev': it says that the gateway is on that link",
            "Give both, or remove 'onlink'.",
        )  # fmt: skip
    return None


def _nexthops(route: StaticRoute) -> Mistake:
    seen: set[tuple[str | None, str | None]] = set()
    for index, hop in enumerate(route.nexthops):
        if hop.via is None and hop.dev is None:
            return (
                "NC240", ("nexthops", index), "this next hop has neither 'via' nor 'dev'", "Say where it leads.",
            )  # fmt: skip
        if hop.via is None and len(route.nexthops) > 1 and family_of(route) == 6:
            return (
                "NC240", ("nexthops", index), "this next hop has no 'via', which IPv6 wants of each of several",
                "Give it one, or make routes with different metrics.",
            )  # fmt: skip
        if (hop.via, hop.dev) in seen:
            return (
                "NC241", ("nexthops", index), "this next hop is in the list twice",
                "Remove one of them; 'weight' gives it a larger share.",
            )  # fmt: skip
        seen.add((hop.via, hop.dev))
    return None


def _family(route: StaticRoute) -> Mistake:
    """Everything in a route is of one family."""
    family = family_of(route)
    if family is None:
        return (
            "NC242", ("to",), "nothing tells whether this default route is IPv4 or IPv6",
            "Give 'via', or 'family: 4' or 'family: 6'.",
        )  # fmt: skip
    if route.family not in {None, family}:
        return "NC242", ("family",), f"'family: {route.family}', but the route is IPv{family}", "Remove 'family'."
    named = [*_gateways(route), *([(("source",), route.source)] if route.source else [])]
    for key, address in named:
        if (6 if ":" in address else 4) != family:
            return (
                "NC242", key, f"{address} is not of the family of {route.to}, IPv{family}",
                f"Give an IPv{family} address.",
            )  # fmt: skip
    return None


def _link_local(route: StaticRoute) -> Mistake:
    """Every link has the same link-local prefix (RFC 4291), so such a gateway says nothing without its link."""
    linked: set[Path] = {("via",)} if route.dev else set()
    linked |= {("nexthops", index, "via") for index, hop in enumerate(route.nexthops) if hop.dev}
    for key, address in _gateways(route):
        if key not in linked and ":" in address and ip_address(address).is_link_local:
            return (
                "NC245", key, f"{address} is a link-local address, which is found on every link",
                "Name the interface with 'dev'.",
            )  # fmt: skip
    return None


def _gateways(route: StaticRoute) -> Iterator[tuple[Path, str]]:
    """The addresses that a route leads to, with their places in its declaration."""
    if route.via:
        yield ("via",), route.via
    for index, hop in enumerate(route.nexthops):
        if hop.via:
            yield ("nexthops", index, "via"), hop.via


def _guarded_addresses(topology: Topology) -> dict[str, Path]:
    """The declared addresses of attachments that may send from these alone."""
    return {
        format_address(*address): end.path
        for net in topology.nets
        for end in net.endpoints
        if end.spec.anti_spoofing
        for address in end.addresses
    }


def _warn_of_guarded_routers(route: StaticRoute, path: Path, guarded: dict[str, Path], problems: Problems) -> None:
    for place, address in _gateways(route):
        if address in guarded:
            problems.warn(
                "NC244",
                (*path, *place),
                f"{address} is {spell(guarded[address])}, which may send from its own addresses alone: "
                "answers that it routes back are dropped",
                "Give that attachment 'anti_spoofing: false'.",
            )
