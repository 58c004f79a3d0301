"""What hinges on a system that cannot be read is left as it is, though it is in another one."""

import pytest

from netctl.engine.diff import Difference, diff
from netctl.engine.protocol import Observation, Unread
from netctl.engine.resource import Attributes, Desired, Key, Kind, Live, Origin, Owner
from tests.engine.memory_system import Bridge, key_of

TELLER = Key("teller", "all", "")
SILENT = (Unread("teller", "everything", "it is silent", needed=frozenset({TELLER})),)
BRIDGE = Bridge("br0")
KEY = key_of(BRIDGE)
LIVE = Live(KEY, BRIDGE, Owner("shop", "it"))


def compared(kind: Kind, live: Live, unread: tuple[Unread, ...], desired: Attributes | None = None) -> Difference:
    wanted = {KEY: Desired(KEY, desired, Origin("it"), (TELLER,))} if desired is not None else {}
    return diff(wanted, Observation({KEY: live}, unread), {KEY[:2]: kind}, "shop")


@pytest.mark.parametrize(
    ("kind", "live"),
    [
        pytest.param(Kind(*KEY[:2], hinges_on=frozenset({TELLER})), LIVE, id="all of its kind"),
        pytest.param(Kind(*KEY[:2]), LIVE._replace(needs=(TELLER,)), id="it alone"),
    ],
)
def test_it_is_not_deleted_before_the_system_speaks(kind: Kind, live: Live) -> None:
    assert not compared(kind, live, SILENT).changes
    assert [change.action.value for change in compared(kind, live, ()).changes.values()] == ["delete"]


def test_what_needs_the_system_is_not_changed_before_it_speaks() -> None:
    kind, wanted = Kind(*KEY[:2]), Bridge("br0", mtu=1400)
    silent = compared(kind, LIVE, SILENT, wanted)
    assert (silent.changes, silent.blocked) == ({}, (KEY,))
    assert [change.action.value for change in compared(kind, LIVE, (), wanted).changes.values()] == ["update"]
