"""An address that another endpoint had until now: its neighbours learn at once where it has gone."""

import time
from collections.abc import Callable

import pytest

from tests.e2e.lab import Lab
from tests.e2e.traffic import reaches
from tests.support.namespaces import wait_for_addresses

ADDRESSES = {4: "10.10.0.20", 6: "fd10::20"}
ONE_BRIDGE = """\
stack: shop
networks:
  front:
    subnet: {cidr: [10.10.0.0/24, "fd10::/64"]}
    attach: [{netns: "${c}"}, {netns: "${HOLDER}", address: [10.10.0.20, "fd10::20"]}]
"""
GATEWAY = """\
stack: shop
networks:
  front:
    subnet: {cidr: [10.10.0.0/24, "fd10::/64"], gateway: [10.10.0.20, "fd10::20"]}
    attach: [{netns: "${c}"}]
"""
MACVLAN = """\
stack: shop
networks:
  lan:
    driver: macvlan
    parent: eth0
    subnet: {cidr: [10.10.0.0/24, "fd10::/64"]}
    attach: [{netns: "${c}"}, {netns: "${HOLDER}", address: [10.10.0.20, "fd10::20"]}]
"""
OVERLAY = """\
stack: shop
hosts:
  n1: {id: 1, address: 192.0.2.1}
  n2: {id: 2, address: 192.0.2.2}
overlays:
  pods:
    mode: bridged
    subnet: {cidr: [10.10.0.0/24, "fd10::/64"]}
    vni: 7
    attach:
      - {netns: "${c}", hosts: [n2]}
      - {netns: "${HOLDER}", address: [10.10.0.20, "fd10::20"], hosts: [n1]}
"""


def silent(ns: str, address: str) -> float:
    """How many seconds pass until *address* answers."""
    began = time.monotonic()
    assert reaches(ns, address), f"{address} does not answer"
    return time.monotonic() - began


def talk(lab: Lab, *others: str) -> None:
    """Have everyone know the holder of the addresses as a neighbour."""
    for label in others:
        for address in ADDRESSES.values():
            assert reaches(lab[label], address)


def passes_on(lab: Lab, apply: Callable[[str], object], *others: str) -> None:
    """The addresses go from ``a`` to ``b``, of which no one has heard."""
    apply("a")
    talk(lab, *others)
    apply("b")
    for label in others:
        for address in ADDRESSES.values():
            assert silent(lab[label], address) < 1, f"{label} looks for {address} where it was"


@pytest.mark.parametrize("way", ["at once", "after a detachment"])
def test_on_one_bridge(lab: Lab, way: str) -> None:
    lab.add("h", "a", "b", "c")
    lab.remember()

    def apply(holder: str) -> None:
        if way == "after a detachment" and holder == "b":
            lab.apply(ONE_BRIDGE.partition(', {netns: "${HOLDER}')[0] + "]\n", "h")
        lab.apply(ONE_BRIDGE.replace("HOLDER", holder), "h")

    passes_on(lab, apply, "c", "h")
    lab.destroy("shop", "h")
    lab.demand_as_before()


def test_across_an_overlay(lab: Lab) -> None:
    lab.add("n1", "n2", "a", "b", "c")
    lab.join("n1", "eth0", "n2", "eth0")
    lab.ip("n1", "address add 192.0.2.1/24 dev eth0")
    lab.ip("n2", "address add 192.0.2.2/24 dev eth0")
    lab.remember()
    passes_on(lab, lambda holder: lab.apply_all(OVERLAY.replace("HOLDER", holder), ["n1", "n2"]), "c", "n1", "n2")
    lab.destroy("shop", "n1", "n2")
    lab.demand_as_before()


@pytest.mark.parametrize("duplicates", ["0", "1"])
def test_on_a_segment_that_others_are_on(lab: Lab, duplicates: str) -> None:
    """The kernel may look for duplicates of IPv6 addresses first; it announces the address when it has done so."""
    lab.add("h", "a", "b", "c", "wire")
    lab.join("h", "eth0", "wire", "eth0")
    lab.ip("wire", "address add 10.10.0.1/24 dev eth0", "address add fd10::1/64 dev eth0")
    lab.run("b", "sysctl", "-qw", f"net.ipv6.conf.default.accept_dad={duplicates}")
    lab.remember()
    lab.apply(MACVLAN.replace("HOLDER", "a"), "h")
    talk(lab, "wire")
    lab.apply(MACVLAN.replace("HOLDER", "b"), "h")
    assert silent(lab["wire"], ADDRESSES[4]) < 1
    wait_for_addresses(lab["b"])
    assert silent(lab["wire"], ADDRESSES[6]) < 1
    lab.destroy("shop", "h")
    lab.demand_as_before()


def test_that_becomes_the_gateways(lab: Lab) -> None:
    lab.add("h", "a", "c")
    lab.remember()
    lab.apply(ONE_BRIDGE.replace("HOLDER", "a"), "h")
    talk(lab, "c")
    lab.apply(GATEWAY, "h")
    for address in ADDRESSES.values():
        assert silent(lab["c"], address) < 1
    lab.destroy("shop", "h")
    lab.demand_as_before()
