"""A plan restricted to what is targeted and what that needs."""

import pytest

from netctl.engine.change import Action
from netctl.engine.plan import Plan, make_plan
from netctl.engine.protocol import Observation, Unread
from netctl.engine.resource import Desired, Key, Live, Origin, Owner
from netctl.engine.targets import restrict
from netctl.errors import UsageError
from netctl.kinds.address import ADDRESS, Address, address_key
from netctl.kinds.link import LINK, Bridge, OtherLink, Veth, Vxlan, link_key

KINDS = {LINK[:2]: LINK, ADDRESS[:2]: ADDRESS}
A, B, OLD, VX, TAKEN = (link_key(name) for name in ("nc-a", "nc-b", "nc-old", "nc-vx", "nc-taken"))
PORT = link_key("nc-port")
ON_A, ON_OLD, ON_VX = (address_key(name, "10.0.0.1/24") for name in ("nc-a", "nc-old", "nc-vx"))


def want(key: Key, attributes: tuple[object, ...], declaration: str, *needs: Key, within: Key | None = None) -> Desired:
    return Desired(key, attributes, Origin(declaration), needs, within)


DESIRED = {
    found.key: found
    for found in [
        want(A, Bridge("", "nc-a"), "networks.a"),
        want(ON_A, Address("", "nc-a", "10.0.0.1/24"), "networks.a", within=A),
        want(PORT, Veth("", "nc-port", master="nc-a", peer="x/eth0"), "networks.port", A),
        want(B, Bridge("", "nc-b"), "networks.ab"),
        want(VX, Vxlan("", "nc-vx", vni=2), "overlays.vx"),
        want(ON_VX, Address("", "nc-vx", "10.0.0.1/24"), "overlays.vx-addresses", within=VX),
        want(TAKEN, Bridge("", "nc-taken"), "networks.taken"),
    ]
}
LIVE = {
    found.key: found
    for found in [
        Live(OLD, Bridge("", "nc-old"), Owner("s", "networks.old")),
        Live(ON_OLD, Address("", "nc-old", "10.0.0.1/24"), Owner("s", "networks.old-addresses"), OLD),
        Live(VX, Vxlan("", "nc-vx", vni=1), Owner("s", "overlays.vx")),
        Live(ON_VX, Address("", "nc-vx", "10.0.0.1/24"), Owner("s", "overlays.vx-addresses"), VX),
        Live(TAKEN, OtherLink("", "nc-taken", "dummy")),
    ]
}


def whole(*unread: Unread) -> Plan:
    return make_plan(DESIRED, Observation(LIVE, unread), KINDS, stack="s", host="h")


def kept(*targets: str) -> set[Key]:
    return {change.key for change in restrict(whole(), DESIRED, targets).changes}


def test_without_a_target_the_plan_is_whole() -> None:
    assert restrict(whole(), DESIRED, ()) == whole()


def test_a_declaration_selects_all_of_its_resources_and_no_other_of_a_like_name() -> None:
    assert kept("networks.a") == {A, ON_A}


def test_what_a_target_needs_is_kept() -> None:
    assert kept("networks.port") == {PORT, A}


def test_a_pattern_selects_addresses() -> None:
    assert kept("kernel/link/nc-[ab]") == {A, B}


def test_an_entry_of_a_list_is_selected_by_its_index() -> None:
    listed = {
        key: Desired(key, found.attributes, Origin(f"routes[{at}]")) for at, (key, found) in enumerate(DESIRED.items())
    }
    plan = make_plan(listed, Observation({}, ()), KINDS, stack="s", host="h")
    assert [change.key for change in restrict(plan, listed, ["routes[0]"]).changes] == [A]
    assert {change.key for change in restrict(plan, listed, ["routes[*]"]).changes} == set(listed)


def test_several_targets_add_up() -> None:
    assert kept("networks.a", "networks.ab") == {A, ON_A, B}


def test_nothing_is_deleted_that_is_not_targeted() -> None:
    everything_declared = [want.origin.declaration for want in DESIRED.values()]
    plan = restrict(whole(), DESIRED, everything_declared)
    assert Action.DELETE not in plan.count()


def test_what_goes_with_a_targeted_deletion_goes_along() -> None:
    assert kept("networks.old") == {OLD, ON_OLD}


def test_what_is_made_again_after_a_targeted_replacement_goes_along() -> None:
    assert kept("kernel/link/nc-vx") == {VX, ON_VX}


def test_what_an_address_needs_is_the_link_that_it_lives_in() -> None:
    assert kept("kernel/address/nc-a *") == {ON_A, A}


def test_a_conflict_elsewhere_does_not_stand_in_the_way() -> None:
    assert restrict(whole(), DESIRED, ["networks.a"]).conflicts == ()
    assert len(restrict(whole(), DESIRED, ["networks.taken"]).conflicts) == 1


def test_what_could_not_be_read_elsewhere_is_left_out() -> None:
    plan = whole(Unread("kernel", "b", "gone", frozenset({B})))
    assert restrict(plan, DESIRED, ["networks.a"]).unread == ()
    assert restrict(plan, DESIRED, ["networks.ab"]).blocked == (B,)


def test_a_target_that_names_nothing_is_a_mistake_with_a_suggestion() -> None:
    with pytest.raises(UsageError) as caught:
        restrict(whole(), DESIRED, ["networks.prot"])
    assert caught.value.advice == "did you mean 'networks.port'?"


def test_the_order_of_execution_is_kept() -> None:
    order = [change.key for change in whole().changes]
    part = [change.key for change in restrict(whole(), DESIRED, ["networks.port", "networks.old"]).changes]
    assert part == [key for key in order if key in part]
