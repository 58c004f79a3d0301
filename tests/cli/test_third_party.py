"""A system that someone else brings: found by its entry point, and no better than it is."""

import json
import os
from pathlib import Path

import pytest

from tests.cli.conftest import Netctl, Site
from tests.support.namespaces import ip_json

MODULE = """
from netctl.engine.change import Outcome
from netctl.engine.facts import Facts
from netctl.engine.protocol import Capability, Observation
from netctl.engine.resource import Key, Kind, Live, Owner
from netctl.errors import BackendError
from typing import NamedTuple


class Thing(NamedTuple):
    name: str
    size: int | None = None


class Member:
    def __init__(self, context): pass
    def __enter__(self): return self
    def __exit__(self, kind, error, trace): pass
    def facts(self): return Facts()
    def discover(self): return [self.live()]
    def events(self): return iter(())
    def capabilities(self): return [Capability("moods", True, "many")]
    def live(self): return Live(Key("moody", "thing", "a"), Thing("a", 7), Owner("shop", "things.a"))
    def execute(self, batch): return [Outcome(change) for change in batch]

    def observe(self, scope):
        if MOOD == "blind":
            raise BackendError("the backend is out", "Wait.")
        return Observation({self.live().key: self.live()})


class System:
    name = "moody"
    kinds = (Kind("moody", "thing"),)
    reader = writer = staticmethod(Member)


SYSTEM = System()
"""


@pytest.fixture
def moody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed distribution with a reconciler whose backend cannot be reached."""
    installed = tmp_path / "installed"
    described = installed / "moody-1.dist-info"
    described.mkdir(parents=True)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: moody\nVersion: 1\n")
    (described / "entry_points.txt").write_text("[netctl.reconcilers]\nmoody = moody:SYSTEM\n")
    (installed / "moody.py").write_text(f"MOOD = 'blind'\n{MODULE}")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")]))
    return installed / "moody.py"


@pytest.mark.usefixtures("moody")
def test_what_could_not_be_read_is_told_and_the_rest_is_done(site: Site, process: Netctl) -> None:
    plan = process("plan", *site.place)
    assert plan.code == 0
    assert "moody: everything: the backend is out" in plan.out
    applied = process("apply", *site.place)
    assert applied.code == 1
    assert "error[NC406]: what could be read is as declared, but not all could be read: moody" in applied.err
    assert "nc-backend" in {link["ifname"] for link in ip_json(site.host, "link", "show")}


@pytest.mark.usefixtures("moody")
def test_a_plan_that_could_not_see_everything_never_promises_that_all_is_as_declared(
    applied: Site, process: Netctl
) -> None:
    ran = process("plan", *applied.place, "--detailed-exitcode")
    assert ran.code == 1
    assert "No changes are known." in ran.out


@pytest.mark.usefixtures("moody")
def test_what_is_left_out_on_purpose_is_no_failure(site: Site, process: Netctl) -> None:
    chosen = ("--provider", "kernel,nftables")
    assert process("apply", *site.place, *chosen).code == 0
    assert process("plan", *site.place, *chosen, "--detailed-exitcode").code == 0


@pytest.mark.usefixtures("moody")
def test_destroy_does_not_call_unknown_what_is_gone(applied: Site, process: Netctl) -> None:
    ran = process("destroy", *applied.place, "--yes")
    assert ran.code == 1
    assert "error[NC406]: whether all is gone is not known" in ran.err


def test_what_is_acknowledged_and_does_not_happen_is_a_failure(applied: Site, moody: Path, process: Netctl) -> None:
    moody.write_text(f"MOOD = 'lying'\n{MODULE}")
    ran = process("destroy", *applied.place, "--yes", "-o", "json")
    document = json.loads(ran.out)
    assert ran.code == 1
    assert [step["address"] for step in document["unverified"]] == ["moody/thing/a"]
    assert "moody/thing/a: still there" in ran.err


def test_its_kinds_are_shown_like_any_other(applied: Site, moody: Path, process: Netctl) -> None:
    moody.write_text(f"MOOD = 'calm'\n{MODULE}")
    assert "  -    thing  a  name a, size 7  was things.a" in process("plan", *applied.place).out
    assert "moody/thing/a" in process("get", "--netns", applied.host).out
    assert "moods  many" in process("doctor", "--netns", applied.host).out
