"""Ranges of addresses and ports, by what is in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netctl.policy.model import PortRange, Protocol
from netctl.policy.ranges import AddressRanges, address_value, covers_ports, has_port


def _tcp(first: int, last: int) -> PortRange:
    return PortRange(Protocol.TCP, first, last)


@given(st.lists(st.builds(_tcp, st.integers(1, 9), st.integers(1, 9))), st.integers(1, 9), st.integers(0, 8))
def test_ranges_cover_another_where_they_have_each_of_its_ports(
    ranges: list[PortRange], first: int, more: int
) -> None:  # fmt: skip
    ranges = [part for part in ranges if part.first <= part.last]
    wanted = _tcp(first, first + more)
    expected = all(has_port(ranges, Protocol.TCP, port) for port in range(first, first + more + 1))
    assert covers_ports(ranges, wanted) is expected


@pytest.mark.parametrize(
    ("ranges", "wanted", "is_covered"),
    [
        ([PortRange(Protocol.TCP)], _tcp(5, 65535), True),
        ([_tcp(1, 65535)], PortRange(Protocol.TCP), True),
        ([_tcp(2, 65535)], PortRange(Protocol.TCP), False),
        ([PortRange(Protocol.UDP)], _tcp(5, 6), False),
        ([PortRange(Protocol.ICMP)], PortRange(Protocol.ICMP), True),
        ([], PortRange(Protocol.ICMP), False),
    ],
)
def test_a_protocol_alone_is_all_of_its_ports(ranges: list[PortRange], wanted: PortRange, *, is_covered: bool) -> None:
    assert covers_ports(ranges, wanted) is is_covered


def test_addresses_are_found_in_neighbouring_prefixes_and_in_their_family_only() -> None:
    ranges = AddressRanges(["10.0.1.0/24", "10.0.0.0/24", "fd00::/126"])
    assert ranges.has(4, address_value("10.0.0.0"), address_value("10.0.1.255"))
    assert not ranges.has(4, address_value("10.0.1.255"), address_value("10.0.2.0"))
    assert not ranges.has(4, address_value("9.255.255.255"))
    assert ranges.has(6, address_value("fd00::3"))
    assert not ranges.has(4, address_value("fd00::3"))
    assert ranges.families() == {4, 6}


def test_ranges_cover_what_lies_within_them() -> None:
    wide = AddressRanges(["10.0.0.0/23", "fd00::/64"])
    assert wide.covers(AddressRanges(["10.0.1.0/24", "fd00::/126"]))
    assert wide.covers(AddressRanges([]))
    assert not wide.covers(AddressRanges(["10.0.0.0/22"]))
    assert not wide.covers(AddressRanges(["fd01::/64"]))
