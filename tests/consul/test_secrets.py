"""Values that are not to be shown are in no output, no plan, no state and no message; and yet compared and written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from netctl.engine import apply as engine_apply
from netctl.engine.apply import ApplyError
from netctl.engine.change import Action
from netctl.errors import ConflictError, DeclarationError
from tests.consul.agent import Agent
from tests.e2e.lab import Lab, describe

SECRET = "hunter2-hunter2"
OTHER = "opensesame-1234"
ENTRY = "shop/pw: {value: %s, sensitive: true, flags: 7}"


def stack(entry: str) -> str:
    return f"stack: shop\nkv:\n  {entry}\n  shop/a: b\n"


def netctl(*argv: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What a netctl of its own says."""
    environment = {**os.environ, **variables}
    command = [sys.executable, "-m", "netctl", *argv]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=120)


def test_a_sensitive_value_is_stored_and_left_alone_changed_and_removed(lab: Lab, agent: Agent) -> None:
    lab.apply(stack(ENTRY % SECRET), "h")
    assert agent.keys()["shop/pw"] == (SECRET.encode(), 7)
    [change] = lab.apply(stack(ENTRY % OTHER), "h").changes
    assert (change.action, change.fields) == (Action.UPDATE, ("value",))
    assert agent.keys()["shop/pw"] == (OTHER.encode(), 7)
    lab.destroy("shop", "h")
    assert agent.keys() == {}


def test_that_a_value_is_sensitive_outlives_its_declaration(lab: Lab) -> None:
    lab.apply(stack(ENTRY % SECRET), "h")
    plan = lab.plan("stack: shop\nkv: {shop/a: b}\n", "h")
    assert describe(plan) == ["delete consul/kv/shop/pw"]
    assert SECRET not in repr(plan)


def test_a_value_becomes_sensitive_and_not_sensitive_again(lab: Lab, agent: Agent) -> None:
    lab.apply(stack(f"shop/pw: {{value: {SECRET}, flags: 7}}"), "h")
    [change] = lab.apply(stack(ENTRY % SECRET), "h").changes
    assert change.fields == ("sensitive",)
    assert SECRET not in repr(change)
    [change] = lab.apply(stack(f"shop/pw: {{value: {SECRET}, flags: 7}}"), "h").changes
    assert "sensitive" in change.fields
    assert sorted(key for key in agent.keys() if key.startswith("netctl/")) == [  # noqa: SIM118 - a method of ours
        "netctl/shop/kv/shop/a", "netctl/shop/kv/shop/pw",
    ]  # fmt: skip


def test_what_a_file_holds_is_not_shown_unless_it_may_be(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "value").write_text(SECRET)
    assert SECRET not in repr(lab.plan(stack("shop/pw: {file: value}"), "h"))
    assert SECRET in repr(lab.plan(stack("shop/pw: {file: value, sensitive: false}"), "h"))


def test_a_foreign_value_in_the_place_of_a_sensitive_one_is_not_shown_either(lab: Lab, agent: Agent) -> None:
    agent.put("kv/shop/pw", OTHER.encode())
    with pytest.raises(ConflictError) as caught:
        lab.apply_once(stack(ENTRY % SECRET), "h")
    assert OTHER not in repr(caught.value) + repr(lab.plan(stack(ENTRY % SECRET), "h"))
    lab.apply(stack(ENTRY % SECRET), "h", adopt=True)
    assert agent.keys()["shop/pw"] == (SECRET.encode(), 7)


def test_what_cannot_be_undone_is_told_without_its_value(
    lab: Lab, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.apply(stack(ENTRY % SECRET), "h")
    execute = engine_apply._Run.execute

    def interfered(run: engine_apply._Run) -> None:
        session = agent.put("session/create", {"TTL": "1h", "LockDelay": "0s"})["ID"]
        assert agent.put("kv/shop/pw", b"their-own-secret", acquire=session) is True
        execute(run)

    monkeypatch.setattr(engine_apply._Run, "execute", interfered)
    with pytest.raises(ApplyError) as caught:
        lab.apply_once(stack(ENTRY % OTHER), "h")
    said = repr(caught.value) + repr(caught.value.report)
    assert not [secret for secret in (SECRET, OTHER, "their-own-secret") if secret in said]


def test_undoing_brings_a_sensitive_value_back(lab: Lab, agent: Agent) -> None:
    lab.apply(stack(ENTRY % SECRET), "h")
    session = agent.put("session/create", {"TTL": "1h", "LockDelay": "0s"})["ID"]
    assert agent.put("kv/shop/a", b"theirs", acquire=session) is True
    with pytest.raises(ApplyError):
        lab.apply_once(stack(ENTRY % OTHER), "h")
    assert agent.keys()["shop/pw"] == (SECRET.encode(), 7)


WRONG = {
    "an unknown key": "{value: %s, sensitive: true, flag: 1}",
    "two sources": "{value: %s, file: x, sensitive: true}",
    "flags that are none": "{value: '%s', sensitive: true, flags: x}",
    "on several lines": '\n    value: "%s\x01"\n    sensitive: true',
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_beside_a_sensitive_value_is_told_without_it(mistake: str, lab: Lab) -> None:
    file = lab.write(stack(f"shop/pw: {WRONG[mistake] % SECRET}"))
    done = netctl("plan", "-f", file, "--netns", lab["h"])
    assert done.returncode == 1
    assert "sensitive" in done.stderr or "control character" in done.stderr
    assert SECRET not in done.stdout + done.stderr


def test_no_command_shows_it_and_no_plan_or_state_keeps_it(lab: Lab, agent: Agent, tmp_path: Path) -> None:
    file = lab.write(stack('shop/pw: {value: "${pw}-and-more", sensitive: true}'))
    variables = {"NETCTL_VAR_pw": SECRET, "CONSUL_HTTP_ADDR": agent.url}
    common = ["-f", file, "--netns", lab["h"]]
    saved, state = tmp_path / "plan.json", ["--state-dir", str(tmp_path / "state")]
    said = ""
    for command in (
        ["validate", "-f", file],
        ["plan", *common, "-v"],
        ["plan", *common, "-o", "json"],
        ["plan", *common, "-o", "markdown"],
        ["plan", *common, "--out", str(saved)],
        ["apply", str(saved), "-y", *state],
        ["apply", *common, "-y", "-v", "-o", "json", *state],
        ["describe", "shop/pw", *common],
        ["get", "-o", "json", *common[2:]],
        ["status", *common],
        ["import", "--netns", lab["h"]],
        ["import", "consul/kv/shop/pw", "--netns", lab["h"]],
        ["destroy", "-y", *common, *state],
    ):
        done = netctl(*command, **variables)
        assert done.returncode == 0, (command, done.stderr)
        said += done.stdout + done.stderr
    assert "shop/pw" in said
    said += saved.read_text() + "".join(
        path.read_text(errors="replace") for path in (tmp_path / "state").rglob("*") if path.is_file()
    )
    assert SECRET not in said


def test_a_saved_plan_wants_the_secret_again_and_the_same_one(lab: Lab, agent: Agent, tmp_path: Path) -> None:
    file = lab.write(stack('shop/pw: {value: "${pw}", sensitive: true}'))
    saved = str(tmp_path / "plan.json")
    common = ["-f", file, "--netns", lab["h"], "--var", f"pw={SECRET}"]
    assert netctl("plan", *common, "--out", saved).returncode == 0
    assert SECRET not in Path(saved).read_text()
    without = netctl("apply", "-y", saved)
    assert (without.returncode, "NETCTL_VAR_pw" in without.stderr) == (1, True)
    other = netctl("apply", "-y", saved, NETCTL_VAR_pw=OTHER)
    assert (other.returncode, "stale" in other.stderr) == (1, True)
    assert agent.keys() == {}
    assert netctl("apply", "-y", saved, NETCTL_VAR_pw=SECRET).returncode == 0
    assert agent.keys()["shop/pw"] == (SECRET.encode(), 0)


def test_a_sensitive_file_that_cannot_be_read_is_told_with_its_place(lab: Lab) -> None:
    with pytest.raises(DeclarationError) as caught:
        lab.plan(stack("shop/pw: {file: /nowhere, sensitive: true}"), "h")
    assert [mistake.code for mistake in caught.value.diagnostics] == ["NC353"]
