"""Routes on the wire."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from netctl.kinds.route import IPV6_DEFAULT_METRIC, PROTOCOL, NextHop, Route
from reconcilers.kernel import wire
from reconcilers.kernel.rows import Fields, RowReader
from reconcilers.kernel.rtnetlink import Request, Rtnetlink

RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC, RTA_METRICS, RTA_MULTIPATH, RTA_TABLE = (
    1,
    4,
    5,
    6,
    7,
    8,
    9,
    15,
)
RTAX_MTU = 2
RTNH_F_ONLINK = 4
_UNICAST = 1
_TYPES = {_UNICAST: "unicast", 6: "blackhole", 7: "unreachable", 8: "prohibit"}
_NUMBERS = {name: number for number, name in _TYPES.items()}
_SCOPE_UNIVERSE, _SCOPE_LINK, _SCOPE_NOWHERE = 0, 253, 255
_SOURCE_LENGTH, _TOS = 2, 3  # what else may select: a route that has one is another than that without
_CACHED = 0x200  # RTM_F_CLONED: an exception of the route cache, not a route


class RouteRow(NamedTuple):
    """One route as the kernel tells it."""

    route: Route
    """Its device is named within the namespace it was read in."""
    ifindex: int
    """Of the one next hop; 0 for none and for several: a route over several links perishes with none of them."""
    protocol: int


def dump_routes(  # noqa: PLR0913 - what the kernel filters by
    socket: Rtnetlink,
    names: Mapping[int, str],
    netns: str,
    *,
    protocol: int = 0,
    table: int = 0,
    ifindex: int = 0,
    family: int = 0,
) -> Iterator[RouteRow]:
    """The routes of a namespace that are of a type netctl knows.

    Only those of a protocol, a table, an interface or a family where one is given (the kernel filters). *names* has
    the links' names by index.
    """
    extra = wire.number(RTA_TABLE, table) if table else b""
    extra += wire.number(RTA_OIF, ifindex) if ifindex else b""
    reader = RowReader(wire.RTM_NEWROUTE, wire.RTMSG, _WANTED, _NUMERIC)
    for asked in (family,) if family else (wire.AF_INET, wire.AF_INET6):
        body = wire.RTMSG.pack(asked, 0, 0, 0, 0, protocol, 0, 0, 0) + extra
        for chunk in socket.dump(wire.RTM_GETROUTE, body):
            yield from _read_rows(reader, chunk, names, netns)


def route_reader(kind: int) -> Callable[[bytes, Mapping[int, str], str], Iterator[RouteRow]]:
    """Reads the routes in the messages of a *kind* (RTM_NEWROUTE, RTM_DELROUTE) that `dump_routes` would tell of."""
    return partial(_read_rows, RowReader(kind, wire.RTMSG, _WANTED, _NUMERIC))


def _read_rows(reader: RowReader, chunk: bytes, names: Mapping[int, str], netns: str) -> Iterator[RouteRow]:
    for row in reader.read(chunk):
        if row[7] in _TYPES and not row[_SOURCE_LENGTH] and not row[_TOS] and not row[8] & _CACHED:
            yield _read_route(row, names, netns)


_WANTED = (RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC, RTA_METRICS, RTA_MULTIPATH, RTA_TABLE)
_NUMERIC = (RTA_OIF, RTA_PRIORITY, RTA_TABLE)


def _read_route(row: Fields, names: Mapping[int, str], netns: str) -> RouteRow:
    (
        family,
        length,
        _,
        _,
        short_table,
        protocol,
        _,
        kind,
        flags,
        dst,
        oif,
        gateway,
        metric,
        source,
        metrics,
        hops,
        table,
    ) = row
    ifindex = oif if oif and kind == _UNICAST else 0
    destination = wire.read_address(dst) if dst else ("0.0.0.0" if family == wire.AF_INET else "::")
    fields = (
        netns,
        f"{destination}/{length}",
        table or short_table,
        metric or 0,
        _TYPES[kind],
        wire.read_address(gateway) if gateway else "",
        names.get(ifindex, ""),
        bool(flags & RTNH_F_ONLINK),
        wire.read_address(source) if source else "",
        wire.read_number(wire.nested_attributes(metrics).get(RTAX_MTU)) if metrics else 0,
        tuple(sorted(_read_nexthops(hops, names))) if hops else (),
    )
    return RouteRow._make((Route._make(fields), ifindex, protocol))


def _read_nexthops(value: bytes, names: Mapping[int, str]) -> list[NextHop]:
    hops, start = [], 0
    while start + wire.NEXTHOP.size <= len(value):
        length, _, weight, index = wire.NEXTHOP.unpack_from(value, start)
        if length < wire.NEXTHOP.size:
            break
        gateway = wire.attributes(value, start + wire.NEXTHOP.size, start + length).get(RTA_GATEWAY)
        hops.append(NextHop(wire.read_address(gateway), names.get(index, ""), weight + 1))
        start += (length + 3) & ~3
    return hops


def set_route(route: Route, lookup: Mapping[str, int], how: int, protocol: int = PROTOCOL) -> Request:
    """Make a route where there is none of its table, destination and metric (*how* is NLM_F_EXCL), in place of the
    first one that there is (NLM_F_REPLACE), or before it (0; IPv4 may have several). KeyError for an unknown device.
    """
    flags = wire.NLM_F_CREATE | how
    body = [_identify(route, protocol)]
    if route.gateway:
        body.append(wire.attribute(RTA_GATEWAY, wire.write_address(route.gateway)))
    if route.device:
        body.append(wire.number(RTA_OIF, lookup[route.device]))
    if route.source:
        body.append(wire.attribute(RTA_PREFSRC, wire.write_address(route.source)))
    if route.mtu:
        body.append(wire.nested(RTA_METRICS, wire.number(RTAX_MTU, route.mtu)))
    if route.nexthops:
        body.append(wire.attribute(RTA_MULTIPATH, b"".join(_write_nexthop(hop, lookup) for hop in route.nexthops)))
    return Request(wire.RTM_NEWROUTE, flags, b"".join(body))


def delete_route(route: Route) -> Request:
    """Delete a route of netctl's, whatever its next hop has become.

    The kernel takes an IPv4 metric of 0 for any metric: without the protocol number it could delete a foreign route.
    """
    return Request(wire.RTM_DELROUTE, 0, _identify(route._replace(type=None), PROTOCOL))


def _identify(route: Route, protocol: int) -> bytes:
    address, _, length = route.destination.partition("/")
    kind = _NUMBERS[route.type] if route.type else 0
    flags = RTNH_F_ONLINK if route.onlink else 0
    family = wire.family_of(address)
    header = wire.RTMSG.pack(family, int(length), 0, 0, 0, protocol, _scope(route), kind, flags)
    destination = wire.attribute(RTA_DST, wire.write_address(address)) if length != "0" else b""
    metric = route.metric or (IPV6_DEFAULT_METRIC if family == wire.AF_INET6 else 0)
    return header + destination + wire.number(RTA_TABLE, route.table) + wire.number(RTA_PRIORITY, metric)


def _scope(route: Route) -> int:
    """IPv4's scope: of a route straight onto a link it is the link. Deleting, any scope will do."""
    if route.type is None:
        return _SCOPE_NOWHERE
    direct = route.type == "unicast" and not route.gateway and not route.nexthops
    return _SCOPE_LINK if direct and ":" not in route.destination else _SCOPE_UNIVERSE


def _write_nexthop(hop: NextHop, lookup: Mapping[str, int]) -> bytes:
    gateway = wire.attribute(RTA_GATEWAY, wire.write_address(hop.gateway)) if hop.gateway else b""
    index = lookup[hop.device] if hop.device else 0
    return wire.NEXTHOP.pack(wire.NEXTHOP.size + len(gateway), 0, hop.weight - 1, index) + gateway
