"""Maps of destinations: written by us, printed by nft, read back; what rules remember is no part of the table."""

from netctl.kinds.nftables import Chain, Match, Recall, Remember, Set, Table, Translate, Verdict, VerdictMap, rule
from tests.nftables.conftest import Host, desired_table, table

V4, V6 = Match("meta nfproto", "ipv4"), Match("meta nfproto", "ipv6")
FRONT = ("meta l4proto", "th dport")
HALF = "numgen random mod 2"
KEY = ("inet_proto", "inet_service")

SETS = (
    Set("affinity6", ("ipv6_addr", "ipv6_addr", *KEY), ("mark",), ("dynamic", "timeout")),
    Set(
        "backends4",
        ("ipv4_addr", *KEY, "mark"),
        ("ipv4_addr", "inet_service"),
        elements=frozenset({"10.96.0.1 . tcp . 80 . 0x00000001 : 10.10.0.20 . 8080"}),
    ),
    Set("backends6", ("ipv6_addr", *KEY, "mark"), ("ipv6_addr", "inet_service")),
    Set("hosts", ("ipv4_addr",), ("mark",), elements=frozenset({"10.10.0.20 : 0x00000001"})),
    Set("published4", (*KEY, "mark"), ("ipv4_addr", "inet_service")),
    Set(
        "services4",
        ("ipv4_addr", *KEY),
        ("verdict",),
        elements=frozenset({"10.96.0.1 . tcp . 80 : goto balance"}),
    ),
)
RULES = [
    (
        rule(V4, Translate(4, ("ip daddr", *FRONT, HALF), "backends4")),
        "dnat ip to ip daddr . meta l4proto . th dport . numgen random mod 2 map @backends4",
    ),
    (rule(V4, Translate(4, (*FRONT, "numgen random mod 300"), "published4")), ""),
    (
        rule(V6, Remember(("ip6 saddr", "ip6 daddr", *FRONT), HALF, "affinity6", 5430)),
        "update @affinity6 { ip6 saddr . ip6 daddr . meta l4proto . th dport timeout 1h30m30s : numgen random mod 2 }",
    ),
    (
        rule(V6, Recall(("ip6 saddr", "ip6 daddr", *FRONT), "affinity6")),
        "meta priority set ip6 saddr . ip6 daddr . meta l4proto . th dport map @affinity6",
    ),
    (
        rule(V6, Translate(6, ("ip6 daddr", *FRONT, "meta priority"), "backends6")),
        "dnat ip6 to ip6 daddr . meta l4proto . th dport . meta priority map @backends6",
    ),
    (rule(Match("fib daddr type", "local"), V4, Verdict("drop")), "fib daddr type local meta nfproto ipv4 drop"),
    (rule(Match("fib saddr type", "local", "!="), Verdict("return")), ""),
]


def _content() -> Table:
    chain = Chain("balance", tuple(entry for entry, _ in RULES))
    front = rule(V4, VerdictMap(("ip daddr", *FRONT), "services4"))
    return table(SETS, (chain, Chain("prerouting", (front,), "nat", "prerouting", -100, "accept")))


def test_translations_are_read_back_as_they_were_written(host: Host) -> None:
    host.apply(desired_table(_content()))
    assert host.live_table() == _content()
    assert not host.plan(desired_table(_content()))


def test_nft_prints_translations_as_they_are_spelled_here(host: Host) -> None:
    host.apply(desired_table(_content()))
    printed = [line.strip() for line in host.ruleset().splitlines()]
    for entry, text in RULES:
        assert (text or str(entry)) in printed, (entry, printed)


def test_what_rules_remember_makes_no_difference(host: Host) -> None:
    host.apply(desired_table(_content()))
    host.nft("add element inet netctl-shop affinity6 { fd00::1 . fd00::2 . tcp . 80 timeout 1h : 0x1 }")
    assert not host.plan(desired_table(_content()))


def test_a_memory_that_holds_less_is_not_the_same(host: Host) -> None:
    host.nft(str(table(SETS[:1])).replace("flags", "size 100; flags"))
    (declared,) = host.live_table().sets
    assert declared.flags == ("dynamic", "size", "timeout")
