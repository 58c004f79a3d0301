"""``netctl apply``: the host becomes what is declared, and nothing happens that was not agreed to."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.conftest import STACK, Netctl, Site, environment
from tests.support.namespaces import ip, ip_json, run_in

SMALLER = STACK.replace("  backend:\n    subnet: {cidr: 10.20.0.0/24}\n    mtu: 1450\n", "").partition("routes:")[0]


def mtu(site: Site, link: str = "nc-backend") -> int:
    return int(ip_json(site.host, "link", "show", link)[0]["mtu"])


def links(site: Site) -> set[str]:
    return {link["ifname"] for link in ip_json(site.host, "link", "show")}


def test_a_stack_is_applied_verified_and_then_left_alone(site: Site, netctl: Netctl) -> None:
    first = netctl("apply", *site.place)
    assert first.code == 0, first.err
    assert "Plan: 11 to create, 0 to update, 0 to replace, 0 to delete." in first.out
    assert first.out.splitlines()[-1].startswith("Applied and verified in ")
    run_in(site.web, ["ping", "-c1", "-W2", "10.10.0.1"])
    second = netctl("apply", *site.place)
    assert (second.code, second.err) == (0, "")
    assert second.out.startswith("No changes. ")
    assert second.out.endswith(" matches shop.\n")


def test_drift_is_repaired(applied: Site, netctl: Netctl) -> None:
    ip(applied.host, "link set nc-backend mtu 1400", "route del 172.31.0.0/16")
    ran = netctl("apply", *applied.place)
    assert "mtu: 1400 -> 1450" in ran.out
    assert "1 to create, 1 to update" in ran.out
    assert mtu(applied) == 1450


def test_a_quiet_apply_says_nothing(site: Site, netctl: Netctl) -> None:
    assert netctl("apply", *site.place, "-q") == (0, "", "")


def test_the_result_can_be_had_as_json_alone(site: Site, netctl: Netctl) -> None:
    ran = netctl("apply", *site.place, "-o", "json")
    document = json.loads(ran.out)
    assert (document["result"], len(document["done"]), ran.err) == ("applied", 11, "")


def test_deleting_needs_someone_to_ask_or_yes(applied: Site, netctl: Netctl) -> None:
    applied.write(SMALLER)
    ran = netctl("apply", *applied.place)
    assert ran.code == 1
    assert "nobody can be asked here" in ran.err
    assert "--yes" in ran.err
    assert "nc-backend" in links(applied)
    assert netctl("apply", *applied.place, "--yes").code == 0
    assert "nc-backend" not in links(applied)


def answered(site: Site, answer: str, meanwhile: Callable[[], None] = lambda: None) -> tuple[int, str]:
    """The exit code of an apply on a terminal, where its question is *answered*; and what the terminal showed."""
    terminal, side = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "netctl", "apply", *site.place],
        stdin=side, stdout=side, stderr=side, close_fds=True, env=environment() | {"TERM": "xterm"},
    )  # fmt: skip
    os.close(side)
    shown = b""
    while b"Type yes to go on: " not in shown:
        shown += os.read(terminal, 4096)
    meanwhile()
    os.write(terminal, f"{answer}\n".encode())
    with suppress(OSError):  # what reading a terminal whose other side is closed answers
        while more := os.read(terminal, 4096):
            shown += more
    os.close(terminal)
    return child.wait(60), shown.decode()


@pytest.mark.parametrize(("answer", "gone", "code"), [("yes", True, 0), ("y", False, 1), ("", False, 1)])
def test_on_a_terminal_only_the_word_yes_is_taken_for_it(applied: Site, answer: str, gone: bool, code: int) -> None:
    applied.write(SMALLER)
    ended, shown = answered(applied, answer)
    assert (ended, "nc-backend" not in links(applied)) == (code, gone)
    assert "\x1b[31m" in shown


def test_what_changes_while_the_question_is_asked_is_not_overrun(applied: Site) -> None:
    applied.write(SMALLER)
    code, shown = answered(applied, "yes", lambda: ip(applied.host, "link set nc-frontend down"))
    assert code == 1
    assert "has changed while you were asked" in shown
    assert "nc-backend" in links(applied)


def test_a_plan_that_deletes_all_that_is_owned_is_refused_even_with_yes(applied: Site, netctl: Netctl) -> None:
    applied.write("stack: shop\n")
    ran = netctl("apply", *applied.place, "--yes")
    assert ran.code == 1
    assert "everything that stack shop owns" in ran.err
    assert "netctl destroy --stack shop" in ran.err
    assert "nc-backend" in links(applied)
    meant = ran.err.split("--max-deletes ")[1].split(",")[0]
    assert netctl("apply", *applied.place, "--yes", "--max-deletes", meant).code == 0
    assert links(applied) == {"lo"}


def test_a_limit_on_deletions_is_kept(applied: Site, netctl: Netctl) -> None:
    applied.write(SMALLER)
    ran = netctl("apply", *applied.place, "--yes", "--max-deletes", "1")
    assert ran.code == 1
    assert "--max-deletes allows 1" in ran.err
    assert "nc-backend" in links(applied)


def test_only_the_target_is_changed_and_nothing_else_deleted(applied: Site, netctl: Netctl) -> None:
    applied.write(SMALLER.replace("subnet: {cidr: 10.10.0.0/24}", "subnet: {cidr: 10.10.0.0/24}\n    mtu: 1300"))
    ran = netctl("apply", *applied.place, "--target", "networks.frontend")
    assert ran.code == 0, ran.err
    assert mtu(applied, "nc-frontend") == 1300
    assert "nc-backend" in links(applied)


def test_a_foreign_object_of_the_name_is_a_conflict_with_a_way_out(site: Site, netctl: Netctl) -> None:
    ip(site.host, "link add nc-backend type bridge")
    before = ip_json(site.host, "link", "show", "nc-backend")
    ran = netctl("apply", *site.place)
    assert ran.code == 1
    assert "kernel/link/nc-backend is there already and not of stack shop; nothing was changed" in ran.err
    assert "netctl import 'kernel/link/nc-backend'" in ran.err
    assert "--adopt" in ran.err
    assert ip_json(site.host, "link", "show", "nc-backend") == before
    assert links(site) == {"lo", "nc-backend"}
    adopted = netctl("apply", *site.place, "--adopt")
    assert adopted.code == 0, adopted.err
    assert "taken over" in adopted.out


def test_a_foreign_device_of_another_kind_cannot_be_adopted(site: Site, netctl: Netctl) -> None:
    ip(site.host, "link add nc-backend type veth peer name other")
    ran = netctl("apply", *site.place, "--adopt")
    assert ran.code == 1
    assert "--adopt" not in ran.err
    assert "rename" in ran.err


def test_a_namespace_that_does_not_exist_is_an_error_and_is_not_made(site: Site, netctl: Netctl) -> None:
    ran = netctl("apply", "-f", site.stack, "--netns", f"{site.host}-missing")
    assert ran.code == 1
    assert f"there is no network namespace '{site.host}-missing'" in ran.err
    assert not Path(f"/run/netns/{site.host}-missing").exists()


def test_a_mistake_in_the_declaration_is_shown_and_nothing_is_changed(site: Site, netctl: Netctl) -> None:
    site.write(STACK.replace("10.20.0.0/24", "10.20.0.1/24").replace("mtu: 1450", "mtuu: 1450"))
    ran = netctl("apply", *site.place)
    assert ran.code == 1
    assert ran.out == ""
    assert f"{site.stack}:8:20: error[NC115]" in ran.err
    assert "host bits set" in ran.err
    assert "mtuu" in ran.err
    assert "error[NC" in ran.err
    assert "^" in ran.err
    assert links(site) == {"lo"}


def test_a_system_that_is_left_out_is_left_alone_and_that_is_said(site: Site, netctl: Netctl) -> None:
    ran = netctl("apply", *site.place, "--provider", "kernel")
    assert ran.code == 0, ran.err
    assert "nftables: everything: it was left out" in ran.out
    assert run_in(site.host, ["nft", "list", "ruleset"]).stdout == ""
    assert "nc-backend" in links(site)


def test_a_failed_apply_is_undone_and_tells_what_failed(site: Site, netctl: Netctl) -> None:
    site.write(STACK + "  - {to: 172.30.0.0/16, via: 192.0.2.1, dev: nc-backend}\n")
    ran = netctl("apply", *site.place)
    assert ran.code == 1
    assert "Failed:\n  create kernel/route/172.30.0.0/16: " in ran.err
    assert f"({site.stack}:12)" in ran.err
    assert "Done and undone again:" in ran.err
    assert "the host is as it was before" in ran.err
    assert links(site) == {"lo"}


def test_what_was_done_can_be_kept(site: Site, netctl: Netctl) -> None:
    site.write(STACK + "  - {to: 172.30.0.0/16, via: 192.0.2.1, dev: nc-backend}\n")
    ran = netctl("apply", *site.place, "--keep-partial", "-o", "json")
    document = json.loads(ran.out)
    assert (ran.code, document["result"]) == (1, "partial")
    assert [failed["address"] for failed in document["failed"]] == ["kernel/route/172.30.0.0/16"]
    assert "nc-backend" in links(site)


def test_the_declaration_can_come_from_standard_input(site: Site, process: Netctl) -> None:
    ran = process("apply", "-f", "-", "--netns", site.host, stdin=site.stack.read_text())
    assert ran.code == 0, ran.err
    assert "<stdin>:3" in ran.out


def test_variables_come_from_files_the_environment_and_the_command_line(
    site: Site, netctl: Netctl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site.write(STACK.replace("mtu: 1450", "mtu: ${mtu}"))
    assert "mtu" in netctl("plan", *site.place).err
    monkeypatch.setenv("NETCTL_VAR_mtu", "1401")
    assert "mtu 1401" in netctl("plan", *site.place).out
    (tmp_path / "vars.yaml").write_text("mtu: 1402\n")
    assert "mtu 1402" in netctl("plan", *site.place, "--var-file", "vars.yaml").out
    assert "mtu 1403" in netctl("plan", *site.place, "--var-file", "vars.yaml", "--var", "mtu=1403").out


def test_two_stacks_on_one_host_do_not_see_each_other(applied: Site, netctl: Netctl, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("stack: other\nnetworks:\n  lan: {subnet: {cidr: 10.77.0.0/24}}\n")
    assert netctl("apply", "-f", other, "--netns", applied.host).code == 0
    assert netctl("plan", *applied.place, "--detailed-exitcode").code == 0
    assert netctl("destroy", "--stack", "other", "--netns", applied.host, "--yes").code == 0
    assert netctl("plan", *applied.place, "--detailed-exitcode").code == 0
