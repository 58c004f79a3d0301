"""Virtual addresses: who gets which, how connections are shared out, and what is wrong with them."""

from collections import Counter

import pytest
from ruamel.yaml import YAML

from netctl.compiler.balancing.slots import MAX_EXACT, slots, steady_slots
from netctl.compiler.compile import Compiled, compile_stack
from netctl.errors import DeclarationError
from netctl.kinds.nftables import Table, table_key
from tests.compiler.stacks import PLACES, stack_of

HEAD = """
stack: shop
subnets: {vips: {cidr: [10.96.0.0/29, "fd96::/64"]}}
networks: {front: {subnet: {cidr: 10.10.0.0/24}}}
"""


def _compiled(text: str) -> Compiled:
    return compile_stack(stack_of(YAML(typ="safe").load(text)), PLACES, None, None)


def _table(services: str) -> Table:
    found = _compiled(f"{HEAD}services: {services}").resources[table_key("shop")].attributes
    assert isinstance(found, Table)
    return found


def _elements(table: Table, name: str) -> set[str]:
    return set(next(entry.elements for entry in table.sets if entry.name == name))


def test_an_address_is_assigned_whatever_the_order_and_of_the_families_that_endpoints_have() -> None:
    one = "{web: {port: 80, vip: auto, endpoints: [10.10.0.2]}, api: {port: 81, vip: auto, endpoints: [10.10.0.3]}}"
    other = "{api: {port: 81, vip: auto, endpoints: [10.10.0.3]}, web: {port: 80, vip: auto, endpoints: [10.10.0.2]}}"
    assert _table(one) == _table(other)
    assert len(_elements(_table(one), "vips4")) == 2
    assert not any(entry.name == "vips6" for entry in _table(one).sets)


def test_one_that_is_fixed_is_assigned_to_nobody_else() -> None:
    six = ", ".join(f"s{i}: {{port: 80, vip: auto, endpoints: [10.10.0.2]}}" for i in range(5))
    table = _table(f"{{{six}, web: {{port: 80, vip: 10.96.0.6, endpoints: [10.10.0.2]}}}}")
    assert _elements(table, "vips4") == {f"10.96.0.{last}" for last in range(1, 7)}


def test_shares_are_exact_with_as_few_slots_as_can_be() -> None:
    assert slots((4, 2)) == (0, 0, 1)
    assert slots((3,)) == (0,)
    assert len(slots((1,) * MAX_EXACT)) == MAX_EXACT


@pytest.mark.parametrize("weights", [(1, 100), (65535, 1), tuple(range(1, 40)), (1,) * 5000, (7,) * 65 + (1,)])
def test_many_or_uneven_shares_are_nearly_so(weights: tuple[int, ...]) -> None:
    for found in (slots(weights), steady_slots([f"10.0.{i >> 8}.{i & 255}" for i in range(len(weights))], weights)):
        got = Counter(found)
        assert set(got) == set(range(len(weights)))
        for place, weight in enumerate(weights):
            assert abs(got[place] - weight * len(found) / sum(weights)) <= 2


def test_most_of_those_who_are_remembered_stay_where_they_are_when_an_endpoint_comes_or_goes() -> None:
    addresses = [f"10.0.0.{number}" for number in range(1, 9)]
    before = [addresses[place] for place in steady_slots(addresses, [1] * 8)]
    after = [addresses[:-1][place] for place in steady_slots(addresses[:-1], [1] * 7)]
    moved = sum(one != other for one, other in zip(before, after, strict=True) if one != addresses[-1])
    assert moved <= len(before) // 4


@pytest.mark.parametrize(
    ("services", "code", "says"),
    [
        ("{a: {port: 80, vip: 10.97.0.1, endpoints: [10.10.0.2]}}", "NC292", "outside subnet 'vips' (10.96.0.0/29"),
        ("{a: {port: 80, vip: 10.96.0.7, endpoints: [10.10.0.2]}}", "NC292", "broadcast"),
        ("{a: {port: 80, vip: [10.96.0.1, 10.96.0.2], endpoints: [10.10.0.2]}}", "NC292", "two virtual addresses"),
        (
            "{a: {port: 80, vip: 10.96.0.1, endpoints: [10.10.0.2]}, b: {port: 80, vip: 10.96.0.1, endpoints: []}}",
            "NC293",
            "first by services.a",
        ),
        ("{a: {port: 80, vip: auto, endpoints: [{address: 10.10.0.2, weight: 0}]}}", "NC290", "weight 0"),
        ("{a: {vip: auto, endpoints: [10.10.0.2]}}", "NC291", "has no port"),
        ("{a: {port: 80, vip: {subnet: vip}, endpoints: [10.10.0.2]}}", "NC201", "subnet 'vip' is not declared"),
        ("{a: {port: 80, publish: '8080:81', endpoints: [10.10.0.2]}}", "NC291", "81/tcp"),
        ("{a: {port: 80, publish: ['8080:80', '8080:80'], endpoints: [10.10.0.2]}}", "NC296", "8080/tcp"),
        ("{a: {port: 80, publish: '22:80', endpoints: [10.10.0.2]}}", "NC297", "22/tcp"),
        ("{a: {port: 53/udp, publish: '8301:53/udp', endpoints: [10.10.0.2]}}", "NC297", "8301/udp"),
        (
            "{" + ", ".join(f"s{i}: {{port: 80, vip: auto, endpoints: [10.10.0.2]}}" for i in range(7)) + "}",
            "NC295",
            "6 addresses to assign, but 7",
        ),
    ],
)
def test_what_cannot_be_is_said_with_its_place(services: str, code: str, says: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        _table(services)
    (found,) = refused.value.diagnostics
    assert found.code == code
    assert says in found.message
    assert found.position


def test_a_port_of_the_hosts_own_is_published_where_it_need_not_stay_open() -> None:
    text = """
stack: shop
networks: {front: {subnet: {cidr: 10.10.0.0/24}, attach: [{netns: web, address: 10.10.0.2}]}}
services: {a: {port: [80, 22/udp], publish: ['8500:80', '22:22/udp'], endpoints: [10.10.0.2]}}
failsafe: {ingress: [22/tcp]}
"""
    _compiled(text)


HIDDEN = [
    "zone: consul",
    "zone: Consul., consul: consul",
    "zone: service.consul",
    "zone: cluster.local, consul: svc.cluster.local",
    "consul: svc.cluster.local",
]


@pytest.mark.parametrize("dns", HIDDEN)
def test_the_zone_and_the_domain_of_consuls_names_do_not_hide_each_others(dns: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        _compiled(f"stack: shop\nservices: {{a: {{port: 80, endpoints: [10.10.0.2]}}}}\ndns: {{{dns}}}\n")
    (found,) = refused.value.diagnostics
    assert (found.code, found.position is not None) == ("NC298", True)


@pytest.mark.parametrize("dns", ["zone: shop.consul", "zone: consul, consul: false", "consul: consul.cluster.local"])
def test_a_zone_beside_the_other_ones_names_is_fine(dns: str) -> None:
    _compiled(f"stack: shop\nservices: {{a: {{port: 80, endpoints: [10.10.0.2]}}}}\ndns: {{{dns}}}\n")


def test_a_domain_leaves_room_for_the_names_in_it() -> None:
    # 63 for an endpoint, ".a.shop.svc." after it.
    for size, key in ((253 - 63 - 12, "zone"), (253 - 63 - 10, "consul")):
        text = "stack: shop\nservices: {a: {port: 80, endpoints: [10.10.0.2]}}\ndns: {KEY: DOMAIN}\n".replace(
            "KEY", key
        )
        fits = ".".join(["x" * 43] * 3 + ["x" * (size - 3 * 44)])
        _compiled(text.replace("DOMAIN", fits))
        with pytest.raises(DeclarationError) as refused:
            _compiled(text.replace("DOMAIN", f"{fits}x"))
        (found,) = refused.value.diagnostics
        assert (found.code, "254" in found.message) == ("NC299", True)


def test_a_subnet_of_virtual_addresses_is_no_networks() -> None:
    text = """
stack: shop
subnets: {vips: {cidr: 10.96.0.0/24}}
networks: {front: {subnet: vips}}
services: {a: {port: 80, vip: auto, endpoints: [10.96.0.20]}}
"""
    with pytest.raises(DeclarationError) as refused:
        _compiled(text)
    assert [found.code for found in refused.value.diagnostics] == ["NC294"]
