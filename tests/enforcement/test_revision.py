"""A changed endpoint changes elements, and which they are is worked out without compiling everything again."""

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from netctl.compiler.enforcement import Enforcement, enforce, revise
from netctl.compiler.firewall import compile_firewall
from netctl.engine.change import Action, Change, Reason
from netctl.engine.resource import Desired
from netctl.kinds.nftables import Table
from netctl.policy.model import Endpoint, Peers, Policy, PolicySet, Rule
from reconcilers.nftables.messages import Request
from reconcilers.nftables.requests import table_changes
from reconcilers.nftables.uapi import Message
from tests.enforcement.crowds import crowd, endpoint
from tests.enforcement.worlds import HOST, worlds
from tests.nftables.conftest import OWNER, STACK, Host


def tables(enforcement: Enforcement) -> list[Desired]:
    return list(compile_firewall(STACK, (), None, enforcement))


def requests(before: Enforcement, after: Enforcement) -> list[Request]:
    """The messages that turn one into the other; no table is made anew."""
    found: list[Request] = []
    for old, new in zip(tables(before), tables(after), strict=True):
        assert isinstance(old.attributes, Table)
        assert isinstance(new.attributes, Table)
        changes = table_changes(old.attributes, new.attributes)
        assert changes is not None
        found += changes
    return found


def without(policies: PolicySet, name: str) -> PolicySet:
    """The policies as they are resolved when there is no such endpoint."""
    endpoints = {key: end for key, end in policies.endpoints.items() if key != name}
    return policies._replace(
        endpoints=endpoints,
        policies=tuple(
            policy._replace(
                selected=policy.selected - {name},
                ingress=_without(policy.ingress, name),
                egress=_without(policy.egress, name),
            )
            for policy in policies.policies
        ),
    )


def _without(rules: tuple[Rule, ...] | None, name: str) -> tuple[Rule, ...] | None:
    if rules is None:
        return None
    return tuple(
        rule._replace(
            peers=rule.peers and Peers(rule.peers.endpoints - {name}, rule.peers.prefixes, rule.peers.definition),
            named_ports=tuple(entry for entry in rule.named_ports if entry[0] != name),
        )
        for rule in rules
    )


def test_one_more_endpoint_of_ten_thousand_under_a_thousand_policies_is_a_few_elements() -> None:
    before, new = crowd(10_000, 1_000), endpoint(10_000)
    after = crowd(10_000, 1_000, {new.name: new})
    there = enforce(before, "node1", STACK)
    revised = revise(there, before, after, "node1", STACK)
    assert revised is not None
    assert revised == enforce(after, "node1", STACK)
    messages = requests(there, revised)
    assert {request.message for request in messages} == {Message.NEWSETELEM}
    assert len(messages) <= 20
    assert sum(len(request.payload) for request in messages) < 4096


def test_an_endpoint_that_goes_takes_its_elements_with_it() -> None:
    before = crowd(300, 30)
    after = without(before, "net/e7")
    there = enforce(before, "node1", STACK)
    revised = revise(there, before, after, "node1", STACK)
    assert revised == enforce(after, "node1", STACK)
    assert {request.message for request in requests(there, revised or there)} == {Message.DELSETELEM}


def test_what_changes_chains_is_left_to_compiling() -> None:
    before, new = crowd(30, 30), endpoint(30)
    there = enforce(before, "node1", STACK)
    assert revise(there, before, without(before, "net/e7"), "node1", STACK) is None  # the last one of its class
    stranger = new._replace(addresses=before.endpoints["net/e1"].addresses)
    assert revise(there, before, crowd(30, 30, {new.name: stranger}), "node1", STACK) is None
    renamed = before._replace(policies=tuple(policy._replace(name=f"x{policy.name}") for policy in before.policies))
    assert revise(there, before, renamed, "node1", STACK) is None
    assert revise(there, before, before, "node1", STACK) is there


@settings(max_examples=150, deadline=None)
@given(worlds(most=4), st.data())
def test_what_is_revised_is_what_would_be_compiled(policies: PolicySet, data: st.DataObject) -> None:
    more = _doubled(policies)
    name = data.draw(st.sampled_from(sorted(more.endpoints)))
    less = without(more, name)
    for before, after in ((more, less), (less, more), (policies, more), (more, policies), (more, _moved(more, name))):
        revised = revise(enforce(before, HOST, "shop"), before, after, HOST, "shop")
        assert revised is None or revised == enforce(after, HOST, "shop")


def _doubled(policies: PolicySet) -> PolicySet:
    """The policies with a twin of each attachment, which is wherever the attachment is."""
    twins = {name: _twin(end) for name, end in policies.endpoints.items() if end.kind == "attachment"}
    names = {name: twin.name for name, twin in twins.items()}

    def both(members: Iterable[str]) -> frozenset[str]:
        return frozenset(members) | {names[name] for name in members if name in names}

    def rules(part: tuple[Rule, ...] | None) -> tuple[Rule, ...] | None:
        if part is None:
            return None
        return tuple(
            rule._replace(
                peers=rule.peers and rule.peers._replace(endpoints=both(rule.peers.endpoints)),
                named_ports=(
                    *rule.named_ports,
                    *((names[name], ranges) for name, ranges in rule.named_ports if name in names),
                ),
            )
            for rule in part
        )

    def policy(one: Policy) -> Policy:
        return one._replace(selected=both(one.selected), ingress=rules(one.ingress), egress=rules(one.egress))

    endpoints = {**policies.endpoints, **{twin.name: twin for twin in twins.values()}}
    return policies._replace(endpoints=endpoints, policies=tuple(map(policy, policies.policies)))


def _twin(end: Endpoint) -> Endpoint:
    number = int(end.name.removeprefix("net/e"))
    addresses = tuple(address.replace("10.0.", "10.7.").replace("fd00::", "fd07::") for address in end.addresses)
    return end._replace(
        name=f"net/t{number}", addresses=addresses, interface=f"twin{number}", mac=f"02:00:00:00:01:{number:02x}"
    )


def _moved(policies: PolicySet, name: str) -> PolicySet:
    """One endpoint has another MAC address, and loses the guard if it had it."""
    end = policies.endpoints[name]
    other = end._replace(mac="02:99:00:00:00:01" if end.mac else "", anti_spoofing=not end.anti_spoofing)
    return policies._replace(endpoints={**policies.endpoints, name: other})


def test_in_the_kernel_a_new_endpoint_leaves_every_chain_rule_and_set_as_it_is(host: Host) -> None:
    before, new = crowd(1_000, 100), endpoint(1_000)
    after = crowd(1_000, 100, {new.name: new})
    there = enforce(before, "node1", STACK)
    revised = revise(there, before, after, "node1", STACK)
    assert revised is not None
    host.apply(*tables(there))
    identities = [_handles(host, kind) for kind in ("table", "chain", "rule", "set", "map")]
    pairs = zip(tables(there), tables(revised), strict=True)
    changes = [
        Change(Action.UPDATE, new.key, old.attributes, new.attributes, Reason.DIFFERS, owner_before=OWNER, owner=OWNER)
        for old, new in pairs
    ]
    assert [outcome.failure for outcome in host.execute(*changes)] == [None, None]
    assert not host.plan(*tables(revised))
    assert [_handles(host, kind) for kind in ("table", "chain", "rule", "set", "map")] == identities


def _handles(host: Host, kind: str) -> list[tuple[str, int]]:
    found = [entry[kind] for entry in host.objects() if kind in entry]
    return [(str(entry.get("name", entry.get("chain"))), entry["handle"]) for entry in found]
