"""An Engine that nobody has named, and that does not answer: not there, or stopped with objects of the stack in it."""

from pathlib import Path

import pytest

from netctl.cli import destroy as destroy_command
from netctl.cli import status as status_command
from netctl.errors import NetctlError
from netctl.report.plan_text import plan_text
from tests.docker.engine import Engine
from tests.e2e.lab import Lab

KERNEL = "stack: dk\nnetworks:\n  k: {subnet: {cidr: 10.90.0.0/24}}\n"
BOTH = f"{KERNEL}  n: {{provider: docker, subnet: {{cidr: 10.80.0.0/24}}}}\n"
UNREAD = "not all could be read: docker"


@pytest.fixture
def applied(lab: Lab, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A stack that has a network in the Engine, which then nobody names, and which does not answer elsewhere."""
    lab.apply(BOTH, "h")
    monkeypatch.delenv("DOCKER_HOST")
    assert engine.network("dk_n")
    return lab


def destroy(lab: Lab, text: str, state: str = "state") -> int:
    """``netctl destroy -f``, with a state directory."""
    return destroy_command.run(
        destroy_command.Options(
            file=[lab.write(text)], netns=lab["h"], quiet=True, yes=True, state_dir=lab.directory / state
        )
    )


def test_destroy_by_name_removes_the_rest_and_tells_that_dockers_part_may_be_there(
    applied: Lab, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NetctlError, match=UNREAD) as caught:
        applied.destroy("dk", "h")
    assert "--provider" in caught.value.advice
    assert "nc-k" not in applied.run("h", "ip", "link")
    assert engine.network("dk_n")
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    applied.destroy("dk", "h")
    assert engine.network("dk_n") is None
    monkeypatch.delenv("DOCKER_HOST")
    applied.destroy("dk", "h")


def test_destroy_by_a_file_that_names_docker_tells_it_without_any_memory(applied: Lab, engine: Engine) -> None:
    with pytest.raises(NetctlError, match=UNREAD):
        destroy(applied, BOTH, "another-state")
    assert engine.network("dk_n")
    assert destroy(applied, KERNEL, "another-state") == 0
    assert destroy(applied, BOTH + "bogus: 1\n", "another-state") == 0


def test_a_file_that_gives_this_host_nothing_in_docker_is_destroyed_whole_without_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST")
    text = (
        "stack: dk\nhosts: {h: {id: 1, address: 192.0.2.1}, w: {id: 2, address: 192.0.2.2}}\n"
        "networks: {n: {provider: docker, subnet: {cidr: 10.80.0.0/24}, hosts: [w]}}\n"
    )
    options = destroy_command.Options(
        file=[lab.write(text)], host="h", netns=lab["h"], quiet=True, yes=True, state_dir=lab.directory / "state"
    )
    assert destroy_command.run(options) == 0


def test_what_is_declared_no_more_is_not_forgotten_while_docker_is_silent(
    applied: Lab, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETCTL_STATE_DIR", str(applied.directory / "state"))
    assert "docker: everything: the Engine of network namespace" in (told := plan_text(applied.plan(KERNEL, "h")))
    assert "; dk may have something there" in told
    with pytest.raises(NetctlError, match=UNREAD):
        applied.apply_once(KERNEL, "h")
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    applied.apply(KERNEL, "h")
    assert engine.network("dk_n") is None
    monkeypatch.delenv("DOCKER_HOST")
    applied.apply(KERNEL, "h")


def test_status_remembers_by_the_state_directory_that_it_is_given(
    applied: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(state: str) -> str:
        options = status_command.Options(
            file=[applied.write(KERNEL)], netns=applied["h"], state_dir=applied.directory / state
        )
        assert status_command.run(options) == 0
        return "".join(capsys.readouterr())

    assert "docker: everything" in said("state")
    assert "docker: everything" not in said("another-state")


def test_an_apply_of_targets_forgets_nothing_of_what_it_left_alone(
    applied: Lab, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    applied.apply_once(KERNEL, "h", target=["networks.k"])
    assert engine.network("dk_n")
    monkeypatch.delenv("DOCKER_HOST")
    with pytest.raises(NetctlError, match=UNREAD):
        applied.destroy("dk", "h")


def test_a_stack_that_never_had_anything_in_docker_is_not_bothered_with_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("DOCKER_HOST")
    monkeypatch.setenv("NETCTL_STATE_DIR", str(tmp_path / "state"))
    lab.apply(KERNEL, "h")
    lab.destroy("dk", "h")
    assert not list((tmp_path / "state").glob("reach/*"))
