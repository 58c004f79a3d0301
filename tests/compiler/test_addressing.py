"""Addresses that nobody declared: stable, never one that is taken, and assigned to the last one."""

from typing import Any

from netctl.compiler.addressing import Slots, assign
from netctl.compiler.prefixes import Prefix, Span, merge, parse_address, parse_prefix, subtract
from netctl.engine.facts import Facts
from netctl.kinds.address import Address
from tests.compiler.stacks import kernel_resources, mistakes, stack_of


def _assigned(declared: dict[str, Any], host: str | None = None, facts: Facts | None = None) -> dict[str, str]:
    """The address in each namespace."""
    found = [want.attributes for want in kernel_resources(stack_of(declared), host, facts).values()]
    return {
        address.netns: address.address.partition("/")[0]
        for address in found
        if isinstance(address, Address) and address.netns
    }


def _network(attach: list[dict[str, Any]], **subnet: Any) -> dict[str, Any]:
    return {"networks": {"n": {"subnet": {"cidr": "10.1.0.0/24", **subnet}, "attach": attach}}}


def test_a_new_endpoint_does_not_move_another_whose_name_sorts_first() -> None:
    before = _assigned(_network([{"netns": f"a{index:02}"} for index in range(40)]))
    after = _assigned(_network([{"netns": f"a{index:02}"} for index in range(40)] + [{"netns": "z"}]))
    assert after.items() >= before.items()


def _live(addresses: dict[str, str], *others: str) -> Facts:
    """A host whose namespaces have these addresses, and others that have none."""

    def held(stack: str, netns: str, interface: str) -> tuple[str, ...]:
        return (f"{addresses[netns]}/24",) if (stack, interface) == ("shop", "eth0") and netns in addresses else ()

    return Facts(namespaces=frozenset((*addresses, *others)), held=held)


def test_what_comes_and_goes_beside_an_endpoint_does_not_move_it() -> None:
    names = [f"a{index:02}" for index in range(60)]
    declared = [{"netns": name} for name in names]
    late = _assigned(_network(declared[30:]))
    both = _assigned(_network(declared), facts=_live(late, *names))
    assert both.items() >= late.items()
    assert len(set(both.values())) == 60
    assert not _assigned(_network(declared)).items() >= late.items(), "no hash of these met another"
    assert _assigned(_network(declared[:30]), facts=_live(both)).items() <= both.items()


def test_an_address_that_cannot_be_assigned_any_more_is_not_kept() -> None:
    facts = _live({"a": "10.1.0.77", "b": "10.1.0.88", "c": "10.9.0.1", "d": "10.1.0.99", "e": "10.1.0.99"}, "f")
    attach = [*({"netns": name} for name in "abcde"), {"netns": "f", "address": "10.1.0.88"}]
    found = _assigned(_network(attach, reserved=["10.1.0.64-10.1.0.80"]), facts=facts)
    assert found["a"] != "10.1.0.77"
    assert found["b"] != "10.1.0.88"
    assert found["c"].startswith("10.1.0.")
    assert found["d"] == "10.1.0.99"
    assert len(set(found.values())) == 6


def test_on_one_of_several_hosts_nothing_but_the_declaration_counts() -> None:
    declared = {"hosts": {"h1": {"address": "192.0.2.1"}}, **_network([{"netns": "a"}])}
    assert _assigned(declared, "h1", _live({"a": "10.1.0.77"})) == _assigned(declared, "h1")


def test_of_several_hosts_one_says_which_of_its_endpoints_moves_and_how_to_keep_it() -> None:
    hosts = {"hosts": {"h1": {"address": "192.0.2.1"}, "h2": {"address": "192.0.2.2"}}}
    names = [f"a{index:02}" for index in range(60)]
    late = _assigned({**hosts, **_network([{"netns": name, "hosts": ["h1"]} for name in names[30:]])}, "h1")
    declared = {**hosts, **_network([{"netns": name, "hosts": ["h1"]} for name in names])}
    moved = {name for name, address in _assigned(declared, "h1").items() if late.get(name, address) != address}
    facts = _live(late, *names)
    assert set(_leaving(declared, facts)) == moved
    while leaving := _leaving(declared, facts):  # what is kept in its place may send a new one on to another's
        for name in leaving:
            declared["networks"]["n"]["attach"][names.index(name)]["address"] = late[name]
    assert _assigned(declared, "h1", facts).items() >= late.items()
    assert not mistakes(stack_of(declared), "h2", facts), "it has none of them"


def _leaving(declared: dict[str, Any], facts: Facts) -> list[str]:
    """The namespaces of which it is said that they move."""
    found = mistakes(stack_of(declared), "h1", facts)
    assert {warning.code for warning in found} <= {"NC333"}
    return [warning.message.partition("/")[0] for warning in found]


def test_an_address_that_cannot_be_kept_is_not_offered_to_be() -> None:
    host = {"hosts": {"h1": {"address": "192.0.2.1"}}}
    for live in ("10.9.0.1", "10.1.0.1", "10.1.0.255"):
        declared = stack_of({**host, **_network([{"netns": "a"}])})
        assert not mistakes(declared, "h1", _live({"a": live})), live


def test_an_endpoint_has_the_same_address_on_every_host_with_a_segment_of_its_own() -> None:
    hosts = {"h1": {"address": "192.0.2.1"}, "h2": {"address": "192.0.2.2"}}
    declared = {"hosts": hosts, **_network([{"netns": "app"}])}
    assert _assigned(declared, "h1") == _assigned(declared, "h2")


def test_a_pool_is_assigned_to_its_last_address() -> None:
    declared = {"netns": "fixed", "address": "10.1.0.99"}
    found = _assigned(_network([*({"netns": f"x{index}"} for index in range(252)), declared]))
    assert found["fixed"] == "10.1.0.99"
    assert sorted(found.values()) == sorted(f"10.1.0.{last}" for last in range(2, 255))


def test_reserved_and_declared_addresses_are_not_assigned() -> None:
    attach = [{"netns": "fixed", "address": "10.1.0.99"}, *({"netns": f"x{index}"} for index in range(50))]
    found = _assigned(_network(attach, reserved=["10.1.0.0/26", "10.1.0.150-10.1.0.254"], gateway="10.1.0.101"))
    values = [int(address.rpartition(".")[2]) for address in found.values()]
    assert len(set(values)) == 51
    assert all(64 <= value < 150 and value != 101 for value in values)


def test_addresses_come_from_the_range_where_there_is_one() -> None:
    found = _assigned(_network([{"netns": f"x{index}"} for index in range(3)], range=["10.1.0.10-10.1.0.12"]))
    assert sorted(found.values()) == ["10.1.0.10", "10.1.0.11", "10.1.0.12"]


def test_the_hosts_own_addresses_on_a_lan_are_not_assigned() -> None:
    hosts = {f"h{last}": {"address": f"192.0.2.{last}"} for last in (1, 2, 3, 4)}
    lan = {"driver": "macvlan", "parent": "eth0", "subnet": {"cidr": "192.0.2.0/29"}}
    declared = {"hosts": hosts, "networks": {"lan": {**lan, "attach": [{"netns": "x", "hosts": ["h1", "h2"]}]}}}
    assert {*_assigned(declared, "h1").values(), *_assigned(declared, "h2").values()} == {"192.0.2.5", "192.0.2.6"}


def test_what_has_no_free_address_is_left_out() -> None:
    assert set(assign(["a", "b", "c"], Slots([Span(5, 7)]), {6})) == {"a", "b"}
    assert assign(["a"], Slots([]), set()) == {}


def test_slots_count_through_their_spans() -> None:
    slots = Slots([Span(2, 3), Span(10, 12)])
    assert [slots[index] for index in range(slots.count)] == [2, 3, 10, 11, 12]
    assert [address for address in range(14) if address in slots] == [2, 3, 10, 11, 12]


def test_spans_are_merged_and_subtracted() -> None:
    assert merge([Span(5, 9), Span(1, 2), Span(3, 4), Span(9, 8), Span(20, 21)]) == [Span(1, 9), Span(20, 21)]
    assert subtract([Span(1, 9)], [Span(0, 1), Span(4, 5), Span(5, 6), Span(9, 20)]) == [Span(2, 3), Span(7, 8)]
    assert subtract([Span(1, 3)], [Span(1, 3)]) == []


def test_the_usable_addresses_of_small_prefixes() -> None:
    assert parse_prefix("10.0.0.0/30").usable == Span(parse_address("10.0.0.1")[1], parse_address("10.0.0.2")[1])
    assert parse_prefix("10.0.0.0/31").usable.size == 2
    assert parse_prefix("10.0.0.0/32").usable.size == 1
    assert parse_prefix("fd00::/127").usable.size == 2
    assert parse_prefix("fd00::/126").usable.size == 3
    assert parse_prefix("192.0.2.11/24") == Prefix(4, parse_address("192.0.2.0")[1], 24)
