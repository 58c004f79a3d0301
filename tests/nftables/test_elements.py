"""Elements of sets and maps: the codec by itself, and the kernel and nft as its oracles."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, summarize_address_range
from itertools import pairwise
from socket import AF_INET6, inet_ntop

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netctl.engine.change import Action
from netctl.kinds.nftables import Chain, Set
from reconcilers.nftables.attributes import parse
from reconcilers.nftables.elements import ElementCodec
from tests.nftables.conftest import Host, change, desired_table, table

INTERFACES = st.from_regex(r"[a-z][a-z0-9.-]{0,14}", fullmatch=True)
V4 = st.ip_addresses(v=4).map(str)
V6 = st.binary(min_size=16, max_size=16).map(lambda raw: inet_ntop(AF_INET6, raw))
PORTS = st.integers(0, 65535).map(str)
PROTOCOLS = st.integers(0, 255).map(
    lambda n: {1: "icmp", 6: "tcp", 17: "udp", 58: "ipv6-icmp", 132: "sctp"}.get(n, str(n))
)
MACS = st.binary(min_size=6, max_size=6).map(lambda raw: raw.hex(":"))
VERDICTS = st.sampled_from(["accept", "drop", "return", "continue", "jump other", "goto other"])


def _v4_interval(first: int, last: int) -> str:
    if first == last:
        return str(IPv4Address(first))
    networks = list(summarize_address_range(IPv4Address(first), IPv4Address(last)))
    return str(networks[0]) if len(networks) == 1 else f"{IPv4Address(first)}-{IPv4Address(last)}"


@st.composite
def v4_intervals(draw: st.DrawFn) -> frozenset[str]:
    """Intervals that do not overlap, some of them side by side, and at either end of all addresses."""
    cuts = sorted(draw(st.sets(st.integers(0, 2**32) | st.sampled_from([0, 2**32]), min_size=2, max_size=24)))
    intervals = [(first, end - 1) for first, end in pairwise(cuts)]
    kept = draw(st.lists(st.booleans(), min_size=len(intervals), max_size=len(intervals)))
    return frozenset(_v4_interval(*interval) for interval, keep in zip(intervals, kept, strict=True) if keep)


def v4_network(first: int, length: int) -> str:
    network = IPv4Network((first >> (32 - length) << (32 - length), length))
    return str(network.network_address) if length == 32 else str(network)


def v6_network(first: int, length: int) -> str:
    address = inet_ntop(AF_INET6, (first >> (128 - length) << (128 - length)).to_bytes(16, "big"))
    return address if length == 128 else f"{address}/{length}"


V4_NETWORKS = st.builds(v4_network, st.integers(0, 2**32 - 1), st.integers(0, 32))
V6_NETWORKS = st.builds(v6_network, st.integers(0, 2**128 - 1), st.integers(0, 128))


def joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(" . ".join)


def mapped(keys: st.SearchStrategy[str], data: st.SearchStrategy[str]) -> st.SearchStrategy[frozenset[str]]:
    return st.dictionaries(keys, data).map(lambda pairs: frozenset(f"{key} : {value}" for key, value in pairs.items()))


SHAPES: dict[str, tuple[Set, st.SearchStrategy[frozenset[str]]]] = {
    "interfaces": (Set("s", ("ifname",)), st.frozensets(INTERFACES)),
    "IPv4": (Set("s", ("ipv4_addr",)), st.frozensets(V4)),
    "IPv6": (Set("s", ("ipv6_addr",)), st.frozensets(V6)),
    "MACs": (Set("s", ("ether_addr",)), st.frozensets(MACS)),
    "ports": (Set("s", ("inet_service",)), st.frozensets(PORTS)),
    "tuples": (
        Set("s", ("ifname", "ipv6_addr", "inet_proto", "inet_service")),
        st.frozensets(joined(INTERFACES, V6, PROTOCOLS, PORTS)),
    ),
    "intervals": (Set("s", ("ipv4_addr",), flags=("interval",)), v4_intervals()),
    "verdicts": (Set("s", ("ifname",), ("verdict",)), mapped(INTERFACES, VERDICTS)),
    "data": (
        Set("s", ("ipv4_addr", "inet_service"), ("ipv4_addr", "inet_service")),
        mapped(joined(V4, PORTS), joined(V4, PORTS)),
    ),
    "interval of fields": (
        Set("s", ("ifname", "ipv4_addr"), flags=("interval",)),
        st.frozensets(joined(INTERFACES, V4_NETWORKS)),
    ),
    "interval of IPv6 fields": (
        Set("s", ("ipv6_addr", "inet_proto"), flags=("interval",)),
        st.frozensets(joined(V6_NETWORKS, PROTOCOLS)),
    ),
}


def lists(codec: ElementCodec, elements: frozenset[str]) -> Iterator[bytes]:
    """The payloads of the lists that the elements are sent in."""
    for attribute in codec.encode(elements):
        yield from parse(attribute).values()


@pytest.mark.parametrize("shape", SHAPES)
@given(drawn=st.data())
def test_elements_are_read_as_they_were_written(shape: str, drawn: st.DataObject) -> None:
    declared, strategy = SHAPES[shape]
    elements = drawn.draw(strategy)
    codec = ElementCodec(declared)
    assert codec.decode(lists(codec, elements)) == elements


def filled(declared: Set, elements: frozenset[str]) -> Set:
    return declared._replace(elements=elements)


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if not shape.startswith("interval of")])
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.data())
def test_any_elements_can_become_any_others_by_deltas(shape: str, drawn: st.DataObject, host: Host) -> None:
    declared, strategy = SHAPES[shape]
    chains = [Chain("other")]
    before = table([filled(declared, drawn.draw(strategy))], chains)
    after = table([filled(declared, drawn.draw(strategy))], chains)
    outcomes = [
        *host.execute(change(Action.CREATE, None, before)),
        *host.execute(change(Action.UPDATE, before, after)),
    ]
    read = host.live_table()
    outcomes += host.execute(change(Action.DELETE, after, None))
    assert [outcome.failure for outcome in outcomes] == [None] * 3
    assert read == after


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(elements=v4_intervals())
def test_nft_prints_the_intervals_that_were_meant(host: Host, elements: frozenset[str]) -> None:
    content = table([Set("s", ("ipv4_addr",), flags=("interval",), elements=elements)])
    host.execute(change(Action.CREATE, None, content))
    printed = host.ruleset()
    host.execute(change(Action.DELETE, content, None))
    _, _, inside = printed.partition("elements = {")
    names = {
        "0.0.0.0/0" if part.strip() == "0.0.0.0-255.255.255.255" else part.strip()
        for part in inside.partition("}")[0].split(",")
    }
    assert names - {""} == elements


def test_intervals_that_nft_wrote_side_by_side_are_two(host: Host) -> None:
    host.nft(
        "table inet netctl-shop { set s { type ipv4_addr; flags interval; "
        "elements = { 10.0.0.0/24, 10.0.1.0/24, 10.0.9.1-10.0.9.7, 255.255.255.0/24 }; }; }"
    )
    (read,) = host.live_table().sets
    assert read.elements == {"10.0.0.0/24", "10.0.1.0/24", "10.0.9.1-10.0.9.7", "255.255.255.0/24"}


@pytest.mark.parametrize(
    "declaration",
    [
        "type ifname",
        "type ipv4_addr; flags interval",
        "type ifname . ipv4_addr; flags interval",
        "type ipv6_addr . inet_proto . inet_service",
    ],
)
def test_a_set_is_declared_to_the_kernel_as_nft_declares_it(host: Host, declaration: str) -> None:
    """Down to the byte orders that nft keeps with it, which is how it prints the elements."""
    host.nft(f"table inet netctl-shop {{ set s {{ {declaration}; }}; }}")
    read = host.live_table()
    host.nft("delete table inet netctl-shop")
    host.apply(desired_table(read))
    printed = host.ruleset()
    for part in declaration.split("; "):
        assert part in printed


def test_a_set_with_options_of_its_own_differs(host: Host) -> None:
    for options in ("timeout 1h;", "size 5;", "auto-merge; flags interval;", "gc-interval 1h; flags timeout;"):
        content = desired_table(table([Set("s", ("ipv4_addr",))]))
        host.apply(content)
        host.nft(f"delete set inet netctl-shop s; add set inet netctl-shop s {{ type ipv4_addr; {options} }}")
        assert [one.fields for one in host.plan(content).changes] == [("sets",)]
        host.apply(content)


def test_an_element_with_a_comment_or_a_timeout_differs_and_is_repaired(host: Host) -> None:
    content = desired_table(table([Set("s", ("ipv4_addr",), flags=("timeout",), elements=frozenset({"10.0.0.1"}))]))
    for options in ('comment "x"', "timeout 1h"):
        host.apply(content)
        host.nft(
            f"delete element inet netctl-shop s {{ 10.0.0.1 }}; add element inet netctl-shop s {{ 10.0.0.1 {options} }}"
        )
        assert [one.fields for one in host.plan(content).changes] == [("sets",)]
        host.apply(content)


def test_a_set_of_a_type_that_netctl_does_not_know_differs_and_is_replaced(host: Host) -> None:
    content = desired_table(table([Set("s", ("ipv4_addr",))]))
    host.apply(content)
    host.nft("add set inet netctl-shop t { type uid; elements = { 7 }; }")
    assert "unreadable" in str(host.live_table().sets[1].flags)
    host.apply(content)
    assert len(host.live_table().sets) == 1


@pytest.mark.parametrize(
    ("declared", "element"),
    [
        (Set("s", ("ipv4_addr",), flags=("interval",)), "10.0.0.1/24"),
        (Set("s", ("ipv4_addr",), flags=("interval",)), "10.0.0.9-10.0.0.1"),
        (Set("s", ("ipv4_addr",)), "fd00::1"),
        (Set("s", ("ifname", "ipv4_addr")), "nc-web"),
        (Set("s", ("ifname",), ("verdict",)), "nc-web"),
        (Set("s", ("ifname",), ("verdict",)), "nc-web : leap"),
        (Set("s", ("nothing",)), "x"),
    ],
)
def test_what_is_no_element_of_the_set_is_an_error_and_changes_nothing(host: Host, declared: Set, element: str) -> None:
    content = table([filled(declared, frozenset({element}))])
    (outcome,) = host.execute(change(Action.CREATE, None, content))
    assert outcome.failure is not None
    assert host.ruleset() == ""


@pytest.mark.parametrize("size", [10_000])
@pytest.mark.parametrize("shape", ["exact", "prefixes", "fields", "map"])
def test_ten_thousand_elements_are_written_and_read(host: Host, shape: str, size: int) -> None:
    numbers = range(size)
    sets = {
        "exact": Set("s", ("ipv6_addr",), elements=frozenset(f"fd00::{n + 1:x}" for n in numbers)),
        "prefixes": Set(
            "s", ("ipv4_addr",), flags=("interval",), elements=frozenset(f"10.{n >> 8}.{n & 255}.0/24" for n in numbers)
        ),
        "fields": Set(
            "s",
            ("ifname", "ipv4_addr"),
            flags=("interval",),
            elements=frozenset(f"nc-{n} . 10.{n >> 8}.{n & 255}.0/24" for n in numbers),
        ),
        "map": Set("s", ("ifname",), ("verdict",), elements=frozenset(f"nc-{n} : jump other" for n in numbers)),
    }
    content = desired_table(table([sets[shape]], [Chain("other")]))
    host.apply(content)
    (read,) = host.live_table().sets
    assert read == sets[shape]
