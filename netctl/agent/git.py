"""A declaration in a git repository: fetched by git's own program, each commit checked out beside the last good one.

Nothing in the repository is ever run: hooks and submodules are off, symbolic links are left as files.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from threading import Lock

from netctl.errors import NetctlError, UsageError

_USER = re.compile(r"^([a-z+]+://)[^/@]*@")
PATIENCE = 120.0
"""Seconds that git may take."""
_SAFE = (
    "-c", "core.hooksPath=/dev/null", "-c", "core.symlinks=false", "-c", "protocol.ext.allow=never",
    "-c", "advice.detachedHead=false", "-c", "gc.auto=0", "-c", "submodule.recurse=false",
)  # fmt: skip


class Repository:
    """One reference of one repository, and the commits of it that are checked out in *directory*."""

    def __init__(self, url: str, ref: str, path: str, directory: Path, *, verify: bool) -> None:
        for name, value in (("--git", url), ("--ref", ref)):
            if not value or value.startswith("-"):
                raise UsageError(f"'{value}' is nothing that {name} can be", "See: netctl watch --help")
        self._url = url
        self.url = _USER.sub(r"\1", url)
        """Without who asks, and with which password."""
        self.ref = ref
        self._path = path
        self._verify = verify
        self._directory = directory / sha256(f"{url}\0{ref}".encode()).hexdigest()[:16]
        self._lock = Lock()
        """For what is checked out: one thread fetches, another keeps what has been made so."""
        self._newest = ""
        """The commit that was checked out last: it may be about to be made so."""

    def fetch(self, seconds: float = PATIENCE) -> str:
        """The commit that the reference is at now, checked out; fetching may take so long. Raises NetctlError."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (self._bare / "HEAD").exists():
            self._git("init", "--quiet", "--bare", str(self._bare), what="be given a directory")
        shallow = ("--quiet", "--no-tags", "--depth=1")
        self._in_bare("fetch", *shallow, "--", self._url, self.ref, what=f"fetch '{self.ref}'", seconds=seconds)
        commit = self._in_bare("rev-parse", "--verify", "FETCH_HEAD^{commit}", what=f"find '{self.ref}'").strip()
        if self._verify:
            self._check_signature(commit)
        self._check_out(commit)
        return commit

    def declaration(self, commit: str) -> Path:
        """Where the declaration is in that commit, which has been checked out. Raises NetctlError."""
        root = (self._directory / commit).resolve()
        found = (root / self._path).resolve()
        if not found.is_relative_to(root) or not found.exists():
            raise NetctlError(f"commit {commit[:12]} of {self.url} has no '{self._path}'", "Name it with --path.")
        return found

    @property
    def good(self) -> str:
        """The last commit that was made so, still checked out; empty where there is none."""
        try:
            commit = (self._directory / "good").read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return ""
        return commit if commit.isalnum() and (self._directory / commit).is_dir() else ""

    def keep(self, commit: str) -> None:
        """Remember a commit that was made so, and forget the others."""
        new = self._directory / "good.new"
        new.write_text(commit, encoding="ascii")
        new.replace(self._directory / "good")
        with self._lock:
            for other in self._directory.iterdir():
                if other.is_dir() and other != self._bare and other.name not in {commit, self._newest}:
                    shutil.rmtree(other, ignore_errors=True)

    @property
    def _bare(self) -> Path:
        return self._directory / "repository"

    def _check_signature(self, commit: str) -> None:
        try:
            self._in_bare("verify-commit", commit, what="verify")
        except NetctlError as error:
            raise NetctlError(
                f"commit {commit[:12]} of {self.url} bears no good signature of a key that is trusted here: {error}",
                "Sign it, or have git trust its key (gpg.ssh.allowedSignersFile, or the keyring of this user).",
            ) from error

    def _check_out(self, commit: str) -> None:
        """Under another name first: a directory that is named like a commit is whole."""
        target = self._directory / commit
        with self._lock:
            self._newest = commit
            if target.is_dir():
                return
            new = self._directory / f"{commit}.new"
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            what = ("checkout", "--quiet", "--force", commit, "--", ".")
            self._git(f"--git-dir={self._bare}", f"--work-tree={new}", *what, what="check out")
            new.rename(target)

    def _in_bare(self, *arguments: str, what: str, seconds: float = PATIENCE) -> str:
        return self._git(f"--git-dir={self._bare}", *arguments, what=what, seconds=seconds)

    def _git(self, *arguments: str, what: str, seconds: float = PATIENCE) -> str:
        """What git prints. Raises NetctlError with what it said."""
        try:
            done = _run(arguments, seconds)
        except FileNotFoundError:
            raise NetctlError("git is not installed", "Install it, or name files with -f.") from None
        except subprocess.TimeoutExpired:
            problem = f"git could not {what} of {self.url} within {seconds:g} s"
            raise NetctlError(problem, "Is it reachable?") from None
        if done.returncode:
            said = " ".join(line.strip() for line in done.stderr.splitlines() if line.strip())
            problem = f"git could not {what} of {self.url}: {said.replace(self._url, self.url)}"
            raise NetctlError(problem, "Look at --git and --ref, and the network.")
        return done.stdout


def _run(arguments: Sequence[str], seconds: float) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    return subprocess.run(
        ["git", *_SAFE, *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        errors="replace", check=False, timeout=seconds,
    )  # fmt: skip
