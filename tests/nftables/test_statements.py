"""Every statement: written by us and printed by nft; written by nft and read by us."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netctl.engine.resource import Desired
from netctl.kinds.nftables import (
    BRIDGE,
    Chain,
    Comment,
    Counter,
    Log,
    Lookup,
    Masquerade,
    Match,
    Reject,
    Rule,
    Set,
    Statement,
    Unknown,
    Verdict,
    VerdictMap,
    own_table,
    rule,
    table_key,
)
from reconcilers.nftables.attributes import parse
from reconcilers.nftables.decoding import decode_rule
from reconcilers.nftables.encoding import encode_rule
from reconcilers.nftables.fields import FIELDS
from tests.nftables.conftest import ORIGIN, STACK, Host, desired_table, forward, table

V4 = Match("meta nfproto", "ipv4")
V6 = Match("meta nfproto", "ipv6")
TCP = Match("meta l4proto", "tcp")
ICMP = Match("meta l4proto", "icmp")
ICMPV6 = Match("meta l4proto", "ipv6-icmp")

SETS = (
    Set("interfaces", ("ifname",), elements=frozenset({"nc-web"})),
    Set("inside4", ("ipv4_addr",), flags=("interval",), elements=frozenset({"10.10.0.0/24"})),
    Set("own6", ("ifname", "ipv6_addr"), flags=("interval",), elements=frozenset({"nc-web . fd10::/64"})),
    Set("chains", ("ifname",), ("verdict",), elements=frozenset({"nc-web : jump other", "nc-db : drop"})),
    Set("neighbours", ("icmpv6_type",), elements=frozenset({"135", "136"})),
    Set(
        "messages",
        ("icmp_type", "icmp_code"),
        ("verdict",),
        ("interval",),
        frozenset({"3 . 0-3 : drop", "8 . 0 : accept"}),
    ),
    Set(
        "services",
        ("inet_proto", "inet_service"),
        ("verdict",),
        ("interval",),
        frozenset({"tcp . 80-90 : accept", "udp . 53 : jump other"}),
    ),
    Set("ports", ("ipv4_addr", "inet_service"), ("verdict",), elements=frozenset({"10.10.0.1 . 80 : accept"})),
)

# The rule, and what nft prints for it where that is not the rule's own text.
RULES: list[tuple[Rule, str]] = [
    (rule(Match("iifname", "nc-web"), Verdict("accept")), ""),
    (rule(Match("oifname", "nc-web", "!="), Verdict("drop")), ""),
    (rule(Match("meta mark", "0x00000017"), Verdict("return")), ""),
    (rule(Match("ct mark", "0x00000017"), Verdict("continue")), ""),
    (rule(Match("ct state", "established,related"), Verdict("accept")), ""),
    (rule(Match("ct state", "new"), Verdict("accept")), ""),
    (rule(Match("ct status", "dnat"), Verdict("accept")), ""),
    (rule(Match("meta l4proto", "udp"), Verdict("jump", "other")), ""),
    (rule(Match("meta l4proto", "47"), Verdict("goto", "other")), "meta l4proto gre goto other"),
    (rule(V4, Match("ip saddr", "10.10.0.7")), "ip saddr 10.10.0.7"),
    (rule(V4, Match("ip saddr", "10.0.0.0/8")), "ip saddr 10.0.0.0/8"),
    (rule(V4, Match("ip daddr", "10.10.0.128/25", "!=")), "ip daddr != 10.10.0.128/25"),
    (rule(V6, Match("ip6 saddr", "fd10::/61")), "ip6 saddr fd10::/61"),
    (rule(V6, Match("ip6 daddr", "fd10::1", "!=")), "ip6 daddr != fd10::1"),
    (rule(TCP, Match("th dport", "8080")), "tcp dport 8080"),
    (rule(TCP, Match("th sport", "8080", "!=")), "tcp sport != 8080"),
    (rule(Lookup(("iifname",), "interfaces"), Verdict("drop")), ""),
    (rule(V4, Lookup(("ip daddr",), "inside4", negated=True), Verdict("drop")), "ip daddr != @inside4 drop"),
    (rule(V6, Lookup(("oifname", "ip6 saddr"), "own6")), "oifname . ip6 saddr @own6"),
    (rule(Match("ct direction", "reply"), Verdict("accept")), ""),
    (rule(V4, ICMP, Match("icmp type", "8")), "icmp type echo-request"),
    (
        rule(V4, ICMP, Match("icmp type", "3"), Match("icmp code", "4", "!=")),
        "icmp type destination-unreachable icmp code != frag-needed",
    ),
    (rule(V6, ICMPV6, Match("icmpv6 type", "128")), "icmpv6 type echo-request"),
    (rule(V6, ICMPV6, Lookup(("icmpv6 type",), "neighbours")), "icmpv6 type @neighbours"),
    (rule(V4, ICMP, VerdictMap(("icmp type", "icmp code"), "messages")), "icmp type . icmp code vmap @messages"),
    (rule(VerdictMap(("meta l4proto", "th dport"), "services")), ""),
    (rule(VerdictMap(("iifname",), "chains")), ""),
    (rule(V4, TCP, VerdictMap(("ip daddr", "th dport"), "ports")), "ip daddr . tcp dport vmap @ports"),
    (rule(Counter(), Verdict("drop")), "counter packets 0 bytes 0 drop"),
    (rule(Log("denied: ")), 'log prefix "denied: "'),
    (rule(Log("denied: ", "info"), Verdict("drop")), ""),
    (rule(Log()), "log"),
    (rule(Log("denied: ", group=5)), ""),
    (rule(Reject()), "reject"),
    (rule(Reject("icmpx admin-prohibited")), ""),
    (rule(TCP, Reject("tcp reset")), "meta l4proto tcp reject with tcp reset"),
    (rule(Match("iifname", "nc-web"), Verdict("accept"), Comment("stack.yaml: 20")), ""),
]
NAT: list[tuple[Rule, str]] = [
    (rule(Match("oifname", "eth0"), Masquerade()), ""),
    (rule(Masquerade(("fully-random",))), ""),
    (rule(Masquerade(("random", "persistent"))), ""),
]


ARP = Match("ether type", "arp")
IP = Match("meta protocol", "ip")
IP6 = Match("meta protocol", "ip6")
BRIDGE_SETS = (
    Set("macs", ("ifname", "ether_addr"), elements=frozenset({"veth0 . 02:00:00:00:00:01"})),
    Set("sources4", ("ifname", "ipv4_addr"), elements=frozenset({"veth0 . 10.10.0.2"})),
    Set("sources6", ("ifname", "ipv6_addr"), elements=frozenset({"veth0 . fe80::1"})),
)
BRIDGE_RULES: list[tuple[Rule, str]] = [
    (
        rule(Lookup(("iifname", "ether saddr"), "macs", negated=True), Counter(), Verdict("drop")),
        "iifname . ether saddr != @macs counter packets 0 bytes 0 drop",
    ),
    (rule(ARP, Verdict("accept")), ""),
    (rule(Match("ether type", "8021q"), Verdict("drop")), ""),
    (rule(ARP, Lookup(("iifname", "arp saddr ether"), "macs", negated=True)), "iifname . arp saddr ether != @macs"),
    (rule(ARP, Lookup(("iifname", "arp saddr ip"), "sources4")), "iifname . arp saddr ip @sources4"),
    (rule(ARP, Match("arp saddr ip", "0.0.0.0"), Verdict("return")), "arp saddr ip 0.0.0.0 return"),
    (rule(IP, Lookup(("iifname", "ip saddr"), "sources4")), "iifname . ip saddr @sources4"),
    (rule(IP6, Lookup(("iifname", "ip6 saddr"), "sources6")), "iifname . ip6 saddr @sources6"),
    (rule(IP6, Match("ip6 saddr", "::"), ICMPV6, Verdict("return")), "ip6 saddr :: meta l4proto ipv6-icmp return"),
    (rule(IP6, Match("ip6 saddr", "fd00:1:2::/48"), Verdict("drop")), "ip6 saddr fd00:1:2::/48 drop"),
    (
        rule(Match("ether type", "ip6"), ICMPV6, Match("icmpv6 type", "134"), Verdict("drop")),
        "icmpv6 type nd-router-advert drop",
    ),
]


def bridge_table() -> Desired:
    chain = Chain("spoofing", tuple(entry for entry, _ in BRIDGE_RULES), "filter", "prerouting", -200, "accept")
    return Desired(table_key(STACK, BRIDGE), own_table(STACK, BRIDGE_SETS, [chain], BRIDGE), ORIGIN)


def in_table(*rules: Rule, nat: tuple[Rule, ...] = ()) -> tuple[Chain, ...]:
    postrouting = Chain("postrouting", nat, "nat", "postrouting", 100, "accept")
    return (forward(*rules), Chain("other", (rule(Counter()),)), postrouting)


def test_what_is_written_is_read_back_the_same(host: Host) -> None:
    content = table(SETS, in_table(*(entry for entry, _ in RULES), nat=tuple(entry for entry, _ in NAT)))
    host.apply(desired_table(content))
    assert host.live_table() == content


def test_nft_prints_each_rule_as_a_person_would_write_it(host: Host) -> None:
    host.apply(desired_table(table(SETS, in_table(*(e for e, _ in RULES), nat=tuple(e for e, _ in NAT)))))
    printed = [line.strip() for line in host.ruleset().splitlines()]
    for entry, text in RULES + NAT:
        assert (text or str(entry)) in printed


def test_a_table_that_nft_loads_from_our_text_is_read_as_that_table(host: Host) -> None:
    content = table(SETS, in_table(*(entry for entry, _ in RULES), nat=tuple(entry for entry, _ in NAT)))
    host.nft(str(content))
    assert host.live_table() == content


def test_nft_saves_and_restores_the_table_without_a_difference(host: Host) -> None:
    content = desired_table(table(SETS, in_table(*(entry for entry, _ in RULES))))
    host.apply(content)
    saved = host.ruleset()
    host.nft(f"flush ruleset\n{saved}")
    assert not host.plan(content)


def test_the_table_of_frames_is_written_read_and_printed_as_well(host: Host) -> None:
    host.apply(bridge_table())
    assert host.observe().live[bridge_table().key].attributes == bridge_table().attributes
    printed = [line.strip() for line in host.ruleset().splitlines()]
    for entry, text in BRIDGE_RULES:
        assert (text or str(entry)) in printed


def test_nft_loads_saves_and_restores_the_table_of_frames_without_a_difference(host: Host) -> None:
    host.nft(str(bridge_table().attributes))
    assert host.observe(bridge_table()).live[bridge_table().key].attributes == bridge_table().attributes
    host.nft("flush ruleset")
    host.apply(bridge_table())
    saved = host.ruleset()
    host.nft(f"flush ruleset\n{saved}")
    assert not host.plan(bridge_table())


def test_a_table_of_frames_that_is_no_longer_desired_goes(host: Host) -> None:
    host.apply(bridge_table())
    host.apply()
    assert not host.ruleset()


@pytest.mark.parametrize(
    "text",
    [
        "meta skuid 0 accept",
        "meta mark and 0xff == 1 accept",
        "ct state != established drop",
        "tcp dport 1-1024 drop",
        "tcp flags syn tcp option maxseg size set 1400",
        "limit rate 5/second accept",
        "meta mark set 1",
        "numgen random mod 2 == 0 drop",
        "ip saddr & 255.0.255.0 == 10.0.1.0 drop",
        "ip dscp set cs1",
        "log level audit",
        'log prefix "x" flags all',
    ],
)
def test_a_rule_of_what_netctl_never_writes_is_unknown_and_differs(host: Host, text: str) -> None:
    plain = table((), [forward(rule(Match("iifname", "nc-web"), Verdict("drop")))])
    host.apply(desired_table(plain))
    host.nft(f"insert rule inet netctl-shop forward {text}")
    (first, *_) = host.live_table().chains[0].rules[0].statements
    assert isinstance(first, Unknown)
    assert [one.fields[-1] for one in host.plan(desired_table(plain)).changes] == ["chains"]
    host.apply(desired_table(plain))


LOAD = FIELDS["iifname"].load(0)
DROP = parse(encode_rule(rule(Verdict("drop"))))[4]
SOURCE = parse(encode_rule(rule(Match("ip saddr", "10.0.0.0/8"))))[4]


@pytest.mark.parametrize(
    "expressions",
    [
        LOAD + DROP,
        LOAD + LOAD + DROP,
        SOURCE.replace(b"bitwise", b"bitwize"),
        SOURCE.replace(b"\xff\0\0\0", b"\xff\0\xff\0"),
        DROP.replace(b"immediate", b"immedeate"),
        DROP[:-4] + b"\0\0\0\7",
        DROP[:-8],
        b"\1\0",
    ],
)
def test_expressions_that_are_not_just_what_is_written_are_unknown(expressions: bytes) -> None:
    (statement, *rest) = decode_rule({4: expressions}, {}).statements or (Unknown(""),)
    assert isinstance(statement, Unknown)
    assert not rest


@given(st.binary(max_size=200))
def test_no_bytes_break_the_decoder(expressions: bytes) -> None:
    decode_rule({4: expressions}, {})


def test_an_unknown_rule_reads_the_same_whatever_its_counters_count(host: Host) -> None:
    host.apply(desired_table(table((), [forward()])))
    host.nft("add rule inet netctl-shop forward meta skuid 0 counter packets 1 bytes 2")
    first = host.live_table()
    host.nft("flush chain inet netctl-shop forward")
    host.nft("add rule inet netctl-shop forward meta skuid 0 counter packets 3 bytes 4")
    assert host.live_table() == first


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (Match("ip saddr", "10.0.0.1/8"), "host bits"),
        (Match("ip saddr", "10.0.0.1-10.0.0.9"), "needs a set"),
        (Match("ip saddr", "nonsense"), "not an address"),
        (Match("ct state", "new", "!="), "only be compared with =="),
        (Match("tcp option", "1"), "tcp option"),
        (Match("th dport", "70000"), "does not fit"),
        (Match("iifname", "much-too-long-a-name"), "interface"),
        (Verdict("jump"), "no verdict"),
        (Verdict("explode"), "no verdict"),
        (Lookup(("ip6 saddr",) * 5, "inside4"), "registers"),
        (Unknown("queue"), "not netctl's"),
        (Comment("x" * 128), "127 bytes"),
    ],
)
def test_what_cannot_be_written_is_an_error_that_says_why_and_changes_nothing(
    host: Host, statement: Statement, reason: str
) -> None:
    before = host.ruleset()
    plan = host.plan(desired_table(table(SETS, [forward(rule(statement))])))
    outcome = host.execute(*plan.changes)[0]
    assert outcome.failure is not None
    assert reason in outcome.failure.answer
    assert host.ruleset() == before


def test_statements_of_different_types_are_never_equal() -> None:
    statements: list[Statement] = [
        Verdict("accept"),
        Comment("accept"),
        Unknown("accept"),
        Reject("accept"),
        Counter(),
        Masquerade(()),
        Lookup(("accept",), "x"),
        VerdictMap(("accept",), "x"),
    ]
    assert len(set(statements)) == len(statements)
