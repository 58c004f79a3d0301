"""Changes and their inverses."""

import pytest

from netctl.engine.change import Action, Change
from netctl.engine.resource import Origin
from tests.engine.applying import Host
from tests.engine.notation import text_of

WORLDS = {
    "created": (["bridge a", "address a/1"], []),
    "updated": (["bridge a mtu=1450 by networks.new"], ["bridge a mtu=1500 by networks.old"]),
    "replaced": (["tunnel a vni=2", "address a/1"], ["tunnel a vni=1", "address a/1 label=x"]),
    "deleted": ([], ["bridge a", "address a/1", "address a/2"]),
    "adopted": (["bridge a"], ["bridge a foreign"]),
    "taken over": (["setting s value=1"], ["setting s value=0 foreign"]),
}


def execute(host: Host, changes: list[Change]) -> None:
    outcomes = [outcome for change in changes for outcome in host.session.execute([change])]
    assert [outcome for outcome in outcomes if outcome.failure] == []


@pytest.mark.parametrize("name", WORLDS)
def test_the_inverse_undoes_and_the_inverse_of_the_inverse_does_it_again(name: str) -> None:
    host = Host(*WORLDS[name], adopt=True)
    changes = list(host.plan().changes)
    execute(host, changes)
    after = dict(host.memory.store)
    inverse = [change.inverse() for change in reversed(changes)]
    # What is replaced comes before what lives in it, in either direction.
    inverse.sort(key=lambda change: change.within is not None and change.action is not Action.DELETE)
    execute(host, inverse)
    assert host.is_as_before
    execute(host, [change.inverse() for change in reversed(inverse)] if name != "replaced" else changes)
    assert host.memory.store == after


@pytest.mark.parametrize("name", WORLDS)
def test_the_inverse_of_the_inverse_is_the_change_but_for_its_reason(name: str) -> None:
    for change in Host(*WORLDS[name], adopt=True).plan().changes:
        again = change.inverse().inverse()
        assert again._replace(reason=change.reason, implied=change.implied) == change


def test_a_deletion_that_another_brought_about_is_undone_by_a_creation_of_its_own() -> None:
    host = Host(*WORLDS["deleted"])
    inverse = [text_of(change.inverse()) for change in host.plan().changes]
    assert inverse == ["create address a/1", "create address a/2", "create bridge a"]


def test_the_place_of_a_declaration_is_its_line_or_its_name() -> None:
    assert Origin("networks.a", "stack.yaml", 20).place == "stack.yaml:20"
    assert Origin("networks.a").place == "networks.a"
