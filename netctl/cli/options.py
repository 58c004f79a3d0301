"""Every option that commands share, defined once; a command's own options extend these classes.

A class of options is turned into a command line by `netctl.cli.app`; the field's default is the option's.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from netctl.cli.parameters import Option
from netctl.cli.terminal import Terminal
from netctl.engine.protocol import Context
from netctl.errors import UsageError

DEFAULT_STATE_DIR = Path("/var/lib/netctl")


StateDir = Annotated[
    Path, Option("--state-dir", metavar="DIR", envvar="NETCTL_STATE_DIR", help="Locks, and what watch keeps.")
]


class Format(StrEnum):
    """How a result is printed."""

    TEXT = "text"
    JSON = "json"


class PlanFormat(StrEnum):
    """How a plan is printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


@dataclass(frozen=True, kw_only=True)
class Voice:
    """How much is said, and in colour or not."""

    quiet: Annotated[bool, Option("-q", "--quiet", help="Say only what went wrong.")] = False
    verbose: Annotated[bool, Option("-v", "--verbose", help="Say more.")] = False
    no_color: Annotated[bool, Option("--no-color", help="No colour (also: NO_COLOR, TERM=dumb).")] = False

    def terminal(self) -> Terminal:
        """The terminal, spoken to as the options say."""
        return Terminal(quiet=self.quiet, verbose=self.verbose, no_color=self.no_color)


@dataclass(frozen=True, kw_only=True)
class Sources(Voice):
    """Where the declaration comes from."""

    file: Annotated[
        list[str], Option("-f", "--file", metavar="F", help="File, directory, pattern, or - (stdin); repeatable.")
    ] = field(default_factory=list)
    var: Annotated[list[str], Option("--var", metavar="K=V", help="A variable; repeatable.")] = field(
        default_factory=list
    )
    var_file: Annotated[list[str], Option("--var-file", metavar="F", help="A YAML file of variables.")] = field(
        default_factory=list
    )


def _check_netns(value: str) -> None:
    """Raise ValueError where it is no namespace's name; an empty one, of a script's unset variable, must not mean the
    host's own network.
    """
    if not value:
        raise ValueError("it is empty; leave the option out to act in the namespace of this process")
    if "/" in value or value in {".", ".."}:
        raise ValueError(f"'{value}' is no name of a network namespace; 'ip netns' lists those that there are")


@dataclass(frozen=True, kw_only=True)
class Place(Voice):
    """Where netctl acts."""

    netns: Annotated[
        str,
        Option("--netns", metavar="NAME", help="Act in this network namespace; it must exist.", check=_check_netns),
    ] = ""
    provider: Annotated[
        list[str],
        Option("--provider", metavar="P,…", help="Only these systems: consul, docker, kernel, nftables."),
    ] = field(default_factory=list)

    @property
    def providers(self) -> list[str]:
        """The systems that were named, each option split at its commas."""
        return [name.strip() for value in self.provider for name in value.split(",") if name.strip()]

    @property
    def context(self) -> Context:
        """Where the systems are to act."""
        return Context(netns=self.netns)


@dataclass(frozen=True, kw_only=True)
class HostChoice(Place):
    """Which of the stack's hosts this is."""

    host: Annotated[
        str | None, Option("--host", metavar="NAME", help="Which host this is (default: by name, then address).")
    ] = None


@dataclass(frozen=True, kw_only=True)
class Compiling(Sources, HostChoice):
    """A declaration, and the host that it is compiled for."""


@dataclass(frozen=True, kw_only=True)
class Clustered(Compiling):
    """A declaration whose hosts may be known by Consul."""

    consul: Annotated[
        bool, Option("--consul", help="With the hosts that have joined in Consul (netctl watch --consul).")
    ] = False


@dataclass(frozen=True, kw_only=True)
class Planning(Clustered):
    """What goes into a plan."""

    target: Annotated[
        list[str],
        Option("--target", metavar="T", help="Only this declaration (networks.web) or address (kernel/link/nc-*)."),
    ] = field(default_factory=list)
    adopt: Annotated[bool, Option("--adopt", help="Take over what is declared, there already, and foreign.")] = False


@dataclass(frozen=True, kw_only=True)
class Changing(Voice):
    """What a command that changes something may be told."""

    yes: Annotated[bool, Option("-y", "--yes", help="Do not ask before deleting or replacing.")] = False
    keep_partial: Annotated[bool, Option("--keep-partial", help="Where it fails, leave what was done.")] = False
    lock_timeout: Annotated[
        float, Option("--lock-timeout", metavar="SECONDS", min=0, help="Wait for another netctl this long.")
    ] = 10.0
    state_dir: StateDir = DEFAULT_STATE_DIR


def stack_name(text: str) -> str:
    """*text*, which is to be a stack's name. Raises UsageError."""
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", text):
        raise UsageError(
            f"'{text}' cannot be a stack's name", "A name consists of a-z, 0-9 and inner hyphens, 63 at most."
        )
    return text
