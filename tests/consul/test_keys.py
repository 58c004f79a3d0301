"""Keys and values: written by transactions, compared, owned one by one, never overwritten unseen."""

from pathlib import Path

import pytest

from netctl.engine.change import Action
from netctl.errors import ConflictError, DeclarationError
from tests.consul.agent import Agent
from tests.e2e.lab import Lab, describe


def stack(*keys: str) -> str:
    return "stack: shop\nkv:\n" + "".join(f"  {key}\n" for key in keys)


def own(agent: Agent) -> dict[str, tuple[bytes, int]]:
    return {key: value for key, value in agent.keys().items() if not key.startswith("netctl/")}


def test_a_value_is_stored_as_it_is_written(lab: Lab, agent: Agent) -> None:
    lab.apply(
        stack("shop/log_level: info", "shop/n: 1.10", "shop/on: true", "shop/empty: ''", "top: 'ü ✓'",
              "shop/deep/er: {value: x, flags: 42}", "'with space/and%?#': y"), "h",
    )  # fmt: skip
    assert own(agent) == {
        "shop/log_level": (b"info", 0), "shop/n": (b"1.10", 0), "shop/on": (b"true", 0), "shop/empty": (b"", 0),
        "top": ("ü ✓".encode(), 0), "shop/deep/er": (b"x", 42), "with space/and%?#": (b"y", 0),
    }  # fmt: skip
    lab.destroy("shop", "h")
    assert agent.keys() == {}


def test_a_value_may_come_from_a_file_beside_the_stack(lab: Lab, agent: Agent, tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    (tmp_path / "blob").write_bytes(content)
    lab.apply(stack("shop/blob: {file: blob, flags: 7}"), "h")
    assert own(agent) == {"shop/blob": (content, 7)}
    (tmp_path / "blob").write_bytes(b"\xff\xfe")
    assert describe(lab.apply(stack("shop/blob: {file: blob, flags: 7}"), "h")) == ["update consul/kv/shop/blob"]
    assert own(agent) == {"shop/blob": (b"\xff\xfe", 7)}


def test_a_value_of_the_largest_size_is_stored_and_a_larger_one_refused(lab: Lab, agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(b"x" * 512 * 1024)
    lab.apply(stack("shop/blob: {file: blob}", "shop/a: b"), "h")
    assert len(own(agent)["shop/blob"][0]) == 512 * 1024
    (tmp_path / "blob").write_bytes(b"x" * (512 * 1024 + 1))
    with pytest.raises(DeclarationError) as caught:
        lab.plan(stack("shop/blob: {file: blob}", "shop/a: b"), "h")
    assert [mistake.code for mistake in caught.value.diagnostics] == ["NC353"]


def test_a_file_that_is_not_there_is_told_with_its_place(lab: Lab) -> None:
    with pytest.raises(DeclarationError) as caught:
        lab.plan(stack("shop/a: {file: missing}"), "h")
    [mistake] = caught.value.diagnostics
    assert (mistake.code, mistake.position and mistake.position.line) == ("NC353", 3)


def test_value_and_flags_are_changed_in_place_and_keys_removed(lab: Lab, agent: Agent) -> None:
    lab.apply(stack("shop/a: 1", "shop/b: {value: 2, flags: 3}", "shop/c: 4"), "h")
    plan = lab.apply(stack("shop/a: 2", "shop/b: {value: 2, flags: 4}"), "h")
    assert describe(plan) == [
        "delete consul/kv/shop/c", "update consul/kv/shop/a", "update consul/kv/shop/b",
    ]  # fmt: skip
    assert own(agent) == {"shop/a": (b"2", 0), "shop/b": (b"2", 4)}


def test_more_keys_than_a_transaction_takes_are_written_and_removed(lab: Lab, agent: Agent) -> None:
    lab.apply(stack(*(f"shop/{number}: {number}" for number in range(200)), "a: b"), "h")
    assert len(own(agent)) == 201
    lab.destroy("shop", "h")
    assert agent.keys() == {}


def test_a_foreign_key_is_a_conflict_and_taken_over_when_asked(lab: Lab, agent: Agent) -> None:
    agent.put("kv/shop/a", b"theirs")
    agent.put("kv/shop/b", b"theirs")
    with pytest.raises(ConflictError):
        lab.apply_once(stack("shop/a: ours", "shop/c: ours"), "h")
    assert agent.keys() == {"shop/a": (b"theirs", 0), "shop/b": (b"theirs", 0)}
    lab.apply(stack("shop/a: ours", "shop/c: ours"), "h", adopt=True)
    lab.destroy("shop", "h")
    assert agent.keys() == {"shop/b": (b"theirs", 0)}


def test_a_key_that_somebody_changed_or_removed_is_put_back(lab: Lab, agent: Agent) -> None:
    lab.apply(stack("shop/a: 1", "shop/b: 2"), "h")
    agent.put("kv/shop/a", b"9")
    agent.delete("kv/shop/b")
    assert describe(lab.apply(stack("shop/a: 1", "shop/b: 2"), "h")) == [
        "create consul/kv/shop/b", "update consul/kv/shop/a",
    ]  # fmt: skip


def test_a_key_that_somebody_removed_leaves_no_claim_behind(lab: Lab, agent: Agent) -> None:
    lab.apply(stack("shop/a: 1", "shop/b: 2"), "h")
    agent.delete("kv/shop/b")
    lab.apply(stack("shop/a: 1"), "h")
    assert sorted(agent.keys()) == ["netctl/shop/kv/shop/a", "shop/a"]


def test_a_locked_key_is_not_overwritten(lab: Lab, agent: Agent) -> None:
    lab.apply(stack("shop/a: 1", "shop/b: 1"), "h")
    session = agent.put("session/create", {"TTL": "1h"})["ID"]
    assert agent.put("kv/shop/a", b"theirs", acquire=session) is True
    from netctl.engine.apply import ApplyError

    with pytest.raises(ApplyError) as caught:
        lab.apply_once(stack("shop/a: 2", "shop/b: 2"), "h")
    assert session in str(caught.value.report.failed[0].failure)
    assert own(agent) == {"shop/a": (b"theirs", 0), "shop/b": (b"1", 0)}
    agent.put("kv/shop/a", b"1", release=session)
    lab.apply(stack("shop/a: 2", "shop/b: 2"), "h")


def test_a_key_that_changes_between_looking_and_writing_is_not_overwritten(
    lab: Lab, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    from netctl.engine import apply as engine_apply
    from netctl.engine.apply import ApplyError

    lab.apply(stack("shop/a: 1", "shop/b: 1"), "h")
    execute = engine_apply._Run.execute

    def interfered(run: engine_apply._Run) -> None:
        agent.put("kv/shop/a", b"theirs")
        execute(run)

    monkeypatch.setattr(engine_apply._Run, "execute", interfered)
    with pytest.raises(ApplyError) as caught:
        lab.apply_once(stack("shop/a: 2", "shop/b: 2"), "h")
    assert "index is stale" in str(caught.value.report.failed[0].failure)
    assert len(caught.value.report.failed) == 1
    assert own(agent)["shop/b"] == (b"1", 0)


def test_two_stacks_keep_their_keys_in_one_folder(lab: Lab, agent: Agent) -> None:
    lab.apply(stack("shop/a: 1"), "h")
    lab.apply(stack("shop/b: 1").replace("stack: shop", "stack: other"), "h")
    lab.demand_done(stack("shop/a: 1"), "h")
    lab.destroy("shop", "h")
    assert own(agent) == {"shop/b": (b"1", 0)}


def test_a_flag_that_somebody_set_is_reset(lab: Lab, agent: Agent) -> None:
    lab.apply(stack("shop/a: 1"), "h")
    agent.put("kv/shop/a", b"1", flags="5")
    [change] = lab.apply(stack("shop/a: 1"), "h").changes
    assert (change.action, change.fields) == (Action.UPDATE, ("flags",))
