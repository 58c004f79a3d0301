"""What keeps ends apart that no policy does."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netctl.compiler.barriers import Barriers
from netctl.compiler.policies import resolve_policies
from netctl.compiler.topology import resolve
from netctl.policy.evaluate import Evaluator
from netctl.policy.model import Connection, Protocol
from netctl.policy.ranges import first_of_family
from netctl.twin.examination import examine_policies
from tests.compiler.stacks import PLACES, stack_of

_HTTP = {"ports": {"http": 80}}
_OPEN = {"subnet": {"cidr": "10.1.0.0/24"}, "attach": [{"netns": "a", **_HTTP}]}


def apart(networks: Mapping[str, Any], links: Mapping[tuple[str, str], Sequence[str]] | None = None) -> dict[str, str]:
    """By ``source destination``, what keeps them apart in a stack without policies."""
    examination = examine_policies(stack_of({"networks": networks}), PLACES)
    trials = examination.matrix(links or {})
    return {f"{one.connection.source} {one.connection.destination}": one.barrier for one in trials if one.barrier}


def test_nothing_keeps_endpoints_of_plain_networks_apart() -> None:
    other = {"subnet": {"cidr": "10.2.0.0/24"}, "attach": [{"netns": "b", **_HTTP}]}
    assert apart({"open": _OPEN, "other": other}) == {}


@pytest.mark.parametrize("key", ["isolated", "internal"])
def test_a_network_that_is_isolated_or_internal_is_apart_from_others_and_whole_in_itself(key: str) -> None:
    attach = [{"netns": "b", **_HTTP}, {"netns": "c", **_HTTP}]
    found = apart({"open": _OPEN, "shut": {key: True, "subnet": {"cidr": "10.2.0.0/24"}, "attach": attach}})
    pairs = {"open/a shut/b", "open/a shut/c", "shut/b open/a", "shut/c open/a"}
    assert found == dict.fromkeys(pairs, f"network 'shut' is {key}")


@pytest.mark.parametrize(("key", "fenced"), [("isolated", set()), ("internal", {"pods/b shut/s", "host/h2 shut/s"})])
def test_an_isolated_network_takes_what_another_host_masquerades_for_the_outside_s(key: str, fenced: set[str]) -> None:
    shut = {"hosts": ["h1"], "subnet": {"cidr": "10.1.0.0/24"}, "attach": [{"netns": "s", **_HTTP}], key: True}
    pods = {
        "subnet": {"cidr": "10.42.0.0/16", "per_host": 24},
        "vni": 7,
        "attach": [{"netns": "a", "hosts": ["h1"]}, {"netns": "b", "hosts": ["h2"]}],
    }
    stack = stack_of({"hosts": _HOSTS, "networks": {"shut": shut}, "overlays": {"pods": pods}})
    trials = examine_policies(stack, PLACES).matrix()
    found = {f"{one.connection.source} {one.connection.destination}": one.barrier for one in trials if one.barrier}
    assert found == dict.fromkeys({"pods/a shut/s", *fenced}, f"network 'shut' is {key}")


@pytest.mark.parametrize(("direct", "fenced"), [(False, {"open/a pods/b"}), (True, set())])
def test_an_isolated_overlay_is_closed_on_every_host_by_which_packets_would_enter_it(
    direct: bool, fenced: set[str]
) -> None:
    pods = {
        "subnet": {"cidr": "10.42.0.0/16", "per_host": 24},
        "vni": 7,
        "isolated": True,
        "direct_routing": direct,
        "attach": [{"netns": "b", "hosts": ["h2"], **_HTTP}],
    }
    networks = {"open": {**_OPEN, "hosts": ["h1"]}}
    stack = stack_of({"hosts": _HOSTS, "networks": networks, "overlays": {"pods": pods}})
    trials = examine_policies(stack, PLACES).matrix()
    found = {f"{one.connection.source} {one.connection.destination}": one.barrier for one in trials if one.barrier}
    # What leaves it for a network of another host takes its host's address.
    assert found == dict.fromkeys(fenced, "overlay 'pods' is isolated")


def test_a_namespace_without_a_route_reaches_no_other_network_and_cannot_answer() -> None:
    lone = {"subnet": {"cidr": "10.2.0.0/24"}, "attach": [{"netns": "b", "default_route": False, **_HTTP}]}
    assert apart({"open": _OPEN, "lone": lone}) == {
        "lone/b open/a": "lone/b has no route there",
        "open/a lone/b": "lone/b has no route there",
    }


def _two_legs(**second: Any) -> dict[str, Any]:
    """A namespace ``a`` on two networks, and ``b`` on the second of them."""
    leg = {"netns": "a", "interface": "eth1", "default_route": False, **second}
    return {"open": _OPEN, "other": {"subnet": {"cidr": "10.2.0.0/24"}, "attach": [{"netns": "b"}, leg]}}


def test_a_namespace_on_two_networks_does_not_answer_by_one_from_its_address_on_the_other() -> None:
    said = "open/a would answer by other/a/eth1, which may not send from its address"
    assert apart(_two_legs()) == {"other/b open/a": said}


def test_it_does_where_the_other_attachment_may_send_from_any_address() -> None:
    assert apart(_two_legs(anti_spoofing=False)) == {}


def test_a_macvlan_is_out_of_reach_of_its_host_as_far_as_the_host_s_interfaces_are_known() -> None:
    host = {"h": {"id": 1, "address": "192.0.2.1", "interface": "eth0"}}
    lan = {
        "driver": "macvlan",
        "parent": "eth0",
        "subnet": {"cidr": "192.0.2.0/24"},
        "attach": [{"netns": "m", **_HTTP}],
    }
    examination = examine_policies(stack_of({"hosts": host, "networks": {"lan": lan}}), PLACES)
    for links, said in (({("h", "eth0"): ["192.0.2.1/24"]}, "network 'lan' is out of its host's reach"), ({}, "")):
        assert [trial.barrier for trial in examination.matrix(links)] == [said]


_HOSTS = {name: {"id": number, "address": f"192.0.2.{number}"} for number, name in enumerate(("h1", "h2"), 1)}


def _on_two_hosts(*ports: dict[str, Any], **rights: Any) -> dict[str, str]:
    """What keeps the endpoints of a network on two hosts, and of another on the first, apart."""
    both = {
        "subnet": {"cidr": "10.2.0.0/24"},
        "attach": [{"netns": "b", "hosts": ["h1"], **_HTTP}, {"netns": "c", "hosts": ["h2"], **_HTTP}, *ports],
        **rights,
    }
    declared = {"hosts": _HOSTS, "networks": {"both": both, "open": {**_OPEN, "hosts": ["h1"]}}}
    trials = examine_policies(stack_of(declared), PLACES).matrix()
    return {f"{one.connection.source} {one.connection.destination}": one.barrier for one in trials if one.barrier}


def test_a_network_is_a_segment_of_its_own_on_each_host_that_no_packet_leaves_for_the_other() -> None:
    found = _on_two_hosts()
    to_c, to_b = (
        f"network 'both' is a segment of its own on {name}" for name in ("h1, where both/c", "h2, where both/b")
    )
    from_h1 = dict.fromkeys(["both/b both/c", "host/h1 both/c", "open/a both/c"], f"{to_c} is not")
    assert found == from_h1 | dict.fromkeys(["both/c both/b", "host/h2 both/b"], f"{to_b} is not")


def test_what_is_not_masqueraded_is_not_answered_by_a_host_that_has_such_a_segment_itself() -> None:
    assert "both/c open/a" in _on_two_hosts(nat="none")


def test_without_a_default_route_nothing_answers_an_address_that_is_not_declared() -> None:
    near = {"hosts": ["h1"], "subnet": {"cidr": "fd01::/64"}, "attach": [{"netns": "a"}]}
    lone = {
        "hosts": ["h2"],
        "subnet": {"cidr": "fd02::/64"},
        "attach": [{"netns": name, "default_route": False, **_HTTP} for name in ("s", "t")],
    }
    other = {"hosts": ["h2"], "subnet": {"cidr": "fd03::/64"}, "attach": [{"netns": "t", "interface": "eth1"}]}
    networks = {"near": near, "lone": lone, "other": other}
    trials = examine_policies(stack_of({"hosts": _HOSTS, "networks": networks}), PLACES).matrix()
    found = {(one.connection.source, one.connection.destination): one.barrier for one in trials}
    for source in ("near/a", "host/h1"):
        assert found[source, "lone/s"] == "lone/s has no route there"
        assert found[source, "lone/t"] == "lone/t would answer by other/t/eth1, which may not send from its address"
    assert found["host/h2", "lone/s"] == ""


def test_segments_that_a_wire_joins_are_one() -> None:
    assert _on_two_hosts({"interface": "eth1"}) == {}


_attachments = st.lists(
    st.fixed_dictionaries(
        {"netns": st.sampled_from("abcdef"), "hosts": st.sampled_from([["h1"], ["h2"], ["h1", "h2"]])},
        optional={"default_route": st.booleans(), "anti_spoofing": st.booleans()},
    ),
    max_size=4,
    unique_by=lambda attached: attached["netns"],
)


@st.composite
def _stacks(draw: st.DrawFn) -> dict[str, Any]:
    """Up to three networks and an overlay on two hosts, with whatever keeps their endpoints apart."""
    declared: dict[str, Any] = {"hosts": _HOSTS, "networks": {}, "overlays": {}}
    for number in range(draw(st.integers(1, 4))):
        section, more = ("overlays", {"vni": 7}) if number == 3 else ("networks", {})
        cidr = draw(st.sampled_from([f"10.{number}.0.0/16", [f"10.{number}.0.0/16", f"fd00:{number}::/48"]]))
        block = {"per_host": [24, 64] if isinstance(cidr, list) else 24} if number == 3 else {}
        fences = draw(st.fixed_dictionaries({}, optional={"internal": st.booleans(), "isolated": st.booleans()}))
        attach = [{"interface": f"e{number}", **attached} for attached in draw(_attachments)]
        declared[section][f"n{number}"] = {"subnet": {"cidr": cidr, **block}, "attach": attach, **fences, **more}
    declared["services"] = {"outside": {"port": 80, "endpoints": draw(st.sampled_from([[], ["198.51.100.7"]]))}}
    return declared


@settings(max_examples=150, deadline=None)
@given(_stacks())
def test_what_is_found_for_all_endpoints_of_a_sort_is_what_is_found_for_each_pair(declared: dict[str, Any]) -> None:
    topology = resolve(stack_of(declared))
    policies = resolve_policies(topology, PLACES).policies
    barriers = Barriers(topology, Evaluator(policies))
    for family in (4, 6):
        having = [name for name, end in policies.endpoints.items() if first_of_family(end.addresses, family)]
        for source in having:
            kept = barriers.kept_from(source, family)
            for other in having:
                if other != source:
                    asked = Connection(source, other, Protocol.TCP, 80, None, family)
                    assert (other in kept) == bool(barriers.between(asked)), asked
