"""What is wrong with a declaration, or with where it is applied: said in full by the command, and nothing changed."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from netctl.cli.main import main
from tests.e2e.lab import Lab
from tests.e2e.process import Ran, netctl
from tests.support.namespaces import existing
from tests.support.snapshots import snapshot

pytestmark = pytest.mark.xdist_group("bad input")

FINE = 'stack: shop\nnetworks: {front: {subnet: {cidr: 10.10.0.0/24}, attach: [{netns: "${a}"}]}}\n'


@pytest.fixture(scope="module")
def lab(shared_lab: Callable[[], Lab]) -> Lab:
    """A host with one foreign bridge, one endpoint, and a file of good declarations applied to neither."""
    lab = shared_lab()
    lab.add("h", "a")
    lab.ip("h", "link add eth0 type veth peer name wire", "link set eth0 up", "link set wire up")
    lab.ip("h", "address add 192.0.2.10/24 dev eth0", "route add default via 192.0.2.1")
    lab.remember()
    return lab


class Mistake(NamedTuple):
    """A wrong stack: the mistake is at the place that the marker stands before; what is said of it."""

    text: str
    code: str
    says: str
    place: str = ""
    """``line:column``, where there is no marker."""


MARK = "»"
MISTAKES = {
    "an unknown key": Mistake("stack: shop\nnetworks:\n  front:\n    »mtuu: 1400\n", "NC111", "'mtu'"),
    "a wrong type": Mistake("stack: shop\nnetworks:\n  front:\n    mtu: »many\n", "NC114", "integer"),
    "host bits": Mistake("stack: shop\nsubnets:\n  front: {cidr: »10.10.0.1/24}\n", "NC115", "10.10.0.0/24"),
    "overlapping subnets": Mistake(
        "stack: shop\nsubnets:\n  one: {cidr: 10.10.0.0/16}\n  two: {cidr: »10.10.5.0/24}\n", "NC211", "'one'"
    ),
    "an exhausted pool": Mistake(
        "stack: shop\nnetworks:\n  front:\n    subnet: {cidr: 10.10.0.0/30}\n"
        '    attach: »[{netns: "${a}"}, {netns: b}, {netns: c}]\n',
        "NC223",
        "1 address",
    ),
    "an address outside its subnet": Mistake(
        "stack: shop\nnetworks:\n  front:\n    subnet: {cidr: 10.10.0.0/24}\n"
        '    attach: [{netns: "${a}", address: »10.11.0.7}]\n',
        "NC220",
        "10.10.0.0/24",
    ),
    "a duplicate VNI": Mistake(
        "stack: shop\nhosts: {n1: {id: 1, address: 192.0.2.10}}\noverlays:\n"
        "  one: {vni: 42, subnet: {cidr: 10.42.0.0/16, per_host: 24}}\n"
        "  two: {vni: »42, subnet: {cidr: 10.43.0.0/16, per_host: 24}}\n",
        "NC230",
        "'one'",
    ),
    "an unknown reference": Mistake(
        "stack: shop\nsubnets: {frontend: {cidr: 10.10.0.0/24}}\nnetworks:\n  front: {subnet: »frontent}\n",
        "NC201",
        "did you mean 'frontend'?",
    ),
    "an undefined variable": Mistake("stack: shop\nnetworks:\n  front:\n    mtu: »${size}\n", "NC141", "size"),
    "a duplicate key": Mistake("stack: shop\nnetworks:\n  front: {}\n  »front: {mtu: 1400}\n", "NC108", "line 3"),
    "an unknown tag": Mistake("stack: shop\nnetworks: »!!python/object:os.system {}\n", "NC109", "python"),
    "invalid UTF-8": Mistake("stack: shop\n# caf\udce9\n", "NC104", "UTF-8", "2:6"),
    "an empty file": Mistake("", "NC106", "nothing"),
    "comments only": Mistake("# later\n", "NC106", "nothing"),
    "an interface that does not exist": Mistake(
        "stack: shop\nnetworks:\n  lan:\n    driver: macvlan\n    parent: »eth7\n    subnet: {cidr: 10.0.0.0/24}\n"
        '    attach: [{netns: "${a}"}]\n',
        "NC324",
        "eth7",
    ),
    "a port that does not exist": Mistake(
        "stack: shop\nnetworks:\n  front: {attach: [{interface: »eth7}]}\n", "NC324", "eth7"
    ),
    "a namespace that does not exist": Mistake(
        "stack: shop\nnetworks:\n  front:\n    attach: [{netns: »nobody-made-this}]\n",
        "NC325",
        "ip netns add nobody-made-this",
    ),
    "an interface's name that is too long": Mistake(
        "stack: shop\nnetworks:\n  front: {interface_name: »a-name-of-16-char}\n", "NC115", "15"
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_shown_where_it_is_and_nothing_is_changed(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], mistake: Mistake
) -> None:
    text, place = _unmarked(mistake.text.replace("${a}", lab["a"]))
    monkeypatch.chdir(tmp_path)
    Path("stack.yaml").write_bytes(text.encode("utf-8", "surrogateescape"))
    code = main(["apply", "-f", "stack.yaml", "--netns", lab["h"]])
    _demand_refusal(lab, mistake, Ran(code, *capsys.readouterr()), place or mistake.place)


def _unmarked(text: str) -> tuple[str, str]:
    """The text without its marker, and the place where that stood."""
    before, found, after = text.partition(MARK)
    lines = before.splitlines()
    return before + after, f"{len(lines)}:{len(lines[-1]) + 1}" if found else ""


def _demand_refusal(lab: Lab, mistake: Mistake, ran: Ran, place: str) -> None:
    assert ran.code == 1, ran
    assert f"[{mistake.code}]" in ran.err
    assert mistake.says in ran.err
    assert f"stack.yaml:{place}:" in ran.err if place else "stack.yaml" in ran.err
    assert "Traceback" not in ran.err
    assert not ran.out
    lab.demand_as_before()
    assert not any("nobody" in name for name in existing())


def test_all_mistakes_are_shown_at_once(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text(
        "stack: shop\nnetworks:\n  front: {mtuu: 1400}\n  back: {subnet: {cidr: 10.0.0.1/24}, mtu: many}\n"
    )
    ran = netctl("apply", "-f", "stack.yaml", "--netns", lab["h"], directory=tmp_path)
    assert ran.code == 1
    assert set(re.findall(r"NC\d+", ran.err)) == {"NC111", "NC114", "NC115"}


def test_a_cycle_of_includes_shows_its_path(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text("stack: shop\ninclude: [other.yaml]\n")
    (tmp_path / "other.yaml").write_text("networks: {}\ninclude:\n  - stack.yaml\n")
    ran = netctl("apply", "-f", "stack.yaml", "--netns", lab["h"], directory=tmp_path)
    assert ran.code == 1
    assert "[NC131]" in ran.err
    assert "other.yaml:3:5" in ran.err
    assert re.search(r"stack\.yaml.*other\.yaml.*stack\.yaml", ran.err)
    lab.demand_as_before()


def test_an_anchor_bomb_is_refused_quickly(lab: Lab, tmp_path: Path) -> None:
    levels = ["a: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    levels += [f"b{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    (tmp_path / "stack.yaml").write_text("stack: shop\n" + "\n".join(f"x-{level}" for level in levels))
    ran = netctl("apply", "-f", "stack.yaml", "--netns", lab["h"], directory=tmp_path)
    assert ran.code == 1
    assert "[NC121]" in ran.err
    assert re.search(r"stack\.yaml:\d+:\d+", ran.err)
    lab.demand_as_before()


def test_a_file_of_fifty_megabytes_is_refused_unread(lab: Lab, tmp_path: Path) -> None:
    with (tmp_path / "stack.yaml").open("wb") as file:
        file.write(b"stack: shop\n")
        file.truncate(50_000_000)
    ran = netctl("apply", "-f", "stack.yaml", "--netns", lab["h"], directory=tmp_path)
    assert ran.code == 1
    assert "[NC103]" in ran.err
    assert "stack.yaml" in ran.err
    lab.demand_as_before()


def test_a_namespace_to_act_in_that_does_not_exist_is_not_created(tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text("stack: shop\nnetworks: {front: {}}\n")
    ran = netctl("apply", "-f", "stack.yaml", "--netns", "nobody-made-this", directory=tmp_path)
    assert ran.code == 1
    assert "nobody-made-this" in ran.err
    assert "ip netns add nobody-made-this" in ran.err
    assert "nobody-made-this" not in existing()


@pytest.mark.parametrize("kind", ["veth peer name other", "vxlan id 7 dstport 4789"])
def test_a_device_of_another_kind_under_the_same_name_is_a_conflict(lab: Lab, tmp_path: Path, kind: str) -> None:
    (tmp_path / "stack.yaml").write_text(FINE.replace("${a}", lab["a"]))
    lab.ip("h", f"link add nc-front type {kind}")
    before = snapshot(lab["h"])
    ran = netctl("apply", "-f", "stack.yaml", "--netns", lab["h"], directory=tmp_path)
    assert ran.code == 1
    assert "[NC401]" in ran.err
    assert "kernel/link/nc-front" in ran.err
    assert "stack.yaml:2" in ran.out, "the plan shows which declaration wants the name"
    assert snapshot(lab["h"]) == before
    lab.ip("h", "link delete nc-front")
    lab.demand_as_before()


def test_without_privilege_apply_names_the_capability_and_plan_works(lab: Lab, tmp_path: Path) -> None:
    """Inside the host's namespace, as a root who has no capability and cannot get one."""
    powerless = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
    inside = ("ip", "netns", "exec", lab["h"], *powerless)
    (tmp_path / "stack.yaml").write_text("stack: shop\nnetworks: {front: {subnet: {cidr: 10.10.0.0/24}}}\n")
    ran = netctl("apply", "-f", "stack.yaml", directory=tmp_path, prefix=inside)
    assert ran.code == 1
    assert "[NC302]" in ran.err
    assert "CAP_NET_ADMIN" in ran.err
    assert "netctl plan" in ran.err
    planned = netctl("plan", "-f", "stack.yaml", directory=tmp_path, prefix=inside)
    assert planned.code == 0, planned
    assert "nc-front" in planned.out
    lab.demand_as_before()
