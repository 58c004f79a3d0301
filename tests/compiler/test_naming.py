"""Names and MAC addresses of what the stack makes."""

import doctest

import pytest

from netctl.compiler import naming
from netctl.compiler.naming import interface_name, mac


def test_the_documented_examples_are_true() -> None:
    assert doctest.testmod(naming).failed == 0


@pytest.mark.parametrize("part", ["123456789012", "a-b.c_d"])
def test_a_name_of_fifteen_bytes_stays_as_it_is(part: str) -> None:
    assert interface_name(part) == (f"nc-{part}", None)


@pytest.mark.parametrize("part", ["1234567890123", "web app", "web:1", "wéb", "web%d"])
def test_a_name_that_the_kernel_would_not_take_is_shortened_with_a_hash(part: str) -> None:
    name, altnames = interface_name(part)
    assert len(name) <= 15
    assert name.isascii()
    assert not set(name) & set(" /:%")
    assert altnames is None or altnames == (f"nc-{part}",)


def test_names_that_begin_alike_differ() -> None:
    assert len({interface_name(f"a-very-long-name-{number}").name for number in range(2000)}) == 2000


def test_a_full_name_that_no_altname_holds_is_left_out() -> None:
    assert interface_name("x" * 124).altnames == ("nc-" + "x" * 124,)
    assert interface_name("x" * 125).altnames is None


def test_a_declared_name_is_taken_as_it_is() -> None:
    assert interface_name("whatever-it-would-be", "br0") == ("br0", None)


def test_a_mac_address_is_local_unicast_and_depends_on_every_part_of_the_identity() -> None:
    macs = {
        mac("shop", "node1", "pods", "vtep"),
        mac("shop", "node2", "pods", "vtep"),
        mac("shop", "node1", "podsvtep"),
    }
    assert len(macs) == 3
    assert all(address.startswith("02:") and len(address) == 17 for address in macs)
