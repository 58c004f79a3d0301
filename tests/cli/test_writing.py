"""``netctl validate``, ``fmt``, ``explain``, ``schema`` and ``import``: commands that help to write declarations."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from netctl.cli.commands import COMMANDS
from tests.cli.conftest import ROOT, STACK, Netctl, Site
from tests.support.namespaces import ip, veth_between

BROKEN = STACK.replace("10.20.0.0/24", "10.20.0.1/24").replace("mtu: 1450", "mtuu: 1450")


@pytest.fixture
def stack() -> Path:
    path = Path("stack.yaml")
    path.write_text(STACK, encoding="utf-8")
    return path


def test_a_valid_stack_is_said_to_be_one(netctl: Netctl, stack: Path) -> None:
    assert netctl("validate", "-f", stack) == (0, "shop is valid.\n", "")


def test_every_mistake_is_reported_with_its_place(netctl: Netctl, stack: Path) -> None:
    stack.write_text(BROKEN, encoding="utf-8")
    ran = netctl("validate", "-f", stack)
    assert (ran.code, ran.out) == (1, "")
    assert "stack.yaml:8:20: error[NC115]: " in ran.err
    assert "stack.yaml:9:5: error[NC111]: " in ran.err
    assert ran.err.splitlines()[-1] == "Not valid: 2 errors."


def test_mistakes_as_json_github_and_sarif(netctl: Netctl, stack: Path) -> None:
    stack.write_text(BROKEN, encoding="utf-8")
    document = json.loads(netctl("validate", "-f", stack, "--output-format", "json").out)
    assert (document["valid"], document["error_count"]) == (False, 2)
    github = netctl("validate", "-f", stack, "--output-format", "github").out
    assert github.startswith("::error file=stack.yaml,line=8,col=20,title=netctl NC115::")
    sarif = json.loads(netctl("validate", "-f", stack, "-o", "sarif").out)
    rules = sarif["runs"][0]["tool"]["driver"]["rules"]
    assert all(rule["shortDescription"]["text"] != rule["id"] for rule in rules)


def test_a_warning_is_an_error_only_where_it_is_asked_for(netctl: Netctl, stack: Path) -> None:
    stack.write_text(
        "stack: shop\nhosts:\n  a: {address: 192.0.2.1}\nnetworks:\n  lan: {hosts: {zone: none}}\n", encoding="utf-8"
    )
    ran = netctl("validate", "-f", stack)
    assert ran.code == 0
    assert "warning[" in ran.err
    assert "with 1 warning." in ran.out
    assert netctl("validate", "-f", stack, "--strict").code == 1


def test_fmt_prints_checks_and_writes(netctl: Netctl, stack: Path) -> None:
    untidy = "stack: shop   # the shop\nnetworks:\n      web:\n           mtu: 1400\n"
    stack.write_text(untidy, encoding="utf-8")
    stack.chmod(0o640)
    tidy = netctl("fmt", stack).out
    assert "# the shop" in tidy
    assert stack.read_text(encoding="utf-8") == untidy
    checked = netctl("fmt", "--check", stack)
    assert checked.code == 1
    assert checked.out.startswith("--- stack.yaml\n+++ stack.yaml (formatted)\n")
    assert netctl("fmt", "-w", stack).code == 0
    assert stack.read_text(encoding="utf-8") == tidy
    assert stack.stat().st_mode & 0o777 == 0o640
    assert netctl("fmt", "--check", stack) == (0, "", "")


def test_fmt_reads_standard_input_and_does_not_write_there(process: Netctl) -> None:
    assert process("fmt", "-", stdin="stack:    shop\n").out == "stack:    shop\n"
    assert process("fmt", "-w", "-", stdin="a:\n    b: 1\n").code == 64


def test_fmt_of_what_is_not_yaml_is_an_error_and_changes_nothing(netctl: Netctl, stack: Path) -> None:
    stack.write_text("stack: [\n", encoding="utf-8")
    ran = netctl("fmt", "-w", stack)
    assert ran.code == 1
    assert "NC107" in ran.err
    assert stack.read_text(encoding="utf-8") == "stack: [\n"


def test_explain_answers_for_a_path_and_for_the_whole(netctl: Netctl) -> None:
    assert netctl("explain", "overlays.vxlan.vni").out.startswith("overlays.vxlan.vni: an integer from 1 to 16777215; ")
    whole = netctl("explain").out
    assert all(f"\n  {key}: " in whole for key in ("include", "vars", "stack", "networks", "overlays"))
    assert netctl("explain", "networks.web.bogus").code == 64


@pytest.mark.parametrize("subject", ["stack", "plan"])
def test_schemas_are_schemas_and_are_those_in_the_tree(netctl: Netctl, subject: str) -> None:
    printed = netctl("schema", subject).out
    Draft202012Validator.check_schema(json.loads(printed))
    assert printed == (ROOT / "schemas" / f"{subject}.schema.json").read_text(encoding="utf-8")


def test_what_is_live_is_printed_as_a_stack_that_matches_it(site: Site, netctl: Netctl, tmp_path: Path) -> None:
    ip(site.host, "link add br7 type bridge", "addr add 10.7.0.1/24 dev br7", "link set br7 up")
    ip(site.host, "route add 10.99.0.0/16 via 10.7.0.254", "rule add from 10.1.0.0/16 lookup 100 pref 1000")
    veth_between(site.host, site.web, "v7", "eth0")
    ip(site.host, "link set v7 master br7")
    ran = netctl("import", "--netns", site.host, "--stack", "taken")
    assert ran.code == 0, ran.err
    declared = tmp_path / "taken.yaml"
    declared.write_text(ran.out, encoding="utf-8")
    assert netctl("validate", "-f", declared).code == 0
    place = ("-f", declared, "--netns", site.host)
    conflicts = json.loads(netctl("plan", *place, "-o", "json").out)["conflicts"]
    assert {conflict["address"] for conflict in conflicts} >= {"kernel/link/br7", "kernel/route/10.99.0.0/16"}
    assert all(conflict["adoptable"] for conflict in conflicts)
    adopted = netctl("apply", *place, "--adopt", "--yes")
    assert adopted.code == 0, adopted.err
    assert netctl("plan", *place, "--detailed-exitcode").code == 0


def test_what_is_imported_and_taken_over_stays_as_it_is(site: Site, netctl: Netctl, tmp_path: Path) -> None:
    """But for forwarding, which a network with a gateway is given, and the claims of routes."""
    ip(site.host, "link add br7 mtu 1400 type bridge stp_state 1", "addr add 10.7.0.1/24 dev br7", "link set br7 up")
    veth_between(site.host, site.web, "v7", "eth0")
    ip(site.host, "link set v7 master br7", "route add 10.99.0.0/16 via 10.7.0.254 mtu 1300 src 10.7.0.1")
    ip(site.host, "route add prohibit 10.98.0.0/16 metric 9 table 77", "rule add fwmark 1/0xff prohibit pref 1000")
    ip(site.web, "addr add 10.7.0.20/24 dev eth0", "route add default via 10.7.0.1")
    declared = tmp_path / "taken.yaml"
    declared.write_text(netctl("import", "--netns", site.host).out, encoding="utf-8")
    ran = netctl("plan", "-f", declared, "--netns", site.host, "--adopt", "-o", "json")
    changes = json.loads(ran.out)["resource_changes"]
    made = {change["address"] for change in changes if change["change"]["actions"] != ["update"]}
    assert all("table 18" in address for address in made), made
    changed = {
        (change["address"], key)
        for change in changes
        if change["change"]["actions"] == ["update"]
        for key, value in change["change"]["after"].items()
        if change["change"]["before"][key] != value
    }
    assert {key for _, key in changed} <= {"ipv4_forwarding", "ipv6_forwarding"}, changed
    assert f"kernel/route/{site.web}/0.0.0.0/0" in {change["address"] for change in changes}


def test_what_is_owned_is_not_imported_unless_it_is_named(applied: Site, netctl: Netctl) -> None:
    ran = netctl("import", "--netns", applied.host)
    assert (ran.code, ran.out) == (0, "stack: imported\n")
    assert "nothing here that could be declared" in ran.err
    named = netctl("import", "kernel/link/nc-backend", "--netns", applied.host).out
    assert "interface_name: nc-backend" in named
    assert "10.20.0.1" in named


def test_what_is_not_there_cannot_be_imported(site: Site, netctl: Netctl) -> None:
    ran = netctl("import", "kernel/link/nothing", "--netns", site.host)
    assert ran.code == 64
    assert "nothing here is called kernel/link/nothing" in ran.err


def test_every_command_is_in_the_table_and_in_the_documentation() -> None:
    modules = {path.stem for path in (ROOT / "netctl" / "cli").iterdir()}
    assert {command.module for command in COMMANDS} <= modules
