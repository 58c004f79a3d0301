"""The workflows for pull requests: what they say fits together, and their steps do what they are for."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.docs.stage import PROJECT
from tests.support.namespaces import Namespaces, ip

WORKFLOWS = (*PROJECT.glob(".github/workflows/*.yml"), *PROJECT.glob("examples/gitops/.github/workflows/*.yml"))
PLAN = PROJECT / ".github" / "workflows" / "plan.yml"
GITOPS = PROJECT / "examples" / "gitops"
_TOP = {"name", "on", "permissions", "concurrency", "jobs"}
_JOB = {"name", "needs", "if", "runs-on", "timeout-minutes", "permissions", "strategy", "steps", "uses", "with"}
_STEP = {"name", "uses", "with", "env", "run", "if", "timeout-minutes"}

GH = """\
#!/bin/sh
# What GitHub has: the comments in files that are named by their ids.
printf '%s\\n' "$*" >>calls
case "$*" in
    *"--method POST"*) cp body.md comments/7 ;;
    *"--method PATCH"*) cp body.md comments/7 ;;
    *) ls comments ;;
esac
"""


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(path.read_text())
    return found


def jobs(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from read(path)["jobs"].items()


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for _, job in jobs(path):
        yield from job.get("steps", ())


def script(name: str) -> str:
    """What a step of the workflow runs."""
    return str(next(step["run"] for step in steps(PLAN) if step.get("name") == name))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_workflow_has_the_shape_of_one(path: Path) -> None:
    workflow = read(path)
    assert workflow.keys() <= _TOP
    assert "permissions" in workflow
    for name, job in jobs(path):
        assert job.keys() <= _JOB, name
        assert {"steps", "runs-on"} <= job.keys() or "uses" in job
        assert "timeout-minutes" in job or "uses" in job
        needs = job.get("needs", [])
        assert set([needs] if isinstance(needs, str) else needs) <= workflow["jobs"].keys()
        for step in job.get("steps", ()):
            assert step.keys() <= _STEP
            assert ("run" in step) != ("uses" in step)
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/checkout@v4"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_script_is_well_formed_and_nothing_that_others_write_gets_into_its_text(path: Path) -> None:
    for step in steps(path):
        if "run" in step:
            assert "${{" not in step["run"].replace("${{ matrix.python }}", "")
            checked = subprocess.run(["bash", "-n"], input=step["run"], text=True, capture_output=True, check=False)
            assert checked.returncode == 0, checked.stderr


def test_what_the_workflow_reads_are_its_own_inputs_and_the_caller_gives_them() -> None:
    inputs = read(PLAN)["on"]["workflow_call"]["inputs"]
    assert set(re.findall(r"inputs\.(\w+)", PLAN.read_text())) == inputs.keys()
    called = read(GITOPS / ".github" / "workflows" / "plan.yml")["jobs"]["plan"]
    required = {name for name, value in inputs.items() if value.get("required")}
    assert required <= called["with"].keys() <= inputs.keys()
    assert called["uses"].endswith(f"/{PLAN.relative_to(PROJECT)}@main")
    hosts = read(GITOPS / "net" / "hosts.yaml")["hosts"]
    assert set(json.loads(called["with"]["hosts"])) == hosts.keys()


def test_no_job_may_write_but_the_one_that_comments() -> None:
    for name, job in jobs(PLAN):
        assert job["permissions"] == ({"pull-requests": "write"} if name == "comment" else {"contents": "read"})
    assert "github.repository" in dict(jobs(PLAN))["plan"]["if"]


def run(name: str, directory: Path, *prefix: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """What became of a step, run as GitHub runs it."""
    path = f"{directory / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(PROJECT), **environment}
    argv = [*prefix, "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script(name)]
    return subprocess.run(
        argv, cwd=directory, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where a job runs."""
    for name in ("bin", "comments", "plans"):
        (tmp_path / name).mkdir()
    for name, text in {"gh": GH, "netctl": f'#!/bin/sh\nexec {sys.executable} -P -m netctl "$@"\n'}.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def test_the_example_is_valid_and_its_expectations_hold(directory: Path) -> None:
    for name in ("Validate", "Test"):
        ran = run(name, directory, FILE=str(GITOPS / "net"))
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_example_is_formatted() -> None:
    argv = [sys.executable, "-m", "netctl", "fmt", "--check", *map(str, (GITOPS / "net").iterdir())]
    assert subprocess.run(argv, check=False).returncode == 0


def test_the_plan_of_a_host_is_written_as_markdown(directory: Path, netns: Namespaces) -> None:
    host = netns("host", loopback=True)
    ip(host, "link add eth0 type bridge", "address add 192.0.2.11/24 dev eth0", "link set eth0 up")
    stack = directory / "stack.yaml"
    stack.write_text(
        "stack: site\nhosts: {node1: {address: 192.0.2.11}}\nnetworks: {a: {subnet: {cidr: 10.1.0.0/24}}}\n"
    )
    given = {"FILE": str(stack), "HOST": "node1", "GITHUB_STEP_SUMMARY": str(directory / "summary")}
    ran = run("Plan", directory, "ip", "netns", "exec", host, **given)
    assert ran.returncode == 0, ran.stderr
    assert "nc-a" in (directory / "plan.md").read_text()
    assert (directory / "summary").read_text() == (directory / "plan.md").read_text()
    stack.write_text("stack: [")
    ran = run("Plan", directory, "ip", "netns", "exec", host, **given)
    assert ran.returncode == 1
    assert "The plan of node1 failed" in (directory / "plan.md").read_text()


def comment(directory: Path, **plans: str) -> str:
    """The comment, after each host's plan has come."""
    for name, text in plans.items():
        (directory / "plans" / f"plan-{name}").mkdir(exist_ok=True)
        (directory / "plans" / f"plan-{name}" / "plan.md").write_text(text)
    ran = run("Comment", directory, REPOSITORY="o/r", NUMBER="5", RUN="https://example.org/run")
    assert ran.returncode == 0, ran.stderr
    return (directory / "comments" / "7").read_text()


def test_all_plans_are_in_one_comment_which_is_kept_up_to_date(directory: Path) -> None:
    first = comment(directory, node1="one\n", node2="two\n")
    assert first == "<!-- netctl plan -->\none\ntwo\n"
    second = comment(directory, node1="other\n")
    assert second == "<!-- netctl plan -->\nother\ntwo\n"
    calls = (directory / "calls").read_text()
    assert calls.count("--method POST repos/o/r/issues/5/comments") == 1
    assert calls.count("--method PATCH repos/o/r/issues/comments/7") == 1


def test_plans_that_are_too_long_are_cut_and_say_where_the_rest_is(directory: Path) -> None:
    text = comment(directory, node1="ä" * 70_000)
    assert len(text) < 65_000
    assert text.endswith("[the rest](https://example.org/run) is in the summaries of the run.\n")
