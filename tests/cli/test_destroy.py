"""``netctl destroy``: all that the stack owns goes, and nothing else."""

import json

from tests.cli.conftest import Netctl, Site
from tests.support.namespaces import ip, ip_json, wait_for_addresses
from tests.support.snapshots import snapshot


def test_destroy_leaves_the_namespaces_as_they_were(site: Site, netctl: Netctl) -> None:
    ip(site.host, "link add foreign0 type veth peer name foreign1", "link set foreign0 up", "link set foreign1 up")
    ip(site.host, "addr add 10.88.0.1/24 dev foreign0", "route add 10.89.0.0/16 via 10.88.0.9")
    wait_for_addresses(site.host)
    before = snapshot(site.host), snapshot(site.web)
    assert netctl("apply", *site.place).code == 0
    assert (snapshot(site.host), snapshot(site.web)) != before
    ran = netctl("destroy", *site.place, "--yes")
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[-1].endswith(": shop owns nothing on " + ran.out.rpartition(" on ")[2].strip())
    assert (snapshot(site.host), snapshot(site.web)) == before


def test_a_stack_can_be_named_without_its_file(applied: Site, netctl: Netctl) -> None:
    applied.stack.unlink()
    assert netctl("destroy", "--stack", "shop", "--netns", applied.host, "--yes").code == 0
    assert [link["ifname"] for link in ip_json(applied.host, "link", "show")] == ["lo"]


def test_a_declaration_with_mistakes_still_names_the_stack(applied: Site, netctl: Netctl) -> None:
    with applied.stack.open("a") as file:
        file.write("bogus: 1\n")
    assert netctl("plan", *applied.place).code == 1
    assert netctl("destroy", *applied.place, "--yes").code == 0
    assert [link["ifname"] for link in ip_json(applied.host, "link", "show")] == ["lo"]


def test_a_name_that_is_none_is_told_with_its_place(site: Site, netctl: Netctl) -> None:
    site.stack.write_text("stack: Shop!\n")
    ran = netctl("destroy", *site.place, "--yes")
    assert ran.code == 1
    assert "stack.yaml:1:8" in ran.err


def test_destroying_what_is_not_there_is_done_already(site: Site, netctl: Netctl) -> None:
    ran = netctl("destroy", *site.place)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("No changes. shop owns nothing on ")


def test_nothing_goes_without_yes_where_nobody_can_be_asked(applied: Site, netctl: Netctl) -> None:
    ran = netctl("destroy", *applied.place)
    assert ran.code == 1
    assert "--yes" in ran.err
    assert netctl("plan", *applied.place, "--detailed-exitcode").code == 0


def test_the_result_can_be_had_as_json(applied: Site, netctl: Netctl) -> None:
    ran = netctl("destroy", *applied.place, "--yes", "-o", "json")
    assert (ran.code, json.loads(ran.out)["result"], ran.err) == (0, "applied", "")
