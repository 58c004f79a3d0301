"""``netctl status``, ``get``, ``describe`` and ``doctor``: what is there, and whose it is."""

import json

import pytest

from tests.cli.conftest import STACK, Netctl, Site
from tests.support.namespaces import ip, run_in


def test_status_names_each_declaration_and_whether_it_holds(applied: Site, netctl: Netctl) -> None:
    ran = netctl("status", *applied.place)
    lines = ran.out.splitlines()
    assert (ran.code, ran.err) == (0, "")
    assert [line.split()[:3] for line in lines[:3]] == [
        ["networks.backend", "in", "sync"],
        ["networks.frontend", "in", "sync"],
        ["routes[0]", "in", "sync"],
    ]
    assert lines[-1].endswith(" matches shop.")


def test_status_shows_drift_what_is_missing_and_what_is_left(applied: Site, netctl: Netctl) -> None:
    ip(applied.host, "link set nc-frontend down", "route del 172.31.0.0/16")
    applied.write(STACK.replace("  backend:", "  office:"))
    document = json.loads(netctl("status", *applied.place, "-o", "json").out)
    states = {entry["declaration"]: entry["state"] for entry in document["declarations"]}
    assert states == {"networks.frontend": "drifted", "networks.office": "missing", "routes[0]": "missing"}
    assert {"address": "kernel/link/nc-backend", "owner": "shop/networks.backend"} in document["leftovers"]
    text = netctl("status", *applied.place).out
    assert "~    kernel/link/nc-frontend  up: no -> yes" in text
    assert "No longer declared, still there: " in text


def test_get_lists_what_stacks_own_and_nothing_foreign(applied: Site, netctl: Netctl) -> None:
    ip(applied.host, "link add foreign0 type bridge")
    ran = netctl("get", "--netns", applied.host)
    assert ran.code == 0
    assert "kernel/link/nc-backend" in ran.out
    assert "foreign0" not in ran.out
    document = json.loads(netctl("get", "--netns", applied.host, "-o", "json").out)
    assert {resource["owner"] for resource in document["resources"]} == {"shop"}


@pytest.mark.parametrize("word", ["links", "link", "kernel/link"])
def test_get_can_be_asked_for_one_kind(applied: Site, netctl: Netctl, word: str) -> None:
    listed = netctl("get", word, "--netns", applied.host).out.splitlines()[1:]
    assert any(line.startswith("kernel/link/nc-") for line in listed)
    assert all(line.startswith("kernel/link/") for line in listed)


def test_get_can_be_asked_for_a_pattern(applied: Site, netctl: Netctl) -> None:
    listed = netctl("get", "kernel/link/nc-*", "--netns", applied.host).out.splitlines()[1:]
    assert listed
    assert all(line.startswith("kernel/link/nc-") for line in listed)


@pytest.mark.parametrize("word", ["nc-frontend", "nc-front*"])
def test_get_can_be_asked_for_the_last_part_of_an_address(applied: Site, netctl: Netctl, word: str) -> None:
    listed = netctl("get", word, "--netns", applied.host).out.splitlines()[1:]
    assert any(line.startswith("kernel/link/nc-frontend ") for line in listed)
    assert not any("nc-backend" in line for line in listed)


@pytest.mark.parametrize("which", [(), ("--stack", "shop")])
def test_get_of_what_is_not_there_does_not_say_that_nothing_is_owned(
    applied: Site, netctl: Netctl, which: tuple[str, ...]
) -> None:
    ran = netctl("get", "nc-fronted", *which, "--netns", applied.host)
    assert ran.code == 0
    assert ran.out.startswith("Of the ")
    assert ran.out.endswith(" here, none is nc-fronted.\n")


def test_get_of_one_stack_also_lists_what_it_owns_in_attached_namespaces(applied: Site, netctl: Netctl) -> None:
    out = netctl("get", "--stack", "shop", "--netns", applied.host).out
    assert f"kernel/link/{applied.web}/eth0" in out
    assert "nftables/table/inet netctl-shop" in out
    assert netctl("get", "--stack", "other", "--netns", applied.host).out == "Nothing is owned by a stack here.\n"


def test_describe_puts_declared_and_live_side_by_side(applied: Site, netctl: Netctl) -> None:
    ip(applied.host, "link set nc-backend mtu 1400")
    for name in ("nc-backend", "kernel/link/nc-backend"):
        out = netctl("describe", name, *applied.place).out
        row = next(line for line in out.splitlines() if " mtu " in line)
        assert row.split() == ["~", "mtu", "1450", "1400"]
        assert f"networks.backend ({applied.stack}:7)" in out
    (document,) = json.loads(netctl("describe", "nc-backend", *applied.place, "-o", "json").out)
    assert document["differs"] == ["mtu"]


def test_describing_what_is_not_there_suggests_what_is(applied: Site, netctl: Netctl) -> None:
    ran = netctl("describe", "nc-backendd", *applied.place)
    assert ran.code == 64
    assert "Did you mean 'nc-backend'?" in ran.err


def test_doctor_finds_this_host_able(netctl: Netctl, site: Site) -> None:
    ran = netctl("doctor", "--netns", site.host)
    assert ran.code == 0, ran.out
    assert "  ok       CAP_NET_ADMIN" in ran.out
    assert {"kernel", "nftables"} <= set(ran.out.splitlines())
    document = json.loads(netctl("doctor", "--netns", site.host, "-o", "json").out)
    assert document["able"] is True


def test_doctor_of_a_stack_looks_only_at_what_it_needs(netctl: Netctl, site: Site) -> None:
    site.write("stack: shop\nnetworks:\n  plain: {nat: none}\n")
    out = netctl("doctor", *site.place).out
    assert "kernel" in out.splitlines()
    assert "nftables" not in out.splitlines()


def test_doctor_of_a_stack_misses_an_engine_that_the_stack_needs_and_any_other_can_do_without(
    netctl: Netctl, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    place = ("--netns", site.host, "--provider", "kernel,docker")
    assert "absent   Docker Engine" in netctl("doctor", *place).out
    site.write("stack: s\nnetworks: {n: {provider: docker, subnet: {cidr: 10.60.0.0/24}}}\n")
    ran = netctl("doctor", "-f", site.stack, *place)
    assert "missing  Docker Engine" in ran.out
    assert ran.code == 1


def test_doctor_without_privileges_says_what_is_missing_and_fails(process: Netctl, site: Site) -> None:
    powerless = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--securebits", "+noroot,+noroot_locked")
    ran = process("doctor", prefix=("ip", "netns", "exec", site.host, *powerless))
    assert ran.code == 1
    assert "missing  CAP_NET_ADMIN" in ran.out


def test_a_namespace_that_does_not_exist_is_an_error_everywhere(netctl: Netctl, site: Site) -> None:
    for command in (["get"], ["import"], ["status", "-f", site.stack], ["destroy", "--stack", "shop"]):
        ran = netctl(*command, "--netns", f"{site.host}-missing")
        assert ran.code == 1, command
        assert "there is no network namespace" in ran.err
    assert f"{site.host}-missing" not in run_in(site.host, ["ip", "netns", "list"]).stdout


def test_get_says_what_it_could_not_read(applied: Site, process: Netctl) -> None:
    """The namespace is entered by a program that may; netctl itself may not."""
    unprivileged = ("ip", "netns", "exec", applied.host, "setpriv", "--bounding-set=-net_admin,-sys_admin")
    for which in ([], ["--stack", "shop"]):
        ran = process("get", *which, prefix=unprivileged)
        assert ran.code == 0
        assert "kernel/link/nc-backend" in ran.out
        assert applied.web in ran.err
        assert "entering these needs CAP_SYS_ADMIN" in ran.err
        assert "Not read: nftables: everything: " in ran.err


def test_a_host_and_a_namespace_of_one_name_are_named_once(site: Site, netctl: Netctl) -> None:
    site.write(f"stack: shop\nhosts: {{{site.host}: {{id: 1, address: 192.0.2.1}}}}\n")
    assert f"No changes. {site.host} matches shop." in netctl("plan", *site.place, "--host", site.host).out
