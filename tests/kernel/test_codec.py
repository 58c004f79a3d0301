"""The codec reads what the kernel says: pyroute2, an independent decoder, reads the same from the same state."""

import socket
import struct
from contextlib import closing
from itertools import cycle
from typing import Any

import pyroute2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netctl.engine.protocol import Context
from netctl.errors import BackendError
from netctl.kinds.link import Bridge, Macvlan, OtherLink, Veth, Vxlan
from netctl.kinds.route import NextHop
from reconcilers.kernel import wire
from reconcilers.kernel.addresses import dump_addresses
from reconcilers.kernel.links import Surroundings, decode_link, dump_links
from reconcilers.kernel.neighbours import dump_fdb, dump_neighbours
from reconcilers.kernel.routes import dump_routes
from reconcilers.kernel.rows import RowReader
from reconcilers.kernel.rtnetlink import KernelError, Request, Rtnetlink, messages
from reconcilers.kernel.rules import dump_rules
from reconcilers.kernel.sources import Sources
from tests.kernel.hosts import IPV6_FORWARDING
from tests.support.namespaces import Namespaces, call_in, ip, run, run_in, wait_for_addresses, wait_until

LONGEST_ALIAS = "netctl:shop/" + "x" * 243
"""255 bytes: the kernel takes no more."""


@pytest.fixture(scope="module")
def ns(shared_netns: Namespaces) -> str:
    """A namespace with links, addresses, routes, rules, neighbours and fdb entries of every shape."""
    name, other = shared_netns(loopback=True), shared_netns()
    ip(
        name,
        "link add br0 mtu 1400 address 02:00:00:00:00:01 group 7 type bridge stp_state 1 nf_call_iptables 1",
        "link add veth0 type veth peer name far netns " + other,
        "link add veth1 type veth peer name veth2",
        "link set veth0 master br0 up",
        "link set veth1 up",
        "link set veth2 up",
        "link set br0 up alias plain",
        "link add vx4 mtu 1350 type vxlan id 7 local 192.0.2.1 dev veth1 dstport 4789 nolearning ttl 17 ageing 600",
        "link add vx6 type vxlan id 8 local 2001:db8::1 dstport 8472",
        "link add vxg type vxlan id 9 group 239.1.1.1 dev veth1 dstport 4790",
        "link add mv0 link veth1 type macvlan mode private",
        "link add tap type ifb",
        "link set vx4 up",
        "link set vx6 up",
        "link set mv0 up",
        f"link set mv0 alias {LONGEST_ALIAS}",
        "link property add dev br0 altname a-rather-long-name-of-the-bridge altname other.name",
    )
    wait_until(lambda: "LOWER_UP" in run_in(name, ["ip", "link", "show", "veth1"]).stdout)
    ip(
        name,
        "address add 192.0.2.1/24 dev veth1",
        "address add 192.0.2.2/24 dev veth1",
        "address add 10.0.0.1 peer 10.0.0.2/32 dev veth1",
        "address add 10.9.0.1/24 dev br0 valid_lft 5000 preferred_lft 5000",
        "address add 169.254.7.7/16 dev br0 scope link",
        "address add 2001:db8::1/64 dev veth1 nodad",
        "address add 2001:db8:1::1 peer 2001:db8:1::2/128 dev veth1 nodad",
        "address add 2001:db8:2::1/64 dev br0 nodad valid_lft 5000 preferred_lft 5000",
        "route add default via 192.0.2.254 metric 100",
        "route add 198.51.100.0/24 via 192.0.2.9 dev veth1 onlink src 192.0.2.1 mtu 1300 advmss 1200 proto 110",
        "route add 198.51.101.0/24 nexthop via 192.0.2.9 dev veth1 weight 3 nexthop via 192.0.2.8 dev veth1",
        "route add 198.51.102.0/24 dev br0 table 70000 metric 4294967295",
        "route add blackhole 198.51.103.0/24",
        "route add unreachable 198.51.104.0/24 metric 5",
        "route add prohibit 198.51.105.0/24",
        "route add 198.51.106.0/24 tos 0x10 dev br0",
        "route add 198.51.107.0/24 via inet6 2001:db8::9 dev veth1",
        "route add throw 198.51.108.0/24",
        "route add ::/0 via 2001:db8::fe",
        "route add 2001:db8:100::/48 via 2001:db8::9 dev veth1 src 2001:db8::1 mtu 1300",
        "route add 2001:db8:101::/48 nexthop via 2001:db8::9 dev veth1 weight 3 nexthop via 2001:db8::8 dev veth1",
        "route add blackhole 2001:db8:102::/48",
        "route add 2001:db8:103::/48 dev br0 table 70000 metric 7",
        "rule add from 10.0.0.0/8 to 172.16.0.0/12 iif br0 oif veth1 fwmark 0x5/0xff table 70000 priority 1000",
        "rule add fwmark 7 blackhole priority 1001",
        "rule add to 10.1.0.0/16 unreachable priority 1002 protocol 110 suppress_ifgroup 99",
        "neighbour add 192.0.2.9 lladdr 02:00:00:00:00:09 dev vx4 nud permanent",
        "neighbour add 192.0.2.10 lladdr 02:00:00:00:00:0a dev vx4 nud stale protocol 110",
        "neighbour add 2001:db8::9 lladdr 02:00:00:00:00:0b dev vx4 nud permanent protocol 110",
    )
    run_in(name, ["ip", "-6", "rule", "add", "from", "2001:db8::/32", "table", "100", "priority", "1003"])
    for entry in (
        "append 00:00:00:00:00:00 dev vx4 dst 192.0.2.3",
        "append 00:00:00:00:00:00 dev vx4 dst 192.0.2.4 port 4790 vni 99",
        "append 02:00:00:00:00:0c dev vx4 dst 192.0.2.5 extern_learn",
        "append 02:00:00:00:00:0d dev vx6 dst 2001:db8::5 dynamic",
    ):
        run(["bridge", "-n", name, "fdb", *entry.split(), "self"])
    run_in(name, ["sysctl", "-w", "net.ipv4.conf.br0.forwarding=1", f"net.ipv6.conf.br0.{IPV6_FORWARDING}=1"])
    wait_for_addresses(name)
    return name


def opened(ns: str) -> closing[Rtnetlink]:
    return closing(Rtnetlink(ns))


def oracle(ns: str, call: str, *arguments: Any, **filters: Any) -> list[Any]:
    """What pyroute2 makes of the same state: what that method of its `IPRoute` returns."""

    def answer() -> list[Any]:
        # pyroute2 computes its methods at run time.
        netlink: Any = pyroute2.IPRoute()  # type: ignore[no-untyped-call, attr-defined]
        with netlink:
            return list(getattr(netlink, call)(*arguments, **filters))

    return call_in(ns, answer)


def names(ns: str) -> dict[int, str]:
    return {link["index"]: link.get("ifname") for link in oracle(ns, "get_links")}


def test_links_are_read_as_pyroute2_reads_them(ns: str) -> None:
    with opened(ns) as netlink:
        ours = {
            row.ifindex: (
                row.name, row.up, row.mtu, wire.read_mac(row.attributes.get(1)), row.group, row.master, row.alias,
                row.altnames, row.kind, row.lower, row.lower_netns,
            )
            for row in dump_links(netlink)
        }  # fmt: skip
    theirs = {
        link["index"]: (
            link.get("ifname"), bool(link["flags"] & 1), link.get("mtu"), link.get("address") or "", link.get("group"),
            link.get("master") or 0, link.get("ifalias") or "", tuple(sorted(_altnames(link))),
            link.get(("linkinfo", "kind")) or "", link.get("link") or 0, link.get("link_netnsid"),
        )
        for link in oracle(ns, "get_links")
    }  # fmt: skip
    assert ours == theirs
    assert {row[6] for row in ours.values()} >= {"plain", LONGEST_ALIAS}
    assert ("a-rather-long-name-of-the-bridge", "other.name") in {row[7] for row in ours.values()}


def _altnames(link: Any) -> list[str]:
    properties = link.get("prop_list")
    return [value for _, value in properties["attrs"]] if properties else []


def test_what_devices_of_each_kind_have_is_read_as_pyroute2_reads_it(ns: str) -> None:
    indexes = names(ns)
    around = Surroundings("", indexes, indexes, Sources(Context()).ipv6_forwarding_setting, None, lambda _: "")
    with opened(ns) as netlink:
        ours = {row.name: decode_link(row, around) for row in dump_links(netlink)}
    for link in oracle(ns, "get_links"):
        found = ours[link.get("ifname")]
        details = link.get(("linkinfo", "data"))
        match found:
            case Bridge():
                assert (found.stp, found.nf_call_iptables, found.nf_call_ip6tables) == tuple(
                    bool(details.get(name)) for name in ("br_stp_state", "br_nf_call_iptables", "br_nf_call_ip6tables")
                )
                assert (found.ipv4_forwarding, found.ipv6_forwarding) == (True, True)
            case Vxlan():
                assert (found.vni, found.port, found.learning, found.ttl, found.ageing) == (
                    details.get("vxlan_id"), details.get("vxlan_port"), bool(details.get("vxlan_learning")),
                    details.get("vxlan_ttl"), details.get("vxlan_ageing"),
                )  # fmt: skip
                assert found.local == (details.get("vxlan_local") or details.get("vxlan_local6") or "")
                assert found.underlay == indexes.get(details.get("vxlan_link"), "")
            case Macvlan():
                assert (found.mode, found.parent) == (details.get("macvlan_mode"), "veth1")
            case Veth():
                assert found.master == indexes.get(link.get("master"), "")
            case _:
                assert isinstance(found, OtherLink)
    assert {type(found) for found in ours.values()} == {Bridge, Vxlan, Macvlan, Veth, OtherLink}


def test_addresses_are_read_as_pyroute2_reads_them(ns: str) -> None:
    with opened(ns) as netlink:
        ours = sorted(
            (row.ifindex, row.address, row.flags, row.protocol, row.link_local, row.peer)
            for row in dump_addresses(netlink)
        )
    theirs = sorted(
        (
            address["index"],
            f"{address.get('local') or address.get('address')}/{address['prefixlen']}",
            address.get("flags"),
            address.get("proto") or 0,
            address["family"] == socket.AF_INET6 and address["scope"] == 253,
            address.get("local") not in {None, address.get("address")},
        )
        for address in oracle(ns, "get_addr")
    )
    assert ours == theirs
    assert sum(peer for *_, peer in ours) == 2


def test_routes_are_read_as_pyroute2_reads_them(ns: str) -> None:
    indexes = names(ns)
    with opened(ns) as netlink:
        ours = sorted(
            (
                route.destination, route.table, route.metric, route.type, route.gateway, route.device, route.onlink,
                route.source, route.mtu, route.nexthops, protocol,
            )
            for route, _, protocol in dump_routes(netlink, indexes, "")
        )  # fmt: skip
    theirs = sorted(
        _route(route, indexes)
        for family in (socket.AF_INET, socket.AF_INET6)
        for route in oracle(ns, "get_routes", family=family)
        if route["type"] in _TYPES and not route["tos"]
    )
    assert ours == theirs
    assert sum(bool(route[9]) for route in ours) == 2


_TYPES = {1: "unicast", 6: "blackhole", 7: "unreachable", 8: "prohibit"}


def _route(route: Any, indexes: dict[int, str]) -> tuple[Any, ...]:
    anywhere = "::" if route["family"] == socket.AF_INET6 else "0.0.0.0"
    type_ = _TYPES[route["type"]]
    metrics = route.get("metrics")
    hops = [
        NextHop(hop.get("gateway") or "", indexes[hop["oif"]], hop["hops"] + 1) for hop in route.get("multipath") or ()
    ]
    return (
        f"{route.get('dst') or anywhere}/{route['dst_len']}", route.get("table"), route.get("priority") or 0, type_,
        route.get("gateway") or "", indexes.get(route.get("oif"), "") if type_ == "unicast" else "",
        bool(route["flags"] & 4), route.get("prefsrc") or "", (metrics.get("mtu") or 0) if metrics else 0,
        tuple(sorted(hops)), route["proto"],
    )  # fmt: skip


@pytest.mark.parametrize(("filters", "count"), [({"protocol": 110}, 1), ({"table": 70000}, 2), ({"table": 12345}, 0)])
def test_the_kernel_filters_routes(ns: str, filters: dict[str, int], count: int) -> None:
    with opened(ns) as netlink:
        everything = list(dump_routes(netlink, {}, ""))
        found = list(dump_routes(netlink, {}, "", **filters))
    assert len(found) == count
    assert all(row in everything for row in found)


def test_rules_are_read_as_pyroute2_reads_them(ns: str) -> None:
    with opened(ns) as netlink:
        ours = sorted((tuple(row.rule), row.protocol, row.suppressed_group) for row in dump_rules(netlink))
    theirs = sorted(
        (_rule(rule), rule.get("protocol"), rule.get("suppress_ifgroup") or 0)
        for family in (socket.AF_INET, socket.AF_INET6)
        for rule in oracle(ns, "get_rules", family=family)
    )
    assert ours == theirs


def _rule(rule: Any) -> tuple[Any, ...]:
    action = {1: "lookup", 6: "blackhole", 7: "unreachable", 8: "prohibit"}[rule["action"]]
    return (
        6 if rule["family"] == socket.AF_INET6 else 4, rule.get("priority") or 0,
        f"{rule.get('src')}/{rule['src_len']}" if rule.get("src") else "",
        f"{rule.get('dst')}/{rule['dst_len']}" if rule.get("dst") else "",
        rule.get("iifname") or "", rule.get("oifname") or "", rule.get("fwmark") or 0, rule.get("fwmask") or 0,
        action, rule.get("table") if action == "lookup" else 0,
    )  # fmt: skip


@pytest.mark.parametrize(
    "selector",
    ["not from 10.7.0.0/16", "from 10.7.0.0/16 tos 0x10", "from 10.7.0.0/16 ipproto tcp", "from 10.7.0.0/16 dport 80",
     "from 10.7.0.0/16 uidrange 0-99"],
)  # fmt: skip
def test_a_rule_that_selects_by_more_is_not_taken_for_one_that_does_not(netns: Namespaces, selector: str) -> None:
    name = netns()
    ip(name, f"rule add {selector} table 100 priority 1000")
    with opened(name) as netlink:
        assert [row for row in dump_rules(netlink) if row.rule.priority == 1000] == []


@pytest.mark.parametrize("wanted", ["few", "many"])
def test_neighbours_and_entries_are_read_as_pyroute2_reads_them(ns: str, wanted: str) -> None:
    """A few devices are asked for one by one, many by one dump of all."""
    indexes = [index for index, name in names(ns).items() if name.startswith("vx")]
    asked = indexes if wanted == "few" else [*indexes, *range(1000, 1040)]
    with opened(ns) as netlink:
        neighbours = sorted(
            (index, state, flags, wire.read_address(address), wire.read_mac(mac), int.from_bytes(protocol))
            for _, index, state, flags, _, address, mac, protocol in dump_neighbours(netlink, asked)
        )
        entries = sorted(
            (index, state, flags, wire.read_address(address), wire.read_mac(mac))
            for _, index, state, flags, _, address, mac, _ in dump_fdb(netlink, asked)
        )
    theirs = sorted(
        (entry["ifindex"], entry["state"], entry["flags"], entry.get("dst"), entry.get("lladdr") or "",
         entry.get("protocol") or 0)
        for family in (socket.AF_INET, socket.AF_INET6)
        for entry in oracle(ns, "get_neighbours", family=family)
        if entry["ifindex"] in indexes
    )  # fmt: skip
    assert neighbours == theirs
    assert len(neighbours) >= 3
    assert entries == sorted(
        (entry["ifindex"], entry["state"], entry["flags"], entry.get("dst") or "", entry.get("lladdr"))
        for entry in oracle(ns, "fdb", "dump")
        if entry["ifindex"] in indexes and entry["flags"] & 2
    )
    assert len(entries) >= 4


# ------------------------------------------------------------------------------------------------- the codec by itself

_FIXED = wire.IFADDR
_KIND = wire.RTM_NEWADDR
_WANTED = (1, 2, 3, 8)
_attribute = st.tuples(st.integers(1, 10), st.booleans(), st.binary(max_size=9))
_body = st.lists(_attribute, max_size=5)


def _message(kind: int, attributes: list[tuple[int, bool, bytes]]) -> bytes:
    body = _FIXED.pack(2, 24, 0, 0, 7) + b"".join(
        wire.attribute(number | (wire.NESTED if nested else 0), value) for number, nested, value in attributes
    )
    return wire.HEADER.pack(wire.HEADER.size + len(body), kind, 0, 1, 2) + body


def _expected(chunk: bytes) -> list[tuple[Any, ...]]:
    """What the plain decoder finds."""
    rows = []
    for kind, start, end in messages(chunk):
        if kind == _KIND and end - start >= _FIXED.size and (end - start) % 4 == 0:
            found = wire.attributes(chunk, start + _FIXED.size, end)
            rows.append((*_FIXED.unpack_from(chunk, start), *(found.get(number, b"") for number in _WANTED)))
    return rows


@given(st.lists(st.tuples(st.sampled_from([_KIND, _KIND, _KIND, 3, 99]), _body), max_size=12))
def test_messages_of_mixed_shapes_are_taken_apart_as_one_by_one(drawn: list[tuple[int, Any]]) -> None:
    chunk = b"".join(_message(kind, attributes) for kind, attributes in drawn)
    assert list(RowReader(_KIND, _FIXED, _WANTED).read(chunk)) == _expected(chunk)


@given(st.lists(_body, min_size=1, max_size=4), st.integers(1, 5))
def test_runs_of_one_shape_are_taken_apart_as_one_by_one(bodies: list[Any], repeated: int) -> None:
    chunk = b"".join(_message(_KIND, attributes) * repeated for attributes in bodies) * 2
    reader = RowReader(_KIND, _FIXED, _WANTED)
    assert list(reader.read(chunk)) == _expected(chunk)
    assert list(reader.read(chunk)) == _expected(chunk)


@given(st.lists(_body, max_size=3), st.integers(0, 400), st.dictionaries(st.integers(0, 120), st.integers(0, 255)))
def test_damaged_messages_neither_raise_nor_loop(bodies: list[Any], cut: int, changed: dict[int, int]) -> None:
    chunk = bytearray(b"".join(_message(_KIND, attributes) for attributes in bodies)[:cut])
    for offset, value in changed.items():
        if offset < len(chunk):
            chunk[offset] = value
    damaged = bytes(chunk)
    reader = RowReader(_KIND, _FIXED, _WANTED)
    list(reader.read(damaged))
    assert list(reader.read(damaged)) == list(RowReader(_KIND, _FIXED, _WANTED).read(damaged))
    for _, start, end in messages(damaged):
        assert end <= len(damaged)
        wire.listed_attributes(damaged[start:end])


@given(st.binary(max_size=200))
def test_no_bytes_make_the_codec_raise(chunk: bytes) -> None:
    list(RowReader(_KIND, _FIXED, _WANTED).read(chunk))
    list(messages(chunk))
    wire.nested_attributes(chunk)
    wire.listed_attributes(chunk)


@given(_body)
def test_attributes_are_read_as_they_were_written(drawn: list[tuple[int, bool, bytes]]) -> None:
    written = b"".join(wire.attribute(number | (wire.NESTED * nested), value) for number, nested, value in drawn)
    assert wire.nested_attributes(written) == {number: value for number, _, value in drawn}
    assert wire.listed_attributes(written) == [value for _, _, value in drawn]


# --------------------------------------------------------------------------------------------------------- the socket


Answer = list[list[tuple[int, int, bytes]]]
"""Chunks of messages: type, flags, body."""


class Scripted(Rtnetlink):
    """A socket whose other end is the test: it answers each request with the next of the *answers*."""

    def __init__(self, *answers: Answer) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(0.2)
        self._sequence = 0
        self._answers = cycle(answers)
        self._pending: list[bytes] = []

    def _send(self, message: bytes) -> None:
        sequence = struct.unpack_from("=I", message, 8)[0]
        self._pending = [
            b"".join(wire.HEADER.pack(len(body) + 16, kind, flags, sequence, 0) + body for kind, flags, body in chunk)
            for chunk in next(self._answers)
        ]

    def _receive(self) -> bytes:
        return self._pending.pop(0)


ROW = (_KIND, 2, _FIXED.pack(2, 24, 0, 0, 7))
INTERRUPTED = (_KIND, 2 | wire.NLM_F_DUMP_INTR, ROW[2])
DONE = (wire.NLMSG_DONE, 2, bytes(4))
DONE_INTERRUPTED = (wire.NLMSG_DONE, 2 | wire.NLM_F_DUMP_INTR, bytes(4))


@pytest.mark.parametrize(
    "first",
    [[[INTERRUPTED, ROW], [ROW, DONE]], [[ROW], [INTERRUPTED, ROW], [DONE]], [[ROW], [DONE_INTERRUPTED]]],
    ids=["first-chunk", "second-chunk", "end"],
)
def test_a_dump_under_which_the_state_changed_is_asked_for_again(first: Answer) -> None:
    with closing(Scripted(first, [[ROW], [DONE]])) as netlink:
        assert len(netlink.dump(wire.RTM_GETADDR, b"")) == 2


def test_a_dump_that_is_never_consistent_is_an_error() -> None:
    netlink = Scripted([[INTERRUPTED], [DONE]])
    with closing(netlink), pytest.raises(BackendError, match="change faster"):
        netlink.dump(wire.RTM_GETADDR, b"")


def test_a_refused_dump_is_an_error_that_names_the_errno(ns: str) -> None:
    with opened(ns) as netlink, pytest.raises(BackendError, match="EINVAL"):
        netlink.dump(wire.RTM_GETADDR, b"\1")


def test_each_refusal_is_matched_to_its_request(ns: str) -> None:
    missing = Request(wire.RTM_DELLINK, 0, wire.IFINFO.pack(0, 0, 9999, 0, 0))
    nothing = Request(wire.RTM_SETLINK, 0, wire.IFINFO.pack(0, 0, 1, 0, 0))
    requests = [missing if number % 3 == 0 else nothing for number in range(1000)]
    with opened(ns) as netlink:
        answers = netlink.transact(requests)
    assert [answer is not None for answer in answers] == [number % 3 == 0 for number in range(1000)]
    assert answers[0] == KernelError(19, "")
