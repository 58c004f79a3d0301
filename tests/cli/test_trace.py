"""``netctl trace``: what it prints, what it needs, and its exit codes."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Netctl
from tests.path.tracing import SHOP


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.yaml"
    path.write_text(SHOP, encoding="utf-8")
    return path


def test_the_verdict_comes_first_and_the_path_last(netctl: Netctl, shop: Path) -> None:
    ran = netctl("trace", "-f", shop, "web", "back/db", "5432")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0] == "front/web -> back/db, 5432/tcp: allowed"
    assert lines[-3].split() == ["netns", "db", "deliver", "10.20.0.10,", "which", "is", "on", "eth0"]
    assert lines[-1] == "Answers 10.20.0.10 -> 10.10.0.20: they return"


def test_json_is_one_document(netctl: Netctl, shop: Path) -> None:
    printed = json.loads(netctl("trace", "-f", shop, "-o", "json", "web", "db", "5432").out)
    assert printed["format_version"] == "1.0"
    assert [trace["to"] for trace in printed["traces"]] == ["back/db", "back/spare"]


@pytest.mark.parametrize(("port", "code"), [("5432", 0), ("80", 2)])
def test_with_detailed_exitcode_a_denied_connection_exits_with_2(
    netctl: Netctl, shop: Path, port: str, code: int
) -> None:
    assert netctl("trace", "-f", shop, "web", "db", port).code == 0
    assert netctl("trace", "-f", shop, "--detailed-exitcode", "web", "db", port).code == code


def test_with_detailed_exitcode_what_is_allowed_but_does_not_arrive_exits_with_2(netctl: Netctl, shop: Path) -> None:
    shop.write_text(SHOP.replace("back:\n", "back:\n    isolated: true\n"), encoding="utf-8")
    assert netctl("trace", "-f", shop, "--detailed-exitcode", "web", "back/db", "5432").code == 2


@pytest.mark.parametrize("arguments", [("wbe", "db", "80"), ("web", "db", "80-90"), ("web", "db")])
def test_what_means_nothing_exits_with_64(netctl: Netctl, shop: Path, arguments: tuple[str, ...]) -> None:
    ran = netctl("trace", "-f", shop, *arguments)
    assert (ran.code, ran.out) == (64, "")


def test_a_mistake_in_the_declaration_exits_with_1(netctl: Netctl, shop: Path) -> None:
    shop.write_text(SHOP.replace("front: {", "front: {mtuu: 1, "), encoding="utf-8")
    ran = netctl("trace", "-f", shop, "web", "db", "80")
    assert ran.code == 1
    assert "mtuu" in ran.err


def test_the_family_can_be_chosen(netctl: Netctl, shop: Path) -> None:
    shop.write_text(SHOP.replace("10.10.0.0/24}", '[10.10.0.0/24, "fd00:10::/64"]}'), encoding="utf-8")
    ran = netctl("trace", "-f", shop, "--family", "6", "web", "2001:db8::1", "443")
    assert "443/tcp over IPv6: allowed" in ran.out


def test_no_privilege_is_needed_and_no_system_touched(process: Netctl, shop: Path) -> None:
    prefix = ("unshare", "--user", "--net", "setpriv", "--bounding-set=-all")
    ran = process("trace", "-f", shop, "web", "back/db", "5432", prefix=prefix)
    assert (ran.code, ran.err) == (0, "")
