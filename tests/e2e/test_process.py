"""The whole path by the command itself: plan, apply, drift, repair, destroy, each a process of its own."""

from pathlib import Path

import pytest

from tests.e2e.lab import Lab
from tests.e2e.process import Ran, netctl
from tests.e2e.traffic import demand_all_pairs, reaches
from tests.e2e.underlay import ENDPOINTS, HOSTS, build, on, stack

pytestmark = pytest.mark.xdist_group("bad input")

TWO = HOSTS[:2]


def test_an_overlay_is_planned_applied_repaired_and_destroyed(lab: Lab, tmp_path: Path) -> None:
    build(lab)
    lab.remember(*HOSTS, *ENDPOINTS)
    file = lab.write(stack('vni: 42\nsubnet: {cidr: [10.42.0.0/16, "fd42::/48"], per_host: [24, 64]}', hosts=TWO))

    def run(command: str, host: str, *options: str) -> Ran:
        return netctl(command, "-f", file, "--host", host, "--netns", lab[host], *options, directory=tmp_path)

    for host in TWO:
        assert run("plan", host, "--detailed-exitcode").code == 2
        assert "Applied and verified" in run("apply", host).out
        assert run("plan", host, "--detailed-exitcode").code == 0
        assert "No changes" in run("apply", host).out
    demand_all_pairs(lab, on(TWO), (4, 6))

    lab.ip("n1", "route del 10.42.2.0/24")
    assert not reaches(lab["a"], lab.address("b"), wait=0.3)
    saved = str(tmp_path / "plan.json")
    assert run("plan", "n1", "--out", saved, "--detailed-exitcode").code == 2
    assert netctl("apply", saved, directory=tmp_path).code == 0
    assert reaches(lab["a"], lab.address("b"))

    for host in TWO:
        assert run("destroy", host).code == 1, "nobody can be asked here"
        assert run("destroy", host, "--yes").code == 0
    lab.demand_as_before()


def test_declarations_come_from_files_directories_and_variables(lab: Lab, tmp_path: Path) -> None:
    lab.add("h", "a", "b")
    lab.remember()
    parts = tmp_path / "parts"
    parts.mkdir()
    (parts / "1-base.yaml").write_text("stack: shop\nvars: {third: 10}\ninclude: [../subnets.yaml]\n")
    (parts / "2-front.yaml").write_text("networks:\n  front:\n    subnet: front\n    attach: [{netns: $one}]\n")
    (tmp_path / "subnets.yaml").write_text('subnets:\n  front: {cidr: "10.${third}.0.0/24"}\n')
    (tmp_path / "later.yaml").write_text("networks:\n  front:\n    attach: [{netns: $one}, {netns: $other}]\n")
    variables = ("--var", f"one={lab['a']}", "--var", f"other={lab['b']}", "--var", "third=77")
    files = ("-f", "parts", "-f", "later.yaml", "--netns", lab["h"])
    assert netctl("apply", *files, *variables, directory=tmp_path).code == 0
    assert lab.address("a").startswith("10.77.0.")
    demand_all_pairs(lab, "ab")
    assert netctl("destroy", "--stack", "shop", "--netns", lab["h"], "--yes", directory=tmp_path).code == 0
    lab.demand_as_before()
