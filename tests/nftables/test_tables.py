"""The stack's table: made, changed, repaired and deleted as a whole; other people's never touched."""

import errno
from collections.abc import Callable, Sequence
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netctl.engine.change import Action, Change, Reason
from netctl.engine.resource import Owner
from netctl.kinds.nftables import (
    Chain,
    Counter,
    Lookup,
    Match,
    Set,
    Table,
    Verdict,
    VerdictMap,
    differences,
    own_table,
    rule,
    table_key,
)
from reconcilers.nftables import SYSTEM
from reconcilers.nftables.messages import Refusal, Request
from reconcilers.nftables.transport import Connection
from tests.nftables.conftest import OWNER, TABLE, Host, change, desired_table, forward, table

INSIDE = Set("inside4", ("ipv4_addr",), flags=("interval",), elements=frozenset({"10.10.0.0/24", "10.20.0.0/24"}))
PORTS = Set("ports", ("ifname",), ("verdict",), elements=frozenset({"nc-web : jump other", "nc-db : drop"}))
V4 = Match("meta nfproto", "ipv4")
CONTENT = table(
    (INSIDE, PORTS),
    (
        forward(
            rule(V4, Lookup(("ip daddr",), "inside4"), Counter(), Verdict("accept")),
            rule(VerdictMap(("iifname",), "ports")),
        ),
        Chain("other", (rule(Match("oifname", "eth0"), Verdict("drop")),)),
        Chain("postrouting", (), "nat", "postrouting", 100, "accept"),
    ),
)
FOREIGN = """
table inet netctl-blog { comment "netctl:blog inet netctl-blog"; set s { type ipv4_addr; elements = { 192.0.2.1 }; }; }
table ip filter { chain FORWARD { type filter hook forward priority filter; policy accept; counter accept; }; }
table bridge filter { chain c { type filter hook forward priority 0; policy accept; }; }
table inet theirs { comment "netctl:shop inet netctl-shop"; chain c { counter packets 1 bytes 2 drop; }; }
"""

# What someone does behind netctl's back, and the attributes in which the table then differs.
TAMPERING = {
    "a rule edited in place": ("replace rule inet netctl-shop other handle {rule} oifname eth1 drop", {"chains"}),
    "a rule edited but for its first statement": (
        "replace rule inet netctl-shop other handle {rule} oifname eth0 accept",
        {"chains"},
    ),
    "a rule removed": ("delete rule inet netctl-shop other handle {rule}", {"chains"}),
    "a rule added": ("add rule inet netctl-shop other counter accept", {"chains"}),
    "a rule inserted first": ("insert rule inet netctl-shop forward accept", {"chains"}),
    "a comment on a rule": (
        'replace rule inet netctl-shop other handle {rule} oifname eth0 drop comment "x"',
        {"chains"},
    ),
    "a chain flushed": ("flush chain inet netctl-shop forward", {"chains"}),
    "a chain added": ("add chain inet netctl-shop more", {"chains"}),
    "a policy changed": ("chain inet netctl-shop forward {{ policy drop; }}", {"chains"}),
    "an element removed": ("delete element inet netctl-shop inside4 {{ 10.10.0.0/24 }}", {"sets"}),
    "an element added": ("add element inet netctl-shop inside4 {{ 10.66.0.0/16 }}", {"sets"}),
    "an element of a map changed": (
        "delete element inet netctl-shop ports {{ nc-db }}; add element inet netctl-shop ports {{ nc-db : accept }}",
        {"sets"},
    ),
    "a set flushed": ("flush set inet netctl-shop inside4", {"sets"}),
    "a set added": ("add set inet netctl-shop more {{ type ipv4_addr; }}", {"sets"}),
    "the table switched off": ("add table inet netctl-shop {{ flags dormant; }}", {"flags"}),
    "another set with the same elements": (
        (
            "flush chain inet netctl-shop forward; delete set inet netctl-shop inside4; "
            "add set inet netctl-shop inside4 {{ type ipv4_addr; flags interval, timeout; "
            "elements = {{ 10.10.0.0/24, 10.20.0.0/24 }}; }}"
        ),
        {"sets", "chains"},
    ),
}


def handles(host: Host, kind: str) -> dict[str, int]:
    """Handles of what is in the stack's table, or its own (which tells whether it was made again), by their place."""
    found = [entry[kind] for entry in host.objects() if kind in entry]
    own = [entry for entry in found if entry.get("table", entry.get("name")) == "netctl-shop"]
    numbers = count()
    return {f"{entry.get('chain', entry.get('name'))} {next(numbers)}": entry["handle"] for entry in own}


def in_chain(host: Host, chain: str) -> list[int]:
    """The handles of a chain's rules."""
    return [handle for place, handle in handles(host, "rule").items() if place.startswith(f"{chain} ")]


def with_elements(content: Table, name: str, elements: frozenset[str]) -> Table:
    sets = tuple(entry._replace(elements=elements) if entry.name == name else entry for entry in content.sets)
    return content._replace(sets=sets)


def test_the_table_bears_a_mark_and_is_the_stack_s(host: Host) -> None:
    host.apply(desired_table(CONTENT))
    assert 'comment "netctl:shop inet netctl-shop"' in host.ruleset()
    assert host.observe().live[TABLE].owner == OWNER


@pytest.mark.parametrize("what", TAMPERING)
def test_tampering_is_seen_and_repaired(host: Host, what: str) -> None:
    command, fields = TAMPERING[what]
    host.apply(desired_table(CONTENT))
    (handle,) = (number for place, number in handles(host, "rule").items() if place.startswith("other"))
    host.nft(command.format(rule=handle))
    (found,) = host.plan(desired_table(CONTENT)).changes
    assert (found.action, set(found.fields)) == (Action.UPDATE, fields)
    host.apply(desired_table(CONTENT))
    assert host.live_table() == CONTENT


@pytest.mark.parametrize("command", ["delete table inet netctl-shop", "flush ruleset"])
def test_a_table_that_was_deleted_is_made_again(host: Host, command: str) -> None:
    host.apply(desired_table(CONTENT))
    host.nft(command)
    (found,) = host.plan(desired_table(CONTENT)).changes
    assert found.action is Action.CREATE
    host.apply(desired_table(CONTENT))


def test_changed_elements_leave_the_rules_and_their_counters_alone(host: Host) -> None:
    def identities() -> list[dict[str, int]]:
        return [handles(host, kind) for kind in ("table", "chain", "rule")]

    host.apply(desired_table(CONTENT))
    before = identities()
    after = with_elements(CONTENT, "inside4", frozenset({"10.20.0.0/24", "10.30.0.0/24"}))
    after = with_elements(after, "ports", frozenset({"nc-web : drop", "nc-new : accept"}))
    host.apply(desired_table(after))
    assert identities() == before
    assert host.live_table() == after


def test_a_changed_rule_fills_its_chain_anew_in_one_transaction_and_leaves_the_others_alone(host: Host) -> None:
    host.apply(desired_table(CONTENT))
    other = in_chain(host, "other")
    changed = CONTENT._replace(chains=(forward(rule(Verdict("accept"))), *CONTENT.chains[1:]))
    with Connection(host.ns) as connection:
        first = connection.generation()
        host.apply(desired_table(changed))
        assert connection.generation() == first + 1
    assert in_chain(host, "other") == other


def test_chains_and_sets_come_and_go_without_a_new_table(host: Host) -> None:
    host.apply(desired_table(CONTENT))
    before = handles(host, "table")
    jumps = PORTS._replace(name="jumps", elements=frozenset({"nc-new : jump new"}))
    new = Chain("new", (rule(Lookup(("iifname",), "names"), Counter(), Verdict("drop")),))
    names = Set("names", ("ifname",), elements=frozenset({"nc-new"}))
    more = table((INSIDE, jumps, names), (*CONTENT.chains[2:], new, forward(rule(VerdictMap(("iifname",), "jumps")))))
    for content in (more, CONTENT):
        host.apply(desired_table(content))
        assert host.live_table() == content
    assert handles(host, "table") == before


def test_a_set_of_another_type_or_a_chain_on_another_hook_makes_the_table_anew(host: Host) -> None:
    host.apply(desired_table(CONTENT))
    before = handles(host, "table")
    retyped = PORTS._replace(key=("mark",), elements=frozenset())
    rehooked = forward()._replace(hook="input")
    for content in (table((INSIDE, retyped), ()), table((INSIDE, retyped), [rehooked]), table((), [forward()])):
        host.apply(desired_table(content))
        assert host.live_table() == content
        assert handles(host, "table") != before


def _pool(draw: st.DrawFn) -> Table:
    """A table of a few chains and sets, any of which may be missing, and rules and elements between those there are."""
    chains = sorted(draw(st.sets(st.sampled_from("abc"))))
    jumps = [f"jump {chain}" for chain in chains] + ["drop"]
    verdicts = draw(st.dictionaries(st.sampled_from(["e0", "e1", "e2"]), st.sampled_from(jumps)))
    maps = [Set("m", ("ifname",), ("verdict",), elements=frozenset(f"{key} : {to}" for key, to in verdicts.items()))]
    maps += [Set("n", ("ifname",), elements=frozenset(draw(st.sets(st.sampled_from(["e0", "e1"])))))]
    sets = draw(st.sets(st.sampled_from(maps)))
    rules = [rule(VerdictMap(("iifname",), "m"))] if maps[0] in sets else [rule(Counter())]
    rules += [rule(Lookup(("iifname",), "n"), Verdict("drop"))] if maps[1] in sets else []
    rules += [rule(Verdict("jump", chain)) for chain in chains]
    base = forward(*draw(st.lists(st.sampled_from(rules), max_size=4)))
    leaf = st.lists(st.sampled_from([rule(Counter()), rule(Match("iifname", "e0"), Verdict("drop"))]), max_size=2)
    return table(sets, [base, *(Chain(chain, tuple(draw(leaf))) for chain in chains)])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.data())
def test_any_table_becomes_any_other_without_being_made_anew(drawn: st.DataObject, host: Host) -> None:
    tables = st.composite(_pool)()
    before, after = drawn.draw(tables), drawn.draw(tables)
    host.nft("flush ruleset")
    host.apply(desired_table(before))
    identity = handles(host, "table")
    host.apply(desired_table(after))
    assert host.live_table() == after
    assert handles(host, "table") == identity


def test_a_table_that_is_no_longer_desired_is_deleted(host: Host) -> None:
    host.apply(desired_table(CONTENT))
    (found,) = host.apply().changes
    assert (found.action, found.key) == (Action.DELETE, TABLE)
    assert host.ruleset() == ""


def test_the_tables_of_others_stay_byte_for_byte(host: Host) -> None:
    host.nft(FOREIGN)
    before = host.ruleset("-a")
    host.apply(desired_table(CONTENT))
    host.apply(desired_table(with_elements(CONTENT, "inside4", frozenset())))
    host.apply()
    assert host.ruleset("-a") == before


@pytest.mark.parametrize("comment", ["", 'comment "netctl:blog inet netctl-blog";', 'comment "netctl:shop";'])
def test_a_table_of_that_name_without_the_stack_s_mark_is_a_conflict(host: Host, comment: str) -> None:
    host.nft(f"table inet netctl-shop {{ {comment} chain theirs {{ counter; }}; }}")
    before = host.ruleset("-a")
    plan = host.plan(desired_table(CONTENT))
    assert not list(plan.changes)
    assert [conflict.live.owner for conflict in plan.conflicts] == [None]
    assert host.ruleset("-a") == before


def test_a_foreign_table_can_be_adopted(host: Host) -> None:
    host.nft("table inet netctl-shop { chain theirs { counter; }; }")
    host.apply(desired_table(CONTENT), adopt=True)
    assert host.observe().live[TABLE].owner == OWNER


def test_two_stacks_do_not_see_each_other(host: Host) -> None:
    blog = desired_table(CONTENT)._replace(key=table_key("blog"), attributes=own_table("blog", (), (Chain("c"),)))
    host.apply(desired_table(CONTENT))
    host.apply(blog, stack="blog")
    assert set(host.observe(stack="blog").live) == {table_key("blog")}
    host.apply(stack="blog")
    assert host.live_table() == CONTENT


def test_a_stack_with_the_longest_name_is_recognised(host: Host) -> None:
    stack = "s" * 63
    long = desired_table(CONTENT)._replace(key=table_key(stack), attributes=own_table(stack, (), (Chain("c"),)))
    host.apply(long, stack=stack)
    saved = host.ruleset()
    host.nft(f"flush ruleset\n{saved}")
    assert host.observe(stack=stack).live[table_key(stack)].owner == Owner(stack)


def test_a_table_that_became_someone_else_s_is_not_deleted(host: Host) -> None:
    host.apply(desired_table(CONTENT))
    plan = host.plan()
    host.nft("delete table inet netctl-shop; table inet netctl-shop { chain theirs { counter; }; }")
    before = host.ruleset("-a")
    (outcome,) = host.execute(*plan.changes)
    assert outcome.failure is not None
    assert "someone else" in outcome.failure.answer
    assert host.ruleset("-a") == before


def test_one_bad_change_undoes_the_whole_batch_and_is_named(host: Host) -> None:
    host.apply(desired_table(CONTENT))
    before = host.ruleset("-a")
    missing = VerdictMap(("iifname",), "ports")
    broken = own_table("a", [PORTS], [forward(rule(missing))])  # no chain `other`
    good = own_table("b", (), [forward(rule(Verdict("accept")))])
    wanted = (
        Change(Action.CREATE, table_key("b"), None, good, Reason.DECLARED, owner=Owner("b")),
        Change(Action.CREATE, table_key("a"), None, broken, Reason.DECLARED, owner=Owner("a")),
        change(Action.DELETE, CONTENT, None),
    )
    first, second, third = host.execute(*wanted)
    assert second.failure is not None
    assert second.failure.attempt.startswith("add to set ports")
    assert "ENOENT" in second.failure.answer
    for other in (first, third):
        assert other.failure is not None
        assert second.failure.attempt in other.failure.answer
    assert host.ruleset("-a") == before


def test_a_refused_rule_is_quoted(host: Host) -> None:
    masquerade_in_filter = rule(Match("meta nfproto", "ipv4"), Lookup(("ip saddr",), "nothing"), Verdict("drop"))
    (outcome,) = host.execute(change(Action.CREATE, None, table((), [forward(masquerade_in_filter)])))
    assert outcome.failure is not None
    assert "ip saddr @nothing drop" in outcome.failure.attempt
    assert "ENOENT" in outcome.failure.answer
    assert outcome.failure.advice


def test_creating_what_exists_fails_and_deleting_what_is_gone_succeeds(host: Host) -> None:
    host.apply(desired_table(CONTENT))
    (outcome,) = host.execute(change(Action.CREATE, None, CONTENT))
    assert outcome.failure is not None
    assert "EEXIST" in outcome.failure.answer
    deletion = change(Action.DELETE, CONTENT, None)
    assert [one.failure for _ in range(2) for one in host.execute(deletion)] == [None, None]


def test_an_implied_change_is_not_executed(host: Host) -> None:
    host.apply(desired_table(CONTENT))
    (outcome,) = host.execute(change(Action.DELETE, CONTENT, None)._replace(implied=True))
    assert outcome.failure is None
    assert host.live_table() == CONTENT


def test_a_transaction_prepared_in_an_older_generation_is_refused(host: Host) -> None:
    with Connection(host.ns) as connection:
        old = connection.generation()
        host.nft("add table inet theirs")
        refusals = connection.commit([], old)
        assert [refusal.errno for refusal in refusals] == [errno.ERESTART]


class Meddled(Connection):
    """Someone else changes the rule set once, between the preparation of a transaction and its sending."""

    meddling: Callable[[], None] | None = None
    refused = 0

    def commit(self, requests: Sequence[Request], generation: int | None = None) -> list[Refusal]:
        if self.meddling is not None:
            self.meddling()
            self.meddling = None
        refusals = super().commit(requests, generation)
        self.refused += bool(refusals)
        return refusals


def test_a_change_of_someone_else_s_in_between_makes_it_prepare_again(host: Host) -> None:
    writer = SYSTEM.writer(host.context)
    writer.connection = connection = Meddled(host.ns)
    connection.meddling = lambda: host.nft("add table inet theirs")
    with writer:
        (outcome,) = writer.execute([change(Action.CREATE, None, CONTENT)])
    assert connection.refused == 1
    assert outcome.failure is None
    assert host.live_table() == CONTENT


def test_a_large_transaction_goes_in_one_piece(host: Host) -> None:
    rules = tuple(rule(Match("iifname", f"nc-{n}"), Counter(), Verdict("drop")) for n in range(20_000))
    content = table((), [forward(*rules)])
    (outcome,) = host.execute(change(Action.CREATE, None, content))
    assert outcome.failure is None
    assert host.live_table() == content


def test_thousands_of_errors_are_told_as_one_failure(host: Host) -> None:
    rules = tuple(rule(Match("iifname", f"nc-{n}"), Verdict("jump", "nowhere")) for n in range(20_000))
    (outcome,) = host.execute(change(Action.CREATE, None, table((), [forward(*rules)])))
    assert outcome.failure is not None
    assert host.ruleset() == ""


def test_an_observation_of_other_keys_leaves_the_table_out(host: Host) -> None:
    host.apply(desired_table(CONTENT))
    assert host.observe(keys=frozenset({TABLE})).live[TABLE].attributes == CONTENT
    assert host.observe(keys=frozenset({table_key("blog")})).live == {}


def test_the_differences_of_two_tables_are_a_line_each() -> None:
    other = CONTENT._replace(chains=(*CONTENT.chains[2:], forward(rule(Verdict("accept")))))
    other = with_elements(other, "inside4", frozenset({"10.20.0.0/24", "10.30.0.0/24"}))
    assert differences(CONTENT, other) == (
        "set inside4: - 10.10.0.0/24",
        "set inside4: + 10.30.0.0/24",
        "chain forward: - meta nfproto ipv4 ip daddr @inside4 counter accept",
        "chain forward: - iifname vmap @ports",
        "chain forward: + accept",
        "- chain other",
    )


def test_the_text_of_a_table_is_the_same_whatever_the_order_of_its_elements() -> None:
    one = table([Set("s", ("ifname",), elements=frozenset(f"nc-{n}" for n in range(100)))])
    other = table([Set("s", ("ifname",), elements=frozenset(f"nc-{n}" for n in reversed(range(100))))])
    assert (repr(one), str(one)) == (repr(other), str(other))


def test_the_system_is_named_as_its_kinds_are() -> None:
    assert {kind.system for kind in SYSTEM.kinds} == {SYSTEM.name}
