"""Rules in other tools' chains: found by their marks, kept where they belong, and readable to iptables."""

import pytest

from netctl.compiler.firewall import Segment, compile_firewall
from netctl.engine.change import Action
from netctl.engine.facts import Facts, ForwardDrop
from netctl.engine.resource import Desired, Origin, Owner
from netctl.kinds.nftables import ForeignRule, rule_key
from reconcilers.nftables import SYSTEM
from reconcilers.nftables.marks import Place, read_rule_mark, rule_mark
from tests.nftables.conftest import STACK, Host
from tests.support.namespaces import run_in

WEB = Segment("nc-web", ("10.10.0.0/24",), origin=Origin("networks.web", "stack.yaml", 3))
DROP = ForwardDrop("ip", "filter", "FORWARD")
DOCKER = """
table ip filter {
  chain DOCKER-USER { counter return; }
  chain DOCKER { }
  chain FORWARD { type filter hook forward priority 0; policy drop; jump DOCKER-USER; oifname "docker0" jump DOCKER; }
}
"""


def facts(host: Host) -> Facts:
    with SYSTEM.reader(host.context) as reader:
        return reader.facts()


def accepted(host: Host, *segments: Segment, stack: str = STACK) -> list[Desired]:
    """What the compiler wants for the segments, by the host's own facts."""
    return list(compile_firewall(stack, segments or (WEB,), facts(host)))


def iptables(host: Host, *arguments: str) -> list[str]:
    return run_in(host.ns, ["iptables-nft", *arguments]).stdout.splitlines()


def test_a_forward_policy_of_drop_is_a_fact(host: Host) -> None:
    assert facts(host).forward_drops == ()
    iptables(host, "-P", "FORWARD", "DROP")
    assert facts(host).forward_drops == (DROP,)
    iptables(host, "-P", "FORWARD", "ACCEPT")
    assert facts(host).forward_drops == ()


def test_drops_of_every_family_are_facts_but_not_of_our_own_tables(host: Host) -> None:
    chain = "chain f { type filter hook forward priority 0; policy drop; }"
    for place in ("ip6 filter", "inet firewall", "inet netctl-shop", "bridge filter"):
        host.nft(f"table {place} {{ {chain}; }}")
    assert facts(host).forward_drops == (ForwardDrop("inet", "firewall", "f"), ForwardDrop("ip6", "filter", "f"))


def test_the_chain_that_docker_reserves_for_others_is_preferred(host: Host) -> None:
    host.nft(DOCKER)
    assert facts(host).forward_drops == (ForwardDrop("ip", "filter", "DOCKER-USER"),)


def test_acceptance_goes_to_the_head_of_the_chain_and_leaves_its_rules_alone(host: Host) -> None:
    host.nft(DOCKER)
    host.apply(*accepted(host))
    lines = [line.strip() for line in host.ruleset().splitlines()]
    start = lines.index("chain DOCKER-USER {")
    assert sorted(lines[start + 1 : start + 3]) == [
        (
            'iifname "nc-web" counter packets 0 bytes 0 accept '
            'comment "netctl:shop/networks.web ip filter DOCKER-USER in:nc-web"'
        ),
        (
            'oifname "nc-web" counter packets 0 bytes 0 accept '
            'comment "netctl:shop/networks.web ip filter DOCKER-USER out:nc-web"'
        ),
    ]
    assert lines[start + 3] == "counter packets 0 bytes 0 return"


def test_iptables_lists_the_chain_with_our_rules_in_it(host: Host) -> None:
    iptables(host, "-N", "DOCKER-USER")
    iptables(host, "-A", "DOCKER-USER", "-j", "RETURN")
    iptables(host, "-P", "FORWARD", "DROP")
    iptables(host, "-A", "FORWARD", "-j", "DOCKER-USER")
    host.apply(*accepted(host))
    mark = '-m comment --comment "netctl:shop/networks.web ip filter DOCKER-USER'
    assert sorted(iptables(host, "-S", "DOCKER-USER")) == [
        f'-A DOCKER-USER -i nc-web {mark} in:nc-web" -j ACCEPT',
        "-A DOCKER-USER -j RETURN",
        f'-A DOCKER-USER -o nc-web {mark} out:nc-web" -j ACCEPT',
        "-N DOCKER-USER",
    ]


def test_iptables_goes_on_managing_a_chain_that_has_our_rules(host: Host) -> None:
    iptables(host, "-P", "FORWARD", "DROP")
    wanted = accepted(host)
    host.apply(*wanted)
    iptables(host, "-I", "FORWARD", "-s", "192.0.2.1", "-j", "ACCEPT")
    iptables(host, "-D", "FORWARD", "-s", "192.0.2.1", "-j", "ACCEPT")
    assert not host.plan(*wanted)


def test_what_iptables_saves_and_restores_is_still_ours(host: Host) -> None:
    iptables(host, "-P", "FORWARD", "DROP")
    wanted = accepted(host)
    host.apply(*wanted)
    saved = run_in(host.ns, ["iptables-nft-save"]).stdout
    run_in(host.ns, ["iptables-nft-restore"], stdin=saved)
    assert not host.plan(*wanted)


def test_without_the_drop_our_rules_go_again(host: Host) -> None:
    iptables(host, "-P", "FORWARD", "DROP")
    before = iptables(host, "-S")
    host.apply(*accepted(host))
    iptables(host, "-P", "FORWARD", "ACCEPT")
    assert [one.action for one in host.apply(*accepted(host)).changes] == [Action.DELETE] * 2
    iptables(host, "-P", "FORWARD", "DROP")
    assert iptables(host, "-S") == before


def test_a_chain_that_vanished_takes_its_rules_out_of_the_plan(host: Host) -> None:
    host.nft(DOCKER)
    host.apply(*accepted(host))
    host.nft("delete table ip filter")
    assert accepted(host) == []
    assert not host.plan()


def test_a_rule_whose_chain_vanishes_before_it_is_deleted_is_gone_as_wanted(host: Host) -> None:
    host.nft(DOCKER)
    host.apply(*accepted(host))
    plan = host.plan()
    host.nft("delete table ip filter")
    assert [outcome.failure for outcome in host.execute(*plan.changes)] == [None, None]


def test_a_rule_whose_chain_vanishes_before_it_is_made_fails_and_names_the_chain(host: Host) -> None:
    host.nft(DOCKER)
    plan = host.plan(*accepted(host))
    host.nft("delete table ip filter")
    failures = [outcome.failure for outcome in host.execute(*plan.changes)]
    assert all(failure and "DOCKER-USER" in str(failure) for failure in failures)


@pytest.mark.parametrize("replacement", ["iifname nc-db accept", "iifname nc-web drop", "accept"])
def test_a_rule_edited_in_place_under_its_mark_is_repaired_in_place(host: Host, replacement: str) -> None:
    host.nft(DOCKER)
    wanted = accepted(host)
    host.apply(*wanted)
    found = next(entry["rule"] for entry in host.objects() if "in:nc-web" in entry.get("rule", {}).get("comment", ""))
    where = f"ip filter DOCKER-USER handle {found['handle']}"
    host.nft(f'replace rule {where} {replacement} comment "{found["comment"]}"')
    (change,) = host.apply(*wanted).changes
    assert (change.action, change.fields) == (Action.UPDATE, ("rule",))
    assert [
        line
        for line in host.ruleset("-a").splitlines()
        if "in:nc-web" in line and f"# handle {found['handle']}" in line
    ]


def test_a_removed_rule_is_made_again(host: Host) -> None:
    host.nft(DOCKER)
    wanted = accepted(host)
    host.apply(*wanted)
    host.nft("flush chain ip filter DOCKER-USER")
    assert [one.action for one in host.apply(*wanted).changes] == [Action.CREATE] * 2


def test_a_rule_that_was_duplicated_with_its_mark_is_removed_once(host: Host) -> None:
    host.nft(DOCKER)
    wanted = accepted(host)
    host.apply(*wanted)
    host.nft(
        "add rule ip filter DOCKER-USER iifname nc-web counter accept "
        'comment "netctl:shop/networks.web ip filter DOCKER-USER in:nc-web"'
    )
    assert [one.action for one in host.apply(*wanted).changes] == [Action.DELETE]


def test_a_mark_copied_to_another_chain_is_ignored(host: Host) -> None:
    host.nft(DOCKER)
    wanted = accepted(host)
    host.apply(*wanted)
    host.nft(
        "insert rule ip filter FORWARD iifname nc-web counter accept "
        'comment "netctl:shop/networks.web ip filter DOCKER-USER in:nc-web"'
    )
    assert not host.plan(*wanted)
    host.apply()
    assert sum("netctl:" in line for line in host.ruleset().splitlines()) == 1


def test_another_declaration_of_the_same_segment_changes_the_mark_only(host: Host) -> None:
    host.nft(DOCKER)
    host.apply(*accepted(host))
    moved = accepted(host, WEB._replace(origin=Origin("networks.renamed")))
    assert [(one.action, one.fields) for one in host.apply(*moved).changes] == [(Action.UPDATE, ("owner",))] * 2
    assert "netctl:shop/networks.renamed ip filter" in host.ruleset()


def test_stacks_keep_their_own_rules_in_one_chain(host: Host) -> None:
    host.nft(DOCKER)
    before = host.ruleset("-a")
    shop, blog = accepted(host), accepted(host, stack="blog")
    host.apply(*shop)
    host.apply(*blog, stack="blog")
    host.apply()
    assert not host.plan(*blog, stack="blog")
    host.apply(stack="blog")
    assert host.ruleset("-a") == before


def test_a_thousand_rules_are_made_and_found(host: Host) -> None:
    host.nft(DOCKER)
    wanted = accepted(host, *(Segment(f"nc-{n}", (), origin=Origin(f"networks.n{n}")) for n in range(500)))
    host.apply(*wanted)
    assert len(host.observe(*wanted).live) == 1000


@pytest.mark.parametrize("stack", ["s", "s" * 63])
@pytest.mark.parametrize("declaration", ["", "networks.web", "routes[3] via eth0", "d" * 63])
@pytest.mark.parametrize("chain", ["FORWARD", "c" * 63])
def test_a_mark_fits_and_tells_what_it_says(stack: str, declaration: str, chain: str) -> None:
    place = Place("ip6", "filter", chain)
    owner = Owner(stack, declaration)
    mark = rule_mark(owner, place, "out:nc-abcdefghijkl")
    assert len(mark) <= 127
    read = read_rule_mark(place, mark)
    assert read is not None
    assert read.key == rule_key(stack, *place, "out:nc-abcdefghijkl")
    assert read.owner in {owner, Owner(stack)}
    assert read_rule_mark(place._replace(table="nat"), mark) is None


def test_a_comment_that_only_looks_like_a_mark_is_none() -> None:
    place = Place("ip", "filter", "FORWARD")
    for comment in ("", "netctl:", "netctl: ip filter FORWARD in:x", "netctl:shop", "shop/web ip filter FORWARD in:x"):
        assert read_rule_mark(place, comment) is None


def test_the_rule_s_comment_is_no_part_of_it(host: Host) -> None:
    host.nft(DOCKER)
    wanted = accepted(host)
    host.apply(*wanted)
    live = host.observe().live
    assert {one.key: one.attributes for one in wanted} == {key: one.attributes for key, one in live.items()}
    assert all(isinstance(one.attributes, ForeignRule) for one in live.values())
    assert {one.owner for one in live.values()} == {Owner(STACK, "networks.web")}
