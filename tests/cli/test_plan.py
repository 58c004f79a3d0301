"""``netctl plan``: what would change, and that looking changes nothing."""

import json
import os
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.cli.conftest import STACK, Netctl, Site
from tests.support.namespaces import ip, run_in
from tests.support.snapshots import snapshot

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "plan.schema.json").read_text(encoding="utf-8"))


def test_a_plan_changes_nothing(site: Site, netctl: Netctl) -> None:
    before = snapshot(site.host), snapshot(site.web)
    assert netctl("plan", *site.place).code == 0
    assert (snapshot(site.host), snapshot(site.web)) == before


def test_exit_codes_tell_changes_from_none_when_asked_to(site: Site, netctl: Netctl) -> None:
    assert netctl("plan", *site.place).code == 0
    assert netctl("plan", *site.place, "--detailed-exitcode").code == 2
    assert netctl("apply", *site.place).code == 0
    assert netctl("plan", *site.place, "--detailed-exitcode").code == 0
    assert netctl("plan", *site.place, "--detailed-exitcode", "-f", "missing.yaml").code == 1


def test_a_conflict_is_an_error(site: Site, netctl: Netctl) -> None:
    ip(site.host, "link add nc-backend type bridge")
    ran = netctl("plan", *site.place)
    assert ran.code == 1
    assert "kernel/link/nc-backend  is a bridge, foreign" in ran.out
    assert netctl("plan", *site.place, "--adopt").code == 0
    quiet = netctl("plan", "-q", *site.place)
    assert (quiet.code, quiet.out) == (1, "")
    assert "[NC401]" in quiet.err


def test_the_json_form_keeps_its_schema_and_is_alone_on_standard_output(site: Site, netctl: Netctl) -> None:
    document = json.loads(netctl("plan", *site.place, "-o", "json").out)
    Draft202012Validator(SCHEMA).validate(document)
    assert (document["stack"], document["summary"]["create"]) == ("shop", 11)
    addresses = {change["address"] for change in document["resource_changes"]}
    assert {"kernel/link/nc-frontend", "kernel/route/172.31.0.0/16", "nftables/table/inet netctl-shop"} <= addresses


def test_the_json_form_of_drift_has_both_values(applied: Site, netctl: Netctl) -> None:
    ip(applied.host, "link set nc-backend mtu 1400")
    document = json.loads(netctl("plan", *applied.place, "-o", "json").out)
    (change,) = document["resource_changes"]
    assert (change["change"]["before"]["mtu"], change["change"]["after"]["mtu"]) == (1400, 1450)
    assert change["source"] == {"file": str(applied.stack), "line": 7}


def test_the_markdown_form_is_made_for_a_comment(site: Site, netctl: Netctl) -> None:
    text = netctl("plan", *site.place, "-o", "markdown").out
    assert text.startswith("### netctl plan: `shop` on ")
    assert "**Plan: 11 to create," in text


def test_the_order_of_declarations_and_files_does_not_change_the_plan(
    site: Site, netctl: Netctl, tmp_path: Path
) -> None:
    def changes(*place: object) -> dict[str, object]:
        document = json.loads(netctl("plan", *place, "-o", "json").out)
        return {change["address"]: change["change"] for change in document["resource_changes"]}

    whole = changes(*site.place)
    parts = tmp_path / "parts"
    parts.mkdir()
    head, _, rest = STACK.partition("networks:\n")
    frontend, _, rest = rest.partition("  backend:")
    backend, _, routes = rest.partition("routes:")
    (parts / "a.yaml").write_text(f"routes:{routes}")
    (parts / "b.yaml").write_text(f"networks:\n  backend:{backend}")
    (parts / "c.yaml").write_text(f"networks:\n{frontend}".replace("WEB", site.web) + head)
    assert changes("-f", parts, "--netns", site.host) == whole


def test_a_change_that_would_cut_the_own_connection_is_announced_first(site: Site, process: Netctl) -> None:
    ip(site.host, "link add up0 type veth peer name down0", "addr add 192.0.2.11/24 dev up0", "link set up0 up")
    site.write(STACK.partition("    attach:")[0] + "    attach: [{interface: up0}]\n")
    os.environ["SSH_CONNECTION"] = "192.0.2.77 50022 192.0.2.11 22"
    try:
        ran = process("plan", "-f", site.stack, prefix=("ip", "netns", "exec", site.host))
    finally:
        del os.environ["SSH_CONNECTION"]
    assert ran.code == 0, ran.err
    assert ran.out.startswith("Warning: this would cut the SSH connection from 192.0.2.77 that netctl runs over: up0 ")


def test_without_privileges_a_plan_is_still_made(site: Site, process: Netctl) -> None:
    unprivileged = ("ip", "netns", "exec", site.host, *NOBODY)
    ran = process("plan", "-f", site.stack, prefix=unprivileged)
    assert ran.code == 0, ran.err
    assert "kernel" in ran.out
    assert "+    link" in ran.out


def test_without_privileges_apply_says_which_one_is_missing_and_offers_plan(site: Site, process: Netctl) -> None:
    ran = process("apply", "-f", site.stack, prefix=("ip", "netns", "exec", site.host, *NOBODY))
    assert ran.code == 1
    assert "CAP_NET_ADMIN" in ran.err
    assert "netctl plan" in ran.err
    assert run_in(site.host, ["ip", "-o", "link"]).stdout.count("\n") == 1


# Root without its capabilities: it can still read the test's files, which another user could not.
NOBODY = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--securebits", "+noroot,+noroot_locked")


@pytest.mark.parametrize("setting", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_the_environment_can_forbid_colour(
    site: Site, netctl: Netctl, monkeypatch: pytest.MonkeyPatch, setting: dict[str, str]
) -> None:
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert "\x1b" not in netctl("plan", *site.place).out


def test_what_is_there_to_attach_to_is_known_where_the_kernel_is_left_out(applied: Site, netctl: Netctl) -> None:
    run_in(applied.host, ["nft", "flush", "ruleset"])
    ran = netctl("plan", *applied.place, "--provider", "nftables")
    assert ran.code == 0, ran.err
    assert "kernel: everything: it was left out" in ran.out
    assert "table  inet netctl-shop" in ran.out
    assert netctl("apply", "-q", *applied.place, "--provider", "nftables").code == 0
    assert "No changes. " in netctl("plan", *applied.place).out
