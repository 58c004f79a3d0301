"""What brings one resource back, given how it is now."""

from netctl.engine.change import Action, Change, Reason
from netctl.engine.diff import Kinds
from netctl.engine.resource import Attributes, Key, Live, Owner
from netctl.engine.undo import compensation
from netctl.kinds.route import ROUTE, Route, route_key
from tests.engine.memory_system import Bridge, Setting, Tunnel, key_of, kinds_by_name

OURS, THEIRS = Owner("shop", "it"), Owner("other", "it")
KINDS: Kinds = {**kinds_by_name(), ROUTE[:2]: ROUTE}


def change(before: Attributes | None, after: Attributes | None, owner_before: Owner | None = None) -> Change:
    action = Action.CREATE if before is None else Action.DELETE if after is None else Action.UPDATE
    key = key_of(after if after is not None else before or ())
    return Change(action, key, before, after, Reason.DIFFERS, owner_before=owner_before, owner=OURS)


def restored(one: Change, now: Attributes | None, owner: Owner | None = OURS, key: Key | None = None) -> Change | None:
    live = None if now is None else Live(key or one.key, now, owner)
    return compensation(one, live, KINDS, "shop")


def test_what_was_created_is_deleted_as_it_is_now() -> None:
    undone = restored(change(None, Bridge("a")), Bridge("a", 666, ""))
    assert undone is not None
    assert (undone.action, undone.before, undone.after) == (Action.DELETE, Bridge("a", 666, ""), None)


def test_what_was_to_be_created_and_is_not_there_needs_nothing() -> None:
    assert restored(change(None, Bridge("a")), None) is None


def test_what_was_to_be_created_and_is_another_s_is_left_alone() -> None:
    assert restored(change(None, Bridge("a")), Bridge("a"), THEIRS) is None
    assert restored(change(None, Bridge("a")), Bridge("a"), None) is None


def test_what_is_gone_is_created_with_the_mark_that_it_had() -> None:
    undone = restored(change(Bridge("a", 1500, ""), None, OURS), None)
    assert undone is not None
    assert (undone.action, undone.before, undone.after, undone.owner) == (
        Action.CREATE, None, Bridge("a", 1500, ""), OURS,
    )  # fmt: skip


def test_what_differs_is_updated_by_what_differs_now() -> None:
    undone = restored(change(Bridge("a", 1500, "b"), Bridge("a", 1450, "c"), OURS), Bridge("a", 1450, "b"))
    assert undone is not None
    assert (undone.action, undone.fields, undone.reason) == (Action.UPDATE, ("mtu",), Reason.UNDO)


def test_what_is_as_it_was_needs_nothing() -> None:
    assert restored(change(Bridge("a", 1500, ""), Bridge("a", 1450), OURS), Bridge("a", 1500, "")) is None


def test_what_cannot_be_changed_in_place_is_replaced() -> None:
    undone = restored(change(Tunnel("a", 1500, "", 1), Tunnel("a", vni=2), OURS), Tunnel("a", 1500, "", 2))
    assert undone is not None
    assert undone.action is Action.REPLACE


def test_what_is_of_another_type_is_replaced() -> None:
    undone = restored(change(Bridge("a", 1500, ""), Tunnel("a"), OURS), Tunnel("a", 1500, "", 1))
    assert undone is not None
    assert undone.action is Action.REPLACE


def test_an_attribute_that_is_called_type_is_one_like_others() -> None:
    key = route_key("10.0.0.0/8")
    was, now = (Route("", "10.0.0.0/8", type=name) for name in ("unicast", "blackhole"))
    undone = restored(Change(Action.UPDATE, key, was, now, Reason.DIFFERS, ("type",), OURS, OURS), now)
    assert undone is not None
    assert (undone.action, undone.fields) == (Action.UPDATE, ("type",))


def test_what_was_the_stack_s_and_is_another_s_now_is_left_alone() -> None:
    assert restored(change(Bridge("a", 1500, ""), Bridge("a", 1450), OURS), Bridge("a", 1450, ""), THEIRS) is None


def test_what_was_adopted_is_given_back_though_it_lost_the_mark() -> None:
    undone = restored(change(Bridge("a", 1500, ""), Bridge("a", 1450), THEIRS), Bridge("a", 1450, ""), THEIRS)
    assert undone is not None
    assert (undone.action, undone.fields, undone.owner) == (Action.UPDATE, ("mtu",), THEIRS)


def test_a_mark_alone_is_put_back() -> None:
    undone = restored(change(Bridge("a", 1500, ""), Bridge("a"), None), Bridge("a", 1500, ""))
    assert undone is not None
    assert (undone.action, undone.fields, undone.owner) == (Action.UPDATE, ("owner",), None)


def test_a_shared_object_that_was_given_back_is_taken_over_again() -> None:
    undone = restored(change(Setting("s", "1"), None, OURS), Setting("s", "0"), None)
    assert undone is not None
    assert (undone.action, undone.owner_before, undone.owner) == (Action.UPDATE, None, OURS)


def test_a_deletion_that_another_brought_about_is_undone_by_a_creation_of_its_own() -> None:
    implied = change(Bridge("a", 1500, ""), None, OURS)._replace(implied=True)
    undone = restored(implied, None)
    assert undone is not None
    assert not undone.implied
