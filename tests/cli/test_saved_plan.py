"""Plans in files: applied only as long as they are true, and read as if an enemy had written them."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from netctl.cli.saved_plan import Inputs, SavedPlan, read_plan
from netctl.errors import NetctlError
from netctl.report.plan_schema import plan_schema
from tests.cli.conftest import STACK, Netctl, Site
from tests.support.namespaces import ip, ip_json


@pytest.fixture
def saved(site: Site, netctl: Netctl) -> Path:
    """A plan of the site's stack, in a file."""
    assert netctl("plan", *site.place, "--out", "plan.json").code == 0
    return Path("plan.json").absolute()


def edit(path: Path, **changes: Any) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    document["inputs"].update(changes)
    path.write_text(json.dumps(document), encoding="utf-8")


def links(site: Site) -> set[str]:
    return {link["ifname"] for link in ip_json(site.host, "link", "show")}


def test_a_saved_plan_is_the_owner_s_alone_and_keeps_the_schema(saved: Path) -> None:
    assert saved.stat().st_mode & 0o777 == 0o600
    document = json.loads(saved.read_text(encoding="utf-8"))
    Draft202012Validator(plan_schema()).validate(document)
    assert [source["path"] for source in document["inputs"]["sources"]] == [str(saved.parent / "stack.yaml")]
    assert sorted(path.name for path in saved.parent.iterdir()) == ["plan.json", "stack.yaml"]


def test_a_saved_plan_is_applied_from_anywhere(
    site: Site, saved: Path, netctl: Netctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    ran = netctl("apply", saved)
    assert ran.code == 0, ran.err
    assert "nc-backend" in links(site)


def test_a_process_of_its_own_comes_to_the_same_plan(site: Site, process: Netctl) -> None:
    assert process("plan", *site.place, "--out", "plan.json").code == 0
    assert process("apply", "plan.json").code == 0


def test_a_plan_whose_declaration_has_changed_is_refused(site: Site, saved: Path, netctl: Netctl) -> None:
    site.stack.write_text(site.stack.read_text() + "# a remark\n")
    ran = netctl("apply", saved)
    assert ran.code == 1
    assert f"the plan is stale: {site.stack} has changed since it was made" in ran.err
    assert links(site) == {"lo"}


def test_a_plan_whose_declaration_has_gone_is_refused(site: Site, saved: Path, netctl: Netctl) -> None:
    site.stack.unlink()
    assert "is no longer read since it was made" in netctl("apply", saved).err


def test_a_plan_is_refused_where_a_file_was_added_to_its_directory(site: Site, netctl: Netctl, tmp_path: Path) -> None:
    directory = tmp_path / "stack.d"
    directory.mkdir()
    site.stack.rename(directory / "a.yaml")
    assert netctl("plan", "-f", directory, "--netns", site.host, "--out", "plan.json").code == 0
    (directory / "b.yaml").write_text("networks: {backend: {mtu: 1300}}\n")
    ran = netctl("apply", "plan.json")
    assert ran.code == 1
    assert f"{directory / 'b.yaml'} was added" in ran.err


def test_a_plan_is_refused_where_the_live_state_has_changed(site: Site, saved: Path, netctl: Netctl) -> None:
    ip(site.host, "link add nc-backend type bridge")
    ran = netctl("apply", saved)
    assert ran.code == 1
    assert "the plan is stale: what is live on" in ran.err


def test_variables_are_those_of_the_plan(
    site: Site, netctl: Netctl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site.write(STACK.replace("mtu: 1450", "mtu: ${mtu}").replace("10.20.0.0/24", "'${cidr}'"))
    (tmp_path / "vars.yaml").write_text("cidr: 10.20.0.0/23\n")
    monkeypatch.setenv("NETCTL_VAR_mtu", "1333")
    planned = netctl("plan", *site.place, "--var-file", "vars.yaml", "--out", "plan.json")
    assert planned.code == 0, planned.err
    monkeypatch.setenv("NETCTL_VAR_mtu", "1444")
    site_mtu = netctl("apply", "plan.json")
    assert site_mtu.code == 0, site_mtu.err
    assert ip_json(site.host, "link", "show", "nc-backend")[0]["mtu"] == 1333


def test_a_saved_plan_takes_no_further_inputs(site: Site, saved: Path, netctl: Netctl) -> None:
    ran = netctl("apply", saved, "--netns", site.host, "--adopt")
    assert ran.code == 64
    assert "--netns, --adopt cannot be given with it" in ran.err


def test_a_plan_of_standard_input_cannot_be_saved(site: Site, process: Netctl) -> None:
    ran = process("plan", "-f", "-", "--netns", site.host, "--out", "plan.json", stdin=site.stack.read_text())
    assert ran.code == 64
    assert "cannot be saved" in ran.err
    assert not Path("plan.json").exists()


def test_a_plan_that_cannot_be_written_leaves_what_was_there(site: Site, netctl: Netctl, tmp_path: Path) -> None:
    target = tmp_path / "taken"
    target.mkdir()
    ran = netctl("plan", *site.place, "--out", target)
    assert ran.code == 1
    assert "cannot be written" in ran.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stack.yaml", "taken"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "it is not JSON"),
        ("[" * 200_000, "it is not JSON"),
        ("[]", "the document is not an object"),
        ("{}", "its format_version is not 1.0"),
        ('{"format_version": "2.0"}', "its format_version is not 1.0"),
        ('{"format_version": "1.0", "fingerprint": "x"}', "its fingerprint is malformed"),
        ('{"format_version": "1.0", "fingerprint": "%s"}' % ("a" * 64), "it has no inputs"),
    ],
)
def test_what_is_no_plan_is_refused_with_the_reason(netctl: Netctl, content: str, reason: str) -> None:
    Path("plan.json").write_text(content)
    ran = netctl("apply", "plan.json")
    assert ran.code == 1
    assert f"plan.json is not a saved plan: {reason}" in ran.err


@pytest.mark.parametrize(
    "changes",
    [
        {"files": ["relative.yaml"]},
        {"files": "/etc/passwd"},
        {"files": [1]},
        {"sources": [{"path": "/etc/passwd"}]},
        {"sources": [{"path": "/etc/passwd", "sha256": "zz"}]},
        {"sources": {}},
        {"netns": 5},
        {"host": None},
        {"environment": {"NETCTL_VAR_a": 1}},
        {"targets": ["\ud800"]},
        {"variable_files": ["/a\0b"]},
    ],
)
def test_inputs_of_another_shape_are_refused(saved: Path, netctl: Netctl, changes: dict[str, Any]) -> None:
    edit(saved, **changes)
    ran = netctl("apply", saved)
    assert ran.code == 1
    assert "is not a saved plan: " in ran.err


def test_a_plan_that_names_a_file_it_was_not_made_from_does_not_get_it_shown(saved: Path, netctl: Netctl) -> None:
    secret = saved.parent / "secret"
    secret.write_text("top: secret words\n")
    edit(saved, files=[str(secret)], sources=[{"path": str(secret), "sha256": "0" * 64}])
    ran = netctl("apply", saved)
    assert ran.code == 1
    assert "secret words" not in ran.err + ran.out


def test_a_namespace_that_a_plan_names_must_exist(site: Site, saved: Path, netctl: Netctl) -> None:
    edit(saved, netns="../../proc/1/ns/net")
    assert netctl("apply", saved).code == 1
    assert links(site) == {"lo"}


def test_the_changes_in_the_file_are_never_carried_out(site: Site, saved: Path, netctl: Netctl) -> None:
    document = json.loads(saved.read_text(encoding="utf-8"))
    document["resource_changes"] = [{"address": "kernel/link/evil", "change": {"actions": ["create"]}}]
    saved.write_text(json.dumps(document), encoding="utf-8")
    assert netctl("apply", saved).code == 0
    assert "evil" not in links(site)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_plan_is_a_regular_file(netctl: Netctl, tmp_path: Path, make: Any) -> None:
    make(tmp_path / "plan.json")
    ran = netctl("apply", "plan.json")
    assert ran.code == 1
    assert "is not a regular file" in ran.err or "cannot be read" in ran.err


def test_a_plan_of_endless_size_is_not_read(netctl: Netctl, tmp_path: Path) -> None:
    with (tmp_path / "plan.json").open("wb") as file:
        file.truncate(1 << 40)
    assert "it has more than 256 MiB" in netctl("apply", "plan.json").err


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda of: st.lists(of, max_size=4) | st.dictionaries(st.text(), of, max_size=4),
    max_leaves=12,
)
# Of generated files each takes its own time; the first one also builds Hypothesis's tables of characters.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@patient
@given(
    st.dictionaries(st.sampled_from(["format_version", "fingerprint", "inputs", "stack"]), json_values),
    st.dictionaries(st.sampled_from(Inputs._fields), json_values),
    st.booleans(),
)
def test_any_document_is_either_a_plan_or_refused(
    tmp_path_factory: pytest.TempPathFactory, top: dict[str, Any], inputs: dict[str, Any], is_close: bool
) -> None:
    document: dict[str, Any] = {"format_version": "1.0", "fingerprint": "0" * 64, "stack": "s"} if is_close else {}
    path = tmp_path_factory.mktemp("plans") / "plan.json"
    path.write_text(json.dumps({**document, "inputs": inputs, **top}), encoding="utf-8")
    with suppress(NetctlError):
        assert isinstance(read_plan(path), SavedPlan)
    path.unlink()


@patient
@given(st.binary(max_size=200))
def test_any_bytes_are_either_a_plan_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("plans") / "plan.json"
    path.write_bytes(content)
    with pytest.raises(NetctlError):
        read_plan(path)
    path.unlink()
