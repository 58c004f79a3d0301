"""The firewall compiler: which tables and rules segments need, and how they grow."""

from netctl.compiler.firewall import Segment, compile_firewall
from netctl.engine.facts import Facts, ForwardDrop
from netctl.engine.resource import Desired, Origin
from netctl.kinds.nftables import ForeignRule, Table, rule_key, table_key

WEB = Segment("nc-web", ("10.10.0.0/24", "fd10::/64"), masquerade=True, origin=Origin("networks.web", "stack.yaml", 9))
DB = Segment("nc-db", ("10.20.0.0/24",), origin=Origin("networks.db", "stack.yaml", 3))
PODS = Segment(
    "nc-pods", ("10.42.1.0/24",), ("10.42.0.0/16",), extra_interfaces=("nc-pods-vx",), origin=Origin("overlays.pods")
)


def compiled(*segments: Segment, facts: Facts | None = None) -> list[Desired]:
    return list(compile_firewall("shop", segments, facts))


def table_of(*segments: Segment) -> Table:
    (want,) = compiled(*segments)
    assert isinstance(want.attributes, Table)
    return want.attributes


def elements(table: Table) -> dict[str, set[str]]:
    return {entry.name: set(entry.elements) for entry in table.sets}


def rules(table: Table) -> dict[str, list[str]]:
    return {chain.name: [str(entry) for entry in chain.rules] for chain in table.chains}


def test_a_network_is_masqueraded_on_the_way_to_what_of_an_overlay_is_elsewhere() -> None:
    pods = PODS._replace(here=("10.42.1.0/24",))
    table = table_of(WEB, pods)
    assert rules(table)["postrouting"][2:] == [
        "meta nfproto ipv4 ip saddr @networks4 ip daddr @overlays4 ip daddr != @here4 masquerade fully-random"
    ]
    found = elements(table)
    assert [found[name] for name in ("networks4", "overlays4", "here4")] == [
        {"10.10.0.0/24"}, {"10.42.0.0/16"}, {"10.42.1.0/24"}
    ]  # fmt: skip
    for fenced in (pods._replace(isolated=True), pods._replace(internal=True)):
        assert len(rules(table_of(WEB, fenced))["postrouting"]) == 2


def test_no_table_where_nothing_needs_one() -> None:
    assert compiled() == []
    assert compiled(DB, PODS) == []


def test_a_masqueraded_segment_has_one_rule_for_each_family() -> None:
    table = table_of(WEB, DB)
    assert rules(table) == {
        "postrouting": [
            (
                "meta nfproto ipv4 ip saddr @masquerade4 oifname . ip saddr != @own4 ip daddr != @inside4 "
                "masquerade fully-random"
            ),
            (
                "meta nfproto ipv6 ip6 saddr @masquerade6 oifname . ip6 saddr != @own6 ip6 daddr != @inside6 "
                "masquerade fully-random"
            ),
        ]
    }
    assert elements(table) == {
        "masquerade4": {"10.10.0.0/24"},
        "masquerade6": {"fd10::/64"},
        "own4": {"nc-web . 10.10.0.0/24"},
        "own6": {"nc-web . fd10::/64"},
        "inside4": {"10.10.0.0/24", "10.20.0.0/24"},
        "inside6": {"fd10::/64"},
    }


def test_an_overlay_s_whole_range_is_inside_and_holds_its_own_blocks() -> None:
    table = table_of(PODS._replace(masquerade=True), WEB)
    assert elements(table)["inside4"] == {"10.42.0.0/16", "10.10.0.0/24"}
    assert elements(table)["own4"] == {
        "nc-pods . 10.42.1.0/24",
        "nc-pods-vx . 10.42.1.0/24",
        "nc-web . 10.10.0.0/24",
    }


def test_an_internal_overlay_is_fenced_but_for_itself() -> None:
    table = table_of(PODS._replace(internal=True))
    assert rules(table) == {
        "fence": [
            "iifname . oifname @within return",
            "meta nfproto ipv4 ip saddr . ip daddr @cluster4 return",
            "counter drop",
        ],
        "forward": ["iifname @internal jump fence", "oifname @internal jump fence"],
    }
    assert elements(table) == {
        "internal": {"nc-pods", "nc-pods-vx"},
        "within": {
            "nc-pods . nc-pods",
            "nc-pods . nc-pods-vx",
            "nc-pods-vx . nc-pods",
            "nc-pods-vx . nc-pods-vx",
        },
        "cluster4": {"10.42.0.0/16 . 10.42.0.0/16"},
    }


def test_an_isolated_network_is_fenced_from_segments_only() -> None:
    table = table_of(DB._replace(isolated=True), WEB._replace(masquerade=False))
    assert rules(table)["forward"] == [
        "iifname @isolated oifname @segments jump fence",
        "oifname @isolated iifname @segments jump fence",
    ]
    assert elements(table) == {"isolated": {"nc-db"}, "segments": {"nc-db", "nc-web"}, "within": {"nc-db . nc-db"}}


def test_beside_an_overlay_isolation_is_by_address_too() -> None:
    table = table_of(DB._replace(isolated=True), PODS)
    assert "iifname @isolated meta nfproto ipv4 ip daddr @inside4 jump fence" in rules(table)["forward"]
    assert elements(table)["inside4"] == {"10.20.0.0/24", "10.42.0.0/16"}


def test_more_networks_are_more_elements_and_not_more_rules() -> None:
    def leg(n: int) -> Segment:
        prefixes = (f"10.{n >> 8}.{n & 255}.0/24", f"fd00:0:0:{n:x}::/64")
        return Segment(f"nc-{n}", prefixes, masquerade=n % 3 == 0, internal=n % 3 == 1, isolated=n % 3 == 2)

    def many(number: int) -> Table:
        return table_of(PODS._replace(masquerade=True), *map(leg, range(number)))

    assert many(3).chains == many(900).chains
    assert [entry.name for entry in many(3).sets] == [entry.name for entry in many(900).sets]


def test_the_order_of_segments_does_not_matter() -> None:
    segments = [WEB, DB._replace(isolated=True), PODS._replace(internal=True)]
    assert compiled(*segments)[0] == compiled(*reversed(segments))[0]


def test_a_prefix_within_another_is_no_element_of_its_own() -> None:
    table = table_of(WEB._replace(prefixes=("10.0.0.0/8", "10.10.0.0/24", "10.0.0.0/24")), DB)
    assert elements(table)["masquerade4"] == {"10.0.0.0/8"}
    assert elements(table)["inside4"] == {"10.0.0.0/8"}


def test_a_single_address_is_an_element_without_a_length() -> None:
    table = table_of(WEB._replace(prefixes=("10.10.0.1/32", "fd10::1/128")))
    assert elements(table)["inside4"] | elements(table)["inside6"] == {"10.10.0.1", "fd10::1"}


def test_the_table_is_declared_where_the_first_segment_is() -> None:
    (want,) = compiled(WEB, DB)
    assert want.key == table_key("shop")
    assert want.origin == DB.origin


def test_every_segment_is_accepted_in_both_directions_where_another_tool_drops() -> None:
    drops = (ForwardDrop("ip", "filter", "DOCKER-USER"), ForwardDrop("ip6", "filter", "FORWARD"))
    wanted = {want.key: want for want in compiled(DB, facts=Facts(forward_drops=drops))}
    assert set(wanted) == {
        rule_key("shop", "ip", "filter", "DOCKER-USER", "in:nc-db"),
        rule_key("shop", "ip", "filter", "DOCKER-USER", "out:nc-db"),
        rule_key("shop", "ip6", "filter", "FORWARD", "in:nc-db"),
        rule_key("shop", "ip6", "filter", "FORWARD", "out:nc-db"),
    }
    first = wanted[rule_key("shop", "ip", "filter", "DOCKER-USER", "in:nc-db")]
    assert isinstance(first.attributes, ForeignRule)
    assert str(first.attributes.rule) == 'iifname "nc-db" counter accept'
    assert first.origin == DB.origin


def test_nothing_is_accepted_where_nothing_drops() -> None:
    assert compiled(DB, facts=Facts()) == []
