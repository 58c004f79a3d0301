"""A declaration in a git repository: new commits are made so, bad ones are not, and nothing is lost meanwhile."""

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.agent.test_watching import LESS
from tests.agent.watcher import STACK, Watcher, running
from tests.e2e.lab import Lab
from tests.support.namespaces import run, wait_until

SECRET = "a secret of the test's"


class Repo:
    """A repository with one file."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.path = lab.directory / "repo"
        self.git("init", "-q", "-b", "main", str(self.path))

    def git(self, *arguments: str) -> str:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        there = ["-C", str(self.path)] if self.path.exists() else []
        return run(["git", *there, *who, *arguments]).stdout

    def commit(self, text: str, *options: str) -> str:
        """The commit that has the text."""
        written = Path(self.lab.write(text, "text"))
        (self.path / "net").mkdir(exist_ok=True)
        written.rename(self.path / "net" / "stack.yaml")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x", "--allow-empty", *options)
        return self.git("rev-parse", "HEAD").strip()


@pytest.fixture
def repo(lab: Lab) -> Repo:
    return Repo(lab)


@contextmanager
def following(
    repo: Repo, *options: str, interval: str = "0.2s", ready: bool = True, url: str = "", **more: str
) -> Iterator[Watcher]:
    """A watch of the repository."""
    secret = repo.lab.directory / "secret"
    secret.write_text(f"{SECRET}\n")
    source = ["--git", url or str(repo.path), "--ref", "main", "--path", "net/stack.yaml", "--interval", interval]
    place = ["--host", "node1", "--resync", "0", "--webhook-secret-file", str(secret)]
    with running(repo.lab, *source, *place, *options, ready=ready, **more) as watcher:
        yield watcher


def test_a_new_commit_is_made_so_and_named(repo: Repo) -> None:
    first = repo.commit(STACK)
    with following(repo) as watcher:
        assert watcher.status()["revision"] == first
        second = repo.commit(LESS)
        assert watcher.await_said("^reloaded")["revision"] == second[:12]
        watcher.await_done(LESS)


def test_a_webhook_with_the_secret_has_the_repository_looked_at(repo: Repo) -> None:
    repo.commit(STACK)
    with following(repo, interval="0") as watcher:
        repo.commit(LESS)
        body = "{}"
        for wrong in ("sha256=00", "", "sha256=" + hmac.new(b"other", body.encode(), hashlib.sha256).hexdigest()):
            assert watcher.get("/webhook", "POST", body, X_Hub_Signature_256=wrong)[0] == 401
        assert watcher.get("/webhook", "POST", body, X_Gitlab_Token="wrong")[0] == 401
        assert len(watcher.said("wrong secret")) == 1
        assert watcher.status()["refused"] == {"webhook requests": 4}
        assert watcher.metric('netctl_refusals_total{what="webhook requests"}') == 4
        assert not watcher.said("^reloaded")
        assert SECRET not in watcher.text()
        right = "sha256=" + hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).hexdigest()
        assert watcher.get("/webhook", "POST", body, X_Hub_Signature_256=right)[0] == 202
        watcher.await_said("^reloaded")
        watcher.await_done(LESS)


def test_an_invalid_commit_is_refused_once_and_the_last_good_one_kept_over_a_restart(repo: Repo) -> None:
    good = repo.commit(STACK)
    with following(repo) as watcher:
        repo.commit(STACK.replace("mtu: 1400", "mtu: many"))
        watcher.await_said("is refused")
        wait_until(lambda: watcher.get("/readyz")[0] == 503)
        watcher.await_done()
    with following(repo) as watcher:
        assert watcher.status()["revision"] == good
        assert watcher.get("/readyz")[0] == 503
        repo.commit(LESS)
        watcher.await_said("good again")
        watcher.await_done(LESS)


@pytest.mark.parametrize("trouble", ["unknown reference", "unreachable"])
def test_what_cannot_be_fetched_is_reported_once_and_the_last_good_commit_kept(repo: Repo, trouble: str) -> None:
    repo.commit(STACK)
    moved = repo.path.with_name("moved")
    with following(repo) as watcher:
        if trouble == "unreachable":
            repo.path.rename(moved)
        else:
            repo.git("branch", "-m", "main", "other")
        watcher.await_said("is refused")
        wait_until(lambda: watcher.metric("netctl_desired_state_errors_total") >= 3)
        assert len(watcher.said("is refused")) == 1
        assert "git could not fetch" in watcher.status()["error"]
        assert watcher.metric("netctl_ready") == 0
        watcher.lab.ip("node1", "route delete 172.31.0.0/16")
        watcher.await_done()
    with following(repo) as watcher:
        watcher.await_done()
        assert watcher.get("/readyz")[0] == 503
        if trouble == "unreachable":
            moved.rename(repo.path)
        else:
            repo.git("branch", "-m", "other", "main")
        watcher.await_said("good again")


_STALLING = """\
#!/bin/sh
while [ -e {hold} ]; do touch {asked}; sleep 0.1; done
shift $(($# - 1))
exec sh -c "$1"
"""
"""In place of SSH: what it runs waits as long as a file is there."""


def test_a_repository_that_does_not_answer_holds_up_no_repair_and_no_start(repo: Repo) -> None:
    first = repo.commit(STACK)
    hold, asked, program = (repo.lab.directory / name for name in ("hold", "asked", "program"))
    program.write_text(_STALLING.format(hold=hold, asked=asked))
    program.chmod(0o700)
    with following(repo, url=f"host:{repo.path}", GIT_SSH_COMMAND=str(program)) as watcher:
        hold.touch()
        try:
            repo.commit(LESS)
            wait_until(asked.exists)
            watcher.lab.ip("node1", "route delete 172.31.0.0/16")
            watcher.await_done()
            assert watcher.status()["revision"] == first
        finally:
            hold.unlink()
        watcher.await_said("^reloaded")
        watcher.await_done(LESS)
    hold.touch()
    repo.commit(STACK)
    try:
        with following(repo, url=f"host:{repo.path}", GIT_SSH_COMMAND=str(program)) as watcher:
            watcher.await_done(LESS)
            assert watcher.get("/readyz")[0] == 503
            hold.unlink()
            watcher.await_said("^reloaded")
            watcher.await_done()
    finally:
        hold.unlink(missing_ok=True)


def test_a_first_reference_that_does_not_exist_is_an_error(repo: Repo) -> None:
    repo.commit(STACK)
    repo.git("branch", "-m", "main", "other")
    with following(repo, ready=False) as watcher:
        assert watcher.process.wait(60) == 1
        assert "git could not fetch 'main'" in watcher.text()


def test_only_signed_commits_are_made_so_where_signatures_are_asked_for(repo: Repo) -> None:
    key, signers = repo.lab.directory / "key", repo.lab.directory / "signers"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)])
    signers.write_text(f"t@example.org {Path(f'{key}.pub').read_text()}")
    settings = {"gpg.format": "ssh", "user.signingkey": str(key), "gpg.ssh.allowedSignersFile": str(signers)}
    for name, value in settings.items():
        repo.git("config", name, value)
    home = repo.lab.directory / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(f'[gpg "ssh"]\n\tallowedSignersFile = {signers}\n')
    signed = repo.commit(STACK, "-S")
    with following(repo, "--verify-signatures", HOME=str(home)) as watcher:
        repo.commit(LESS)
        assert "signature" in watcher.await_said("is refused")["error"]
        assert "signature" in watcher.status()["error"]
        wait_until(lambda: watcher.metric("netctl_desired_state_errors_total") >= 3, 60)
        assert len(watcher.said("is refused")) == 1
        assert watcher.metric("netctl_ready") == 0
        watcher.await_done()
        assert watcher.status()["revision"] == signed
        repo.commit(LESS, "-S")
        watcher.await_said("^reloaded")
        watcher.await_done(LESS)
